"""Rows that come in parts: the same encodings as of all rows at once."""

import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, NestedEncoder, SmoothedMeanEncoder
from catpool.crossfit.hashed_keys import folds_of_keys

VARIANTS = {
    "all outputs": EmpiricalBayesEncoder(output=["mean", "sd", "reliability", "count", "size", "code"]),
    "trees": EmpiricalBayesEncoder(output="trees"),
    "moments": EmpiricalBayesEncoder(prior="moments"),
    "full Bayes": EmpiricalBayesEncoder(["city"], prior="full_bayes", remainder="drop"),
    "scale mixture": EmpiricalBayesEncoder(["city"], prior="scale_mixture", remainder="drop"),
    "NPMLE": EmpiricalBayesEncoder(["city"], prior="npmle", remainder="drop"),
    "interactions": EmpiricalBayesEncoder(interactions=[("city", "shop")]),
    "missing as prior": SmoothedMeanEncoder(missing="prior", unknown="nan"),
    "nested": NestedEncoder(["city", "shop"], emit="all", output=["mean", "sd", "reliability", "count", "code"]),
    "nested, one level": NestedEncoder(["city"], missing="prior", unknown="nan", remainder="drop"),
}


TARGETS = ["continuous", "binary", "multiclass", "count"]

NO_CLASSES = ["interactions", "scale mixture", "NPMLE"]  # the first takes its time and adds nothing, the others refuse
LOOSE = ["reml", "full_bayes", "scale_mixture", "npmle"]  # priors that a search has found

CASES = [
    pytest.param(
        encoder,
        target,
        id=f"{name}-{target}",
        marks=pytest.mark.slow if name in ("interactions", "full Bayes", "trees") else [],
    )
    for name, encoder in VARIANTS.items()
    for target in TARGETS
    if target != "multiclass" or name not in NO_CLASSES
]


def parts(n, number=3, seed=0):
    return np.array_split(np.random.default_rng(seed).permutation(n), number)


