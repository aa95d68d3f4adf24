"""Encoders as JSON: the same numbers, no code, and errors that say what is wrong with a file."""

import datetime
import decimal
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ENCODERS
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold

from catpool import (
    EarlierRows,
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    SmoothedMeanEncoder,
)

OLD = Path(__file__).parents[1] / "reference" / "encoder_version_1.json"
EVERYTHING = {
    **{name: encoder(["city", "shop"]) for name, encoder in ENCODERS.items()},
    "all outputs": EmpiricalBayesEncoder(["city"], output=["mean", "sd", "reliability", "count", "size", "code"]),
    "trees": EmpiricalBayesEncoder(["city", "shop"], output="trees", drop_noise=True, random_state=3),
    "interactions": EmpiricalBayesEncoder(interactions=[("city", "shop")]),
    "moments": EmpiricalBayesEncoder(prior="moments"),
    "full Bayes": EmpiricalBayesEncoder(["city"], prior="full_bayes"),
    "scale mixture": EmpiricalBayesEncoder(["city"], prior="scale_mixture"),
    "NPMLE": EmpiricalBayesEncoder(["city"], prior="npmle"),
    "nested": NestedEncoder(["city", "shop"], emit="all", output=["mean", "sd"]),
    "mixed": MixedModelEncoder(["city", ("city", "shop")], output=["mode", "sd"]),
}


def same(one, other, X):
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    pd.testing.assert_frame_equal(one.summary_, other.summary_, check_exact=True)
    assert one.get_feature_names_out().tolist() == other.get_feature_names_out().tolist()
    assert str(one.get_params()) == str(other.get_params())


@pytest.mark.parametrize("target", ["continuous", "binary", "multiclass", "count"])
@pytest.mark.parametrize("encoder", EVERYTHING.values(), ids=EVERYTHING)
def test_numbers_are_the_same_bit_for_bit(encoder, target, table):
    one = isinstance(encoder, MixedModelEncoder) or encoder.get_params().get("prior") in ("scale_mixture", "npmle")
    if target == "multiclass" and one:
        target = "binary"  # it takes one target
    X = table["X"]
    fitted = clone(encoder).set_params(target_type=target).fit(X, table[target])
    text = fitted.to_json()
    read = type(encoder).from_json(text)
    same(fitted, read, X.iloc[::2])
    if not isinstance(encoder, MixedModelEncoder):
        pd.testing.assert_frame_equal(fitted.encoding_table("city"), read.encoding_table("city"), check_exact=True)
    assert read.to_json() == text
    assert json.loads(text)["class"] == type(encoder).__name__


CATEGORIES = {
    "strings": ["", " ", "a", "A", "a ", 'quo"te', "it's", "ünï", "\n", "NaN", "Infinity", None],
    "integers": [0, -1, 2**62, 7],
    "floats": [0.1, -0.0, 1e300, np.inf, -np.inf, np.nan],
    "truths": [True, False],
    "dates": pd.to_datetime(["2020-01-01", "2021-02-03 04:05:06.789", None], format="ISO8601"),
    "zoned dates": pd.to_datetime(["2020-01-01", "2021-07-01"]).tz_localize("Europe/Berlin"),
    "lengths": pd.to_timedelta(["1D", "2h", None]),
    "days": [datetime.date(2020, 1, 2), datetime.date(2021, 1, 2)],
    "times": [datetime.time(1, 2), datetime.time(3, 4)],
    "decimals": [decimal.Decimal("0.10"), decimal.Decimal(3)],
    "bytes": [b"\x00\xff", b"a"],
    "tuples": [("a", 1), ("b", (2, None))],
    "mixed": ["a", 1, 2.5, None, True, ("a",)],
}


@pytest.mark.parametrize("kind", CATEGORIES)
@pytest.mark.parametrize("dtype", [None, "category", object])
def test_categories_of_all_kinds_are_known_again(kind, dtype):
    values = CATEGORIES[kind]
    column = pd.Series(np.resize(np.array([*values, 0], dtype=object)[:-1], 3 * len(values)), dtype=object)
    column = column.astype(dtype) if dtype else column.infer_objects()
    X = pd.DataFrame({"a": column})
    encoder = MeanEncoder(None, output=["mean", "count"]).fit(X, np.arange(len(X)) + 0.5)
    same(encoder, MeanEncoder.from_json(encoder.to_json()), X.iloc[::-1])


def test_extension_types_are_known_again():
    pytest.importorskip("pyarrow")
    for column in (
        pd.Series([1, None, 2] * 3, dtype="Int64"),
        pd.Series(["a", None, "b"] * 3, dtype="string"),
        pd.Series(["a", None, "b"] * 3, dtype="string[pyarrow]"),
        pd.Series([True, None, False] * 3, dtype="boolean"),
        pd.Series([1.5, None, 2.5] * 3, dtype="double[pyarrow]"),
    ):
        encoder = MeanEncoder(None).fit(column.to_frame("a"), np.arange(9.0))
        same(encoder, MeanEncoder.from_json(encoder.to_json()), column.to_frame("a").iloc[::-1])


def test_what_text_cannot_hold_is_refused():
    X, y = [["a"], ["b"]] * 10, np.arange(20.0)
    with pytest.raises(ValueError, match=r"cv=KFold.*set_params\(cv="):
        MeanEncoder(cv=KFold(3)).fit(X, y).to_json()
    with pytest.raises(ValueError, match="prior"):
        EmpiricalBayesEncoder(prior=lambda moments: (0.0, 1.0)).fit(X, y).to_json()
    with pytest.raises(TypeError, match="cannot be written"):
        MeanEncoder().fit(pd.DataFrame({"a": [frozenset("a"), frozenset("b")] * 10}), y).to_json()
    with pytest.raises(NotFittedError):
        MeanEncoder().to_json()


