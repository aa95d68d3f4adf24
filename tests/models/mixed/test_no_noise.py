"""Targets that the factors predict exactly: the likelihood has no maximum, and the answer must not depend on paths."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import encoder_of, mixed_rows
from sklearn.exceptions import ConvergenceWarning

from catpool import MixedModelEncoder

N = 24
ROW = np.arange(N)
NOISE = np.random.default_rng(0).normal(size=N)
X = pd.DataFrame({"row": ROW.astype(str), "shop": (ROW * 7 % 5).astype(str), "size": np.cos(ROW)})
WEIGHTS = 1 + ROW % 4
FORMS = {
    "one": {"groups": ["row"]},
    "ml": {"groups": ["row"], "prior": "ml"},
    "full Bayes": {"groups": ["row"], "prior": "full_bayes"},
    "two": {"groups": ["row", "shop"]},
    "a part and its cells": {"groups": ["row", ("row", "shop")]},
    "covariates": {"groups": ["row"], "covariates": ["size"]},
    "slopes": {"groups": ["row"], "slopes": {"row": ["size"]}},
}


def orders():
    return [np.random.default_rng(seed).permutation(N) for seed in range(4)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.usefixtures("few_points")
def test_a_level_for_each_weighted_row_says_so_and_depends_on_no_order(form):
    encoder = MixedModelEncoder(remainder="drop", target_type="continuous", **FORMS[form])
    with pytest.warns(ConvergenceWarning, match="predict y exactly, or all but what rounding"):
        first = encoder.fit(X, NOISE, sample_weight=WEIGHTS).transform(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for order in orders():
            again = encoder.fit(X.iloc[order], NOISE[order], sample_weight=WEIGHTS[order]).transform(X)
            np.testing.assert_allclose(again, first, rtol=0, atol=1e-8)
        copies = np.repeat(ROW, WEIGHTS)
        copied = encoder.fit(X.iloc[copies], NOISE[copies]).transform(X)
    np.testing.assert_allclose(copied, first, rtol=0, atol=1e-8)


def test_a_constant_target_far_from_that_of_other_folds_is_refused():
    # the first fold learns from two rows of -2**40 alone, and rounding of its sums about a center is all that varies
    y = np.array([3, 3, 3, -(2**40), 3, 3, -(2**40), -(2**40), 4, 4, 3, -(2**40), -(2**40), 3, 4, 4, -(2**40), 4, 3])
    levels = np.array([1, 2, 1, 9, 9, 0, 2, 0, 1, 9, 1, 2, 2, 1, 2, 0, 0, 9, 0])[:, None]
    weights = np.array([0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1])
    encoder = MixedModelEncoder([0], target_type="continuous", cv=np.arange(19) % 2)
    with pytest.raises(ValueError, match="y is constant, or the covariates predict it exactly"):
        encoder.fit_transform(levels, y, sample_weight=weights)


@pytest.mark.parametrize("prior", ["reml", "full_bayes"])
def test_levels_keep_their_means(prior):
    y = np.array([3.0, -1.0, 4.0, 0.5, 7.0])[X["shop"].astype(int)]
    encoder = MixedModelEncoder(["shop"], prior=prior, output="prediction", remainder="drop", target_type="continuous")
    with pytest.warns(ConvergenceWarning, match="each level keeps its own mean"):
        found = encoder.fit(X, y).transform(X)
    np.testing.assert_allclose(np.asarray(found)[:, 0], y, atol=1e-5)


@pytest.mark.parametrize("prior", ["ml", "reml", "full_bayes"])
@pytest.mark.parametrize("share", [1e-3, 1e-4])
def test_little_noise_is_noise(prior, share):
    y = X["shop"].astype(int).to_numpy() + share * NOISE
    model = encoder_of(groups=["shop"], prior=prior, target_type="continuous").fit(X, y).model_
    within = pd.Series(NOISE).groupby(X["shop"]).transform(lambda own: own - own.mean())
    # the mean of a posterior rather than its mode, and three degrees of freedom of the half-t prior's tail
    freedom = N - 5 - 5 * (prior == "full_bayes")
    assert np.sqrt(model.scale) == pytest.approx(share * np.sqrt((within**2).sum() / freedom), rel=1e-3)


def test_a_level_for_each_row_has_no_variance():
    model = MixedModelEncoder(["row"], target_type="continuous").fit(X, NOISE).model_
    assert model.covariances[0].item() == 0


@pytest.mark.parametrize("rows", [(4, 1, 3), (5, 1, 3, 2, 2)], ids=str)
@pytest.mark.parametrize("prior", ["ml", "reml", "full_bayes"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.usefixtures("few_points")
def test_an_outlier_alone_in_its_level_leaves_no_choice_to_the_order_of_rows(rows, prior):
    codes = np.repeat(np.arange(len(rows)), rows)
    y = np.where(codes == 1, -(2.0**40), np.resize(NOISE, len(codes)))
    encoder = MixedModelEncoder(["level"], prior=prior, target_type="continuous", remainder="drop")
    table = pd.DataFrame({"level": codes.astype(str)})
    found = []
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(codes))
        found.append(np.asarray(encoder.fit(table.iloc[order], y[order]).transform(table)))
    np.testing.assert_allclose(found, np.broadcast_to(found[0], np.shape(found)), rtol=0, atol=2.0**40 * 1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shift", [1e3, 1e5, 1e6])
def test_slopes_of_numbers_far_from_zero_are_no_worse(shift, weighted):
    """About zero, intercepts and slopes are all but perfectly correlated, and the search ended anywhere."""
    rows, y = mixed_rows()
    y = y + 0.8 * (rows["s"] == "mid").to_numpy() * rows["x"].to_numpy()
    weights = 1.0 + np.arange(120) % 3 if weighted else None
    encoder = encoder_of(["a", "c"], covariates=["x"], slopes={"a": ["x"]}, output=["prediction"])
    for fold in range(3):
        own, moved = np.arange(120) % 3 != fold, rows.assign(x=rows["x"] + shift)
        shown = None if weights is None else weights[own]
        near = encoder.fit(rows[own], y[own], sample_weight=shown)
        criterion, expected = near.model_.criterion, near.transform(rows)["prediction"]
        far = encoder.fit(moved[own], y[own], sample_weight=shown)
        assert far.model_.criterion == pytest.approx(criterion, abs=1e-6)
        np.testing.assert_allclose(far.transform(moved)["prediction"], expected, atol=1e-4)
