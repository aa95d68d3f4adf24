"""No pooling and complete pooling, what lies between, and that numbers are numbers."""

import numpy as np
import pytest
from helpers.law import any_table, law, quick_rows, rows
from helpers.public_encoders import PUBLIC
from hypothesis import given
from hypothesis import strategies as st

from catpool import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder

pytestmark = pytest.mark.usefixtures("few_points")


@given(any_table("continuous"))
def test_no_and_complete_pooling_are_the_extremes_exactly(table):
    X, y, folds, kind = table
    parameters = {"cv": folds, "target_type": kind}
    mean = MeanEncoder(**parameters).fit_transform(X, y)
    unpooled = SmoothedMeanEncoder(smoothing=0, **parameters).fit_transform(X, y)
    assert np.asarray(mean).tobytes() == np.asarray(unpooled).tobytes()
    pooled = np.asarray(SmoothedMeanEncoder(smoothing=np.inf, **parameters).fit_transform(X, y))
    whole = SmoothedMeanEncoder(smoothing=np.inf, **parameters).fit(X, y)
    assert (np.asarray(whole.transform(X)) == whole.summary_["prior_mean"].to_numpy()).all()
    for fold in set(folds):
        own = pooled[folds == fold]
        assert (own == own[0]).all()
        np.testing.assert_allclose(own, y[folds != fold].mean(), rtol=0, atol=1e-9 * table.scale)


@given(any_table("continuous"), st.floats(0, 1e6))
def test_the_posterior_lies_between_the_category_s_mean_and_the_prior_s(table, smoothing):
    for encoder in (SmoothedMeanEncoder(smoothing=smoothing), EmpiricalBayesEncoder(prior="reml")):
        fitted = encoder.set_params(target_type="continuous").fit(table.X, table.y)
        for column, prior in enumerate(fitted.summary_["prior_mean"]):
            learned = fitted.encoding_table(column)
            slack = 1e-12 * table.scale
            assert (learned["encoding"] >= np.minimum(learned["mean"], prior) - slack).all()
            assert (learned["encoding"] <= np.maximum(learned["mean"], prior) + slack).all()


@law(st.sampled_from(["category", "prior"]))
def test_nothing_is_nan_or_infinite_unless_asked_for(public, table, missing):
    X, y, folds, kind = table
    encoder = public.make(table.columns, cv=folds, missing=missing, target_type=kind)
    assert np.isfinite(np.asarray(encoder.fit_transform(X, y), dtype=float)).all()
    new = np.array([["a", "a"], ["never", "a"], ["a", "never"], [None, None], ["never", None]], dtype=object)
    assert np.isfinite(np.asarray(encoder.transform(new[:, -X.shape[1] :]), dtype=float)).all()


@pytest.mark.parametrize("public", PUBLIC, ids=str)
def test_nan_is_there_where_it_is_asked_for(public):
    X, y, folds, kind = rows("count")
    encoder = public.make([1], cv=folds, missing="nan", unknown="nan", target_type=kind, remainder="drop")
    absent = np.array([value is None for value in X[:, 1]])
    assert absent.any()
    np.testing.assert_array_equal(np.isnan(np.asarray(encoder.fit_transform(X, y), dtype=float))[:, 0], absent)
    new = np.array([["p", "a"], ["p", "never"], ["p", None]], dtype=object)
    assert np.isnan(np.asarray(encoder.transform(new), dtype=float))[:, 0].tolist() == [False, True, True]


@pytest.mark.parametrize("public", PUBLIC, ids=str)
def test_random_folds_follow_their_seed(public):
    table = quick_rows(public)
    encoder = public.make(table.columns, cv=3, target_type=table.kind)
    one, again, other = (
        np.asarray(encoder.set_params(random_state=seed).fit_transform(table.X, table.y)) for seed in (0, 0, 1)
    )
    assert one.tobytes() == again.tobytes()
    assert one.tobytes() != other.tobytes()


@pytest.mark.parametrize("heavy", [1e3, 1e6, 1e9, 1e12])
def test_a_heavy_category_does_not_hide_the_spread_of_the_others(heavy):
    X, y = np.array(list("aaabbbccc"), dtype=object)[:, None], np.array([1, 2, 1.5, 5, 6, 5.5, 9, 9.5, 8])
    encoder = EmpiricalBayesEncoder(prior="reml").fit(X, y, sample_weight=[heavy] * 3 + [1] * 6)
    assert np.asarray(encoder.transform(X))[4].item() == pytest.approx(5.5, abs=0.01)
