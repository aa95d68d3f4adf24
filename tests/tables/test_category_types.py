"""Categories of each type are known again after a round trip through JSON or a pickle, or they are refused."""

import collections
import datetime
import decimal
import enum
import fractions
import math
import pickle
import struct
import uuid
import zoneinfo
from dataclasses import replace

import dateutil.tz
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catpool import EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, NestedEncoder

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
UTC = datetime.UTC
HALF_HOUR = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
ODD_NAN = struct.unpack(">d", bytes.fromhex("fff8000000000123"))[0]
TWICE = [datetime.datetime(2024, 10, 27, 2, 30, fold=fold) for fold in (0, 1)]  # read twice, as clocks go back
Point = collections.namedtuple("Point", "x y")


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Level(str, enum.Enum):  # noqa: UP042 - a StrEnum has the hash of its string
    LOW = "low"
    HIGH = "high"


def nested(depth, value):
    return (nested(depth - 1, value),) if depth else value


class Name(str):
    def __hash__(self):
        return 7

    def __eq__(self, other):
        return self is other


class ZoneOfPytz(datetime.tzinfo):
    """A zone as those of pytz, whose readings of a clock say nothing without the offset."""

    zone = "Europe/Berlin"
    __module__ = "pytz.tzinfo"

    def utcoffset(self, when):
        return datetime.timedelta(hours=1)


KNOWN_AGAIN = {
    "strings": ["", " ", "\x00", "a\x00", "\ud800", "NaN", "{}", "ü", "\U0001f600", "a" * 1000],
    "numpy strings": [np.str_("a"), np.str_("b")],
    "small integers": [0, 1, -1, 255],
    "integers beyond floats": [2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)],
    "integers beyond 64 bits": [2**64, 2**64 + 1, -(10**40), 10**1000],
    "floats": [0.1, 0.1 + 2**-55, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, -0.0],
    "numpy numbers": [np.float32(0.1), np.float64(0.1), np.int8(3), np.uint64(2**64 - 1), np.float16(0.5)],
    "truths": [True, False],
    "numpy truths": [np.True_, np.False_],
    "bytes": [b"", b"\x00\xff", b"a"],
    "decimals": [decimal.Decimal(each) for each in ("0.10", "1e999999", "-Infinity", "0.1" + "0" * 60 + "1")],
    "fractions": [fractions.Fraction(1, 3), fractions.Fraction(-(10**40), 7)],
    "dates": [datetime.date(1, 1, 1), datetime.date(9999, 12, 31)],
    "datetimes": [datetime.datetime(2020, 1, 1, 2, 3, 4, 5), datetime.datetime(1, 1, 1), datetime.datetime(9999, 1, 1)],
    "datetimes in UTC": [datetime.datetime(2020, 1, 1, tzinfo=UTC), datetime.datetime(2021, 1, 1, tzinfo=UTC)],
    "datetimes with an offset": [each.replace(tzinfo=HALF_HOUR, day=day) for each in TWICE for day in (1, 2)],
    "datetimes of a clock change": [each.replace(tzinfo=BERLIN, day=day) for each in TWICE for day in (27, 28)],
    "datetimes without a zone": [*TWICE, datetime.datetime(2020, 1, 1)],
    "times": [datetime.time(1, 2, 3, 4), datetime.time(5, fold=1), datetime.time(5, tzinfo=UTC)],
    "lengths": [datetime.timedelta(1, 2, 3), datetime.timedelta(-999999999), datetime.timedelta.max],
    "numpy dates": [np.datetime64("2020-01-01", "D"), np.datetime64("2020-01", "M"), np.datetime64(1, "ns")],
    "numpy lengths": [np.timedelta64(1, "D"), np.timedelta64(5, "ns"), np.timedelta64(7, "Y")],
    "timestamps": [pd.Timestamp("2020-01-01 00:00:00.000000001"), pd.Timestamp("3000-01-01").as_unit("s")],
    "timestamps of a clock change": [pd.Timestamp(each.replace(tzinfo=BERLIN)) for each in TWICE],
    "timestamps with an offset": [
        pd.Timestamp(each.replace(tzinfo=HALF_HOUR, day=day))
        for each in TWICE for day in (1, 2)
    ],
    "pandas lengths": [pd.Timedelta(1, "ns"), pd.Timedelta("1D")],
    "periods": [
        pd.Period("2020", "Y"), pd.Period("2020-02", "M"), pd.Period("2020-01-05", "W-SUN"),
        pd.Period("2020-01-01 05:00", "3h"),
    ],
    "intervals": [pd.Interval(0, 1), pd.Interval(0, 1, closed="left"), pd.Interval(0.5, 2.5, closed="both")],
    "intervals of time": [
        pd.Interval(pd.Timestamp(1, tz=UTC), pd.Timestamp(9, tz=UTC)), pd.Interval(pd.Timedelta(1),
        pd.Timedelta(2)),
    ],
    "uuids": [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)],
    "tuples": [(), (1,), (1, ("a", None)), ((),), ("a", b"b"), (decimal.Decimal("1.5"), datetime.date(2020, 1, 1))],
    "tuples of NaN": [("a", math.nan), ("a", None), ("a", pd.NaT), ("a", pd.NA), (("b", float("nan")), 1), (ODD_NAN,)],
    "tuples of one length": [("a", 1), ("b", 2)],
    "mixed": ["a", 1, 2.5, b"a", ("a",), datetime.date(2020, 1, 1), "1"],
}  # fmt: skip
REFUSED = {
    "enums": list(Color),
    "enums of strings": list(Level),
    "strings with a hash of their own": [Name("a"), Name("b")],
    "named tuples": [Point(1, 2), Point(2, 3)],
    "complex numbers": [1j, 2j],
    "sets": [frozenset("a"), frozenset("b")],
    "objects": [object(), object()],
    "functions": [math.sin, math.cos],
    "types": [int, str],
    "a NaN of decimals in a tuple": [(decimal.Decimal("NaN"),), (1,)],
    "a NaT of numpy in a tuple": [(np.datetime64("NaT"),), (1,)],
    "a NaT of days in a tuple": [(np.datetime64("NaT", "D"),), (1,)],
    "a zone of dateutil": [datetime.datetime(2024, 1, 1, tzinfo=dateutil.tz.gettz("Europe/Berlin")), 1],
    "a zone of pytz": [datetime.datetime(2024, 1, 1, tzinfo=ZoneOfPytz()), 1],
    "a huge integer": [10**4000, 1],
    "tuples within tuples": [nested(150, "a"), nested(150, "b")],
}


