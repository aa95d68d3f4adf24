"""`NumberBinner` adds columns of categories that numbers fall into, of every library, for every encoder."""

import copy
import datetime
import decimal
import json
import pickle
import random
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from helpers.json_mutations import damage, forge, mutate
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from catpool import AdditiveEncoder, EmpiricalBayesEncoder, MeanEncoder, NestedEncoder, NumberBinner, TreeEncoder

LEVELS = ["price_rounded_0", "price_rounded_1", "price_rounded_2"]


def rows(n=300, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"age": rng.integers(18, 80, n), "price": rng.uniform(0, 20, n).round(2)})
    X["city"] = rng.choice(["Bonn", "Kiel", None], n)
    X.loc[rng.random(n) < 0.1, "price"] = np.nan
    return X, rng.normal(size=n) + 2 * (X["age"] // 10 % 2)


X, Y = rows()
NEW = rows(50, 1)[0]


def binner(**parameters):
    return NumberBinner(**{"bins": {"age": 6}, "decimals": {"price": [0, 1, 2]}} | parameters)


def frame_of(library, table):
    if library == "pandas":
        return table
    if library == "polars":
        return pytest.importorskip("polars").from_pandas(table)
    return pytest.importorskip("pyarrow").Table.from_pandas(table, preserve_index=False)


def as_objects(frame):
    """A frame of any library as lists of objects, with None for missing values."""
    table = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
    return {name: [None if pd.isna(value) else value for value in table[name].tolist()] for name in table}


@parametrize_with_checks(
    [NumberBinner(), NumberBinner(3), NumberBinner({0: 2}, decimals={0: [0, -1]}), NumberBinner(decimals={0: 2})]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


def test_ranges_have_as_many_rows_each_and_numbers_keep_their_order():
    added = binner().fit_transform(X)
    assert list(added.columns) == ["age", "price", "city", "age_binned", *LEVELS]
    pd.testing.assert_frame_equal(added[["age", "price", "city"]], X)
    sizes = added["age_binned"].value_counts()
    assert len(sizes) == 6
    assert sizes.min() > 30
    bounds = added.groupby("age_binned")["age"].agg(["min", "max"]).sort_values("min")
    assert all(low < high for low, high in pairwise(bounds.to_numpy().ravel()[1:-1]) if low != high)
    for name, (low, high) in zip(bounds.index, bounds.to_numpy(), strict=True):
        start, end = name.strip("[)").split(", ")
        assert float(start) <= low <= high < float(end)


def test_prices_are_rounded_and_missing_ones_stay_missing():
    added = binner().fit_transform(X)
    missing = X["price"].isna()
    for decimals, name in enumerate(LEVELS):
        np.testing.assert_array_equal(added[name].isna(), missing)
        assert added[name][~missing].tolist() == [
            f"{np.round(price, decimals):.{decimals}f}" for price in X["price"][~missing]
        ]


def test_by_default_all_numbers_have_twenty_ranges_unless_some_are_rounded():
    added = NumberBinner().fit_transform(X)
    assert list(added.columns) == [*X.columns, "age_binned", "price_binned"]
    assert added["price_binned"].nunique() == 20
    assert NumberBinner(4).fit_transform(X)["price_binned"].nunique() == 4
    assert list(NumberBinner(decimals={"price": 0}).fit_transform(X).columns) == [*X.columns, "price_rounded_0"]


@pytest.mark.parametrize("library", ["polars", "arrow"])
def test_frames_of_all_libraries_have_the_same_columns(library):
    expected = as_objects(binner().fit(X).transform(NEW))
    table = frame_of(library, X)
    fitted = binner().fit(table)
    result = fitted.transform(frame_of(library, NEW))
    assert type(result) is type(table)
    assert as_objects(result) == expected
    missing = frame_of(library, X.assign(price=np.nan)[:5])  # a column of nothing is one of strings, too
    strings = fitted.transform(missing)[LEVELS[0]]
    assert "str" in str(strings.dtype if library == "polars" else strings.type).lower()


def test_arrays_have_numbers():
    array = X[["age", "price"]].to_numpy()
    added = NumberBinner({0: 6}, decimals={1: 0}).fit_transform(array)
    assert added.dtype == float
    np.testing.assert_array_equal(added[:, :2], array)
    np.testing.assert_array_equal(added[:, 3], np.round(array[:, 1]))
    text = binner().fit_transform(X)["age_binned"]
    assert sorted(set(added[:, 2])) == [1, 2, 3, 4, 5, 6]
    assert len(set(zip(added[:, 2], text, strict=True))) == 6
    assert (np.diff(added[np.argsort(array[:, 0]), 2]) >= 0).all()


def test_a_frame_s_binner_serves_arrays_with_strings_and_the_other_way_round():
    numbers = X[["age", "price"]]
    frames, arrays = binner().fit(numbers), NumberBinner({0: 6}, decimals={1: [0, 1, 2]}).fit(numbers.to_numpy())
    with pytest.warns(UserWarning, match="X does not have valid feature names, but NumberBinner was fitted with"):
        served = frames.transform(numbers.to_numpy())
    assert served[:, 2].tolist() == frames.transform(numbers)["age_binned"].tolist()
    with pytest.warns(UserWarning, match="X has feature names, but NumberBinner was fitted without feature names"):
        served = arrays.transform(numbers)
    np.testing.assert_array_equal(served.to_numpy(), arrays.transform(numbers.to_numpy()))


@pytest.mark.parametrize("encoder", [MeanEncoder, EmpiricalBayesEncoder, AdditiveEncoder])
def test_encoders_give_the_same_numbers_for_every_library(encoder):
    def encoded(table, columns, step):
        return make_pipeline(step, encoder(columns, cv=3, random_state=0, remainder="drop")).fit_transform(table, Y)

    numbers = X[["age", "price"]]
    expected = encoded(numbers, ["age_binned", "price_rounded_0"], binner(decimals={"price": 0})).to_numpy()
    assert np.isfinite(expected).all()
    for library in ("polars", "arrow"):
        found = encoded(frame_of(library, numbers), ["age_binned", "price_rounded_0"], binner(decimals={"price": 0}))
        np.testing.assert_allclose(found.to_pandas(), expected, rtol=1e-12)
    found = encoded(numbers.to_numpy(), [2, 3], NumberBinner({0: 6}, decimals={1: 0}))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_order_of_rows_does_not_matter():
    order = np.random.default_rng(0).permutation(len(X))
    pd.testing.assert_frame_equal(binner().fit_transform(X.iloc[order]), binner().fit_transform(X).iloc[order])


@pytest.mark.usefixtures("few_points")
def test_prices_nest_from_coarse_to_fine():
    """`NestedEncoder` gives what it gives for columns that are rounded by hand, and pools rare prices."""
    pipeline = make_pipeline(binner(bins=None), NestedEncoder(LEVELS, cv=4, random_state=0, emit="all"))
    by_hand = X.assign(**{name: X["price"].round(decimals) for decimals, name in enumerate(LEVELS)})
    expected = NestedEncoder(LEVELS, cv=4, random_state=0, emit="all").fit_transform(by_hand, Y)
    found = pipeline.fit_transform(X, Y)
    np.testing.assert_allclose(found[LEVELS], expected[LEVELS], rtol=1e-9)
    assert pipeline[-1].summary_["column"].tolist() == LEVELS
    assert np.isfinite(pipeline.transform(NEW)[LEVELS]).all(axis=None)


def test_steps_that_a_line_does_not_see_are_learned():
    numbers = X[["age"]]
    model = make_pipeline(NumberBinner({"age": 12}), MeanEncoder(["age_binned"], cv=5, random_state=0), Ridge())
    assert model.fit(numbers, Y).score(numbers, Y) > Ridge().fit(numbers, Y).score(numbers, Y) + 0.2
    search = GridSearchCV(model, {"numberbinner__bins": [{"age": 2}, {"age": 12}]}, cv=3).fit(numbers, Y)
    assert search.best_params_ == {"numberbinner__bins": {"age": 12}}


def test_tree_encoder_finds_the_new_columns():
    encoded = make_pipeline(binner(), TreeEncoder(random_state=0, interactions=None)).fit_transform(X, Y)
    assert {"age", "price", "age_binned_code", "price_rounded_0"} <= set(encoded.columns)


@pytest.mark.parametrize("how", ["json", "file", "pickle", "clone", "copy"])
def test_it_is_saved_and_copied(how, tmp_path):
    fitted = binner(bins={"age": np.int64(6)}).fit(X)
    expected = fitted.transform(NEW)
    if how == "file":
        fitted.to_json(tmp_path / "binner.json")
    again = {
        "json": lambda: NumberBinner.from_json(fitted.to_json()),
        "file": lambda: NumberBinner.from_json(tmp_path / "binner.json"),
        "pickle": lambda: pickle.loads(pickle.dumps(fitted)),
        "clone": lambda: clone(fitted).fit(X),
        "copy": lambda: copy.deepcopy(fitted),
    }[how]()
    pd.testing.assert_frame_equal(again.transform(NEW), expected)
    assert again.get_params() == fitted.get_params()


def test_files_that_were_changed_are_refused_or_work():
    content, rng = json.loads(binner().fit(X).to_json()), random.Random(0)
    refused = 0
    for _ in range(400):
        text = forge(mutate(content, rng)) if rng.random() < 0.8 else damage(json.dumps(content), rng)
        try:
            again = NumberBinner.from_json(text)
        except (ValueError, FileNotFoundError):
            refused += 1
            continue
        if again.feature_names_in_.tolist() == list(X.columns):
            assert len(again.transform(NEW)) == len(NEW)
    assert refused > 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state["columns"][1]["rule"].update(decimals=99), "it holds 99 decimals"),
        (lambda state: state["columns"][0].update(label="absent"), r"it holds categories of the columns \['absent'\]"),
        (lambda state: state["columns"].append(state["columns"][0]), r"\['age_binned'\] would occur twice"),
    ],
)
def test_forged_files_are_refused(change, message):
    content = json.loads(binner().fit(X).to_json())
    change(content["fitted"]["state"])
    with pytest.raises(ValueError, match=message):
        NumberBinner.from_json(forge(content))
    other = MeanEncoder().fit(X, Y).to_json()
    with pytest.raises(ValueError, match="The file holds a MeanEncoder, not a NumberBinner"):
        NumberBinner.from_json(other)
    swapped = json.loads(other)
    swapped["class"] = "NumberBinner"
    swapped["parameters"] = {}
    with pytest.raises(ValueError, match="it is not a fitted NumberBinner"):
        NumberBinner.from_json(forge(swapped))


