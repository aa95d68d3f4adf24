"""The fitted state is arrays, numbers, strings and catpool's own classes, so that any format can hold it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.law import rows
from helpers.public_encoders import PUBLIC, obeying

from catpool import EmpiricalBayesEncoder

pytestmark = pytest.mark.usefixtures("few_points")

CELLS = {"EmpiricalBayesEncoder": {"interactions": [("text", "number")]}, "MeanEncoder": {"output": ["mean", "code"]}}


def fitted(public, columns=("text", "number", "day"), kind="continuous"):
    """An encoder of columns of several dtypes, and its rows."""
    drawn = rows(kind, n=60)
    X = pd.DataFrame({"text": drawn.X[:, 0], "number": np.arange(60) % 5 / 2})
    X["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(60) % 3, unit="D")
    X["zoned"] = X["day"].dt.tz_localize("Europe/Berlin")
    X["kind"] = X["text"].astype("category")
    encoder = public.make(list(columns[: public.setup.few]), target_type=kind, **CELLS.get(public.name, {}))
    return encoder.fit(X, drawn.y), X


def strangers(value, seen):
    """The objects of pandas among those that pickles hold."""
    if id(value) in seen:
        return
    seen[id(value)] = value  # kept, so that no other object gets its number
    if type(value).__module__.split(".")[0] == "pandas":
        yield value
    elif isinstance(value, dict):
        for item in value.items():
            yield from strangers(item, seen)
    elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
        for item in value:
            yield from strangers(item, seen)
    elif type(value).__module__.startswith("catpool"):
        yield from strangers(value.__getstate__(), seen)


@pytest.mark.parametrize("public", PUBLIC, ids=str)
@pytest.mark.parametrize("columns", [("text", "number", "day"), ("kind", "day"), ("zoned", "text")], ids=str)
def test_no_object_of_pandas_is_in_the_state(public, columns):
    encoder, X = fitted(public, columns)
    encoder.transform(X.iloc[::2])  # which fills the caches
    encoder.encoding_table(columns[0])
    encoder.get_feature_names_out()
    assert list(strangers(encoder.__getstate__(), {})) == []
    assert type(pickle.loads(pickle.dumps(encoder))._fitted) is type(encoder._fitted)


@pytest.mark.parametrize("public", obeying("parts"), ids=str)
def test_no_object_of_pandas_is_in_the_sums_of_a_stream(public):
    _, X = fitted(public)
    encoder = public.make(["text"], cv=2)
    for part in (slice(0, 30), slice(30, 60)):
        encoder.partial_fit(X.iloc[part], np.arange(60.0)[part] % 7 + 0.5, key=np.arange(60)[part])
    assert encoder._fitted.tallies is not None
    assert list(strangers(encoder.__getstate__(), {})) == []


@pytest.mark.parametrize("public", PUBLIC, ids=str)
@pytest.mark.parametrize("columns", [("text", "number", "day"), ("zoned", "text")], ids=str)
def test_pickles_go_on_as_the_encoder_does(public, columns):
    encoder, X = fitted(public, columns)
    other = X.iloc[::-2].reset_index(drop=True)
    read = pickle.loads(pickle.dumps(encoder))
    pd.testing.assert_frame_equal(read.transform(other), encoder.transform(other), check_exact=True)
    assert read.to_json() == encoder.to_json()


@pytest.mark.slow
@pytest.mark.parametrize("public", PUBLIC, ids=str)
@pytest.mark.parametrize("first", ["text", "day", "zoned", "kind"])
def test_skops_writes_and_reads_encoders(public, first):
    skops = pytest.importorskip("skops.io")
    encoder, X = fitted(public, (first, "number"), kind="binary")
    data = skops.dumps(encoder)
    types = skops.get_untrusted_types(data=data)
    assert all(each.startswith("catpool.") for each in types)
    read, other = skops.loads(data, trusted=types), X.iloc[::-2].reset_index(drop=True)
    pd.testing.assert_frame_equal(read.transform(other), encoder.transform(other), check_exact=True)
    assert read.to_json() == encoder.to_json()


def test_no_object_of_pandas_is_in_prior_features():
    _, X = fitted(PUBLIC[0])
    X = X.assign(half=X["number"] / 2)
    table = pd.DataFrame({"length": [1.0, 2.0, 3.0]}, index=["p", "q", "r"])
    known = {"text": table, "number": ["half"], "day": lambda days: pd.DataFrame({"day": [each.day for each in days]})}
    encoder = EmpiricalBayesEncoder(list(known), prior_features=known).fit(X, np.arange(60.0) % 7 + 0.5)
    encoder.transform(X.assign(text="r").iloc[::2])  # which fills the caches
    assert list(strangers(encoder._fitted, {})) == []
