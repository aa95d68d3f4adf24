"""Which columns hold categories, and that they are encoded unless others are named."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars
import pytest

from catpool import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder
from catpool.data.frames import frame as frames
from catpool.data.frames.column_kinds import BOOLEAN, CATEGORY, NUMBER, OTHER, TIME, column_kind
from catpool.data.frames.frame import read_frame

ENCODERS = [MeanEncoder, SmoothedMeanEncoder, EmpiricalBayesEncoder]
N = 12
X = pd.DataFrame(
    {
        "city": list("abc") * 4,
        "number": np.arange(N) % 4,
        "flag": [True, False, None] * 4,
        "size": pd.Categorical(list("SML") * 4),
        "price": np.linspace(0, 1, N),
        "day": pd.date_range("2024-01-01", periods=N),
        "mixed": [1, "a", (1, 2)] * 4,
    }
)
Y = np.arange(N) ** 1.5
KINDS = [
    ([1, None], NUMBER),
    ([1.5, 2], NUMBER),
    ([decimal.Decimal(1)], NUMBER),
    ([True, None], BOOLEAN),
    (["a", None], CATEGORY),
    ([1, "a"], CATEGORY),
    ([b"a"], CATEGORY),
    ([(1, 2)], CATEGORY),
    ([None], CATEGORY),
    ([1j], OTHER),
    ([datetime.date(2024, 1, 1)], TIME),
    ([pd.Timestamp("2024-01-01", tz="UTC")], TIME),
    ([np.datetime64("2024-01-01")], TIME),
    ([np.timedelta64(1, "D")], TIME),
    ([pd.Period("2024")], TIME),
    ([*[1] * 2000, "a"], CATEGORY),
    ([*[None] * 2000, 1], NUMBER),
]


@pytest.mark.parametrize(("values", "kind"), KINDS)
def test_objects_are_what_they_hold(values, kind):
    column = pd.Series(values, dtype=object)
    assert column_kind(column) == column_kind(column.to_numpy()) == kind


@pytest.mark.parametrize("encoder", ENCODERS)
def test_categories_of_a_frame_are_encoded_by_default(encoder):
    fitted = encoder(cv=3).fit(X, Y)
    assert fitted.columns_ == ["city", "flag", "size", "mixed"]
    out = fitted.transform(X)
    for label in ("number", "price", "day"):
        pd.testing.assert_series_equal(out[label], X[label])
    assert encoder(None, cv=3).fit(X, Y).columns_ == list(X)
    assert encoder(["number"], cv=3).fit(X, Y).columns_ == ["number"]


def test_roles_are_not_encoded_by_default():
    fitted = MeanEncoder(cv=3).fit(X.assign(key=list("xyzw") * 3), Y, key="key")
    assert fitted.columns_ == ["city", "flag", "size", "mixed"]


def test_all_columns_of_an_array_are_encoded_by_default():
    assert MeanEncoder(cv=3).fit(X[["number", "price"]].to_numpy(), Y).columns_ == [0, 1]


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
@pytest.mark.parametrize("lazy", [False, True])
def test_other_libraries_have_the_same_default(library, lazy):
    module = pytest.importorskip(library)
    columns = X[["city", "number", "price", "day"]].assign(flag=np.arange(N) % 2 == 0, y=Y)
    frame = module.DataFrame(columns.to_dict("list")) if library == "polars" else module.Table.from_pandas(columns)
    if lazy:
        if library == "pyarrow":
            duckdb = pytest.importorskip("duckdb")
            frame = duckdb.from_arrow(frame)
        else:
            frame = frame.lazy()
    assert MeanEncoder().fit(frame, "y").columns_ == ["city", "flag"]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_frame_without_categories_warns_and_passes_through(encoder):
    numbers = X[["number", "price"]]
    with pytest.warns(UserWarning, match=r"no column of strings.*\['number', 'price'\].*columns=\[...\]"):
        out = encoder(cv=3).fit_transform(numbers, Y)
    pd.testing.assert_frame_equal(out, numbers)
    fitted = encoder(interactions=[("number", "price")], cv=3).fit(numbers, Y)
    assert fitted.columns_ == [("number", "price")]


def test_files_keep_the_choice():
    fitted = MeanEncoder(cv=3).fit(X, Y)
    again = MeanEncoder.from_json(fitted.to_json())
    assert again.columns == "auto"
    pd.testing.assert_frame_equal(again.transform(X[::-1]), fitted.transform(X[::-1]))


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="'columns' parameter"):
        MeanEncoder("city").fit(X, Y)


def test_kinds_of_strings_are_told_by_few_rows(monkeypatch):
    columns = {"city": ["a", "b"] * 1500, "late": [None] * 2999 + ["b"], "size": list(range(3000))}
    frame, lengths = read_frame(polars.DataFrame(columns)), []
    convert = frames.convert_column

    def counted(column):
        lengths.append(len(column))
        return convert(column)

    monkeypatch.setattr(frames, "convert_column", counted)
    assert frame.kinds == {"city": CATEGORY, "late": CATEGORY, "size": NUMBER}
    assert lengths == [1000] * 3
