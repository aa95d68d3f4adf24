"""Factors that put rows into the same levels: a model cannot tell them apart, so they share their effects equally."""

import numpy as np
import pandas as pd
import pytest

from catpool import MixedModelEncoder

N = 60
RNG = np.random.default_rng(2)
LEVEL = RNG.integers(0, 8, N)
X = pd.DataFrame({"city": LEVEL, "name": [f"city {level}" for level in LEVEL], "code": 7 - LEVEL})
X = X.assign(shop=RNG.integers(0, 4, N), x=RNG.normal(size=N))
ETA = RNG.normal(size=8)[LEVEL] + RNG.normal(size=8)[LEVEL] * X["x"].to_numpy()
Y = {
    "continuous": ETA + RNG.normal(size=N),
    "binary": (ETA + RNG.logistic(size=N) > 0).astype(int),
    "count": RNG.poisson(np.exp(ETA / 2)),
}
FORMS = {
    "two": {"groups": ["city", "name"]},
    "three": {"groups": ["city", "name", "code"]},
    "others between": {"groups": ["name", "shop", "city"]},
    "a part and its cells": {"groups": ["city", ("city", "name")]},
    "slopes": {"groups": ["city", "name"], "slopes": {"city": ["x"], "name": ["x"]}},
    "uncorrelated slopes": {"groups": ["city", "name"], "slopes": {"city": ["x"], "name": ["x"]}, "correlated": False},
}


def encoder_of(form, kind):
    return MixedModelEncoder(target_type=kind, prior="reml", remainder="drop", output=["mode", "sd"], **FORMS[form])


@pytest.mark.parametrize("kind", Y)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_twins_have_one_covariance_and_depend_on_no_order(form, kind):
    encoder = encoder_of(form, kind)
    first = np.asarray(encoder.fit(X, Y[kind]).transform(X))
    twins = [
        covariance
        for group, covariance in zip(encoder.groups, encoder.model_.covariances, strict=True)
        if group != "shop"
    ]
    assert len(twins) > 1
    np.testing.assert_allclose(twins, np.broadcast_to(twins[0], np.shape(twins)), rtol=1e-12)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(N)
        again = encoder.fit(X.iloc[order], Y[kind][order]).transform(X)
        np.testing.assert_allclose(again, first, rtol=0, atol=1e-6)


def test_together_they_are_the_one_factor():
    one = encoder_of("two", "continuous").set_params(groups=["city"]).fit(X, Y["continuous"]).model_
    two = encoder_of("two", "continuous").fit(X, Y["continuous"]).model_
    np.testing.assert_allclose(sum(two.covariances), one.covariances[0], rtol=1e-6)
    np.testing.assert_allclose(np.sum(two.effects[0][LEVEL] * 2, axis=1), one.effects[0][LEVEL][:, 0], atol=1e-6)
    assert two.criterion == pytest.approx(one.criterion, abs=1e-8)


@pytest.mark.parametrize("change", ["a row", "slopes"])
def test_factors_that_differ_keep_their_own_covariance(change):
    encoder = encoder_of("two", "continuous")
    if change == "slopes":
        table, slopes = X.assign(z=RNG.normal(size=N)), {"city": ["x"], "name": ["z"]}
    else:
        table, slopes = X.assign(name=np.where(np.arange(N) == 3, "another", X["name"])), {}
    model = encoder.set_params(slopes=slopes).fit(table, Y["continuous"]).model_
    assert not np.allclose(*model.covariances)


def test_factors_whose_slopes_are_of_other_columns_are_no_twins():
    """The columns have the same sums of squares in each level, but are not the same."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(20), 8)
    table = pd.DataFrame({"g": codes, "h": codes + 100})
    table = table.assign(x=[1.0, 1, 1, 1, -1, -1, -1, -1] * 20, z=[1.0, 1, -1, -1] * 40)
    y = 3 * rng.normal(size=20)[codes] * table["x"] + rng.normal(size=160)
    encoder = MixedModelEncoder(["g", "h"], slopes={"g": ["x"], "h": ["z"]}, correlated=False).fit(table, y)
    steep, flat = (covariance[1, 1] for covariance in encoder.model_.covariances)
    assert steep > 4
    assert flat < 1
