"""Residuals are normal where the model holds, for encoders of single columns and for joint models."""

import numpy as np
import pandas as pd
import pytest
from explain.pictures import shops

from catpool import EmpiricalBayesEncoder, MixedModelEncoder, NestedEncoder, TreeEncoder
from catpool.explain import ResidualDisplay
from catpool.explain.encoded_rows import encode_out_of_fold

RNG = np.random.default_rng(0)
SHOP = RNG.integers(0, 40, 3000)
X = pd.DataFrame({"city": (SHOP % 8).astype(str), "shop": SHOP.astype(str), "price": RNG.normal(size=3000)})
ETA = 1 + (0.5 * RNG.normal(size=8))[SHOP % 8] + (0.5 * RNG.normal(size=40))[SHOP]
SLOPED = ETA + 0.3 * X["price"].to_numpy()


def rows(kind, eta):
    rng = np.random.default_rng(1)
    return {
        "normal": eta + rng.normal(size=3000),
        "binomial": np.where(rng.random(3000) < 1 / (1 + np.exp(-eta)), "yes", "no"),
        "poisson": rng.poisson(np.exp(eta)),
        "negative_binomial": rng.poisson(np.exp(eta) * rng.gamma(2, 0.5, 3000)),
        "gamma": rng.gamma(2, np.exp(eta) / 2),
    }[kind]


def check_normal(residuals):
    assert abs(residuals.mean()) < 0.06
    assert abs(residuals.std() - 1) < 0.05


@pytest.mark.parametrize("kind", ["normal", "binomial", "poisson"])
def test_residuals_of_nested_levels(kind):
    y, target = rows(kind, ETA), {"poisson": "count"}.get(kind, "auto")
    own = NestedEncoder(["city", "shop"], target_type=target, cv=4, random_state=0)
    display = ResidualDisplay.from_encoder(own, X, y)
    check_normal(display.residuals)
    assert len(display.residuals) == 3000
    assert display.ax_.get_title(loc="left").startswith("NestedEncoder: randomised quantile residuals of 3,000 rows")


@pytest.mark.parametrize("kind", ["normal", "binomial", *(("poisson", "negative_binomial", "gamma"))])
def test_residuals_of_mixed_models(kind):
    y, target = rows(kind, SLOPED), {"poisson": "count", "negative_binomial": "count"}.get(kind, "auto")
    own = MixedModelEncoder(["city", "shop"], covariates=["price"], target_type=target, family=kind, cv=3)
    check_normal(ResidualDisplay.from_encoder(own, X, y).residuals)


def test_residuals_of_models_that_do_not_hold_are_not_normal():
    own = MixedModelEncoder(["city", "shop"], covariates=["price"], target_type="count", cv=3)
    assert ResidualDisplay.from_encoder(own, X, rows("negative_binomial", SLOPED)).residuals.std() > 1.15


def test_residuals_are_of_the_own_folds_of_the_encoder():
    y, labels = rows("normal", ETA), np.arange(3000) % 3
    by_labels = ResidualDisplay.from_encoder(NestedEncoder(["city", "shop"], cv=labels), X, y).residuals
    named = NestedEncoder(["city", "shop"], cv="fold")
    by_name = ResidualDisplay.from_encoder(named, X.assign(fold=labels), y).residuals
    np.testing.assert_allclose(by_labels, by_name)
    other = y.copy()
    other[labels == 0] += 100
    changed = ResidualDisplay.from_encoder(named, X.assign(fold=labels), other).residuals
    fitted = NestedEncoder(["city", "shop"]).fit(X[labels != 0], y[labels != 0])
    expected = fitted.predict(X[labels == 0], kind="row")
    near = np.abs(expected["upper"] - y[labels == 0]) < 0.05  # where 5 % of rows are beyond
    np.testing.assert_allclose(by_labels[labels == 0][near], 1.64, atol=0.1)
    assert (changed[labels == 0] > 8).all()


def test_rows_in_no_fold_and_hidden_rows_have_no_residuals():
    y = rows("normal", ETA)
    late = [(np.arange(1500), np.arange(1500, 3000))]
    own = NestedEncoder(["city", "shop"], cv=late)
    assert len(ResidualDisplay.from_encoder(own, X, y).residuals) == 1500
    flat = EmpiricalBayesEncoder(["shop"], cv=late)
    with pytest.warns(UserWarning, match="1500 rows"):
        assert len(ResidualDisplay.from_encoder(flat, X, y, "shop").residuals) == 1500
    missing = X.assign(shop=X["shop"].where(np.arange(3000) % 10 > 0))
    hidden = NestedEncoder(["city", "shop"], cv=3, missing="nan", unknown="error")
    assert len(ResidualDisplay.from_encoder(hidden, missing, y).residuals) == 2700


def test_means_and_deviations_are_of_the_same_folds():
    own = EmpiricalBayesEncoder(["one"], random_state=None, output=["mean", "sd"])
    mean, sd = encode_out_of_fold(own, pd.DataFrame({"one": ["a"] * 300}), RNG.normal(size=300), "one", 2)
    assert len(set(zip(mean, sd, strict=True))) == len(set(mean)) == 10


def test_what_has_no_residuals_says_so():
    X, y = shops()
    classes = np.array(list("abc"))[np.digitize(y, [-1, 1])]
    nested = NestedEncoder(["city", "shop"])
    with pytest.raises(TypeError, match="takes encoders of single columns, nested or mixed models, but not TreeEnc"):
        ResidualDisplay.from_encoder(TreeEncoder(), X, y, "shop")
    with pytest.raises(ValueError, match=r"`column` must be None, as the columns of NestedEncoder predict y together"):
        ResidualDisplay.from_encoder(nested, X, y, "shop")
    with pytest.raises(ValueError, match=r"`column` must be one of the columns of EmpiricalBayesEncoder. Got None"):
        ResidualDisplay.from_encoder(EmpiricalBayesEncoder(), X, y)
    for own, column in ((EmpiricalBayesEncoder(["shop"]), "shop"), (nested, None)):
        with pytest.raises(ValueError, match=r"numbers, counts or two classes as y. Got 'multiclass'"):
            ResidualDisplay.from_encoder(own, X, classes, column)
