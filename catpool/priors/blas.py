"""The threads of linear algebra, which small matrices are better off without."""

from __future__ import annotations

from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


@cache  # finding the libraries takes milliseconds
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def blas_threads(number: int | None) -> Any:
    """A context in which linear algebra has this many threads; None changes nothing."""
    return _controller().limit(limits=number, user_api="blas")