def test_a_label_that_json_cannot_hold_is_named():
    class Label:
        def __repr__(self):
            return "Label()"

    labels = [Label(), Label()]
    fitted = NumberBinner().fit(pd.DataFrame(np.arange(8.0).reshape(4, 2), columns=labels))
    with pytest.raises(TypeError, match=r"A label of X is Label\(\), a Label, which cannot be written as JSON"):
        fitted.to_json()


@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_set_output(output, library):
    pytest.importorskip("polars")
    result = binner().set_output(transform=output).fit_transform(frame_of(library, X))
    assert type(result).__module__.startswith(output)
    assert as_objects(result) == as_objects(binner().fit_transform(X))


def test_set_output_of_arrays():
    result = NumberBinner(3).set_output(transform="pandas").fit_transform(X[["age", "price"]].to_numpy())
    assert list(result.columns) == ["x0", "x1", "x0_binned", "x1_binned"]


def test_names_of_features():
    fitted = binner().fit(X)
    names = ["age", "price", "city", "age_binned", *LEVELS]
    assert fitted.get_feature_names_out().tolist() == names == fitted.transform(NEW).columns.tolist()
    assert fitted.feature_names_in_.tolist() == list(X.columns)
    assert fitted.n_features_in_ == 3
    arrays = NumberBinner(decimals={0: -1}).fit(np.arange(4.0)[:, None])
    assert arrays.get_feature_names_out().tolist() == ["x0", "x0_rounded_-1"]
    assert arrays.get_feature_names_out(["a"]).tolist() == ["a", "a_rounded_-1"]
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        fitted.get_feature_names_out(["a", "b", "c"])


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.25, 2.5, np.nan, 4.0], dtype=np.float32),
        pd.array([1.25, 2.5, None, 4.0], dtype="Float64"),
        pd.Series([decimal.Decimal("1.25"), decimal.Decimal("2.5"), None, decimal.Decimal(4)], dtype=object),
        pd.Series([1.25, 2.5, None, 4], dtype=object),
    ],
    ids=["float32", "Float64", "decimals", "objects"],
)
def test_numbers_of_all_types_are_binned(values):
    added = NumberBinner({"x": 3}, decimals={"x": 1}).fit_transform(pd.DataFrame({"x": values}))
    assert as_objects(added)["x_rounded_1"] == ["1.2", "2.5", None, "4.0"]
    assert as_objects(added)["x_binned"] == ["[-inf, 2)", "[2, 3)", None, "[3, inf)"]


