"""The own-label law: what is not in the training rows of a row's fold moves no bit of its encoding."""

from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from helpers.law import VALUES, law, quick_rows, rows
from helpers.public_encoders import KINDS, PUBLIC, breaking, obeying
from helpers.strategies import numbers, targets
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, TimeSeriesSplit

from catpool import EarlierRows
from catpool.crossfit.folds import make_folds

pytestmark = pytest.mark.usefixtures("few_points")

LISTED = [["q", "p", "none"], ["e", "b"]]  # of `rows`, whose other categories stay unlisted
LISTING = [public for public in PUBLIC if "categories" in public.encoder._get_param_names()]


def encoded(public, table, y, **parameters):
    encoder = public.make(table.columns, cv=table.folds, target_type=table.kind, **parameters)
    return np.asarray(encoder.fit_transform(table.X, y))


@law(st.data())
def test_a_fold_s_own_targets_do_not_reach_its_encodings(public, table, data):
    table.folds[3] = 0
    own, changed = table.folds == 0, table.y.copy()
    changed[own] = data.draw(targets(VALUES[table.kind], own))
    before, after = (encoded(public, table, y) for y in (table.y, changed))
    assert before[own].tobytes() == after[own].tobytes()


@pytest.mark.parametrize("public", PUBLIC, ids=str)
def test_the_targets_of_other_folds_do_reach_them(public):
    """The law above could not fail if no target reached anything."""
    table = quick_rows(public)
    changed = np.where(table.folds == 0, table.y + np.arange(len(table.y)) % 7, table.y)
    before, after = (encoded(public, table, y) for y in (table.y, changed))
    assert (before != after)[table.folds != 0].any()


@pytest.mark.parametrize("public", LISTING, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("crossfit", ["all", "rare"])
def test_rows_that_are_not_listed_reach_nothing_and_own_targets_do_not_reach_them(public, kind, crossfit):
    table = rows(kind)
    parameters = {"categories": LISTED, "output": ["mean", "sd"], "crossfit": crossfit}
    before = encoded(public, table, table.y, **parameters)
    unlisted = np.column_stack([~np.isin(column, [*own, None]) for column, own in zip(table.X.T, LISTED, strict=True)])
    ignored, own = unlisted.all(axis=1), table.folds == 0
    assert (ignored & ~own)[3:].any()
    assert (unlisted.any(axis=1) & own).any()
    # the first rows hold all classes; numbers stay whole, or stay fractions
    ignored[:3] = False
    for changed in (ignored, own) if crossfit == "all" else (ignored,):
        after = encoded(public, table, np.where(changed, table.y[::-1], table.y), **parameters)
        same = own if changed is own else slice(None)
        assert before[same].tobytes() == after[same].tobytes()


@pytest.mark.parametrize("public", PUBLIC, ids=str)
@pytest.mark.parametrize("cv", [3, KFold(3), TimeSeriesSplit(2, gap=2)], ids=["int", "splitter", "past"])
@pytest.mark.parametrize("missing", ["category", "prior"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_only_training_rows_reach_a_row_whatever_the_folds(public, cv, missing):
    """What is not in the training rows of a row's fold (its own fold, the future) may change at will."""
    table = quick_rows(public, n=60)
    X, y, _, kind = table
    rng = np.random.default_rng(1)
    weights = rng.uniform(0, 2, len(y))
    outputs = y if public in breaking("outputs") else np.column_stack([y, y[::-1]])

    def fit_transform(targets):
        encoder = public.make(table.columns, cv=cv, random_state=0, missing=missing, target_type=kind)
        return np.asarray(encoder.fit_transform(X, targets, sample_weight=weights))

    whole = fit_transform(outputs)
    folds = make_folds(cv, X, None, n_rows=len(y), random_state=0)
    for k in range(folds.n_folds):
        test, train = folds.labels == k, folds.training_rows(k)
        changed = rng.poisson(9, outputs.shape)
        changed[train] = outputs[train]
        after = fit_transform(changed)
        assert after[test].tobytes() == whole[test].tobytes()
        assert k == folds.n_folds - 1 or (after != whole)[~test & ~np.isnan(whole).any(axis=1)].any()


@pytest.mark.parametrize("public", obeying("past"), ids=str)
@pytest.mark.parametrize("half_life", [None, 3.0, "auto"])
@pytest.mark.parametrize("categories", ["auto", [["b", "none", "a"]]])
@settings(max_examples=10)
@given(data=st.data())
def test_rows_that_are_not_strictly_earlier_change_nothing(public, half_life, categories, data):
    n = 20
    X = pd.DataFrame({"c": data.draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))})
    X["t"] = data.draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    y = np.array(data.draw(targets(numbers, range(n))))
    moment = data.draw(st.integers(0, 8))
    later, now = (X["t"] >= moment).to_numpy(), (X["t"] <= moment).to_numpy()
    changed, other = y.copy(), X.copy()
    changed[later] = data.draw(targets(numbers, later))
    n_later = int(later.sum())
    drawn = st.lists(st.sampled_from("axyzb"), min_size=n_later, max_size=n_later)
    other.loc[later, "c"] = np.array(data.draw(drawn), dtype=object)
    assume(categories == "auto" or all(each["c"].isin(["a", "b"]).any() for each in (X, other)))
    encoder = public.make(["c"], target_type="continuous", cv=EarlierRows("t", half_life=half_life))
    encoder.set_params(output=["mean", "sd", "count"], categories=categories)
    with patch("catpool.crossfit.past.half_life.FEWEST", 4):
        before, same, there = (
            encoder.fit_transform(*each)[["c", "c_sd", "c_count"]].to_numpy()
            for each in ((X, y), (X, changed), (other, changed))
        )
    assert before[now].tobytes() == same[now].tobytes()
    assert before[~later].tobytes() == there[~later].tobytes()


@pytest.mark.parametrize("public", breaking("past"), ids=str)
def test_encoders_that_cannot_learn_from_the_past_alone_say_so(public):
    X, y, _, _ = rows("continuous")
    table = pd.DataFrame(X, columns=["a", "b"]).assign(t=np.arange(len(y)))
    with pytest.raises(ValueError, match="single columns"):
        public.make(["a", "b"], cv=EarlierRows("t")).fit_transform(table, y)


@pytest.mark.parametrize("public", breaking("multiclass"), ids=str)
def test_encoders_that_do_not_take_classes_say_so(public):
    table = rows("multiclass")
    X, y, _, kind = table
    with pytest.raises(ValueError, match=r"target_type|several classes"):
        public.make(table.columns, target_type=kind).fit(X, y)
    with pytest.raises(ValueError, match="several classes"):
        public.make(table.columns).fit(X, y.astype(str))
