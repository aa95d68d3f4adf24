"""Frames that hypothesis draws to break readers: odd categories in every container, odd targets, weights and folds."""

import datetime
import math
import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars
import pyarrow
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold

UTC = datetime.UTC
PAYLOAD = struct.unpack(">d", bytes.fromhex("7ff8000000000bad"))[0]  # a NaN of other bits
DAYS = [datetime.datetime(2020, 3, 1), datetime.datetime(1970, 1, 1), datetime.datetime(2200, 1, 1, 1, 2, 3)]
# Different values of a sort; rows of one category hold equal objects that are not the same one.
POOLS: dict[str, list[Any]] = {
    "text": ["", "a", "a\0", "a\0b", "A", "ünï", " a", "nan", "None", "1"],
    "surrogates": ["\ud800", "a\udfff", "a", "\ud800\0"],
    "whole": [0, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**62)],
    "huge": [2**64, 2**64 + 1, -(2**70), 1, 2**53 + 1],
    "part": [0.0, 1.5, -1e300, 5e-324, math.inf, -math.inf],
    "truth": [True, False],
    "day": [each.date() for each in DAYS],
    "time": DAYS,
    "zoned": [each.replace(tzinfo=UTC) for each in DAYS],
    "bytes": [b"", b"a", b"a\0", b"a\0b", b"\xff"],
    "decimal": [Decimal("1.10"), Decimal("-0.5"), Decimal("12345678901234567890.12")],
    "tuples": [(), (1, 2), ("a", None), (None,), (math.nan, 1), (1, (math.nan, "b")), ("a", "\0")],
    "mixed": ["1", 1, 2.5, (1,), b"1", datetime.date(2020, 1, 1), Decimal("0.3"), 2**65, "\0"],
}
MISSING = {"part": [None, math.nan, PAYLOAD, pd.NA], "zoned": [None, pd.NaT], "time": [None, pd.NaT]}
DTYPES = {
    "text": ["str", "string[python]", pd.ArrowDtype(pyarrow.string()), pd.ArrowDtype(pyarrow.large_string())],
    "whole": ["Int64", pd.ArrowDtype(pyarrow.int64())],
    "part": ["float64", "Float64", pd.ArrowDtype(pyarrow.float64()), pd.SparseDtype(float)],
    "truth": ["boolean", pd.ArrowDtype(pyarrow.bool_())],
    "time": ["datetime64[us]", pd.ArrowDtype(pyarrow.timestamp("us"))],
    "zoned": ["datetime64[us, UTC]"],
    "day": [pd.ArrowDtype(pyarrow.date32())],
    "bytes": [pd.ArrowDtype(pyarrow.binary())],
}
ARROW = {
    "text": [pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()],
    "whole": [pyarrow.int64()],
    "part": [pyarrow.float64()],
    "truth": [pyarrow.bool_()],
    "day": [pyarrow.date32(), pyarrow.date64()],
    "time": [pyarrow.timestamp("us")],
    "zoned": [pyarrow.timestamp("us", "UTC")],
    "bytes": [pyarrow.binary(), pyarrow.large_binary()],
    "decimal": [pyarrow.decimal128(38, 2)],
}
TARGETS: dict[str, list[list[Any]]] = {
    "continuous": [[0.5, -0.0, 3.25, -7.0], [Decimal("1.5"), Decimal(2)], [1e6 + 0.1, 1e6 + 0.2], [-(2**40), 3, 4]],
    "binary": [["no", "yes"], [False, True], [0, 1], [b"", b"\0a"], [-1.0, 1.0], ["", "\0"]],
    "multiclass": [["u", "", "w\0"], [3, 1, 2], [datetime.date(2020, 1, day) for day in (1, 2, 3)], ["é", "e", "E"]],
    "count": [[0, 1, 2, 9], [0.0, 1.0, 30.0]],
}
INDEXES = {
    "default": lambda n: pd.RangeIndex(n),
    "duplicate": lambda n: pd.Index([1, 1] * n)[:n],
    "backwards": lambda n: pd.Index(range(n))[::-1],
    "two levels": lambda n: pd.MultiIndex.from_product([range(n), ["r"]], names=["i", None]),
    "missing": lambda n: pd.Index([math.nan] * n),
    "times": lambda n: pd.date_range("2020", periods=n, tz="UTC"),
}
COLUMNS = {
    "names": ["a", "b"],
    "odd names": ["", "a\0"],
    "numbers": [1, 0],
    "two levels": pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]),
    "times": pd.to_datetime(["2020", "2021"], format="%Y"),
}