def test_columns_that_hold_nothing_have_no_categories():
    fitted = NumberBinner({"x": 3}, decimals={"x": 1}).fit(pd.DataFrame({"x": pd.Series([None] * 4, dtype=object)}))
    assert fitted.transform(pd.DataFrame({"x": [1.0]})).iloc[0, 1:].tolist() == ["[-inf, inf)", "1.0"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bins": {"absent": 3}}, r"`bins` names \['absent'\], which X does not have"),
        ({"bins": {}}, "`bins` must name at least one column of X"),
        ({"bins": {"age": 1}}, r"`bins` must hold whole numbers of at least 2, but it holds \{'age': 1\}"),
        ({"bins": {"age": True}}, r"`bins` must hold whole numbers of at least 2, but it holds \{'age': True\}"),
        ({"bins": {"age": "6"}}, r"but it holds \{'age': '6'\}"),
        ({"bins": 1}, "The 'bins' parameter of NumberBinner must be an int in the range"),
        ({"bins": {"city": 3}}, "Column 'city' must hold numbers, but it holds values of type string. Convert them"),
        ({"decimals": {"city": 1}}, "Column 'city' must hold numbers"),
        ({"decimals": {"absent": 1}}, r"`decimals` names \['absent'\], which X does not have"),
        (
            {"decimals": {"price": 1.5}},
            r"`decimals` must hold whole numbers from -15 to 15, but it holds \[\('price', 1.5\)\]",
        ),
        ({"decimals": {"price": [1, 16]}}, r"but it holds \[\('price', 16\)\]"),
        ({"decimals": {"price": "12"}}, r"but it holds \[\('price', '1'\), \('price', '2'\)\]"),
        ({"decimals": {"price": [1, 1]}}, r"\['price_rounded_1'\] would occur twice"),
        ({"decimals": 2}, "The 'decimals' parameter of NumberBinner must be"),
    ],
)
def test_what_cannot_be_is_refused(parameters, message):
    fitted = binner().fit(X)
    before = fitted.transform(NEW)
    with pytest.raises(ValueError, match=message):
        fitted.set_params(**parameters).fit(X)
    pd.testing.assert_frame_equal(fitted.transform(NEW), before)


