"""The laws of the house, each as a property."""

import numpy as np
import pandas as pd
import pytest
from conftest import ENCODERS
from helpers.strategies import numbers, tables, targets
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, TimeSeriesSplit

from catpool import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder
from catpool.crossfit.folds import make_folds


def close(actual, expected, scale):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9 * max(scale, 1e-300))


@pytest.mark.parametrize("encoder", ENCODERS.values())
@given(tables(), st.data())
def test_a_fold_s_own_targets_do_not_reach_its_encodings_not_in_a_single_bit(encoder, table, data):
    X, y, folds = table
    fold = data.draw(st.sampled_from(sorted(set(folds))))
    own = folds == fold
    changed = y.copy()
    changed[own] = data.draw(targets(numbers, own))
    before = encoder(cv=folds, target_type="continuous").fit_transform(X, y)
    after = encoder(cv=folds, target_type="continuous").fit_transform(X, changed)
    assert np.asarray(before)[own].tobytes() == np.asarray(after)[own].tobytes()


@pytest.mark.parametrize("encoder", ENCODERS.values())
@pytest.mark.parametrize("target_type", ["binary", "multiclass", "count"])
@given(data=st.data())
def test_the_own_label_law_holds_for_classes_and_counts(encoder, target_type, data):
    n = data.draw(st.integers(8, 40))
    X = np.array(data.draw(st.lists(st.sampled_from("abcd"), min_size=n, max_size=n)), dtype=object)[:, None]
    values = st.integers(0, {"binary": 1, "multiclass": 2, "count": 30}[target_type])
    y = np.array([0, 1, 2 if target_type == "multiclass" else 1, *data.draw(targets(values, range(n - 3)))])
    folds = np.array([1, 2, 1, *np.arange(n - 3) % 3])  # each class is in a fold that stays as it is
    changed = y.copy()
    changed[folds == 0] = data.draw(targets(values, folds == 0))
    before = encoder(cv=folds, target_type=target_type).fit_transform(X, y)
    after = encoder(cv=folds, target_type=target_type).fit_transform(X, changed)
    assert np.asarray(before)[folds == 0].tobytes() == np.asarray(after)[folds == 0].tobytes()


@pytest.mark.parametrize("encoder", ENCODERS.values())
@pytest.mark.parametrize("cv", [4, KFold(4), TimeSeriesSplit(3, gap=2)], ids=["int", "splitter", "past"])
@pytest.mark.parametrize("missing", ["category", "prior"])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_only_training_rows_reach_a_row_whatever_the_folds(encoder, cv, missing, outputs):
    """What is not in the training rows of a row's fold (its own fold, the future) may change at will."""
    rng = np.random.default_rng(11)
    n = 60
    X = rng.choice(np.array(["a", "b", "c", None], dtype=object), (n, 1))
    y, weights = rng.normal(size=(n, outputs)), rng.uniform(0, 2, n)
    whole = encoder(cv=cv, random_state=0, missing=missing).fit_transform(X, y, sample_weight=weights)
    if cv == 4:
        folds = make_folds(4, None, None, n_rows=n, random_state=0)
        splits = [(np.flatnonzero(folds.labels != k), np.flatnonzero(folds.labels == k)) for k in range(4)]
    else:
        splits = cv.split(X)
    for train, test in splits:
        changed = rng.normal(size=y.shape) * 100
        changed[train] = y[train]
        after = encoder(cv=cv, random_state=0, missing=missing).fit_transform(X, changed, sample_weight=weights)
        assert np.asarray(after)[test].tobytes() == np.asarray(whole)[test].tobytes()


@pytest.mark.parametrize("encoder", ENCODERS.values())
@given(tables())
def test_fit_transform_is_a_refit_for_each_fold(encoder, table):
    X, y, folds = table
    encoded = encoder(cv=folds, target_type="continuous").fit_transform(X, y)
    for fold in set(folds):
        test = folds == fold
        refitted = encoder(target_type="continuous").fit(X[~test], y[~test]).transform(X[test])
        close(np.asarray(encoded)[test], refitted, np.abs(y).max())


@pytest.mark.parametrize("encoder", ENCODERS.values())
@given(tables())
def test_fit_and_fit_transform_leave_the_same_table(encoder, table):
    X, y, folds = table
    fitted = encoder(cv=folds, target_type="continuous").fit(X, y)
    transformed = encoder(cv=folds, target_type="continuous")
    transformed.fit_transform(X, y)
    close(fitted.transform(X), transformed.transform(X), np.abs(y).max())
    for one, other in (
        (fitted.summary_, transformed.summary_),
        (fitted.encoding_table(0), transformed.encoding_table(0)),
    ):
        pd.testing.assert_frame_equal(one, other, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("encoder", ENCODERS.values())
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_names_of_categories_do_not_matter(encoder, table, random):
    X, y, folds = table
    order = np.array(random.sample(range(len(y)), len(y)))
    names = {"a": 17, "b": ("x", 1), "c": "c", "d": pd.Timestamp("2020-02-02"), "e": 2.5, None: None}
    renamed = np.empty(X.shape, dtype=object)
    renamed[:, 0] = [names[name] for name in X[:, 0]]
    one = encoder(cv=folds, target_type="continuous").fit_transform(X, y)
    other = encoder(cv=folds[order], target_type="continuous").fit_transform(renamed[order], y[order])
    close(other, np.asarray(one)[order], np.abs(y).max())


@pytest.mark.parametrize("encoder", ENCODERS.values())
@given(tables(), st.data())
def test_a_weight_is_so_many_copies(encoder, table, data):
    X, y, folds = table
    copies = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(y), max_size=len(y))))
    assume(len(set(folds[copies > 0])) > 1)
    repeated = np.repeat(np.arange(len(y)), copies)
    weighed = encoder(cv=folds, target_type="continuous").fit_transform(X, y, sample_weight=copies)
    copied = encoder(cv=folds[repeated], target_type="continuous").fit_transform(X[repeated], y[repeated])
    close(np.asarray(weighed)[repeated], copied, np.abs(y).max())
    weighed = encoder(target_type="continuous").fit(X, y, sample_weight=copies).transform(X)
    close(weighed, encoder(target_type="continuous").fit(X[repeated], y[repeated]).transform(X), np.abs(y).max())