def fresh(value: Any, row: int) -> Any:
    """An equal object that is not the same one where Python allows it, and a zero of either sign."""
    if isinstance(value, tuple):
        return tuple([fresh(item, row) for item in value])
    if isinstance(value, float):
        return -0.0 if value == 0 and row % 2 else (np.float64 if row % 3 == 0 else float)(float(value) + 0.0)
    return value[:1] + value[1:] if isinstance(value, str | bytes) else value


@dataclass(frozen=True)
class Column:
    """A column of categories: the position of each row's category in a pool, and -1 for missing values."""

    sort: str
    pool: list[Any]
    codes: np.ndarray

    def values(self, gap: int = 0) -> list[Any]:
        """The value of each row as a Python object."""
        missing = MISSING.get(self.sort, [None, math.nan, pd.NA])
        gaps = [missing[(row * gap) % len(missing)] for row in range(len(self.codes))]
        return [gaps[row] if code < 0 else fresh(self.pool[code], row) for row, code in enumerate(self.codes)]

    def objects(self, gap: int = 0) -> np.ndarray:
        array = np.empty(len(self.codes), dtype=object)
        array[:] = np.fromiter(self.values(gap), dtype=object, count=len(array))
        return array

    def in_pandas(self) -> list[pd.Series]:
        """The column in every dtype that holds it."""
        plain = pd.Series(self.objects(), dtype=object)
        forms = [plain, pd.Series(self.objects(1), dtype=object)]
        for dtype in DTYPES.get(self.sort, []):
            values = [math.nan if value is None and self.sort == "part" else value for value in plain]
            forms.append(pd.Series(values, dtype=dtype))
        return [*forms, *(self.categorical(unused, ordered) for unused in (False, True) for ordered in (False, True))]

    def categorical(self, unused: bool, ordered: bool) -> pd.Series:
        """A column of a categorical dtype whose categories are in another order than the rows."""
        used = sorted(set(self.codes[self.codes >= 0].tolist()), reverse=True)
        there = range(len(self.pool))[::-1] if unused else used
        pool = pd.Series([self.pool[code] for code in there], dtype=object)
        places = {code: place for place, code in enumerate(there)}
        codes = [places.get(code, -1) for code in self.codes.tolist()]
        index = pd.Index(pool, dtype=object, tupleize_cols=False)
        return pd.Series(pd.Categorical.from_codes(codes, index, ordered=ordered))

    def in_polars(self) -> list[polars.Series]:
        """The column in types of polars."""
        values = [None if code < 0 else self.pool[code] for code in self.codes]
        if self.sort not in ARROW:
            return [polars.Series(values, dtype=polars.Object)]
        forms = [polars.from_arrow(pyarrow.array(values, ARROW[self.sort][0]))]
        if self.sort == "text":
            forms += [forms[0].cast(polars.Categorical), forms[0].cast(polars.Enum(self.pool))]
        return forms

    def in_arrow(self) -> list[Any]:
        """The column in types of arrow, and as dictionaries with unused, missing and repeated values."""
        values = [None if code < 0 else self.pool[code] for code in self.codes]
        forms: list[Any] = [pyarrow.array(values, each) for each in ARROW.get(self.sort, [])]
        if forms:
            places = pyarrow.array([None if code < 0 else code for code in self.codes.tolist()], pyarrow.int32())
            again = pyarrow.array([*self.pool, None, *self.pool], forms[0].type)
            late = pyarrow.array([len(self.pool) if code < 0 else code for code in self.codes.tolist()])
            pool = pyarrow.array(self.pool, forms[0].type)
            forms += [pyarrow.DictionaryArray.from_arrays(places, pool)]
            forms += [pyarrow.DictionaryArray.from_arrays(late, again)]
            forms += [pyarrow.chunked_array([forms[0][:3], forms[0][3:]])]
        return forms


