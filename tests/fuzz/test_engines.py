"""Random small tables: engines and SQL give the numbers of memory, and obey the own-label law."""

import datetime
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from helpers.sql import DATABASES
from hypothesis import given, settings
from hypothesis import strategies as st

from catpool import EmpiricalBayesEncoder, MeanEncoder, NestedEncoder, SmoothedMeanEncoder

polars, duckdb, pyarrow, sqlglot = (pytest.importorskip(name) for name in ("polars", "duckdb", "pyarrow", "sqlglot"))

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of fits to few rows

EXAMPLES = settings().max_examples // 6  # 5 in a quick run, more with the profile "long"
NAMES = ["*", "^y$", "a.b", "a`b", 'a"b', "it's", "select", "catpool_0", "column_1", "C", "ünï", "{x}", "a b"]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
CATEGORIES = {
    "text": st.sampled_from(["a", "A", "a ", "", "it's", 'quo"te', "back\\slash", "NULL", "ünï", "%s"]) | TEXT,
    "whole": st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, -(2**62), 2**63 - 1]),
    "truth": st.booleans(),
    "date": st.dates(datetime.date(1970, 1, 2), datetime.date(2100, 1, 1)),
    "part": st.sampled_from([0.0, 0.5, -1.5, 1e300]),
}
TYPES = {
    "text": pyarrow.string(),
    "whole": pyarrow.int64(),
    "truth": pyarrow.bool_(),
    "date": pyarrow.date32(),
    "part": pyarrow.float64(),
}
TARGETS = {
    "continuous": st.floats(-100, 100).map(lambda value: round(value, 3)),
    "far": st.floats(-1, 1).map(lambda value: round(1e5 + value, 3)),
    "binary": st.sampled_from(["no", "yes"]),
    "multiclass": st.sampled_from(["u'", "v", "w"]),
    "count": st.integers(0, 9),
}
FOLDS = [[0, 1, 2], ["x'", "y", ""], [True, False], [-(2**60), 2**60], [datetime.date(2020, 1, 1), datetime.date.max]]
FLAT = [
    (MeanEncoder, {}),
    (SmoothedMeanEncoder, {"missing": "prior", "unknown": "nan"}),
    (EmpiricalBayesEncoder, {"prior": "moments", "output": ["mean", "count"]}),
]


class Drawn(NamedTuple):
    """A table, the names of its columns by role, and how an encoder of it is made."""

    table: Any
    columns: list[str]
    y: str
    weight: str | None
    fold: str
    make: Callable[[], Any]

    @property
    def own(self):
        """The rows of the first fold."""
        return np.arange(len(self.table)) % len(set(self.table.column(self.fold).to_pylist())) == 0

    def with_targets(self, values):
        """The same table with other targets."""
        position = self.table.column_names.index(self.y)
        column = pyarrow.array(values, self.table.column(self.y).type)
        return self.table.set_column(position, self.y, column)

    def fit_transform(self, table):
        return self.make().fit_transform(table, self.y, sample_weight=self.weight)


@st.composite
def tables(draw, sorts=tuple(CATEGORIES), encoders=(*FLAT, (NestedEncoder, {}))):
    """Tables of two columns of categories, a target, weights and folds, under any names."""
    n = draw(st.integers(8, 30))
    first, second, y, weight, fold = draw(st.permutations(NAMES))[:5]
    arrays = {"id": pyarrow.array(range(n))}
    for name in (first, second):
        sort = draw(st.sampled_from(sorts))
        pool = draw(st.lists(CATEGORIES[sort], min_size=1, max_size=4, unique=True))
        arrays[name] = pyarrow.array(_choose(draw, [*pool, None], n), TYPES[sort])
    kind = draw(st.sampled_from(list(TARGETS)))
    arrays[y] = pyarrow.array(draw(st.lists(TARGETS[kind], min_size=n, max_size=n)))
    labels = draw(st.sampled_from(FOLDS))
    arrays[fold] = pyarrow.array([labels[position % len(labels)] for position in range(n)])
    weighted = draw(st.booleans())
    if weighted:
        arrays[weight] = pyarrow.array(_choose(draw, [0.5, 1.0, 3.0], n))
    encoder, options = draw(st.sampled_from(encoders))
    kind = "continuous" if kind == "far" else kind

    def make():
        return encoder([first, second], cv=fold, target_type=kind, **options)

    return Drawn(pyarrow.table(arrays), [first, second], y, weight if weighted else None, fold, make)