@pytest.mark.parametrize("encoder", ENCODERS.values())
@given(tables(), st.floats(0.001, 1000), st.floats(-1000, 1000))
def test_scale_and_shift_carry_through(encoder, table, scale, shift):
    X, y, folds = table
    one = encoder(cv=folds, target_type="continuous").fit_transform(X, y)
    other = encoder(cv=folds, target_type="continuous").fit_transform(X, scale * y + shift)
    close(other, scale * np.asarray(one) + shift, scale * np.abs(y).max() + abs(shift))


@pytest.mark.parametrize("encoder", ENCODERS.values())
def test_a_shift_by_a_milliard_loses_the_digits_that_float64_must(encoder):
    rng = np.random.default_rng(3)
    X = rng.integers(0, 20, (20_000, 1))
    y = rng.normal(size=20_000) + X[:, 0] / 10
    one = encoder(random_state=0).fit_transform(X, y)
    other = encoder(random_state=0).fit_transform(X, y + 1e9)
    np.testing.assert_allclose(np.asarray(other) - 1e9, one, atol=4 * np.spacing(1e9))


@given(tables())
def test_strength_nought_and_infinity_are_the_extremes_exactly(table):
    X, y, folds = table
    mean = MeanEncoder(cv=folds, target_type="continuous").fit_transform(X, y)
    nought = SmoothedMeanEncoder(cv=folds, smoothing=0, target_type="continuous").fit_transform(X, y)
    assert np.asarray(mean).tobytes() == np.asarray(nought).tobytes()
    pooled = SmoothedMeanEncoder(cv=folds, smoothing=np.inf, target_type="continuous").fit_transform(X, y)
    whole = SmoothedMeanEncoder(smoothing=np.inf, target_type="continuous").fit(X, y)
    assert (np.asarray(whole.transform(X)) == whole.summary_["prior_mean"].item()).all()
    for fold in set(folds):
        assert len(np.unique(np.asarray(pooled)[folds == fold])) == 1
        close(np.asarray(pooled)[folds == fold], y[folds != fold].mean(), np.abs(y).max())


@given(tables(), st.floats(0, 1e6))
def test_the_posterior_lies_between_the_category_s_mean_and_the_prior_s(table, smoothing):
    X, y, _ = table
    for encoder in (SmoothedMeanEncoder(smoothing=smoothing), EmpiricalBayesEncoder()):
        fitted = encoder.set_params(target_type="continuous").fit(X, y)
        learned = fitted.encoding_table(0)
        prior = fitted.summary_["prior_mean"].item()
        slack = 1e-12 * np.abs(y).max()
        assert (learned["encoding"] >= np.minimum(learned["mean"], prior) - slack).all()
        assert (learned["encoding"] <= np.maximum(learned["mean"], prior) + slack).all()


@pytest.mark.parametrize("encoder", ENCODERS.values())
@pytest.mark.parametrize("missing", ["category", "prior"])
@given(tables())
def test_nothing_is_nan_or_infinite_unasked(encoder, missing, table):
    X, y, folds = table
    fitted = encoder(cv=folds, missing=missing, target_type="continuous")
    assert np.isfinite(np.asarray(fitted.fit_transform(X, y))).all()
    assert np.isfinite(np.asarray(fitted.transform(np.array([["a"], ["never"], [None]], dtype=object)))).all()


@pytest.mark.parametrize("encoder", ENCODERS.values())
@given(tables(), st.integers(2, 5), st.integers(0, 2**31 - 1))
def test_random_folds_follow_their_seed(encoder, table, k, seed):
    X, y, _ = table
    one, two = (encoder(cv=k, random_state=seed, target_type="continuous").fit_transform(X, y) for _ in range(2))
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("heavy", [1e3, 1e6, 1e9, 1e12])
def test_a_heavy_category_does_not_hide_the_spread_of_the_others(heavy):
    X, y = np.array(list("aaabbbccc"), dtype=object)[:, None], np.array([1, 2, 1.5, 5, 6, 5.5, 9, 9.5, 8])
    encoder = EmpiricalBayesEncoder().fit(X, y, sample_weight=[heavy] * 3 + [1] * 6)
    assert np.asarray(encoder.transform(X))[4].item() == pytest.approx(5.5, abs=0.01)
