import numpy as np

from catpool.data.blocks import ROWS, blocks_of, look_up


def test_blocks_cover_each_row_once():
    rows = np.zeros(2 * ROWS + 3)
    for block in blocks_of(len(rows)):
        rows[block] += 1
    assert (rows == 1).all()
    assert [list(range(5))[block] for block in blocks_of(5, 2)] == [[0, 1], [2, 3], [4]]
    assert list(blocks_of(0)) == []


def test_rows_are_looked_up_block_by_block():
    codes = np.arange(2 * ROWS + 3, dtype=np.int32) % 11
    table, found = np.arange(11.0) / 3, np.empty(len(codes))
    look_up(table, codes, found)
    np.testing.assert_array_equal(found, table[codes])
