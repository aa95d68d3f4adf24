"""What mixed models refuse."""

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import encoder_of, mixed_rows
from sklearn.exceptions import NotFittedError

from catpool import MixedModelEncoder


@pytest.mark.parametrize(("target_type", "value"), [("continuous", 3), ("continuous", 0), ("binary", 1), ("count", 0)])
def test_targets_that_are_all_alike_are_refused(target_type, value):
    X, _ = mixed_rows()
    with pytest.raises(ValueError, match=r"\by\b"):
        encoder_of(["a"], target_type=target_type).fit(X, np.full(len(X), value))


@pytest.mark.parametrize("rows", [2, 3])
def test_fewer_rows_than_coefficients_and_one_are_refused(rows):
    X, y = mixed_rows()
    with pytest.raises(ValueError, match=r"rows|independent"):
        encoder_of(["a"], covariates=["x", "z"]).fit(X[:rows], y[:rows])


def test_a_target_without_noise_is_refused():
    X, _ = mixed_rows()
    with pytest.raises(ValueError, match=r"\by\b"):
        encoder_of(["a"], covariates=["x"]).fit(X, 2 * X["x"] + 1)


@pytest.mark.parametrize("output", ["fixed", "prediction"])
@pytest.mark.parametrize("column", ["note", "price", "shop"])
def test_a_column_that_is_called_as_an_output_is_refused(shops, output, column):
    """It would come out under the same name, or not at all."""
    X, y = shops
    X = X.rename(columns={column: output})
    encoder = encoder_of([output if column == "shop" else "shop"], output=["mode", output])
    with pytest.raises(ValueError, match=f"different names.*{output}"):
        encoder.fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"groups": []}, "`groups` must name one factor or more"),
        ({"groups": ["shop", "shop"]}, "`groups` must name .* each once"),
        ({"groups": [("shop", "item"), ("shop", "item")]}, "`groups` must name .* each once"),
        ({"groups": ["shopp"]}, r"`groups` names \['shopp'\]"),
        ({"groups": [("shop", "itm")]}, "`groups`.*itm"),
        ({"groups": [("shop",)]}, "`groups`.*shop"),
        ({"groups": "shop"}, "'groups' parameter"),
        ({"covariates": ["prize"]}, r"`covariates` names \['prize'\]"),
        ({"covariates": ["price", "price"]}, "`covariates` must name each column once"),
        ({"covariates": [("note", "price", "note")]}, "once, but .* name one twice"),
        ({"covariates": [("note", "price"), ("price", "note")]}, "`covariates` must name each column once"),
        ({"covariates": [()]}, "`covariates` must name"),
        ({"covariates": ["price", ("huge", "huge")]}, "Products of covariates must be finite"),
        ({"covariates": ["same"]}, "covariate 'same' must have from two to 1000 levels, but it has 1"),
        ({"covariates": ["kinds"]}, "levels of the covariate 'kinds' have no order"),
        ({"covariates": ["holes"]}, "covariate 'holes' must have no missing values"),
        ({"slopes": {"shop": ["note"]}, "correlated": False}, r"Slopes of categories, as of \['note'\]"),
        ({"slopes": {"shop": ["note"]}, "intercepts": []}, r"Slopes of categories, as of \['note'\]"),
        ({"intercepts": False}, r"\['shop'\] have neither intercepts nor slopes"),
        ({"intercepts": ["item"]}, r"`intercepts` has the factors \['item'\]"),
        ({"correlated": ["item"]}, r"`correlated` has the factors \['item'\]"),
        ({"offset": "prize"}, r"`offset` names \['prize'\]"),
        ({"offset": "gaps"}, "offset 'gaps' must be finite"),
        ({"offset": "note"}, "offset 'note' must be numbers"),
        ({"offset": "huge"}, "`offset` must be finite and at most"),
        ({"covariates": ["gaps"]}, "covariate 'gaps' must be finite"),
        ({"slopes": {"shop": ["gaps"]}}, "covariate 'gaps' must be finite"),
        ({"covariates": ["day"]}, "covariate 'day' must be numbers"),
        ({"covariates": ["shop"]}, r"\['shop'\] are factors as well as covariates"),
        ({"groups": ["item", "shop"], "slopes": {"item": ["shop"]}}, r"\['shop'\] are factors as well as covariates"),
        ({"slopes": {"item": ["price"]}}, r"`slopes` has the factors \['item'\], but `groups` is \['shop'\]"),
        ({"slopes": {"shop": ["prize"]}}, r"`slopes` names \['prize'\], which X does not have. Pass some"),
        ({"slopes": {"shop": ["price", "price"]}}, "price"),
        ({"covariates": ["price", "double"]}, "linearly independent"),
        ({"covariates": ["one"]}, "linearly independent"),
        ({"quadrature": 5}, "`quadrature`"),
        ({"quadrature": 0}, "'quadrature' parameter"),
        ({"solver": "cg", "target_type": "binary"}, 'solver="cg" does not go'),
        ({"approximation": "laplace"}, "`approximation` needs a binary target or counts"),
        ({"approximation": "pql"}, "`approximation` needs a binary target or counts"),
        ({"approximation": "exact", "target_type": "binary"}, "'approximation' parameter"),
        ({"approximation": "pql", "quadrature": 5, "target_type": "binary"}, "does not go with approximation=.pql"),
        (
            {"approximation": "laplace", "solver": "cg", "groups": ["shop", "item"], "target_type": "binary"},
            'solver="cg" does not give',
        ),
        ({"output": "modes"}, "`output` must be one or several of .* Got 'modes'"),
        ({"output": ["mode", "mode"]}, "`output` must be one or several of"),
        ({"output": []}, "`output` must be one or several of"),
        ({"weight_type": "precision", "target_type": "binary"}, "normal family alone"),
        ({"quadrature": 5, "slopes": {"shop": ["price"]}, "target_type": "binary"}, "`quadrature`"),
        ({"quadrature": 5, "groups": ["shop", "item"], "target_type": "binary"}, "`quadrature`"),
        ({"covariates": ["price", "double"], "target_type": "binary"}, "linearly independent"),
        ({"covariates": ["one"], "target_type": "count"}, "linearly independent"),
        ({"covariates": ["one"], "groups": ["shop", "item"], "target_type": "count"}, "linearly independent"),
        ({"family": "poisson", "target_type": "binary"}, "family"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(shops, parameters, words):
    X, y = shops
    X = X.assign(double=2 * X["price"] + 1, one=1.0, gaps=X["price"].where(X["price"] < 1))
    X = X.assign(huge=1e200, same="a", kinds=["a", 1.5] * 45, holes=X["shop"], shop=X["shop"].fillna("none"))
    X["day"] = pd.date_range("2020-02-02", periods=90)
    parameters = {"groups": ["shop"], "target_type": "continuous", **parameters}
    y = y if parameters["target_type"] == "continuous" else (y > 0).astype(int)
    with pytest.raises(ValueError, match=words):
        MixedModelEncoder(**parameters).fit(X, y)


def test_several_targets_and_classes_are_refused(shops):
    X, y = shops
    with pytest.raises(ValueError, match="several outputs"):
        encoder_of(["shop"]).fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="several classes"):
        encoder_of(["shop"], target_type="auto").fit(X, np.digitize(y, [-1, 1]).astype(str))


