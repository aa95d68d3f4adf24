"""Covariates of strings, and products of covariates, are columns of numbers."""

import itertools
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from helpers.json_mutations import forge
from helpers.mixed import OUTPUTS, encoder_of, mixed_rows

from catpool import MixedModelEncoder

X, Y = mixed_rows()
TARGETS = {"continuous": Y, "binary": (np.median(Y) < Y).astype(int), "count": np.maximum(Y, 0).astype(int)}
LOW, MID = ((X["s"] == level).astype(float) for level in ("low", "mid"))
ARRAY = {"type": "array", "dtype": "object", "shape": [1], "values": ["low"]}
NUMBERS = X.assign(low=LOW, mid=MID, low_x=LOW * X["x"], mid_x=MID * X["x"], square=X["x"] ** 2)


def numbers_of(encoder, rows):
    return np.asarray(encoder.set_params(remainder="drop").transform(rows), dtype=float)


def terms_of(encoder):
    return encoder.summary_.query("kind == 'fixed'")["term"].tolist()


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize(
    ("covariates", "same"),
    [
        (["s"], ["low", "mid"]),
        (["s", "x", ("s", "x")], ["low", "mid", "x", "low_x", "mid_x"]),
        ([("x", "s")], ["x", "low_x", "mid_x"]),
        ([("x", "x"), "x"], ["square", "x"]),
    ],
)
def test_they_are_indicators_of_all_levels_but_the_first(covariates, same, kind):
    one = encoder_of(["a"], covariates=covariates, target_type=kind, output=OUTPUTS).fit(X, TARGETS[kind])
    other = encoder_of(["a"], covariates=same, target_type=kind, output=OUTPUTS).fit(NUMBERS, TARGETS[kind])
    np.testing.assert_allclose(one.model_.fixed, other.model_.fixed, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(numbers_of(one, X), numbers_of(other, NUMBERS), rtol=1e-6, atol=1e-8)
    assert one.model_.criterion == pytest.approx(other.model_.criterion, abs=1e-8)


@pytest.mark.parametrize("correlated", [True, ["a"]])
def test_slopes_of_categories_are_those_of_indicators(correlated):
    one = encoder_of(["a", "c"], slopes={"a": ["s"], "c": ["x"]}, correlated=correlated).fit(X, Y)
    slopes = {"a": ["low", "mid"], "c": ["x"]}
    other = encoder_of(["a", "c"], slopes=slopes, correlated=correlated).fit(NUMBERS, Y)
    assert one.model_.criterion == pytest.approx(other.model_.criterion, abs=1e-8)
    names = [f"s[{level}]_{name}" for level in ("low", "mid") for name in ("mode", "sd", "lower", "upper")]
    assert one.encoding_table("a").columns[6:].tolist() == names
    np.testing.assert_allclose(one.encoding_table("a").iloc[:, 1:], other.encoding_table("a").iloc[:, 1:], atol=1e-7)


def test_products_of_categories_have_all_cells():
    """The fixed part of a model of all cells is free, so that the order of levels and of columns is of no account."""
    both = X.assign(t=np.where(X["x"] > 3, "far", "near"))
    encoders = [
        encoder_of(["c"], covariates=own, output="prediction") for own in ([("s", "t")], ["t", "s", ("t", "s")])
    ]
    one, other = (numbers_of(encoder.fit(both, Y), both) for encoder in encoders)
    np.testing.assert_allclose(one, other, rtol=1e-7)
    assert terms_of(encoders[0]) == ["intercept", "s[low]", "s[mid]", "t[near]", "s[low]:t[near]", "s[mid]:t[near]"]


def test_an_ordered_dtype_has_its_own_order():
    order = ["mid", "low", "high", "none"]
    ordered = X.assign(s=pd.Categorical(X["s"], order, ordered=True))
    assert terms_of(encoder_of(["a"], covariates=["s"]).fit(ordered, Y)) == ["intercept", "s[low]", "s[high]"]
    unordered = X.assign(s=pd.Categorical(X["s"], order))
    assert terms_of(encoder_of(["a"], covariates=["s"]).fit(unordered, Y)) == ["intercept", "s[low]", "s[mid]"]


def test_columns_of_numbers_are_numbers_whatever_holds_them():
    plain = encoder_of(["a"], covariates=["x"], output="fixed").fit(X, Y)
    for held in (X["x"].astype(object), X["x"].map(lambda x: Decimal(repr(x))), X["x"].astype("Float64")):
        other = encoder_of(["a"], covariates=["x"], output="fixed").fit(X.assign(x=held), Y)
        np.testing.assert_array_equal(numbers_of(plain, X), numbers_of(other, X.assign(x=held)))
    flags = encoder_of(["a"], covariates=["x"]).fit(X.assign(x=X["x"] > 3), Y)
    assert terms_of(flags) == ["intercept", "x"]


def test_a_column_may_be_a_covariate_and_a_part_of_a_factor_or_a_factor_of_numbers():
    encoder = encoder_of([("s", "c")], covariates=["s", "x"], output=["mode", "prediction"]).fit(X, Y)
    assert terms_of(encoder) == ["intercept", "s[low]", "s[mid]", "x"]
    encoder = encoder_of(["c"], covariates=["c"], output=["mode", "fixed"]).fit(X, Y)
    fixed = encoder.model_.fixed
    np.testing.assert_allclose(encoder.transform(X)["fixed"], fixed[0] + fixed[1] * X["c"], rtol=1e-12)


def test_a_new_level_is_named():
    encoder = encoder_of(["a"], covariates=["s"]).fit(X, Y)
    new = X.assign(s=np.where(np.arange(len(X)) == 3, "top", X["s"]))
    for rows in (new, new.iloc[:5], new.astype({"s": "category"})):
        with pytest.raises(ValueError, match=r"covariate 's' has the levels \['top'\], which were not there at fit"):
            encoder.transform(rows)
    spare = X.astype({"s": pd.CategoricalDtype(["high", "low", "mid", "top"])})  # which no row has
    assert len(encoder.transform(spare)) == len(X)
    with pytest.raises(ValueError, match="covariate 's' must have no missing values"):
        encoder.transform(X.assign(s=X["s"].where(X["s"] != "low")))
    with pytest.raises(ValueError, match="covariate 'x' must be numbers"):
        encoder_of(["a"], covariates=["x"]).fit(X, Y).transform(X.assign(x="much"))


def test_ids_are_no_covariates():
    many = pd.DataFrame({"g": np.arange(2002) % 7, "row": np.arange(2002).astype(str)})
    with pytest.raises(
        ValueError, match=r"from two to 1000 levels, but it has 2002\. Leave it out, or name it in `groups`"
    ):
        encoder_of(["g"], covariates=["row"]).fit(many, np.arange(2002.0))


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("level", ["low", "high"])
def test_a_fold_does_without_a_level_that_it_does_not_see(kind, level):
    """With the reference gone, the last level follows from the others and takes its place."""
    folds = np.where(X["s"] == level, 0, 1 + np.arange(len(X)) % 2)
    encoder = encoder_of(["a"], covariates=["s"], target_type=kind, cv=folds, output="prediction", remainder="drop")
    dropped = "low" if level == "low" else "mid"
    with pytest.warns(UserWarning, match=rf"fold \d without \['s\[{dropped}\]'\]\. Leave these"):
        found = np.asarray(encoder.fit_transform(X, TARGETS[kind]))
    own, rest = folds == 0, folds != 0
    alone = encoder.set_params(cv=2).fit(X[rest], TARGETS[kind][rest])
    seen = "high" if level == "low" else "mid"
    np.testing.assert_allclose(found[own], alone.transform(X[own].assign(s=seen)), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "array", "category", "string"])
