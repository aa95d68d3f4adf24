"""`categories=`: a column learns as if rows of categories that are not listed were not there."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import TimeSeriesSplit
from sklearn.utils._param_validation import InvalidParameterError

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder
from catpool.onnx import register_converters

LISTED = ["Ulm", "never", "Bonn", "Kiel"]  # all but Jena, in no order, and one without rows
OUTPUTS = ["mean", "sd", "reliability", "count", "size", "code"]
FOLDS = np.arange(120) % 4
SIMPLE = pd.DataFrame({"c": ["a", "a", "b", "b", "x", None]})
Y = [1.5, 2.5, 4.0, 8.0, 99.5, 6.0]

pytestmark = pytest.mark.filterwarnings("ignore:.*rows are in no test fold")


def jena(X):
    return (X["city"] == "Jena").to_numpy()


def assert_learned_without(encoder, X, y, weights, cv=None):
    """Fit with a list, and to the other rows alone, with a categorical of the same levels; return the features."""
    encoder = clone(encoder).set_params(columns=["city"], output=OUTPUTS, remainder="drop", random_state=0)
    rest = ~jena(X)
    assert 0 < rest.sum() < len(X)
    alone = clone(encoder).set_params(cv=encoder.cv[rest] if cv is None else cv)
    encoder.set_params(categories=[LISTED])
    some = X[rest].assign(city=pd.Categorical(X["city"][rest], LISTED))
    features = encoder.fit_transform(X, y, sample_weight=weights)
    expected = alone.fit_transform(some, y[rest], sample_weight=None if weights is None else weights[rest])
    np.testing.assert_allclose(features[rest], expected, rtol=1e-9, atol=1e-11)
    fitted = clone(encoder).fit(X, y, sample_weight=weights)
    for each in (encoder, fitted):
        pd.testing.assert_frame_equal(each.summary_, alone.summary_, rtol=1e-8)
        pd.testing.assert_frame_equal(each.encoding_table("city"), alone.encoding_table("city"), rtol=1e-8)
        np.testing.assert_allclose(each.transform(some[::-1]), alone.transform(some[::-1]), rtol=1e-9, atol=1e-11)
    return features


@pytest.mark.parametrize("target", ["continuous", "binary", "count", "multiclass"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("crossfit", ["all", "rare"])
def test_the_column_learns_from_the_other_rows_alone(encoder_class, table, target, weighted, crossfit):
    encoder = encoder_class(cv=FOLDS, target_type=target, crossfit=crossfit, crossfit_reliability=0.5)
    weights = table["weights"] if weighted else None
    assert_learned_without(encoder, table["X"], table[target], weights)


@pytest.mark.parametrize("weighted", [False, True])
def test_precisions_are_those_of_the_other_rows(encoder_class, table, weighted):
    encoder = encoder_class(cv=FOLDS, weight_type="precision")
    assert_learned_without(encoder, table["X"], table["continuous"], table["weights"] + 0.5 if weighted else None)


def test_targets_far_from_zero_keep_their_digits(encoder_class, table):
    """The number that sums are distances from is a row's that the column learns from."""
    X, few = table["X"][["city"]], table["X"]["city"].isin(["Ulm", "Jena"]).to_numpy()
    X, y = X.fillna("Bonn"), np.where(few, 1e7 + table["continuous"], 0.0)
    encoder = encoder_class(cv=FOLDS, target_type="continuous", output=["mean", "sd"])
    expected = clone(encoder).set_params(cv=FOLDS[few]).fit_transform(X[few], y[few])
    found = encoder.set_params(categories=[["Ulm", "Jena"]]).fit_transform(X, y)[few]
    np.testing.assert_allclose(found["city"], expected["city"], rtol=1e-14)
    np.testing.assert_allclose(found["city_sd"], expected["city_sd"], rtol=1e-6)


def test_splits_that_leave_rows_out(encoder_class, table):
    X, rest = table["X"], ~jena(table["X"])
    splits = list(TimeSeriesSplit(3).split(X))
    place = np.cumsum(rest) - 1
    some = [(place[train[rest[train]]], place[test[rest[test]]]) for train, test in splits]
    assert_learned_without(encoder_class(cv=splits), X, table["continuous"], None, cv=some)


