"""Which rows of numbers are in range, whatever their size."""

import numpy as np

from catpool.data.columns.finite_numbers import are_numbers_or_missing


def test_rows_are_numbers_in_range_or_missing_throughout():
    fine = [[0.0, 1.0], [1e99, -1e99], [np.nan, np.nan]]
    not_fine = [[np.nan, 1.0], [1e100, 0.0], [0.0, np.inf], [-np.inf, np.nan], [1e200, 0.0]]
    found = are_numbers_or_missing(np.array([*fine, *not_fine]))
    np.testing.assert_array_equal(found, [True] * len(fine) + [False] * len(not_fine))