def test_tables_of_any_library_have_the_same_model(kind):
    columns = X[["a", "s", "x"]]
    encoder = encoder_of(["a"], covariates=[("s", "x"), "s"], output="prediction", remainder="drop")
    expected = np.asarray(encoder.fit(columns, Y).transform(columns))
    if kind == "array":
        encoder, rows = encoder.set_params(groups=[0], covariates=[(1, 2), 1]), columns.to_numpy()
    elif kind == "pyarrow":
        rows = pytest.importorskip("pyarrow").table({name: columns[name].tolist() for name in columns})
    elif kind == "polars":
        polars = pytest.importorskip("polars")
        rows = polars.DataFrame(columns.to_dict("list")).with_columns(polars.col("s").cast(polars.Categorical))
    else:
        rows = columns.astype({"s": kind})
    found = encoder.fit(rows, Y).transform(rows)
    found = found["prediction"].to_numpy() if kind == "pyarrow" else np.asarray(found)
    np.testing.assert_allclose(np.ravel(found), np.ravel(expected), rtol=1e-7)


def test_names_of_features_follow_those_of_columns():
    rows = X[["a", "s", "x"]].to_numpy()
    encoder = encoder_of([0], covariates=[(1, 2)], slopes={0: [1, (2, 2)]}).fit(rows, Y)
    expected = ["a", "a_s[low]", "a_s[mid]", "a_x:x", "s", "x"]
    assert encoder.get_feature_names_out(["a", "s", "x"]).tolist() == expected
    assert encoder.get_feature_names_out()[:3].tolist() == ["x0", "x0_x1[low]", "x0_x1[mid]"]


def test_levels_of_numbers_and_the_order_of_rows():
    table = X.assign(s=pd.Categorical(X["c"] % 3 - 1))
    encoder = encoder_of(["a"], covariates=["s"], output="fixed")
    expected = numbers_of(encoder.fit(table, Y), table)
    assert terms_of(encoder) == ["intercept", "s[0]", "s[1]"]
    backwards = encoder.fit(table.iloc[::-1], Y[::-1])
    np.testing.assert_allclose(numbers_of(backwards, table), expected, rtol=1e-9)


def test_files_hold_the_levels():
    encoder = encoder_of(["a"], covariates=["s", ("s", "x")], slopes={"a": ["x"]}, output=OUTPUTS).fit(X, Y)
    again = MixedModelEncoder.from_json(encoder.to_json())
    pd.testing.assert_frame_equal(again.transform(X.iloc[:30]), encoder.transform(X.iloc[:30]))
    pd.testing.assert_frame_equal(again.summary_, encoder.summary_)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("labels", [], "without their levels"),
        ("labels", ["x"], "of other covariates"),
        ("columns", ["s", "s"], "twice"),
        ("vocabularies", [{"type": "Vocabulary", "categories": ARRAY}], "covariates of one level"),
    ],
)
def test_a_forged_file_s_levels_are_refused(field, value, words):
    content = json.loads(encoder_of(["a"], covariates=["s"]).fit(X, Y).to_json())
    content["fitted"]["state"]["tables"][0]["model"]["contrasts"][field] = value
    with pytest.raises(ValueError, match=words):
        MixedModelEncoder.from_json(forge(content))


def test_margins_come_once():
    terms = [("s", "x"), "x", ("x", "s", "z"), "s"]
    for order in itertools.permutations(terms):
        encoder = encoder_of(["c"], covariates=list(order)).fit(X, Y)
        found = terms_of(encoder)
        assert len(found) == len(set(found)) == 9
