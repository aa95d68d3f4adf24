"""Sums of many rows by code agree with numpy's to the last bit, whatever the type of the codes."""

import numpy as np
import pytest

from catpool.data.factorize import NARROW, narrowest
from catpool.moments.sums import FEW, PORTION, count_by_code, mean_and_sd, sum_by_code


@pytest.mark.parametrize("n_rows", [0, 1, FEW, 3 * FEW])
@pytest.mark.parametrize("dtype", [np.int32, np.intp])
def test_sums_and_counts_equal_those_of_numpy(n_rows, dtype):
    rng = np.random.default_rng(n_rows)
    codes, values = rng.integers(0, 30, n_rows).astype(dtype), rng.normal(size=n_rows)
    np.testing.assert_array_equal(sum_by_code(codes, values, 40), np.bincount(codes, values, minlength=40))
    np.testing.assert_array_equal(count_by_code(codes, 40), np.bincount(codes, minlength=40))


def test_every_second_value_is_summed_from_a_view():
    codes, values = np.arange(2 * FEW, dtype=NARROW) % 7, np.arange(4.0 * FEW)
    expected = np.bincount(codes, values[::2], minlength=7)
    np.testing.assert_array_equal(sum_by_code(codes, values[::2], 7), expected)
    np.testing.assert_array_equal(sum_by_code(codes[::2], values[::4], 7), np.bincount(codes[::2], values[::4]))


def test_the_sums_of_integers_are_floats_as_those_of_numpy():
    codes = np.zeros(FEW, dtype=NARROW)
    assert sum_by_code(codes, np.full(FEW, 127, dtype=np.int8), 1).tolist() == [127.0 * FEW]


def test_codes_are_as_narrow_as_their_number_allows():
    assert narrowest(2**31 - 1) == np.int32
    assert narrowest(2**31) == np.intp


@pytest.mark.parametrize("n_rows", [1, PORTION - 1, PORTION, 3 * PORTION + 5])
def test_means_and_sds_of_columns_equal_those_of_numpy(n_rows):
    values = np.random.default_rng(n_rows).normal(size=(n_rows, 3)) * [1.0, 1e-3, 1e6] + [0.0, 1.0, 1e6]
    mean, sd = mean_and_sd(values)
    np.testing.assert_allclose(mean, values.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(sd, values.std(axis=0), rtol=1e-10, atol=1e-13)


def test_columns_of_no_rows_have_a_mean_and_an_sd_of_zero():
    np.testing.assert_array_equal(mean_and_sd(np.empty((0, 2))), np.zeros((2, 2)))


def test_many_rows_of_one_value_do_not_vary_but_for_rounding():
    mean, sd = mean_and_sd(np.full((100 * PORTION, 1), 0.1))
    assert sd[0] <= 1e-13 * mean[0]
