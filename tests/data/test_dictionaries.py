"""Categories that a table holds as a dictionary and codes are those of the same values written out."""

import numpy as np
import pandas as pd
import polars
import pyarrow
import pyarrow.parquet
import pytest

from catpool import MeanEncoder
from catpool.data.columns.categories import encode
from catpool.data.frames.arrow_dictionary import read_dictionary
from catpool.data.frames.frame import read_frame

VALUES = ["b", "a", None, "b", "c", None, "a", "b"]
LEVELS = ["unused", "c", "b", "a"]
CODES = [None if value is None else LEVELS.index(value) for value in VALUES]
Y = np.array([1.5, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])


def dictionary(codes, levels, index=pyarrow.int32()):  # noqa: B008
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array(codes, type=index), pyarrow.array(levels))


ONE = dictionary(CODES, LEVELS)
SECOND = dictionary([2, 1, 0, 2], ["a", None, "c", "b"])  # a missing level, where the row itself is missing above
CHUNKS = pyarrow.chunked_array([dictionary(CODES[:4], LEVELS), dictionary([0, None, 1, 2], ["c", "a", "b"])])
ARROW = {
    "one chunk": ONE,
    "narrow codes": dictionary(CODES, LEVELS, pyarrow.uint8()),
    "wide codes": dictionary(CODES, LEVELS, pyarrow.uint64()),
    "chunks of different dictionaries": CHUNKS,
    "no codes": pyarrow.chunked_array([ONE, ONE.slice(0, 0)]),
    "missing level": dictionary([2, 3, 0, 2, 1, 0, 3, 2], [None, "c", "b", "a"]),
    "missing level and codes": dictionary([2, 3, 0, 2, 1, None, 3, 2], [None, "c", "b", "a"]),
    "equal levels": dictionary([2, 3, None, 4, 1, None, 3, 2], [*LEVELS, "b"]),
    "equal levels in chunks": pyarrow.chunked_array(
        [dictionary([2, 3, 4, 0], ["b", "c", "b", "a", None]), dictionary([1, None, 2, 0], ["b", "c", "a", "a"])]
    ),
}
FRAMES = {name: pyarrow.table({"c": column}) for name, column in ARROW.items()}
FRAMES |= {
    f"{name}, pandas": pd.DataFrame({"c": pd.Series(column, dtype=pd.ArrowDtype(column.type))})
    for name, column in ARROW.items()
}
FRAMES |= {
    "pandas": pd.DataFrame({"c": pd.Categorical(VALUES, categories=LEVELS)}),
    "polars categorical": polars.DataFrame({"c": polars.Series(VALUES, dtype=polars.Categorical)}),
    "polars enum": polars.DataFrame({"c": polars.Series(VALUES, dtype=polars.Enum(LEVELS))}),
    "polars chunks": polars.concat(
        [polars.DataFrame({"c": polars.Series(part, dtype=polars.Categorical)}) for part in (VALUES[:4], VALUES[4:])],
        rechunk=False,
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_dictionary_is_encoded_as_its_values_are(name):
    strings, cv = pd.DataFrame({"c": VALUES}), [0, 0, 0, 1, 1, 1, 0, 1]
    expected = MeanEncoder(cv=cv).fit_transform(strings, Y)
    np.testing.assert_array_equal(np.asarray(MeanEncoder(cv=cv).fit_transform(FRAMES[name], Y)), expected)
    encoder = MeanEncoder().fit(FRAMES[name], np.sqrt(Y))
    np.testing.assert_array_equal(encoder.transform(strings), MeanEncoder().fit(strings, np.sqrt(Y)).transform(strings))
    many = pd.concat([strings] * 3)  # numbered first, where few rows are looked up one by one
    np.testing.assert_array_equal(encoder.transform(many)[:8], encoder.transform(strings))


@pytest.mark.parametrize("name", FRAMES)
def test_the_rows_of_a_dictionary_are_not_read(name, monkeypatch):
    def number(values, *_):
        assert len(values) != len(VALUES)  # no dictionary above has as many values as there are rows
        return pd.factorize(values)

    monkeypatch.setattr("catpool.data.columns.categories._factorize", number)
    codes, categories = encode(read_frame(FRAMES[name]).column("c"))
    assert [None if code == 0 else categories[code - 1] for code in codes] == VALUES


def test_levels_keep_their_order_and_need_no_rows():
    for name in ("one chunk", "one chunk, pandas", "pandas", "polars enum"):
        assert encode(read_frame(FRAMES[name]).column("c"))[1].tolist() == LEVELS
    levels = read_dictionary(dictionary([1, 0], [30, 10, 20]), ordered=False).cat.categories
    assert levels.tolist() == [30, 10, 20]


@pytest.mark.parametrize("levels", [[2**62 + 1, None, 2**62], [0.5, float("nan"), 0.5], [0.0, -0.0, 1.0]])
def test_levels_are_compared_as_python_does(levels):
    codes, categories = encode(read_dictionary(dictionary([0, 1, 2, None], levels), ordered=False))
    rows = [None if value != value else value for value in [*levels, None]]
    assert [None if code == 0 else categories[code - 1] for code in codes] == rows
    assert categories.is_unique


def test_levels_that_cannot_be_hashed_are_refused():
    parts = [dictionary([0, 1], [{"x": 1}, {"x": 2}]), dictionary([0, None], [{"x": 2}])]
    X = pyarrow.table({"c": pyarrow.chunked_array(parts)})
    with pytest.raises(TypeError, match="The categories of column 'c' must be hashable"):
        MeanEncoder().fit(X, Y[:4])


def test_parquet_that_is_read_with_dictionaries(tmp_path):
    X = pyarrow.table({"c": [f"category {row % 100}" for row in range(1000)]})
    y = np.random.default_rng(0).normal(size=1000)
    pyarrow.parquet.write_table(X, tmp_path / "x.parquet", row_group_size=100)
    read = pyarrow.parquet.read_table(tmp_path / "x.parquet", read_dictionary=["c"])
    assert pyarrow.types.is_dictionary(read.schema.field("c").type)
    encoder = MeanEncoder(random_state=0)
    assert encoder.fit_transform(read, y).equals(encoder.fit_transform(X, y))


STRINGS = [
    "str",
    "string[python]",
    "string[pyarrow]",
    pd.ArrowDtype(pyarrow.string()),
    pd.ArrowDtype(pyarrow.large_string()),
]


@pytest.mark.parametrize("dtype", STRINGS, ids=str)
@pytest.mark.parametrize("values", [VALUES, [None, None], [], ["", " ", "\u00e9", "e\u0301", ""]])
def test_strings_of_each_dtype_are_numbered_as_pandas_numbers_them(values, dtype):
    column = pd.Series(values, dtype=dtype)
    codes, categories = encode(column)
    expected, distinct = pd.factorize(column)
    np.testing.assert_array_equal(codes, expected + 1)
    assert categories.tolist() == list(distinct)


@pytest.mark.parametrize("dtype", STRINGS, ids=str)
def test_strings_in_chunks_are_numbered_together(dtype):
    column = pd.concat([pd.Series(["b", "a", None], dtype=dtype), pd.Series(["a", "c", "b"], dtype=dtype)])
    codes, categories = encode(column)
    assert codes.tolist() == [1, 2, 0, 2, 3, 1]
    assert categories.tolist() == ["b", "a", "c"]
