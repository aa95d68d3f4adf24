"""A law as a test: a property of tables that hypothesis draws, for every public encoder."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.public_encoders import PUBLIC
from helpers.strategies import numbers

QUICK, THOROUGH = 8, 30  # tables drawn by a quick run and by a whole one
VALUES = {
    "continuous": numbers,
    "binary": st.integers(0, 1),
    "multiclass": st.integers(0, 2),
    "count": st.integers(0, 30),
}


class Table(NamedTuple):
    """Rows of two categorical columns, a target of some kind, and the fold of each row."""

    X: np.ndarray
    y: np.ndarray
    folds: np.ndarray
    kind: str

    @property
    def scale(self):
        """The size of the numbers that come out."""
        return max(np.abs(self.y).max(), 1.0)


@st.composite
def any_table(draw, kind):
    """A table of anything: constant columns, single rows of a category, equal targets."""
    n = draw(st.integers(8, 40))
    first = draw(st.lists(st.sampled_from(["a", "b", None]), min_size=n, max_size=n))
    second = draw(st.lists(st.sampled_from(["a", "b", "c", "d", "e", None]), min_size=n, max_size=n))
    y = np.array(draw(st.lists(VALUES[kind], min_size=n, max_size=n)))
    folds = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    return Table(_columns(first, second), *_with_all_classes(y, folds, kind), kind)


def rows(kind, seed=0, n=40):
    """A table as a statistician would make it: effects of both columns, and noise."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 4, n), rng.integers(0, 6, n)
    eta = rng.normal(size=4)[first] + rng.normal(size=6)[second]
    y = {
        "continuous": lambda: np.round(eta + rng.normal(size=n), 3),
        "binary": lambda: (eta + rng.logistic(size=n) > 0).astype(int),
        "multiclass": lambda: np.digitize(eta + rng.normal(size=n), [-1, 1]),
        "count": lambda: rng.poisson(np.exp(0.5 * eta)),
    }[kind]()
    first, second = np.array([*"pqr", None])[first], np.array([*"abcde", None])[second]
    return Table(_columns(first, second), *_with_all_classes(y, rng.integers(0, 3, n), kind), kind)


def _columns(*columns):
    X = np.empty((len(columns[0]), len(columns)), dtype=object)
    for position, column in enumerate(columns):
        X[:, position] = column
    return X


def _with_all_classes(y, folds, kind):
    """The first three rows have all classes, and none of them is in fold 0."""
    if kind != "continuous":
        y[:3] = [0, 1, 2 if kind == "multiclass" else 1]
    folds[:3] = [1, 2, 1]
    return y, folds


def law(*others, kinds=None):
    """Test a law, ``check(public, table, *drawn)``, for every public encoder and kind of y.

    Parameters
    ----------
    *others : strategies
        What is drawn beside the table.
    kinds : sequence of str, optional
        By default all that the encoder takes.
    """

    def decorate(check):
        @pytest.mark.parametrize(("public", "kind", "examples"), list(_cases(kinds)))
        def test(public, kind, examples):
            tables = st.builds(rows, st.just(kind), st.integers(0, 99)) if public.setup.iterates else any_table(kind)

            @settings(max_examples=examples)
            @given(st.tuples(tables, *others))
            def holds(drawn):
                check(public, *drawn)

            holds()

        test.__doc__ = check.__doc__
        return test

    return decorate


def _cases(kinds):
    for public in PUBLIC:
        for kind in public.kinds if kinds is None else kinds:
            quick, thorough = (1, 5) if public.setup.iterates else (QUICK, THOROUGH)
            if not public.setup.iterates or kind == "continuous":
                yield pytest.param(public, kind, quick, id=f"{public}-{kind}")
            yield pytest.param(public, kind, thorough, id=f"{public}-{kind}-thorough", marks=pytest.mark.slow)


def close(actual, expected, public, scale=1.0):
    """Whether numbers agree, up to the path on which they were reached."""
    actual, expected = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=public.tolerance * scale)
