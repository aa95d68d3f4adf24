"""A law as a test: a property of tables that hypothesis draws, for every public encoder."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from helpers.public_encoders import PUBLIC
from helpers.strategies import numbers

QUICK, THOROUGH = 4, 30  # tables drawn by a quick run and by a whole one
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
    def columns(self):
        return list(range(self.X.shape[1]))

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


def rows(kind, seed=0, n=40, columns=2):
    """A table as a statistician would make it: effects of both columns, and noise."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 4, n), rng.integers(0, 6, n)
    eta = rng.normal(size=4)[first] + rng.normal(size=6)[second]
    eta -= np.median(eta)  # so that both classes are frequent
    y = {
        "continuous": lambda: np.round(eta + rng.normal(size=n), 3),
        "binary": lambda: (eta + rng.logistic(size=n) > 0).astype(int),
        "multiclass": lambda: np.digitize(eta + rng.normal(size=n), [-1, 1]),
        "count": lambda: rng.poisson(np.exp(0.5 * eta)),
    }[kind]()
    first, second = np.array([*"pqr", None])[first], np.array([*"abcde", None])[second]
    y, folds = _with_all_classes(y, rng.integers(0, 3, n), kind)
    return Table(_columns(first, second)[:, 2 - columns :], y, folds, kind)


def quick_rows(public, kind="count", **parameters):
    """Rows that an encoder is fitted to quickly: counts, of as many columns as it has time for."""
    return rows(kind, columns=public.setup.few, **parameters)


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
        @pytest.mark.parametrize(("public", "tables", "examples"), list(_cases(kinds)))
        def test(public, tables, examples):

            @settings(max_examples=examples)
            @given(st.tuples(tables, *others))
            def holds(drawn):
                try:
                    check(public, *drawn)
                except ConvergenceWarning:  # a fit that says so need not obey
                    reject()

            holds()

        test.__doc__ = check.__doc__
        return test

    return decorate


def _cases(kinds):
    """For each encoder and kind: how its tables are drawn, and how many."""
    for public in PUBLIC:
        for kind in public.kinds if kinds is None else kinds:
            name, slow = f"{public}-{kind}", pytest.mark.slow
            if not public.setup.iterates:
                yield pytest.param(public, any_table(kind), QUICK, id=name)
                yield pytest.param(public, any_table(kind), THOROUGH, id=f"{name}-thorough", marks=slow)
                continue
            if kind == ("count" if public.setup.few == 1 and kinds is None else "continuous"):
                yield pytest.param(public, _drawn_rows(kind, public.setup.few), 1, id=name)
            yield pytest.param(public, _drawn_rows(kind, 2), 3, id=f"{name}-thorough", marks=slow)


def _drawn_rows(kind, columns):
    return st.builds(rows, st.just(kind), st.integers(0, 99), columns=st.just(columns))


def close(actual, expected, public, scale=1.0):
    """Whether numbers agree, up to the path on which they were reached."""
    actual, expected = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=public.tolerance * scale)