def test_nothing_comes_out_before_fit(shops):
    encoder = encoder_of(["shop"])
    for ask in (
        lambda: encoder.transform(shops[0]),
        lambda: encoder.summary_,
        lambda: encoder.encoding_table("shop"),
        lambda: encoder.get_feature_names_out(),
    ):
        with pytest.raises(NotFittedError):
            ask()


def test_collinear_covariates_are_refused_whatever_their_rounding():
    X, y = mixed_rows()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        first, second, third = rng.normal(size=3)
        collinear = X.assign(last=first * X["x"] + second * X["z"] + third)
        with pytest.raises(ValueError, match="linearly independent"):
            encoder_of(["a"], covariates=["x", "z", "last"]).fit(collinear, y)


def test_covariates_that_nearly_depend_are_named_where_there_is_little_noise():
    X, _ = mixed_rows()
    rng = np.random.default_rng(0)
    y = rng.normal(size=X["a"].nunique())[pd.factorize(X["a"])[0]] + 1e-4 * rng.normal(size=len(X))
    near = X.assign(near=X["x"] + 3e-6 * X["x"].std() * rng.normal(size=len(X)), steady=1e3 + X["z"])
    with pytest.raises(ValueError, match=r"The covariates \['x', 'near'\] nearly depend on each other.*difference"):
        encoder_of(["a"], covariates=["x", "steady", "near"]).fit(near, y)
    apart = near.assign(near=near["near"] - near["x"])
    encoder_of(["a"], covariates=["x", "steady", "near"]).fit(apart, y)


@pytest.mark.parametrize("correlated", [True, False])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_slopes_of_a_constant_change_nothing(value, correlated):
    """A slope of ones is a second intercept, and one of zeros changes nothing."""
    X, y = mixed_rows()
    alone = encoder_of(["a"], covariates=["x"], output="prediction").fit(X, y)
    idle = X.assign(idle=value)
    encoder = encoder_of(["a"], covariates=["x"], slopes={"a": ["idle"]}, correlated=correlated, output="prediction")
    encoder.fit(idle, y)
    assert encoder.model_.criterion == pytest.approx(alone.model_.criterion, abs=1e-6)
    np.testing.assert_allclose(encoder.transform(idle)["prediction"], alone.transform(X)["prediction"], atol=1e-6)
    variances = [each.summary_.query("kind == 'variance'")["value"] for each in (alone, encoder)]
    np.testing.assert_allclose(*(own.sum() for own in variances), rtol=1e-4)


def test_a_refused_refit_leaves_the_model_of_the_first(shops):
    X, y = shops
    encoder = encoder_of(["shop"]).fit(X, y)
    before = encoder.summary_
    encoder.set_params(output=["mode", "prediction"])
    with pytest.raises(ValueError, match="occur twice"):
        encoder.fit(X.assign(prediction=1.0), 10 * y)
    pd.testing.assert_frame_equal(encoder.summary_, before)


@pytest.mark.parametrize("covariates", [[], ["x"]], ids=["none", "one"])
def test_equations_that_weights_spoil_say_so(covariates):
    X, y = mixed_rows(40)
    weights = 10.0 ** np.random.default_rng(0).uniform(-12, 12, 40)
    words = "cannot be solved .* Weights or exposures may differ too much in size"
    with pytest.raises(ValueError, match=words + (".*covariates may nearly depend" if covariates else "")):
        encoder_of(["a", "b"], covariates=covariates).fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("seed", range(30))
def test_covariates_that_predict_y_are_refused_whatever_rounding_leaves(seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"g": rng.integers(0, 5, 40), "x": rng.normal(size=40), "z": rng.normal(size=40)})
    y = rng.normal() + X["x"] * rng.normal() + X["z"] * rng.normal()
    with pytest.raises(ValueError, match="the covariates predict it exactly"):
        MixedModelEncoder(["g"], covariates=["x", "z"], target_type="continuous").fit(X, y)