def test_folds_that_are_labels_and_the_order_of_time_are_kept():
    X = pd.DataFrame({"a": list("xyz") * 10, "day": pd.date_range("2020", periods=30)})
    rule = EarlierRows("day", gap=pd.Timedelta("2D"), half_life=pd.Timedelta("5D"), first=0.0)
    encoder = MeanEncoder(["a"], cv=rule)
    encoder.fit_transform(X, np.arange(30.0))
    read = MeanEncoder.from_json(encoder.to_json())
    assert read.cv == rule
    later = X.assign(day=X["day"] + pd.Timedelta("40D"))
    pd.testing.assert_frame_equal(read.transform(later), encoder.transform(later), check_exact=True)
    labeled = MeanEncoder(["a"], cv=np.arange(30) % 3)
    labeled.fit_transform(X, np.arange(30.0))
    np.testing.assert_array_equal(MeanEncoder.from_json(labeled.to_json()).cv, labeled.cv)


def test_a_file_of_the_first_version_is_read():
    encoder = SmoothedMeanEncoder.from_json(OLD)
    assert encoder.smoothing == 2.0
    np.testing.assert_array_equal(
        np.asarray(encoder.transform([["a"], ["b"], [None], ["z"]])).ravel(), [2.375, 3.875, 3.916666666666667, 3.5]
    )


def test_files_are_written_and_read_by_path(tmp_path):
    encoder = MeanEncoder().fit([["a"], ["ü"]], [1.0, 2.5])
    assert encoder.to_json(tmp_path / "encoder.json") is None
    for path in (tmp_path / "encoder.json", str(tmp_path / "encoder.json")):
        assert np.asarray(MeanEncoder.from_json(path).transform([["ü"]])) == 2.5
    with pytest.raises(FileNotFoundError):
        MeanEncoder.from_json(tmp_path / "none.json")


@pytest.mark.slow
def test_a_file_is_read_in_a_process_that_has_imported_little(tmp_path, table):
    encoder = EmpiricalBayesEncoder(interactions=[("city", "shop")]).fit(table["X"], table["continuous"])
    encoder.to_json(tmp_path / "encoder.json")
    code = "import sys; from catpool import EmpiricalBayesEncoder as E; print(E.from_json(sys.argv[1]).summary_.shape)"
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "encoder.json")], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == str(encoder.summary_.shape)


@pytest.fixture
def text():
    return MeanEncoder().fit([["a"], ["b"], ["b"]], [1.0, 2.0, 4.0]).to_json()


def test_the_text_is_plain_and_strict(text):
    assert text.isascii()
    content = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert content["format"] == "catpool encoder"
    assert content["version"] == 2


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(text, share, tmp_path):
    path = tmp_path / "encoder.json"
    path.write_text(text[: int(share * len(text))])
    with pytest.raises(ValueError, match="cut off"):
        MeanEncoder.from_json(path)


def test_a_damaged_or_foreign_file_is_refused(text):
    for wrong, message in (
        (text.replace("2.0", "2.5", 1), "checksum"),
        (text.replace('"version": 2', '"version": 3'), "Update catpool"),
        (text.replace('"version": 2', '"version": "1"'), "Update catpool"),
        (text.replace("catpool encoder", "something else"), "not catpool's"),
        ("{}", "not catpool's"),
        ('{"format": "catpool encoder", "version": 1}', "it has no"),
        ("{not json", "cut off"),
        ('{"a":' * 100_000, "cut off"),
        (text.replace('"version": 2', '"version": true'), "Update catpool"),
    ):
        with pytest.raises(ValueError, match=message):
            MeanEncoder.from_json(wrong)
    with pytest.raises(ValueError, match=r"MeanEncoder\.from_json"):
        EmpiricalBayesEncoder.from_json(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda fitted: fitted["state"].update(tables=[{"type": "os.system", "command": "true"}]),
        lambda fitted: fitted["state"].update(tables=[{"type": "Moments", "count": 1}]),
        lambda fitted: fitted["state"].update(tables=[{"no": "type"}]),
        lambda fitted: fitted["state"].update(header={"type": "array", "dtype": "O8", "values": []}),
        lambda fitted: fitted["state"].update(header=3),
        lambda fitted: fitted["state"].update(tables=5),
        lambda fitted: fitted["state"].update(targets=[3]),
        lambda fitted: fitted["state"].update(transform=5),
        lambda fitted: fitted.update(transform=5),
        lambda fitted: fitted.update(state=fitted["state"]["header"]),
        lambda fitted: fitted.clear(),
        lambda fitted: fitted["state"].update(
            targets={"type": "array", "dtype": "int64", "shape": [1], "values": [10**30]}
        ),
        lambda fitted: fitted["state"].update(targets={"type": "decimal", "value": "x"}),
        lambda fitted: fitted["state"].update(
            targets={"type": "array", "dtype": "float64", "shape": [9], "values": [1]}
        ),
    ],
)
def test_a_file_with_a_right_checksum_and_wrong_content_runs_nothing(text, change):
    from catpool.tables.json_file import _checksum

    content = json.loads(text)
    head = {name: content.pop(name) for name in ("format", "version", "checksum")}
    change(content["fitted"])
    with pytest.raises(ValueError, match="damaged"):
        MeanEncoder.from_json(json.dumps({**head, "checksum": _checksum(content), **content}))


def test_pickles_are_the_same_too(table):
    encoder = EmpiricalBayesEncoder(random_state=0).fit(table["X"], table["continuous"])
    same(encoder, pickle.loads(pickle.dumps(encoder)), table["X"].iloc[::2])
