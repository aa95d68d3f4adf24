"""Columns that are learned together: as each by itself, to the bit without their own fold, and by brute force."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catpool import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder
from catpool.crossfit import scheme, threads
from catpool.crossfit.joint import CELLS, SMALL, CodedColumn, batch_columns, learns_at_once
from catpool.priors.rules import PRIORS, callable_rule, fixed_strength, prior_rule
from catpool.tables.learner import Learner
from catpool.tables.policy import Policy

N = 150
SIZES = (1, 2, 5, 9, 30, 31, 60)
KINDS = ("continuous", "binary", "multiclass", "count")
EVERYTHING = ["mean", "sd", "reliability", "count", "size", "code"]


def columns(rng, sizes=SIZES, n=N):
    """Columns of so many categories, some values missing, and a number as a category."""
    X = pd.DataFrame({f"c{size}": rng.choice([*map(str, range(size)), None], n) for size in sizes})
    return X.assign(number=rng.integers(0, 4, n))


def target(kind, X, rng):
    eta = rng.normal(size=10)[X["c9"].fillna("9").astype(int)]
    if kind == "continuous":
        return eta + rng.normal(size=len(X))
    if kind == "multiclass":
        return np.digitize(eta + rng.normal(size=len(X)), [-1, 1])
    return rng.poisson(np.exp(eta / 2)) if kind == "count" else (eta + rng.logistic(size=len(X)) > 0).astype(int)


def fit(encoder, X, y, **arguments):
    encoded = np.asarray(encoder.set_params(remainder="drop").fit_transform(X, y, **arguments), dtype=float)
    return encoded, encoder.summary_.select_dtypes("number").to_numpy(), encoder.transform(X.iloc[:50])


@pytest.fixture
def batches(monkeypatch):
    """The number of columns of each batch that is learned, in the order of the calls."""
    sizes = []

    def spy(rows, together, *, counts):
        sizes.append(len(together))
        return encode_together(rows, together, counts=counts)

    encode_together = scheme.encode_together
    monkeypatch.setattr(scheme, "encode_together", spy)
    return sizes


def check_alone(encoder, X, y, **arguments):
    """Fit the columns together and each by itself, and compare all that comes out."""
    together = fit(encoder, X, y, **arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheme, "batch_columns", lambda columns, tables: [[i] for i in range(len(columns))])
        patch.setattr(scheme, "learns_at_once", lambda column, tables: False)
        alone = fit(encoder, X, y, **arguments)
    scale = max(1.0, np.abs(y).max())
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11 * scale)


OPTIONS = {
    "plain": {},
    "all outputs": {"output": EVERYTHING, "missing": "nan"},
    "trees": {"output": "trees", "unknown": "nan"},
    "rare": {"crossfit": "rare", "crossfit_reliability": 0.3, "missing": "prior"},
    "no means": {"output": ["count", "code"]},
    "some listed": {"columns": ["c2", "c5", "c9"], "categories": [["0", "1", "2"], list("01234"), list("012345")]},
    "threads": {"n_jobs": 2},
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_learned_as_each_by_itself(kind, weighted, options, batches, monkeypatch):
    monkeypatch.setattr(threads, "THREADED", 0)  # so that few rows start threads, too
    rng = np.random.default_rng(0)
    X = columns(rng)
    weights = rng.uniform(0.5, 2, N) * (rng.random(N) < 0.9) if weighted else None
    encoder = EmpiricalBayesEncoder(
        **{"columns": None, "prior": "reml", **OPTIONS[options]}, target_type=kind, cv=3, random_state=0
    )
    check_alone(encoder, X, target(kind, X, rng), sample_weight=weights)
    assert max(batches) == (2 if options == "some listed" else 8)  # a row of c9 has a category that is not listed


def test_interactions_are_learned_apart_from_their_columns(batches):
    rng = np.random.default_rng(7)
    X = columns(rng)
    check_alone(
        EmpiricalBayesEncoder(None, interactions=[("c5", "c9")], random_state=0), X, target("continuous", X, rng)
    )
    assert batches == [5, 3]


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("weight_type", ["frequency", "precision", "inverse_variance"])
@pytest.mark.parametrize("far", [0.0, 1e9])
def test_priors_of_numbers_are_learned_as_each_by_itself(prior, weight_type, far, batches):
    rng = np.random.default_rng(1)
    X = columns(rng)
    y = np.column_stack([far + target("continuous", X, rng), rng.normal(size=N)])
    encoder = EmpiricalBayesEncoder(None, prior=prior, weight_type=weight_type, cv=4, random_state=0)
    check_alone(encoder, X, y, sample_weight=rng.integers(0, 3, N))
    assert batches == ([5, 3] if prior == "auto" else [8])


@pytest.mark.parametrize(
    "encoder", [MeanEncoder(None), SmoothedMeanEncoder(None, smoothing=3.0)], ids=["mean", "smoothed"]
)
def test_given_strengths_are_used_as_in_each_by_itself(encoder, batches):
    rng = np.random.default_rng(2)
    X = columns(rng)
    check_alone(encoder.set_params(random_state=0), X, target("continuous", X, rng))
    assert batches == [8]


def test_noise_is_summed_where_the_categories_of_one_column_are_far_apart(batches):
    rng = np.random.default_rng(3)
    X = columns(rng)
    y = 1e8 * X["number"].to_numpy() + rng.normal(size=N)
    encoder = EmpiricalBayesEncoder(None, cv=3, random_state=0)
    check_alone(encoder, X, y)
    summary = encoder.fit(X, y).summary_.set_index("column")
    assert summary.loc["number", "within_sd"] == pytest.approx(1, abs=0.2)
    assert batches == [5, 3]


def test_rows_in_no_fold_are_learned_from_and_stay_nan(batches):
    rng = np.random.default_rng(4)
    X = columns(rng)
    cv = [(np.arange(20, N), np.arange(20)), (np.delete(np.arange(N), np.arange(40, 90)), np.arange(40, 90))]
    encoder = EmpiricalBayesEncoder(None, output=["mean", "count"], cv=cv)
    with pytest.warns(UserWarning, match="80 rows are in no test fold"):
        check_alone(encoder, X, target("continuous", X, rng))
    with pytest.warns(UserWarning, match="80 rows are in no test fold"):
        encoded = encoder.fit_transform(X, target("continuous", X, rng))
    assert np.isnan(encoded.iloc[20:40]).all(axis=None)
    assert not np.isnan(encoded.iloc[:20]).any(axis=None)
    assert batches == [5, 3, 5, 3]


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=24, max_size=24), min_size=2, max_size=4),
    st.lists(st.integers(0, 3), min_size=24, max_size=24),
    st.sampled_from(KINDS),
)
def test_any_columns_are_learned_as_each_by_itself(drawn, y, kind):
    X = pd.DataFrame({f"c{i}": pd.Series(column, dtype=object) for i, column in enumerate(drawn)})
    y = np.array(y) % (2 if kind == "binary" else 3)
    y[:4] = [0, 1, 2 % (2 if kind == "binary" else 3), 0]
    check_alone(EmpiricalBayesEncoder(target_type=kind, cv=np.arange(24) % 3), X, y)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prior", ["reml", "moments"])
@settings(max_examples=8)
@given(seed=st.integers(0, 999), fold=st.integers(0, 3), weighted=st.booleans())
def test_own_targets_move_no_bit_of_any_column(kind, prior, seed, fold, weighted):
    rng = np.random.default_rng(seed)
    X = columns(rng)
    y, folds = target(kind, X, rng), rng.integers(0, 4, N)
    y[:3], folds[:3] = [0, 1, 2 if kind == "multiclass" else 1], [(fold + each) % 4 for each in (1, 2, 3)]
    changed = np.where(folds == fold, rng.permutation(y) if kind != "continuous" else 99 * y + 7, y)
    encoder = EmpiricalBayesEncoder(target_type=kind, prior=prior, output=["mean", "sd", "reliability"], cv=folds)
    weights = rng.uniform(0.1, 2, N) if weighted else None
    before, after = (np.asarray(encoder.fit_transform(X, each, sample_weight=weights)) for each in (y, changed))
    assert before[folds == fold].tobytes() == after[folds == fold].tobytes()
    assert (before != after)[folds != fold].any()


@pytest.mark.parametrize("kind", KINDS)
def test_each_fold_is_encoded_by_a_fit_to_the_others(kind, batches):
    rng = np.random.default_rng(5)
    X = columns(rng)
    y, folds = target(kind, X, rng), np.arange(N) % 3
    encoder = EmpiricalBayesEncoder(None, target_type=kind, output=EVERYTHING[:4], cv=folds)
    encoded = np.asarray(encoder.fit_transform(X, y))
    assert batches == [5, 3]
    for fold in range(3):
        own = folds == fold
        refitted = EmpiricalBayesEncoder(None, target_type=kind, output=EVERYTHING[:4]).fit(X[~own], y[~own])
        np.testing.assert_allclose(encoded[own], refitted.transform(X[own]), rtol=1e-8, atol=1e-9)


# Which columns are learned together ---------------------------------------------------------------------------------

POLICY, RULE = Policy("prior", "category"), fixed_strength(1.0)


def coded(*sizes, rule=RULE):
    return [CodedColumn(Learner(rule, POLICY, ("mean",)), np.zeros(1, dtype=int), size) for size in sizes]


def test_columns_of_similar_size_are_learned_together():
    assert batch_columns(coded(5, 9000, 7, 8000), 10) == [[0, 2], [3, 1]]
    assert batch_columns(coded(5, 7, SMALL // 30), 10) == [[0, 1, 2]]


@given(st.lists(st.integers(2, CELLS), min_size=1, max_size=12), st.integers(2, 50))
def test_groups_fit_into_memory_and_hold_each_column_once(sizes, tables):
    batches = batch_columns(coded(*sizes), tables)
    assert sorted(position for batch in batches for position in batch) == list(range(len(sizes)))
    assert all(len(batch) * max(sizes[each] for each in batch) * tables <= CELLS for batch in batches if len(batch) > 1)
    ordered = [sizes[each] for batch in batches for each in batch]
    assert all(one <= other for one, other in pairwise(ordered))


def test_learners_that_differ_are_not_learned_together():
    rule = prior_rule("reml", scale=1.0)
    one, other = coded(5, rule=rule)[0], coded(5, rule=prior_rule("ml", scale=1.0))[0]
    assert batch_columns([one, other], 3) == [[0], [1]]
    assert batch_columns(coded(5, 6, rule=rule), 3) == [[0, 1]]
    assert learns_at_once(one, 3)
    assert not learns_at_once(coded(CELLS // 2, rule=rule)[0], 3)


def test_functions_of_users_see_the_categories_of_their_column_alone(batches):
    """So the number of categories that they get is that of the column, whatever other columns there are."""
    rng = np.random.default_rng(6)
    X, seen = columns(rng), []

    def prior(moments):
        seen.append(len(moments.count))
        return moments.mean, 1.0

    EmpiricalBayesEncoder(None, prior=prior).fit_transform(X, target("continuous", X, rng))
    assert set(seen) == {X[column].nunique() + 2 for column in X}
    assert batches == []
    assert batch_columns(coded(5, 6, rule=callable_rule(lambda moments: (0.0, 1.0))), 3) == [[0], [1]]