def column_of(values):
    objects = np.empty(3 * len(values), dtype=object)
    for position in range(len(objects)):
        objects[position] = values[position % len(values)]
    return pd.Series(objects, dtype=object)


def bits(array):
    return np.ascontiguousarray(array, dtype=float).tobytes()


def assert_known_again(column):
    """Whether copies of an encoder give each row, and a copy of each value, the same bits."""
    X = pd.DataFrame({"a": column, "b": list("xyz") * (len(column) // 3)})
    encoder = MeanEncoder(["a"], output=["mean", "count"]).fit(X, np.arange(len(X)) + 0.5)
    expected = encoder.transform(X.iloc[::-1])[["a", "a_count"]]
    assert expected["a_count"].max() < len(X)
    for read in (MeanEncoder.from_json(encoder.to_json()), pickle.loads(pickle.dumps(encoder))):
        assert bits(read.transform(X.iloc[::-1])[["a", "a_count"]]) == bits(expected)
        assert read.to_json() == encoder.to_json()
        copied = X.assign(a=pd.Series(pickle.loads(pickle.dumps(column.tolist())), dtype=column.dtype))
        assert bits(read.transform(copied.iloc[::-1])[["a", "a_count"]]) == bits(expected)
        for value in column:
            assert read.lookup({"a": value}) == encoder.lookup({"a": value})


@pytest.mark.parametrize("kind", KNOWN_AGAIN)
def test_values_are_known_again(kind):
    assert_known_again(column_of(KNOWN_AGAIN[kind]))


@pytest.mark.parametrize("kind", REFUSED)
def test_values_that_would_not_be_known_again_are_refused(kind):
    X = pd.DataFrame({"fine": list("ab") * 3, "other": column_of(REFUSED[kind])})
    with pytest.raises(TypeError, match=r"Column 'other' holds .*cannot be written as JSON"):
        MeanEncoder(None).fit(X, np.arange(6.0)).to_json()


@pytest.mark.parametrize(
    "encoder",
    [
        EmpiricalBayesEncoder(interactions=[("fine", "other")]),
        NestedEncoder(["fine", "other"]),
        MixedModelEncoder([("other", "fine")]),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_the_column_is_named_within_combinations_too(encoder):
    X = pd.DataFrame({"fine": list("aabb") * 10, "other": column_of(list(Color) * 7).iloc[:40]})
    y = np.random.default_rng(0).normal(size=40)
    with pytest.raises(TypeError, match=r"Column 'other' holds <Color.RED: 1>, a Color, which cannot be written"):
        encoder.fit(X, y).to_json()


def test_classes_of_y_are_named():
    encoder = MeanEncoder().fit([["a"], ["b"]] * 3, ["low", "high"] * 3)
    target = replace(encoder._fitted.targets[0], classes=np.array(list(Level), dtype=object))
    encoder._fitted = replace(encoder._fitted, targets=[target])
    with pytest.raises(TypeError, match=r"y holds <Level\.LOW: 'low'>, a Level, which cannot be written as JSON"):
        encoder.to_json()


DTYPES = {
    "dates in a zone": pd.Series(pd.date_range("2024-10-27", periods=6, freq="h", tz="Europe/Berlin")),
    "dates with an offset": pd.Series(pd.date_range("2024-10-27", periods=6, freq="h", tz=HALF_HOUR)),
    "dates in UTC": pd.Series(pd.date_range("2024-10-27", periods=6, freq="h", tz="UTC")),
    "dates in seconds": pd.Series(pd.date_range("2024-10-27", periods=6, freq="h", unit="s")),
    "lengths in milliseconds": pd.Series(pd.to_timedelta(np.arange(6), unit="s")).astype("timedelta64[ms]"),
    "periods": pd.Series(pd.period_range("2024-01", periods=6, freq="M")),
    "intervals": pd.cut(pd.Series([0.1, 1.2, 2.3, 3.4, 4.5, 5.6]), 3),
    "strings": pd.Series(list("abcabc"), dtype="str"),
    "nullable integers": pd.Series([1, 2**53 + 1, 2**53, 1, 2, 3], dtype="Int64"),
    "nullable truths": pd.Series([True, False, None] * 2, dtype="boolean"),
    "nullable floats": pd.Series([0.5, None, -0.0] * 2, dtype="Float64"),
    "unsigned integers": pd.Series([2**64 - 1, 0, 2**63] * 2, dtype="uint64"),
    "small floats": pd.Series([0.1, 0.2, np.inf] * 2, dtype="float32"),
    "categories in an order": pd.Series(pd.Categorical(list("abcabc"), ["c", "b", "d", "a"], ordered=True)),
}


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("categorical", [False, True])
def test_columns_of_each_dtype_are_known_again(kind, categorical):
    column = pd.concat([DTYPES[kind]] * 3, ignore_index=True)
    assert_known_again(column.astype("category") if categorical else column)


def test_zones_of_pandas_are_those_of_the_pandas_that_reads():
    encoder = MeanEncoder(None).fit(DTYPES["dates in a zone"].to_frame("a"), np.arange(6.0))
    assert '"zone": "Europe/Berlin"' in encoder.to_json()  # of pytz before pandas 3, and of zoneinfo since then
    column = column_of([datetime.datetime(2024, 1, 1, tzinfo=BERLIN), datetime.datetime(2024, 1, 2, tzinfo=BERLIN)])
    assert '"zone": "zoneinfo Europe/Berlin"' in MeanEncoder(None).fit(column.to_frame("a"), np.arange(6.0)).to_json()


SCALARS = st.one_of(
    st.text(max_size=5),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.booleans(),
    st.binary(max_size=4),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.dates(),
    st.datetimes(timezones=st.one_of(st.none(), st.timezones())),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.datetimes(pd.Timestamp.min, pd.Timestamp.max, timezones=st.one_of(st.none(), st.timezones())).map(pd.Timestamp),
    st.builds(pd.Period, ordinal=st.integers(-1000, 1000), freq=st.sampled_from(["Y", "Q", "M", "W", "D", "h"])),
)


@given(st.lists(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3).map(tuple)), min_size=2, max_size=6))
def test_drawn_values_are_known_again(values):
    column = column_of(values)
    X = pd.DataFrame({"a": column})
    encoder = MeanEncoder(None, output=["mean", "count"]).fit(X, np.arange(len(X)) + 0.5)
    read = MeanEncoder.from_json(encoder.to_json())
    assert bits(read.transform(X.iloc[::-1])) == bits(encoder.transform(X.iloc[::-1]))


def test_an_unusual_nan_among_the_features_keeps_its_bits():
    encoder = MeanEncoder().fit([["a"], ["b"]], [1.0, 2.5])
    table = encoder._fitted.tables[0]
    odd = replace(table.encodings[0], values={"mean": np.array([1.0, ODD_NAN, math.inf, -0.0])})
    encoder._fitted = replace(encoder._fitted, tables=[replace(table, encodings=[odd])])
    rows = [["a"], ["b"], [None], ["z"]]
    assert bits(MeanEncoder.from_json(encoder.to_json()).transform(rows)) == bits(encoder.transform(rows))