def test_tables_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"X has no column of numbers: \['city'\] hold other values"):
        NumberBinner().fit(X[["city"]])
    with pytest.raises(ValueError, match=r"must have different names, but \['age_binned'\] would occur twice"):
        binner().fit(X.assign(age_binned=1))
    with pytest.raises(
        ValueError, match=r"y must not be the name of a column, but it is 'price'\. Take the column out"
    ):
        binner().fit(X, "price")
    with pytest.raises(
        TypeError, match=r"`NumberBinner` takes rows in memory\. Collect the table to pandas, polars or arrow"
    ):
        binner().fit(frame_of("polars", X).lazy())
    with pytest.raises(NotFittedError):
        binner().transform(X)
    with pytest.raises(NotFittedError):
        binner().to_json()


def test_new_tables_that_cannot_be_are_refused():
    fitted = binner().fit(X)
    with pytest.raises(ValueError, match="Column 'price' must hold numbers"):
        fitted.transform(X.assign(price="much"))
    with pytest.raises(ValueError, match=r"yet now missing: \['price'\]"):
        fitted.transform(X.drop(columns="price"))
    with pytest.raises(ValueError, match=r"unseen at fit time: \['more'\]"):
        fitted.transform(X.assign(more=1))
    with pytest.raises(ValueError, match="Column 'age' must hold numbers"):
        fitted.transform(X.assign(age=datetime.datetime(2024, 1, 1)))
    with pytest.raises(TypeError, match="takes rows in memory"):
        fitted.transform(frame_of("polars", X).lazy())
