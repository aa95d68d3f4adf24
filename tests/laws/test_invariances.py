"""What must not matter: the order of rows, the names of categories, copies in place of weights, the units of y."""

import numpy as np
import pandas as pd
import pytest
from helpers.law import close, law, quick_rows
from helpers.public_encoders import PUBLIC, breaking
from hypothesis import assume
from hypothesis import strategies as st

pytestmark = pytest.mark.usefixtures("few_points")

NAMES = {"a": 17, "b": ("x", 1), "c": "c", "d": pd.Timestamp("2020-02-02"), "e": 2.5, "p": True, None: None}


@law(st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_names_of_categories_do_not_matter(public, table, random):
    X, y, folds, kind = table
    order = np.array(random.sample(range(len(y)), len(y)))
    renamed = np.empty(X.shape, dtype=object)
    for cell, name in np.ndenumerate(X):
        renamed[cell] = NAMES.get(name, name)
    one = public.make(table.columns, cv=folds, target_type=kind).fit_transform(X, y)
    other = public.make(table.columns, cv=folds[order], target_type=kind).fit_transform(renamed[order], y[order])
    close(other, np.asarray(one)[order], public, table.scale)


@law(st.integers(0, 99))
def test_a_weight_is_so_many_copies(public, table, seed):
    X, y, folds, kind = table
    copies = np.random.default_rng(seed).integers(0, 4, len(y))
    copies[:3] = 1, 2, 1  # all classes are there
    assume(len(set(folds[copies > 0])) > 1)
    repeated = np.repeat(np.arange(len(y)), copies)
    weighed = public.make(table.columns, cv=folds, target_type=kind).fit_transform(X, y, sample_weight=copies)
    copied = public.make(table.columns, cv=folds[repeated], target_type=kind).fit_transform(X[repeated], y[repeated])
    close(np.asarray(weighed)[repeated], copied, public, table.scale)
    weighed = public.make(table.columns, target_type=kind).fit(X, y, sample_weight=copies)
    copied = public.make(table.columns, target_type=kind).fit(X[repeated], y[repeated])
    close(weighed.transform(X), copied.transform(X), public, table.scale)


@pytest.mark.parametrize("public", PUBLIC, ids=str)
def test_weights_and_the_order_of_targets_matter(public):
    """The laws above could not fail if nothing mattered."""
    table = quick_rows(public)
    X, y, folds, kind = table
    encoder = public.make(table.columns, cv=folds, target_type=kind)
    plain = np.asarray(encoder.fit_transform(X, y))
    assert not np.allclose(plain, encoder.fit_transform(X, y, sample_weight=np.arange(len(y)) % 3 + 1))
    assert not np.allclose(plain, encoder.fit_transform(X, y[::-1]))


@law(st.floats(0.001, 1000), st.floats(-1000, 1000), kinds=["continuous"])
def test_scale_and_shift_carry_through(public, table, scale, shift):
    X, y, folds, kind = table
    encoder = public.make(table.columns, cv=folds, target_type=kind, **public.setup.in_units_of_y)
    one, other = (np.asarray(encoder.fit_transform(X, targets)) for targets in (y, scale * y + shift))
    carried = 0.0 if public in breaking("shift") else shift
    close(other, scale * one + carried, public, scale * table.scale + abs(shift))


@pytest.mark.parametrize("public", PUBLIC, ids=str)
def test_a_shift_by_a_billion_loses_the_digits_that_float64_must(public):
    n = 400 if public.setup.iterates else 20_000
    rng = np.random.default_rng(3)
    X = rng.integers(0, 20, (n, 1))
    y = rng.normal(size=n) + X[:, 0] / 10
    encoder = public.make([0], cv=3, random_state=0, **public.setup.in_units_of_y)
    one, other = (np.asarray(encoder.fit_transform(X, targets)) for targets in (y, y + 1e9))
    carried = 0.0 if public in breaking("shift") else 1e9
    np.testing.assert_allclose(other - carried, one, atol=4 * np.spacing(1e9))
