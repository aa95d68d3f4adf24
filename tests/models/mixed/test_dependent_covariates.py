"""Covariates that in the rows of a fold are constant, or follow from others."""

import numpy as np
import pandas as pd
import pytest

from catpool import MixedModelEncoder

N = 240
RNG = np.random.default_rng(0)
X = pd.DataFrame({"shop": RNG.integers(0, 12, N).astype(str), "size": RNG.normal(size=N)})
X["opened"] = np.where(np.arange(N) < 80, RNG.normal(size=N), 1.0)  # constant outside the first fold
X["twice"] = np.where(np.arange(N) < 80, RNG.normal(size=N), 2 * X["size"])
FOLDS = np.repeat([0, 1, 2], 80)
MEAN = X["size"] + 0.5 * X["opened"] + np.array([int(shop) for shop in X["shop"]]) / 6
TARGETS = {"continuous": MEAN + RNG.normal(size=N) + 3, "binary": (MEAN + RNG.logistic(size=N) > 1).astype(int)}


def encoder(covariates, kind, cv=FOLDS):
    return MixedModelEncoder(
        ["shop"], covariates=covariates, target_type=kind, cv=cv, output="prediction", remainder="drop"
    )


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("covariate", ["opened", "twice"])
@pytest.mark.usefixtures("few_points")
def test_a_fold_does_without_them_and_says_so(kind, weighted, covariate):
    y, covariates = TARGETS[kind], ["size", covariate]
    weights = 1.0 + np.arange(N) % 3 if weighted else None
    with pytest.warns(UserWarning, match=rf"fold 0 without \['{covariate}'\]\. Leave these"):
        out = encoder(covariates, kind).fit_transform(X, y, sample_weight=weights).to_numpy()[:, 0]
    own, rest = FOLDS == 0, FOLDS != 0
    shown = None if weights is None else weights[rest]
    alone = encoder(["size"], kind, cv=2).fit(X[rest], y[rest], sample_weight=shown)
    np.testing.assert_allclose(out[own], alone.transform(X[own]).to_numpy()[:, 0], rtol=1e-6, atol=1e-7)
    other = FOLDS != 1
    shown = None if weights is None else weights[other]
    both = encoder(covariates, kind, cv=2).fit(X[other], y[other], sample_weight=shown)
    np.testing.assert_allclose(out[FOLDS == 1], both.transform(X[FOLDS == 1]).to_numpy()[:, 0], rtol=1e-6, atol=1e-7)
    assert np.abs(out[own]).max() < 10


def test_rows_of_no_weight_do_not_count():
    weights = np.where((np.arange(N) >= 80) | (np.arange(N) < 40), 1.0, 0.0)
    with pytest.warns(UserWarning, match=r"fold 0 without \['opened'\]"):
        encoder(["opened"], "continuous", cv=np.where(np.arange(N) < 40, 0, 1 + np.arange(N) % 2)).fit_transform(
            X, TARGETS["continuous"], sample_weight=weights
        )


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("correlated", [True, False])
@pytest.mark.parametrize("slope", ["opened", "format"])
def test_a_fold_does_without_slopes_of_what_is_constant(kind, correlated, slope):
    if slope == "format" and not correlated:
        return  # which categories do not have
    table, y = X.assign(format=np.where(np.arange(N) < 80, np.arange(N) % 2, 1).astype(str)), TARGETS[kind]
    model = MixedModelEncoder(
        ["shop"],
        covariates=["size"],
        slopes={"shop": [slope]},
        correlated=correlated,
        prior="reml",
        target_type=kind,
        cv=FOLDS,
        output="prediction",
        remainder="drop",
    )
    name = {"opened": "opened", "format": r"format\[1\]"}[slope]
    with pytest.warns(UserWarning, match=rf"fold 0 without \['{name} by shop'\]"):
        out = model.fit_transform(table, y).to_numpy()[:, 0]
    own = FOLDS == 0
    alone = encoder(["size"], kind, cv=2).set_params(prior="reml").fit(X[~own], y[~own])
    np.testing.assert_allclose(out[own], alone.transform(X[own]).to_numpy()[:, 0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("prior", ["auto", "reml"])
def test_slopes_of_zeros_alone_are_zero(prior):
    model = MixedModelEncoder(["shop"], slopes={"shop": ["zero"]}, intercepts=False, prior=prior, remainder="drop")
    assert (model.fit(X.assign(zero=0.0), TARGETS["continuous"]).transform(X.assign(zero=1.0)) == 0).to_numpy().all()


@pytest.mark.parametrize("kind", TARGETS)
def test_an_error_of_a_fold_names_it(kind):
    y = np.where(FOLDS == 1, np.arange(N) % 2, 0)  # all alike outside of fold 1
    with pytest.raises(
        ValueError, match=r"The rows that fold 1 learns from do not suffice: .*(all alike|y is constant)"
    ):
        encoder(["size"], kind).fit_transform(X, y)