@dataclass(frozen=True)
class Drawn:
    """Two columns, a target, weights and folds of some rows."""

    columns: list[Column]
    y: list[Any]
    kind: str
    weights: np.ndarray | None
    cv: Any
    groups: np.ndarray | None
    folds: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    @property
    def scale(self) -> float:
        """The size of the numbers that come out."""
        return max(abs(float(each)) for each in self.y) if self.kind in ("continuous", "count") else 1.0

    @property
    def objects(self) -> np.ndarray:
        """The columns as an object array."""
        return np.column_stack([column.objects()[:, None] for column in self.columns])

    def targets(self) -> np.ndarray:
        """y as an array of objects, which numpy would convert."""
        array = np.empty(len(self.y), dtype=object)
        array[:] = self.y
        return array


def pick(draw: Any, n: int, size: int, least: int = 0) -> np.ndarray:
    """Positions from `least` to ``size - 1``, one for each of n rows."""
    return np.array(draw(st.lists(st.integers(least, size - 1), min_size=n, max_size=n)))


@st.composite
def columns(draw: Any, n: int) -> Column:
    sort = draw(st.sampled_from(list(POOLS)))
    pool = draw(st.permutations(POOLS[sort]))
    return Column(sort, pool, pick(draw, n, draw(st.integers(1, len(pool))), -1))


@st.composite
def drawn_frames(draw: Any, kinds: Any, few: int = 2) -> Drawn:
    """Rows of odd columns; all classes are in the first three, and these are in several folds."""
    n = draw(st.integers(8, 24))
    drawn = [draw(columns(n)) for _ in range(few)]
    kind = draw(st.sampled_from(kinds))
    values = draw(st.sampled_from(TARGETS[kind]))
    y = [values[position] for position in pick(draw, n, len(values))]
    if kind != "continuous":
        y[:3] = [*values, values[0]][:3]
        y[3:6] = y[:3]
    weights = draw(st.none() | st.sampled_from([[0.5, 1.0, 3.0], [0, 1], [1e-3, 1e3], [True, False]]))
    if weights is not None:
        weights = np.array(weights)[pick(draw, n, len(weights))]
    return Drawn(drawn, y, kind, weights, *draw(folds(n)))


@st.composite
def folds(draw: Any, n: int) -> tuple[Any, Any, np.ndarray]:
    """`cv`, `groups`, and the fold of each row."""
    k = draw(st.integers(2, 4))
    labels = np.arange(n) % k if draw(st.booleans()) else np.append(np.arange(k), pick(draw, n - k, k))
    form = draw(st.sampled_from(["labels", "text", "splits", "splitter", "groups"]))
    if form == "splitter":
        return KFold(k), None, np.repeat(np.arange(k), [len(test) for _, test in KFold(k).split(labels)])
    if form == "groups":
        groups = labels * 2 + np.arange(n) % 2
        labels = np.empty(n, dtype=int)
        for fold, (_, test) in enumerate(GroupKFold(k).split(groups, groups=groups)):
            labels[test] = fold
        return GroupKFold(k), groups, labels
    if form == "splits":
        return [(np.flatnonzero(labels != fold), np.flatnonzero(labels == fold)) for fold in range(k)], None, labels
    return (labels if form == "labels" else np.array(["", "\0", "ü", "a\0b"], dtype=object)[labels]), None, labels