@pytest.mark.parametrize("half_life", [None, 7.0])
def test_the_past_is_that_of_the_other_rows(encoder_class, table, half_life):
    X, y, rest = table["X"].assign(day=np.arange(120) // 2), table["continuous"], ~jena(table["X"])
    cv = EarlierRows("day", half_life=half_life)
    encoder = encoder_class(["city"], cv=cv, output=["mean", "sd", "count"], remainder="drop")
    features = clone(encoder).set_params(categories=[LISTED]).fit_transform(X, y)
    np.testing.assert_allclose(features[rest], encoder.fit_transform(X[rest], y[rest]), rtol=1e-9)
    late = ~rest & (X["day"] > 5).to_numpy()
    assert late.any()
    assert (features["city_count"][late] == 0).all()
    assert features.notna().to_numpy()[late].all()


def test_rows_of_other_categories_get_what_unseen_categories_get():
    encoder = MeanEncoder(categories=[["b", "a"]], cv=[0, 1, 0, 1, 0, 1], output=["mean", "count", "size", "code"])
    train = encoder.fit_transform(SIMPLE, Y)
    assert train.iloc[4].tolist() == [(2.5 + 8.0 + 6.0) / 3, 0.0, 0.0, -2.0]
    assert encoder.transform(SIMPLE.iloc[4:]).iloc[0].tolist() == [4.4, 0.0, 0.0, -2.0]
    assert encoder.lookup({"c": "x"})["c"] == 4.4
    assert encoder.transform(SIMPLE.iloc[:1])["c_code"].tolist() == [0.0]
    hidden = clone(encoder).set_params(unknown="nan")
    assert np.isnan(hidden.fit_transform(SIMPLE, Y)["c"]).tolist() == [False] * 4 + [True, False]
    assert np.isnan(hidden.lookup({"c": "x"})["c"])


def test_unknown_error_names_the_column_and_categories_at_fit():
    encoder = MeanEncoder(categories=[["a", "b"]], unknown="error", cv=2)
    for call in (encoder.fit, encoder.fit_transform, encoder.partial_fit):
        with pytest.raises(ValueError, match=r"Column 'c' must hold .*`categories` lists, but 1 .* such as \['x'\]"):
            call(SIMPLE, Y)
    some, listed = SIMPLE.drop(4), [*"abx"]
    fitted = clone(encoder).set_params(categories=[listed]).fit(some, np.delete(Y, 4))
    with pytest.raises(ValueError, match=r"there at fit, but 1 were not, such as \['x'\]"):
        fitted.transform(SIMPLE)


def test_unused_levels_that_are_not_listed_are_no_error():
    X = pd.DataFrame({"c": pd.Categorical(list("ab") * 20, [*"abz"])})
    MeanEncoder(categories=[["a", "b"]], unknown="error").fit(X, np.arange(40) / 7)


@pytest.mark.parametrize("missing", ["category", "prior", "nan", "error"])
def test_missing_values_are_listed_or_not(missing):
    rows = SIMPLE if missing != "error" else SIMPLE.iloc[:5]
    encoders = [MeanEncoder(categories=[each], missing=missing, cv=2) for each in (["a", "b"], ["a", None, "b"])]
    one, other = (each.set_params(random_state=0).fit_transform(rows, Y[: len(rows)]) for each in encoders)
    pd.testing.assert_frame_equal(one, other)
    if missing == "error":
        with pytest.raises(ValueError, match="Column 'c' must have no missing values"):
            encoders[0].fit(SIMPLE, Y)


def test_no_bit_depends_on_targets_of_rows_that_are_not_listed(encoder_class, table):
    X, y, rest = table["X"], table["continuous"] + 1000, ~jena(table["X"])
    encoder = encoder_class(["city"], categories=[LISTED], cv=FOLDS, output=["mean", "sd"], remainder="drop")
    changed = np.where(rest, y, -77.25)
    before, after = (encoder.fit_transform(X, each) for each in (y, changed))
    assert before.to_numpy().tobytes() == after.to_numpy().tobytes()
    prior = [clone(encoder).fit(X, each).transform(X).to_numpy().tobytes() for each in (y, changed)]
    assert prior[0] == prior[1]


def test_other_columns_and_interactions_learn_from_all_rows(encoder_class, table):
    X, y = table["X"].assign(shop=table["X"]["shop"] % 3), table["continuous"]
    auto = encoder_class(None, interactions=[("city", "shop")], cv=FOLDS)
    listed = clone(auto).set_params(categories=[LISTED, [0, 1, 2]])
    expected, found = auto.fit_transform(X, y), listed.fit_transform(X, y)
    pd.testing.assert_frame_equal(found[["shop", "city_x_shop"]], expected[["shop", "city_x_shop"]])
    assert (found["city"] != expected["city"]).any()


def test_threads_give_the_same(table):
    encoder = EmpiricalBayesEncoder(None, categories=[LISTED, list(range(20))], cv=FOLDS)
    one, two = (clone(encoder).set_params(n_jobs=n).fit_transform(table["X"], table["continuous"]) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("weight_type", ["frequency", "precision"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_parts_teach_what_all_rows_teach(encoder_class, table, weight_type, library):
    X, y, weights, key = table["X"], table["continuous"], table["weights"] + 0.5, np.arange(120)
    lists = [LISTED, list(range(30))]
    whole = encoder_class(None, categories=lists, cv=4, weight_type=weight_type).set_output(transform=library)
    stream, merged = clone(whole), None
    out_of_fold = whole.fit_transform(X, y, sample_weight=weights, key=key)
    for rows in (slice(40), slice(40, 120)):
        stream.partial_fit(X.iloc[rows], y[rows], sample_weight=weights[rows], key=key[rows])
        part = clone(whole).fit(X.iloc[rows], y[rows], sample_weight=weights[rows])
        merged = part if merged is None else merged.merge(part)
    expected = whole.transform(X.iloc[::2])
    for other in (stream, merged, encoder_class.from_json(stream.to_json()), encoder_class.from_json(merged.to_json())):
        pd.testing.assert_frame_equal(other.summary_, whole.summary_, rtol=1e-6)
        np.testing.assert_allclose(other.set_output(transform=library).transform(X.iloc[::2]), expected, rtol=1e-9)
    np.testing.assert_allclose(stream.transform_out_of_fold(X, key), out_of_fold, rtol=1e-9)


def test_a_later_part_may_have_no_listed_row_and_the_first_may_not():
    encoder = MeanEncoder(categories=[["a", "b"]]).partial_fit(SIMPLE, Y)
    before = encoder.summary_
    encoder.partial_fit(pd.DataFrame({"c": ["x", "z"]}), [5.5, 7.0])
    pd.testing.assert_frame_equal(encoder.summary_, before)
    with pytest.raises(ValueError, match=r"`categories` must list some of the categories of column 'c'"):
        clone(encoder).partial_fit(pd.DataFrame({"c": ["x", "z"]}), [5.5, 7.0])


def test_all_parts_have_the_same_list(table):
    X, y = table["X"][["city"]], table["continuous"]
    many = [str(number) for number in range(2000)]  # whose middle numpy does not print
    for one, other in ((["auto"], [LISTED]), ([LISTED], [LISTED[::-1]])):
        first = "auto" if one == ["auto"] else one
        stream = MeanEncoder(categories=first).partial_fit(X, y).set_params(categories=other)
        with pytest.raises(ValueError, match="categories of column 'city' must be those that `categories` lists"):
            stream.partial_fit(X, y)
    one, other = (np.array([*LISTED, *many[:1000], each, *many[1000:]], dtype=object) for each in ("one", "other"))
    pair = [MeanEncoder(categories=[each]).fit(X, y) for each in (one, other)]
    with pytest.raises(ValueError, match="categories of column 'city' must be those that `categories` lists"):
        pair[0].merge(pair[1])


@pytest.mark.parametrize(
    ("categories", "values"),
    [
        ([["b", "a"]], ["a", "b", "x"]),
        ([np.array([3, 1])], [1, 3, 7]),
        ([pd.Series([0.5, 1.5])], [0.5, 1.5, 9.0]),
        ([(("a", 1), ("b", 2))], [("a", 1), ("b", 2), ("x", 3)]),
        (
            [pd.to_datetime(["2024-01-02", "2024-01-01"])],
            list(pd.to_datetime(["2024-01-01", "2024-01-02", "2024-03-03"])),
        ),
    ],
    ids=repr,
)
def test_files_hold_the_lists(categories, values):
    X = pd.DataFrame({"c": values * 4})
    encoder = MeanEncoder(None, categories=categories).fit(X, np.arange(12) / 7)
    again = MeanEncoder.from_json(encoder.to_json())
    assert [list(each) for each in again.categories] == [list(each) for each in categories]
    np.testing.assert_array_equal(again.transform(X.iloc[::2]), encoder.transform(X.iloc[::2]))
    assert again.to_json() == encoder.to_json()
    again.fit(X, np.arange(12) / 7)


@pytest.mark.parametrize("forged", [[["a", "x"]], [["a"]], [["a", "b"], ["c"]], [[]], 3])
def test_files_whose_list_is_another_are_refused(forged):
    encoder = MeanEncoder(categories=[["a", "b"]]).fit(SIMPLE, Y).set_params(categories=forged)
    with pytest.raises(ValueError, match="The file is damaged"):
        MeanEncoder.from_json(encoder.to_json())


def test_sql_knows_the_listed_categories_alone(table):
    pytest.importorskip("sqlglot")
    connection = pytest.importorskip("duckdb").connect()
    X = table["X"].assign(row=np.arange(120))
    encoder = EmpiricalBayesEncoder(["city", "shop"], categories=[LISTED, list(range(20))]).fit(X, table["continuous"])
    connection.register("sales", X)
    found = connection.sql(encoder.to_sql("sales", dialect="duckdb")).df().sort_values("row")
    connection.close()
    np.testing.assert_allclose(found, encoder.transform(X.iloc[::-1])[::-1], rtol=1e-9)


def test_onnx_knows_the_listed_categories_alone(table):
    skl2onnx, runtime = pytest.importorskip("skl2onnx"), pytest.importorskip("onnxruntime")
    register_converters()
    X, some = table["X"][["shop"]].to_numpy(), list(range(20))
    encoder = EmpiricalBayesEncoder(categories=[some]).fit(X, table["continuous"])
    types = [("X", skl2onnx.common.data_types.Int64TensorType([None, 1]))]
    graph = skl2onnx.convert_sklearn(encoder, initial_types=types, target_opset=18)
    (found,) = runtime.InferenceSession(graph.SerializeToString()).run(None, {"X": X})
    np.testing.assert_allclose(found, encoder.transform(X[::-1])[::-1], rtol=1e-5)


def test_lists_are_for_the_columns_that_are_encoded(table):
    X, y = table["X"], table["continuous"]
    for columns, own in ((None, [LISTED]), (["city"], [LISTED, [1]]), ([], [LISTED]), (lambda X: ["city"], [])):
        with pytest.raises(ValueError, match=r"`categories` must be \"auto\", or a list with an array"):
            MeanEncoder(columns, categories=own).fit(X, y)
    MeanEncoder(lambda X: ["city"], categories=[LISTED]).fit(X, y)
    MeanEncoder(["shop", "city"], categories=[list(range(9)), LISTED]).fit(X, y)
    for other in ("all", None, (LISTED,), {"city": LISTED}):
        with pytest.raises(InvalidParameterError, match="'categories' parameter of MeanEncoder"):
            MeanEncoder(["city"], categories=other).fit(X, y)


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
@pytest.mark.parametrize("cv", [FOLDS, EarlierRows("shop")])
def test_a_column_without_listed_rows_is_named(table, method, cv):
    encoder = MeanEncoder(["city"], categories=[["Jena"]], cv=cv)
    for categories, weights in ([["never"], None], [["Jena"], np.where(jena(table["X"]), 0.0, 1.0)]):
        encoder.set_params(categories=[[*categories]])
        X = table["X"].assign(city=table["X"]["city"].fillna("gone"))
        with pytest.raises(ValueError, match="list some of the categories of column 'city'"):
            getattr(encoder, method)(X, table["continuous"], sample_weight=weights)


def test_a_fold_that_learns_from_no_listed_row_is_named():
    encoder = MeanEncoder(categories=[["a"]], cv=[0, 0, 1, 1, 1, 1], missing="prior")
    with pytest.raises(ValueError, match="fold 0 is encoded from must have some categories of column 'c'"):
        encoder.fit_transform(SIMPLE.fillna("b"), Y)
