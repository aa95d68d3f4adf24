"""Several columns as one: how cells and paths are numbered."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catpool.data.blocks import ROWS
from catpool.data.columns.crossed import encode_column, encode_paths
from catpool.data.frames.frame import read_frame


def encode_cells(columns):
    return encode_column(tuple(columns), read_frame(pd.DataFrame(columns)))


@given(st.lists(st.tuples(*[st.sampled_from(["a", "b", None, "a_x_b", ""])] * 2), min_size=1, max_size=30))
def test_cells_are_equal_where_tuples_are(rows):
    columns = [np.array(column, dtype=object) for column in zip(*rows, strict=True)]
    codes, cells = encode_cells(dict(enumerate(columns)))
    whole = [row for row in rows if None not in row]
    assert (codes == 0).tolist() == [None in row for row in rows]
    assert [cells.categories[code - 1] for code in codes if code] == whole
    assert len(set(whole)) == len(cells.categories)
    found, slots, _ = cells.look_up(columns)
    assert slots.take(found).tolist() == codes.tolist()


@given(st.lists(st.tuples(*[st.sampled_from(["a", "b", None])] * 3), min_size=1, max_size=30))
def test_paths_are_equal_where_beginnings_of_tuples_are(rows):
    columns = [np.array(column, dtype=object) for column in zip(*rows, strict=True)]
    codes, paths = encode_paths(dict(enumerate(columns)))
    for level, own in enumerate(codes):
        beginnings = [row[: level + 1] for row in rows]
        assert len(set(beginnings)) == len(set(own.tolist())) == len(set(zip(beginnings, own.tolist(), strict=True)))
        if level:
            assert (paths.parents(level)[own] == codes[level - 1]).all()


def test_cells_of_three_columns_with_one_never_seen():
    columns = {"letter": np.array(["a", "a", "b"]), "number": np.array([1, 2, 1]), "last": np.array(["x", "x", "y"])}
    codes, cells = encode_cells(columns)
    assert sorted(codes) == [1, 2, 3]
    found, slots, named = cells.look_up([np.array(["a", "c"]), np.array([1, 1]), np.array(["x", "x"])])
    assert slots.take(found).tolist() == [codes[0], cells.size - 1]
    assert named(np.array([False, True])) == [("c", 1, "x")]


def _levels(codes, levels):
    return pd.Series(pd.Categorical(codes, categories=levels))


@pytest.mark.parametrize("nested", [True, False])
def test_paths_of_many_rows_are_numbered_in_the_order_of_their_keys(nested):
    rng, levels = np.random.default_rng(0), range(60_000)  # whose pairs are more than 32 bits number
    inner = rng.integers(0, len(levels), 2 * ROWS)
    outer = 59_999 - inner // 10 if nested else rng.integers(0, len(levels), len(inner))
    codes, paths = encode_paths({"outer": _levels(outer, levels), "inner": _levels(inner, levels)})
    distinct, expected = np.unique(np.column_stack([outer, inner]), axis=0, return_inverse=True)
    np.testing.assert_array_equal(codes[1], expected.ravel())  # a column of numpy 2.0
    np.testing.assert_array_equal(np.column_stack([paths.parents(1), paths.slots(1)]), distinct + 1)