@pytest.mark.parametrize(("encoder", "target"), CASES)
@pytest.mark.parametrize("weighted", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_fitting_in_parts_is_fitting_at_once(encoder, target, weighted, table):
    X, y = table["X"], table[target]
    weights = table["weights"] if weighted else None
    at_once = clone(encoder).set_params(target_type=target).fit(X, y, sample_weight=weights)
    in_parts, merged = clone(at_once), None
    for rows in parts(len(y)):
        some = {"sample_weight": None if weights is None else weights[rows]}
        assert in_parts.partial_fit(X.iloc[rows], y[rows], **some) is in_parts
        part = clone(at_once).fit(X.iloc[rows], y[rows], **some)
        merged = part if merged is None else merged.merge(part)
    new = pd.concat([X.iloc[::3], X.iloc[:2].assign(city="a city to come")])
    loose = {"rtol": 1e-6, "atol": 1e-7} if encoder.get_params().get("prior") in LOOSE else {"rtol": 1e-12}
    for other in (in_parts, merged):
        np.testing.assert_allclose(other.transform(new), at_once.transform(new), **loose)
        assert other.get_feature_names_out().tolist() == at_once.get_feature_names_out().tolist()
        pd.testing.assert_frame_equal(other.summary_, at_once.summary_, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("encoder", "target"), CASES)
def test_rows_find_their_folds_again(encoder, target, table):
    X, y = table["X"], table[target]
    key = np.arange(len(y)) * 7
    folds = folds_of_keys(key, len(y), 4)
    expected = clone(encoder).set_params(target_type=target, cv=folds).fit_transform(X, y)
    stream = clone(encoder).set_params(target_type=target, cv=4)
    for rows in parts(len(y)):
        stream.partial_fit(X.iloc[rows], y[rows], key=key[rows])
    rows = np.random.default_rng(1).permutation(len(y))[:40]
    loose = {"rtol": 1e-6, "atol": 1e-7} if encoder.get_params().get("prior") in LOOSE else {"rtol": 1e-10}
    np.testing.assert_allclose(
        stream.transform_out_of_fold(X.iloc[rows], key[rows]), np.asarray(expected)[rows], **loose
    )
    assert not np.array_equal(np.asarray(stream.transform(X.iloc[rows])), np.asarray(expected)[rows], equal_nan=True)


def test_own_targets_never_reach_rows_out_of_fold(table):
    X, y, key = table["X"], table["continuous"], np.arange(120) // 3
    folds = folds_of_keys(key, 120, 5)
    changed = np.where(folds == 2, 1e6 * y + 3, y)
    encoders = [EmpiricalBayesEncoder(cv=5).partial_fit(X, each, key=key) for each in (y, changed)]
    a, b = (each.transform_out_of_fold(X, key) for each in encoders)
    np.testing.assert_array_equal(a[folds == 2], b[folds == 2])
    assert (np.asarray(a)[folds != 2] != np.asarray(b)[folds != 2]).any()


def test_precisions_add_up(table):
    X, y, weights = table["X"], table["continuous"], table["weights"]
    encoder = EmpiricalBayesEncoder(weight_type="precision").fit(X, y, sample_weight=weights)
    halves = [slice(0, 60), slice(60, None)]
    a, b = (clone(encoder).fit(X.iloc[half], y[half], sample_weight=weights[half]) for half in halves)
    pd.testing.assert_frame_equal(a.merge(b).summary_, encoder.summary_, rtol=1e-6)


def test_exposures_add_up():
    rng = np.random.default_rng(0)
    X, exposure = pd.DataFrame({"a": rng.integers(0, 9, 300).astype(str)}), rng.uniform(0.1, 3, 300)
    y = rng.poisson(exposure)
    encoder = EmpiricalBayesEncoder(target_type="count")
    whole = clone(encoder).fit(X, y, exposure=exposure)
    for half in (slice(0, 100), slice(100, None)):
        encoder.partial_fit(X[half], y[half], exposure=exposure[half])
    np.testing.assert_allclose(encoder.transform(X[::2]), whole.transform(X[::2]), rtol=1e-7)


def test_several_outputs_add_up(table):
    X, y = table["X"], pd.DataFrame({"a": table["continuous"], "b": table["binary"]})
    whole = EmpiricalBayesEncoder(prior="moments").fit(X, y)
    stream = EmpiricalBayesEncoder(prior="moments")
    for rows in parts(120):
        stream.partial_fit(X.iloc[rows], y.iloc[rows])
    np.testing.assert_allclose(stream.transform(X.iloc[::2]), whole.transform(X.iloc[::2]), rtol=1e-12)


@pytest.mark.parametrize("classes", [["no", "yes"], [0, 1], [False, True], ["a", "b", "c"], [3, 1, 2, 0]])
def test_classes_may_come_later(classes):
    rng = np.random.default_rng(0)
    y = np.sort(rng.choice(classes, 90))
    X = pd.DataFrame({"a": rng.integers(0, 5, 90)})
    kind = "binary" if len(classes) == 2 else "multiclass"
    whole = MeanEncoder(None, target_type=kind).fit(X, y)
    for order in (slice(None), slice(None, None, -1)):
        stream = MeanEncoder(None, target_type=kind)
        for rows in np.array_split(np.arange(90)[order], 6):
            stream.partial_fit(X.iloc[rows], y[rows])
        assert stream.classes_.tolist() == sorted(classes)
        np.testing.assert_allclose(stream.transform(X.iloc[::2]), whole.transform(X.iloc[::2]), rtol=1e-12)


def test_categories_of_other_types_may_come_later():
    for one, other in ((["a", 2], [1]), ([1], [2.5]), ([None], ["a"]), ([True], [(1, 2)])):
        encoder = MeanEncoder(None).partial_fit(pd.DataFrame({"c": pd.Series(one, dtype=object)}), [1.5] * len(one))
        encoder.partial_fit(pd.DataFrame({"c": pd.Series(other, dtype=object)}), [2.5])
        both = pd.DataFrame({"c": pd.Series([*one, *other], dtype=object)})
        assert set(np.asarray(encoder.transform(both)).ravel()) == {1.5, 2.5}


@pytest.mark.parametrize("other", [[17], [17.0, 18.0], [True]])
@pytest.mark.parametrize("encoder", [MeanEncoder(None), EmpiricalBayesEncoder([], interactions=[("zip", "city")])])
def test_a_column_does_not_turn_from_strings_to_numbers(encoder, other):
    texts = pd.DataFrame({"city": ["a", "b"], "zip": ["17", "18"]})
    numbers = pd.DataFrame({"city": "a", "zip": other})
    encoder = clone(encoder).partial_fit(texts, [1.5, 2.5])
    with pytest.raises(ValueError, match=r"Column 'zip' must hold categories of one type.*'17' in one"):
        encoder.partial_fit(numbers, np.arange(len(other)) + 0.5)
    with pytest.raises(ValueError, match="Column 'zip'"):
        encoder.merge(clone(encoder).fit(numbers, np.arange(len(other)) + 0.5))
    assert encoder.summary_["rows"].tolist() == [2] * len(encoder.columns_)


def test_the_first_part_fixes_the_kind_of_y():
    encoder = MeanEncoder().partial_fit([["a"], ["b"]], [1, 2])
    assert encoder.target_type_ == "binary"
    with pytest.raises(ValueError, match="two values"):
        encoder.partial_fit([["a"], ["b"], ["b"]], [1, 2, 3])
    with pytest.raises(ValueError, match="two classes"):
        encoder.partial_fit([["a"], ["b"]], [3, 4])
    assert encoder.summary_["rows"].item() == 2  # what fails leaves no trace
    assert encoder.target_type == "auto"


def test_parts_may_follow_a_fit_and_a_fit_starts_again(table):
    X, y = table["X"], table["continuous"]
    encoder = MeanEncoder().fit(X.iloc[:50], y[:50]).partial_fit(X.iloc[50:], y[50:])
    np.testing.assert_allclose(
        encoder.transform(X.iloc[::2]), MeanEncoder().fit(X, y).transform(X.iloc[::2]), rtol=1e-12
    )
    encoder.fit(X.iloc[:50], y[:50])
    np.testing.assert_array_equal(
        encoder.transform(X.iloc[::2]), MeanEncoder().fit(X.iloc[:50], y[:50]).transform(X.iloc[::2])
    )


def test_streams_are_saved_and_go_on(table):
    X, y, key = table["X"], table["multiclass"], np.arange(120)
    encoder = EmpiricalBayesEncoder(cv=3, target_type="multiclass").partial_fit(X.iloc[:60], y[:60], key=key[:60])
    read = EmpiricalBayesEncoder.from_json(encoder.to_json())
    for each in (encoder, read):
        each.partial_fit(X.iloc[60:], y[60:], key=key[60:])
    np.testing.assert_array_equal(read.transform_out_of_fold(X, key), encoder.transform_out_of_fold(X, key))


def test_what_does_not_add_up_is_refused(table):
    X, y = table["X"], table["continuous"]
    fitted = MeanEncoder(["city"], cv=5).fit(X, y)
    keyed = MeanEncoder(["city"], cv=5).partial_fit(X, y, key=np.arange(120))
    with pytest.raises(TypeError, match="MeanEncoder"):
        fitted.merge(SmoothedMeanEncoder(["city"]).fit(X, y))
    with pytest.raises(ValueError, match="unknown"):
        fitted.merge(MeanEncoder(["city"], unknown="nan").fit(X, y))
    with pytest.raises(ValueError, match="same columns and targets"):
        fitted.merge(MeanEncoder(["city"]).fit(X[["city"]], y))
    with pytest.raises(ValueError, match="same columns and targets"):
        fitted.merge(MeanEncoder(["city"]).fit(X, table["binary"]))
    for one, other in ((fitted, keyed), (keyed, fitted)):
        with pytest.raises(ValueError, match="keys"):
            one.merge(other)
    with pytest.raises(ValueError, match="keys"):
        keyed.partial_fit(X, y)
    with pytest.raises(ValueError, match="number of folds"):
        MeanEncoder(cv=KFold(3)).partial_fit(X, y, key=np.arange(120))
    with pytest.raises(ValueError, match="120 rows"):
        MeanEncoder().partial_fit(X, y, key=np.arange(119))
    with pytest.raises(ValueError, match="missing"):
        MeanEncoder().partial_fit(X, y, key=[None] * 120)
    with pytest.raises(ValueError, match="partial_fit"):
        fitted.transform_out_of_fold(X, np.arange(120))
    with pytest.raises(ValueError, match="crossfit"):
        MeanEncoder(crossfit="rare").partial_fit(X, y, key=np.arange(120)).transform_out_of_fold(X, np.arange(120))
    with pytest.raises(NotFittedError):
        MeanEncoder().transform_out_of_fold(X, np.arange(120))
    with pytest.raises(ValueError, match="EarlierRows"):
        MeanEncoder(["city"], cv=EarlierRows("shop")).fit(X, y).merge(
            MeanEncoder(["city"], cv=EarlierRows("shop")).fit(X, y)
        )
    with pytest.raises(TypeError, match="lazy"):
        MeanEncoder().partial_fit(pytest.importorskip("polars").from_pandas(X).lazy(), y)
    with pytest.raises(ValueError, match="which X does not have"):
        MeanEncoder().partial_fit(X, y, key="nothing")
    exposed = MeanEncoder(target_type="count").partial_fit(X, table["count"], exposure=table["weights"] + 1)
    with pytest.raises(ValueError, match="same columns in each part"):
        exposed.partial_fit(X, table["count"], exposure="shop")
    nested = NestedEncoder(["city", "shop"], cv=5).partial_fit(X, y, key=np.arange(120))
    with pytest.raises(ValueError, match="1 rows have categories that were not there"):
        nested.transform_out_of_fold(X[:2].assign(city=["elsewhere", "Bonn"]), [0, 1])


def test_keys_may_be_columns(table):
    rows = table["X"].assign(id=np.arange(120) // 2, y=table["continuous"])
    by_name, by_value = MeanEncoder(None, cv=3), MeanEncoder(["city", "shop"], cv=3)
    for some in (rows[:70], rows[70:]):
        by_name.partial_fit(some, "y", key="id")
        by_value.partial_fit(some.drop(columns="y"), some["y"], key=some["id"])
    assert by_name.columns_ == ["city", "shop"]
    expected = by_value.transform_out_of_fold(rows.drop(columns="y"), rows["id"])
    pd.testing.assert_frame_equal(by_name.transform_out_of_fold(rows, "id"), expected)
    pd.testing.assert_frame_equal(MeanEncoder(None, cv=3).fit_transform(rows, "y", key=["id"]), expected)
    named, texts = MeanEncoder(None, cv=3), rows["id"].astype(str)
    first = named.fit_transform(rows[["city"]], rows["y"], key=texts.tolist())
    np.testing.assert_array_equal(first, MeanEncoder(None, cv=3).fit_transform(rows[["city"]], rows["y"], key=texts))
    assert named.partial_fit(rows[["city"]], rows["y"]).summary_["rows"].item() == 240


def test_outputs_are_added_up_by_name():
    X, Y = pd.DataFrame({"c": ["a", "b"]}), pd.DataFrame({"p": [1.5, 2.5], "q": [101.5, 102.5]})
    for other in (Y[["q", "p"]], Y.rename(columns={"p": "r"})):
        with pytest.raises(ValueError, match="outputs of y"):
            MeanEncoder().fit(X, Y).merge(MeanEncoder().fit(X, other))
        with pytest.raises(ValueError, match="outputs of y"):
            MeanEncoder().partial_fit(X, Y).partial_fit(X, other)


@pytest.mark.parametrize("other", [[0.5], np.array([2**63 + 1], dtype=np.uint64)])
def test_large_integers_are_not_rounded_by_later_parts(other):
    large = pd.DataFrame({"c": [2**53, 2**53 + 1]})
    encoder = MeanEncoder(None).partial_fit(large, [1.5, 2.5]).partial_fit(pd.DataFrame({"c": other}), [9.5])
    assert np.asarray(encoder.transform(large)).ravel().tolist() == [1.5, 2.5]
    assert np.asarray(encoder.transform(pd.DataFrame({"c": other}))).item() == 9.5


def test_a_failed_fit_leaves_a_stream_as_it_was():
    X, y = pd.DataFrame({"c": ["a", "b"] * 30, "years": [1.0, 2.0] * 30}), np.arange(60) % 4
    encoder = MeanEncoder(target_type="count").partial_fit(X, y, exposure="years")
    before = encoder.to_json()
    for fit in (encoder.fit, encoder.fit_transform):
        with pytest.raises(ValueError, match="missing"):
            fit(X, [None] * 60)
    assert encoder.to_json() == before
    assert encoder.partial_fit(X, y, exposure="years").summary_["rows"].item() == 180


def test_no_rows_are_lost_in_threads():
    encoder = MeanEncoder()
    X, y = np.array(["a", "b"] * 50, dtype=object)[:, None], np.arange(100.0)

    def learn(_):
        time.sleep(0)  # another thread may go on here
        encoder.partial_fit(X, y)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(learn, range(60)))
    assert encoder.encoding_table(0)["count"].tolist() == [3000, 3000, 0]
    pickle.loads(pickle.dumps(encoder)).partial_fit(X, y)
