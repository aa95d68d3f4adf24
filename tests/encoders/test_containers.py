"""A frame in gives a frame of the same library out, an array gives an array, and other columns are left alone."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from helpers.public_encoders import PUBLIC, WITH_OUTPUT

polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")

N = 24
CITY, SHOP = list("abc") * 8, list("uuuvvv") * 4
Y = np.arange(N) % 5  # counts
FRAMES = {"pandas": pd.DataFrame, "polars": polars.DataFrame, "arrow": pyarrow.Table}
EVERY = pytest.mark.parametrize("public", PUBLIC, ids=str)
LIBRARIES = pytest.mark.parametrize("library", FRAMES)


def made(library, **columns):
    """A frame of a library."""
    if library == "arrow":
        return pyarrow.table(columns)
    return FRAMES[library](columns)


def encoder_of(public, **parameters):
    columns = parameters.pop("columns", ["city"])
    quick = {"prior": "reml"} if "prior" in public.encoder._get_param_names() else {}
    parameters = {**public.setup.features_of_each, **quick, **parameters}
    return public.make(columns, cv=2, random_state=0, target_type="count", **parameters)


def names_of(frame):
    return frame.column_names if isinstance(frame, pyarrow.Table) else list(frame.columns)


def column(frame, name):
    return np.asarray(frame[name], dtype=float)


@EVERY
@LIBRARIES
@pytest.mark.parametrize("remainder", ["passthrough", "drop"])
def test_a_frame_gives_a_frame_of_its_library(public, library, remainder):
    """With names, and the numbers that an array gives."""
    X = made(library, id=list(range(N)), city=CITY, shop=SHOP)
    encoder = encoder_of(public, remainder=remainder)
    names = ["id", "city", "shop"] if remainder == "passthrough" else ["city"]
    array = np.column_stack([np.arange(N), CITY, SHOP]).astype(object)
    plain = encoder_of(public, columns=[1], remainder="drop")
    for result, expected in (
        (encoder.fit_transform(X, Y), plain.fit_transform(array, Y)),
        (encoder.transform(X[:5]), plain.transform(array[:5])),
    ):
        assert type(result) is FRAMES[library]
        assert names_of(result) == names == encoder.get_feature_names_out().tolist()
        np.testing.assert_allclose(column(result, "city"), expected[:, 0], rtol=1e-12)
        kind = result.schema.field("city").type if library == "arrow" else result["city"].dtype
        assert str(kind).lower() in ("float64", "double")


@pytest.mark.parametrize("public", WITH_OUTPUT, ids=str)
@LIBRARIES
def test_several_features_of_a_column_are_next_to_each_other(public, library):
    mean = "mode" if public.name == "MixedModelEncoder" else "mean"
    X = made(library, city=CITY, id=list(range(N)), shop=SHOP)
    encoder = encoder_of(public, columns=["city", "shop"], output=[mean, "sd", "count"])
    wanted = ["city", "city_sd", "city_count", "id", "shop", "shop_sd", "shop_count"]
    assert names_of(encoder.fit_transform(X, Y)) == names_of(encoder.transform(X[:5])) == wanted


PANDAS_COLUMNS = {
    "objects": pd.Series(["x", None, 3] * 8, dtype=object),
    "strings with None": pd.Series(["x", None, "z"] * 8, dtype=object),
    "strings with NaN": pd.Series(["x", np.nan, "z"] * 8, dtype=object),
    "strings": pd.Series(["x", "y", "z"] * 8, dtype="string"),
    "dates as objects": pd.Series([datetime.date(2020, 1, 1), None, datetime.date(1, 1, 1)] * 8, dtype=object),
    "decimals": pd.Series([decimal.Decimal("1.10"), None, decimal.Decimal(2)] * 8, dtype=object),
    "tuples": pd.Series([(1, 2), (), None] * 8, dtype=object),
    "categories": pd.Series(pd.Categorical(["x", None, "z"] * 8, categories=["z", "x", "unused"], ordered=True)),
    "nullable integers": pd.Series([1, None, 2**60 + 1] * 8, dtype="Int64"),
    "nullable booleans": pd.Series([True, None, False] * 8, dtype="boolean"),
    "booleans": pd.Series([True, False] * 12),
    "small integers": pd.Series([1, 2, -3] * 8, dtype="int8"),
    "large integers": pd.Series([2**63 - 1, 2**62 + 1] * 12, dtype="int64"),
    "unsigned integers": pd.Series([2**64 - 1, 0] * 12, dtype="uint64"),
    "small floats": pd.Series([0.1, np.nan, np.inf] * 8, dtype="float32"),
    "times": pd.Series(pd.to_datetime(["2020-02-02", None] * 12)),
    "times with a zone": pd.Series(pd.date_range("2020-03-28", periods=N, freq="h", tz="Europe/Berlin")),
    "durations": pd.Series(pd.to_timedelta(np.arange(N), unit="h")),
    "periods": pd.Series(pd.period_range("2020", periods=N, freq="M")),
    "intervals": pd.Series(pd.interval_range(0, N)),
    "complex numbers": pd.Series([1 + 2j, 0] * 12),
    "arrow strings": pd.Series(["x", None, "z"] * 8, dtype=pd.ArrowDtype(pyarrow.string())),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1] * 8)),
}
INDEXES = {
    "odd": np.random.default_rng(0).permutation(N) * 7,
    "duplicate": ["r", "s"] * 12,
    "dates": pd.date_range("2020", periods=N),
    "two levels": pd.MultiIndex.from_product([range(4), list("abcdef")], names=["i", None]),
}


@pytest.mark.parametrize("index", INDEXES)
@EVERY
def test_other_columns_of_pandas_keep_their_types_values_and_index(public, index):
    index = INDEXES[index]
    other = pd.DataFrame(PANDAS_COLUMNS).set_axis(index)
    assert other["strings with None"].dtype == object
    before = other.copy(deep=True)
    X = other.copy().assign(city=CITY, shop=SHOP)
    encoder = encoder_of(public)
    result = encoder.fit_transform(X, Y)
    pd.testing.assert_frame_equal(result[list(other)], before, check_exact=True)
    later = encoder.transform(X[::-2])
    pd.testing.assert_frame_equal(later[list(other)], before[::-2], check_exact=True)
    for name, values in PANDAS_COLUMNS.items():
        assert result[name].dtype == values.dtype
        if values.dtype == object:
            assert [type(value) for value in result[name]] == [type(value) for value in values]
    result.loc[:, "small integers"] = 0  # what comes out is the user's
    pd.testing.assert_frame_equal(X[list(other)], before, check_exact=True)


@EVERY
def test_names_of_the_columns_axis_may_be_anything_that_pandas_takes(public):
    X = pd.DataFrame({0: CITY, 1: SHOP, 2: np.arange(N)})
    encoder = encoder_of(public, columns=[0])
    assert list(encoder.fit_transform(X, Y)) == list(encoder.transform(X[:3])) == ["x0", "x1", "x2"]


POLARS_COLUMNS = {
    "strings": polars.Series(["x", None, "z"] * 8),
    "categories": polars.Series(["x", None, "z"] * 8, dtype=polars.Categorical),
    "enumeration": polars.Series(["x", None, "z"] * 8, dtype=polars.Enum(["z", "x"])),
    "integers": polars.Series([1, None, 2**60 + 1] * 8, dtype=polars.Int64),
    "unsigned": polars.Series([2**64 - 1, None] * 12, dtype=polars.UInt64),
    "floats": polars.Series([0.1, None, float("nan")] * 8, dtype=polars.Float32),
    "truths": polars.Series([True, None] * 12),
    "dates": polars.Series([datetime.date(2020, 1, 1), None] * 12),
    "times": polars.Series([datetime.datetime(2020, 1, 1), None] * 12).dt.replace_time_zone("Europe/Berlin"),
    "lists": polars.Series([[1], None, []] * 8, dtype=polars.List(polars.Int64)),
    "records": polars.Series([{"a": 1}, {"a": None}] * 12),
    "decimals": polars.Series([decimal.Decimal("1.10"), None] * 12, dtype=polars.Decimal(10, 2)),
    "nothing": polars.Series([None] * N, dtype=polars.Null),
}


@EVERY
def test_other_columns_of_polars_keep_their_types_and_values(public):
    other = polars.DataFrame(POLARS_COLUMNS)
    X = other.with_columns(city=polars.Series(CITY), shop=polars.Series(SHOP))
    encoder = encoder_of(public)
    for result, expected in ((encoder.fit_transform(X, Y), other), (encoder.transform(X[3:9]), other[3:9])):
        assert result.select(other.columns).schema == other.schema
        assert result.select(other.columns).equals(expected)


@EVERY
def test_other_columns_of_arrow_keep_their_types_and_values(public):
    polars_types = (
        polars.DataFrame(POLARS_COLUMNS).drop("nothing", "floats").to_arrow()
    )  # where NaN is not equal to itself
    more = {
        "dictionary": pyarrow.array(["x", None, "z"] * 8).dictionary_encode(),
        "floats": pyarrow.array([0.1, None, np.inf] * 8, pyarrow.float32()),
        "binary": pyarrow.array([b"x", None] * 12),
        "time": pyarrow.array([1, None] * 12, pyarrow.timestamp("ns", tz="UTC")),
        "chunks": pyarrow.chunked_array([[1] * 4, [None] * 20], pyarrow.int8()),
    }
    other = pyarrow.table({**dict(zip(polars_types.column_names, polars_types.columns, strict=True)), **more})
    X = other.append_column("city", [CITY]).append_column("shop", [SHOP])
    encoder = encoder_of(public)
    for result, expected in ((encoder.fit_transform(X, Y), other), (encoder.transform(X[3:9]), other[3:9])):
        assert result.select(other.column_names).schema.types == other.schema.types
        assert result.select(other.column_names).equals(expected)


ARRAYS = {
    "integers": np.column_stack([np.arange(N) % 3, np.arange(N) % 2, np.arange(N)]),
    "floats": np.column_stack([np.arange(N) % 3, np.arange(N) % 2, np.arange(N) / 7]),
    "objects that are numbers": np.column_stack([np.arange(N) % 3, np.arange(N) % 2, np.arange(N)]).astype(object),
    "strings and numbers": np.array([[*row] for row in zip(CITY, range(N), Y, strict=True)], dtype=object),
    "rows of numbers": [[i % 3, i % 2, i / 7] for i in range(N)],
    "rows of strings and numbers": [[*row] for row in zip(CITY, range(N), Y, strict=True)],
}


@EVERY
@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_gives_an_array_of_floats(public, name):
    X = ARRAYS[name]
    encoder = encoder_of(public, columns=[0])
    for result, rows in ((encoder.fit_transform(X, Y), X), (encoder.transform(X[:5]), X[:5])):
        assert type(result) is np.ndarray
        assert result.dtype == np.float64
        assert result.shape == (len(rows), 3)
        np.testing.assert_array_equal(result[:, 1:], [[float(value) for value in row[1:]] for row in rows])


@EVERY
@pytest.mark.parametrize("kind", ["objects", "strings", "rows"])
def test_strings_of_an_array_pass_through_as_objects(public, kind):
    rows = [[*row] for row in zip(CITY, SHOP, ["kept", *"x" * (N - 1)], strict=True)]
    X = {"objects": np.array(rows, dtype=object), "strings": np.array(rows), "rows": rows}[kind]
    result = encoder_of(public, columns=[0]).fit_transform(X, Y)
    assert result.dtype == object
    assert result[:2, 1:].tolist() == [["u", "kept"], ["u", "x"]]
    assert all(type(value) is float for value in result[:, 0])
    assert encoder_of(public, columns=[0], remainder="drop").fit_transform(X, Y).dtype == np.float64


INPUTS = {
    "pandas": lambda: made("pandas", city=CITY, shop=SHOP, id=list(range(N))),
    "polars": lambda: made("polars", city=CITY, shop=SHOP, id=list(range(N))),
    "arrow": lambda: made("arrow", city=CITY, shop=SHOP, id=list(range(N))),
    "array": lambda: np.array([[*row] for row in zip(CITY, SHOP, range(N), strict=True)], dtype=object),
    "list": lambda: [[*row] for row in zip(CITY, SHOP, range(N), strict=True)],
}


@EVERY
@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("source", INPUTS)
@pytest.mark.parametrize("remainder", ["passthrough", "drop"])
def test_set_output_asks_for_a_library(public, source, container, remainder):
    X = INPUTS[source]()
    framed = source in FRAMES
    encoder = encoder_of(public, columns=["city"] if framed else [0], remainder=remainder)
    expected = encoder.fit_transform(X, Y), encoder.transform(X[:5])
    encoder.set_output(transform=container)
    names = ["city", "shop", "id"] if framed else ["x0", "x1", "x2"]
    for result, plain in zip((encoder.fit_transform(X, Y), encoder.transform(X[:5])), expected, strict=True):
        assert type(result) is FRAMES[container]
        assert list(result.columns) == (names if remainder == "passthrough" else names[:1])
        for position, name in enumerate(result.columns):
            own = plain[name] if framed else plain[:, position]
            assert list(result[name]) == list(np.asarray(own))
    encoder.set_output(transform="default")
    assert type(encoder.transform(X[:5])) is type(expected[1])


@EVERY
def test_set_output_keeps_the_index_of_pandas(public):
    X = pd.DataFrame({"city": CITY, "shop": SHOP}, index=INDEXES["odd"])
    encoder = encoder_of(public).set_output(transform="pandas")
    assert encoder.fit_transform(X, Y).index.equals(X.index)
    assert encoder.transform(X[:5]).index.equals(X.index[:5])
