"""The threads of linear algebra, which small matrices are better off without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from threadpoolctl import ThreadpoolController


@cache  # finding the libraries takes milliseconds
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


_limit: ContextVar[int | None] = ContextVar("limit", default=None)  # of the contexts that the code is in


@contextmanager
def blas_threads(number: int | None) -> Iterator[None]:
    """A context in which linear algebra has this many threads; None changes nothing."""
    if number is None or number == _limit.get():  # setting it again takes longer than to solve small equations
        yield
        return
    token = _limit.set(number)
    try:
        with _controller().limit(limits=number, user_api="blas"):
            yield
    finally:
        _limit.reset(token)
