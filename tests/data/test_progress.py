import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from tqdm import std

from catpool.data import progress
from catpool.data.progress import counted, counting, showing_progress


@pytest.fixture
def bars(monkeypatch):
    """The bars of tqdm that are made, which are shown at once."""
    made = []

    class Bar(std.tqdm):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    monkeypatch.setattr(progress, "DELAY", 0.0)
    return made


@pytest.fixture
def clock(monkeypatch):
    """The time, as a list of one number, where tqdm is not installed."""
    now = [100.0]
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_steps_are_shown_by_a_bar_that_goes_away(bars, capsys):
    with showing_progress("MeanEncoder", verbose=True):
        assert counted(str, range(3), "columns") == ["0", "1", "2"]
    (bar,) = bars
    assert (bar.n, bar.total, bar.desc, bar.disable) == (3, 3, "MeanEncoder: columns", True)
    out, err = capsys.readouterr()
    assert not out
    assert "MeanEncoder: columns" in err
    assert err.endswith("\r")  # the line is blank again


def test_quick_loops_show_nothing(capsys):
    with showing_progress("MeanEncoder", verbose=True):
        assert counted(str, range(3), "columns") == ["0", "1", "2"]
    assert capsys.readouterr() == ("", "")


def test_nothing_is_shown_unless_asked_for(bars, capsys):
    with showing_progress("MeanEncoder", verbose=False):
        assert counted(str, range(3), "columns") == ["0", "1", "2"]
        with counting(3, "columns") as advance:
            advance(3)
    assert counted(str, range(2), "columns") == ["0", "1"]
    assert not bars
    assert capsys.readouterr() == ("", "")


def test_a_single_step_is_not_shown(bars):
    with showing_progress("MeanEncoder", verbose=True):
        assert counted(str, [7], "columns") == ["7"]
    assert not bars


def test_a_fit_within_a_fit_speaks_for_itself(bars):
    with showing_progress("MeanEncoder", verbose=True):
        with showing_progress("NestedEncoder", verbose=False):
            counted(str, range(2), "folds")
        counted(str, range(2), "columns")
    assert [bar.desc for bar in bars] == ["MeanEncoder: columns"]


def test_an_error_leaves_no_half_bar(bars, capsys):
    with pytest.raises(ZeroDivisionError), showing_progress("MeanEncoder", verbose=True):
        counted(lambda outer: counted(lambda inner: 1 / (outer + inner - 2), range(4), "folds"), range(3), "columns")
    assert len(bars) == 2
    assert all(bar.disable and bar.n < bar.total for bar in bars)
    assert capsys.readouterr().err.endswith("\r")
    assert not std.tqdm._instances
    assert progress._shown.get() is None


def test_steps_of_threads_add_up(bars):
    threads, steps = 4, 500
    together = threading.Barrier(threads)

    def work(_):
        together.wait(timeout=10)
        for _ in range(steps):
            advance(1)
        return counted(str, range(2), "folds")

    with (
        showing_progress("MeanEncoder", verbose=True),
        counting(threads * steps, "columns") as advance,
        ThreadPoolExecutor(threads) as pool,
    ):
        futures = [pool.submit(copy_context().run, work, each) for each in range(threads)]
        assert [future.result() for future in futures] == [["0", "1"]] * threads
    assert [bar.n for bar in bars] == [threads * steps] + [2] * threads


def test_lines_stand_in_for_bars(clock, capsys):
    with showing_progress("MeanEncoder", verbose=True), counting(9, "columns") as advance:
        for step in range(9):
            clock[0] = 101.0 + 1.5 * step
            advance(1)
    # from two seconds on, and then one every five seconds
    assert capsys.readouterr().err.splitlines() == [
        "MeanEncoder: 2 of 9 columns",
        "MeanEncoder: 6 of 9 columns",
    ]


def test_all_loops_together_write_a_line_now_and_then(clock, capsys):
    def wait(_):
        clock[0] += 1.0

    with showing_progress("MeanEncoder", verbose=True):
        counted(lambda _: counted(wait, range(4), "folds"), range(3), "columns")
    assert capsys.readouterr().err.splitlines() == [
        "MeanEncoder: 0 of 3 columns, 2 of 4 folds",
        "MeanEncoder: 1 of 3 columns, 3 of 4 folds",
        "MeanEncoder: 2 of 3 columns, 4 of 4 folds",
    ]


def test_without_tqdm_an_error_passes_and_quick_loops_write_nothing(clock, capsys):
    with pytest.raises(ZeroDivisionError), showing_progress("MeanEncoder", verbose=True):
        counted(lambda step: 1 / (step - 1), range(3), "columns")
    with showing_progress("MeanEncoder", verbose=True):
        counted(str, range(3), "columns")
    assert capsys.readouterr() == ("", "")
