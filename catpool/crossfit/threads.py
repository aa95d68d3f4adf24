"""Loops in threads, where there is enough to do for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from joblib import effective_n_jobs

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADED = 1 << 19  # values for which starting threads takes longer than they save


def in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], n_jobs: int | None, values: int
) -> list[Result]:
    """Apply a function to each item, in threads if `n_jobs` is not 1.

    Parameters
    ----------
    function : callable
    items : iterable
    n_jobs : int or None
    values : int
        How many values all items have; few are not worth threads.
    """
    items = list(items)
    threads = min(1 if n_jobs is None else effective_n_jobs(n_jobs), len(items))
    if threads <= 1 or values < THREADED:
        return [function(item) for item in items]
    # threads share the rows, and passes over them release the global lock; joblib's own pool looks for results only
    # every 10 milliseconds, in which a column of 100,000 rows is encoded
    with ThreadPoolExecutor(threads) as pool:
        # contexts hold what numpy does about overflow, and from Python 3.14 on filters of warnings
        futures = [pool.submit(copy_context().run, function, item) for item in items]
        return [future.result() for future in futures]
