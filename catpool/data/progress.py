"""Progress of long fits on stderr: bars of tqdm where it is installed, else a line now and then.

Whose fit is shown, if any, is in a context variable, which the threads of a fit inherit. So loops at any depth count
their steps, and no parameter is handed down to them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

DELAY = 2.0  # seconds of a loop after which it is shown
PAUSE = 5.0  # seconds between two lines
FOLDS = "folds"  # what most loops within a column count


class Watched:
    """A fit that shows its progress.

    Parameters
    ----------
    owner : str
        The name of the encoder's class.
    """

    def __init__(self, owner: str) -> None:
        self.owner, self.lock = owner, Lock()
        self.lines: list[Lines] = []  # of the loops that run, the outermost first
        self.next_line = 0.0

    def bar(self, total: int, what: str) -> Any:
        """A bar of tqdm, or what stands in for one."""
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return Lines(self, total, what)
        # the bars are out of the way once they are done, or have failed
        return tqdm(total=total, desc=f"{self.owner}: {what}", leave=False, delay=DELAY, dynamic_ncols=True)


class Lines:
    """A loop that is shown by lines, each of which tells of all loops that run.

    Parameters
    ----------
    fit : Watched
    total : int
        The number of steps.
    what : str
        What the steps are, in the plural.
    """

    def __init__(self, fit: Watched, total: int, what: str) -> None:
        self.fit, self.total, self.what = fit, total, what
        self.done, self.shown_from = 0, time.monotonic() + DELAY
        fit.lines.append(self)

    def update(self, steps: int) -> None:
        self.done += steps
        now = time.monotonic()
        if now >= max(self.shown_from, self.fit.next_line):
            self.fit.next_line = now + PAUSE
            print(f"{self.fit.owner}: {', '.join(map(str, self.fit.lines))}", file=sys.stderr, flush=True)

    def close(self) -> None:
        self.fit.lines.remove(self)

    def __str__(self) -> str:
        return f"{self.done} of {self.total} {self.what}"


_shown: ContextVar[Watched | None] = ContextVar("shown", default=None)


@contextmanager
def showing_progress(owner: str, *, verbose: bool) -> Iterator[None]:
    """A context in which the loops of a fit are shown, if that is asked for.

    Parameters
    ----------
    owner : str
        The name of the encoder's class.
    verbose : bool
    """
    token = _shown.set(Watched(owner) if verbose else None)
    try:
        yield
    finally:
        _shown.reset(token)


@contextmanager
def counting(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A context in which the steps of a loop are counted, and shown if the fit is.

    Parameters
    ----------
    total : int
        The number of steps; a single one is not shown.
    what : str
        What the steps are, in the plural.

    Yields
    ------
    callable
        ``advance(steps)`` counts more steps; it is safe in threads.
    """
    fit = _shown.get()
    if fit is None or total < 2:
        yield _ignore
        return
    with fit.lock:
        bar = fit.bar(total, what)

    def advance(steps: int) -> None:
        with fit.lock:
            bar.update(steps)

    try:
        yield advance
    finally:
        with fit.lock:
            bar.close()


def _ignore(steps: int) -> None:
    pass


def counted(function: Callable[[Item], Result], items: Sequence[Item], what: str) -> list[Result]:
    """Apply a function to each item, and count the items as `counting` does."""
    if _shown.get() is None:
        return [function(item) for item in items]
    results = []
    with counting(len(items), what) as advance:
        for item in items:
            results.append(function(item))
            advance(1)
    return results