def _choose(draw, values, n):
    positions = draw(st.lists(st.integers(0, len(values) - 1), min_size=n, max_size=n))
    return [values[position] for position in positions]


def in_polars(table):
    return polars.from_arrow(table).lazy()


@pytest.fixture(params=["polars", "duckdb"], scope="module")
def lazy(request):
    """A function that makes a lazy table of an arrow table, in an engine that sums rows in one order."""
    if request.param == "polars":
        with polars.Config():
            if hasattr(polars.Config, "set_engine_affinity"):  # older versions have no choice of engines
                polars.Config.set_engine_affinity("in-memory")
            yield in_polars
    else:
        with closing(duckdb.connect()) as connection:
            connection.execute("SET threads = 1")
            yield connection.from_arrow


def collect(out, names=None):
    """Features in the order of the rows, as numbers."""
    table = out.collect().to_arrow() if hasattr(out, "collect") else out.to_arrow_table()
    frame = table.sort_by("id").to_pandas()
    return frame[[name for name in frame if name != "id"] if names is None else names].to_numpy(float)


def in_pandas(table):
    """The table with integers that stay integers where some are missing."""
    return table.to_pandas(types_mapper={pyarrow.int64(): pd.Int64Dtype(), pyarrow.bool_(): pd.BooleanDtype()}.get)


def assert_close(found, expected):
    scale = max(1.0, np.nanmax(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * scale)


@settings(max_examples=EXAMPLES)
@given(drawn=tables(encoders=FLAT))
def test_engines_give_the_numbers_of_memory(lazy, drawn):
    table = in_pandas(drawn.table)
    encoder = drawn.make()
    expected = encoder.fit_transform(table, drawn.y, sample_weight=drawn.weight).drop(columns="id")
    other = drawn.make()
    out = other.fit_transform(lazy(drawn.table), drawn.y, sample_weight=drawn.weight)
    assert_close(collect(out), expected.to_numpy(float))
    new = drawn.table.select(["id", *drawn.columns])
    assert_close(collect(other.transform(lazy(new))), encoder.transform(in_pandas(new).iloc[::-1])[::-1].iloc[:, 1:])


@settings(max_examples=EXAMPLES)
@given(drawn=tables(), data=st.data())
def test_a_fold_s_own_targets_move_no_bit(lazy, drawn, data):
    values = drawn.table.column(drawn.y).to_pylist()
    known = sorted(set(values))  # the classes are chosen from all rows
    changed = _choose(data.draw, [*known, *([1e16] if isinstance(known[0], float) else [])], len(values))
    others = [value for value, own in zip(values, drawn.own, strict=True) if not own]
    if set(others) != set(known) and not isinstance(known[0], float):
        return  # a class of this fold alone
    mixed = [new if own else old for new, old, own in zip(changed, values, drawn.own, strict=True)]
    one, other = (collect(drawn.fit_transform(lazy(each))) for each in (drawn.table, drawn.with_targets(mixed)))
    assert one[drawn.own].tobytes() == other[drawn.own].tobytes()


@pytest.mark.parametrize("dialect", DATABASES)
@pytest.mark.parametrize("encodings", ["inline", "table"])
def test_statements_do_what_transform_does(dialect, encodings):
    sorts = ("text", "whole") if dialect == "sqlite" else tuple(CATEGORIES)  # SQLite has no other types

    @settings(max_examples=EXAMPLES)
    @given(drawn=tables(sorts=sorts, encoders=FLAT))
    def agrees(drawn):
        encoder = drawn.make().fit(in_pandas(drawn.table), drawn.y, sample_weight=drawn.weight)
        new = in_pandas(drawn.table.select(["id", *drawn.columns]))
        statements = encoder.to_sql("CATPOOL_0", dialect=dialect, encodings=encodings)
        found = DATABASES[dialect](new, "CATPOOL_0", statements).sort_values("id")
        assert_close(found.to_numpy(float), encoder.transform(new[::-1])[::-1].to_numpy(float))

    agrees()
