"""The warning of searches for the variances of drift that did not converge: once for each column, with its name."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sklearn.exceptions import ConvergenceWarning

# marks of searches of the present column, which may be learned in a thread beside others
_marks: ContextVar[list[bool] | None] = ContextVar("marks", default=None)


@contextmanager
def once_for_column(label: Any) -> Iterator[None]:
    """Warn once of all searches inside that did not converge, and name the column."""
    marks: list[bool] = []
    token = _marks.set(marks)
    try:
        yield
    finally:
        _marks.reset(token)
    if marks:
        _warn(f" for column {label!r}")


def warn_of_search() -> None:
    """Warn of a search that did not converge, at once or when the column that it is for is done."""
    marks = _marks.get()
    if marks is None:
        _warn("")
    else:
        marks.append(True)


def _warn(where: str) -> None:
    warnings.warn(
        f"The search for the variances of effects that drift did not converge{where}, so that drift and encodings are "
        "approximate. The times may differ too much in size, or y may have far outliers: clip it, or pass a number "
        "as `drift`.",
        ConvergenceWarning,
        stacklevel=2,
    )
