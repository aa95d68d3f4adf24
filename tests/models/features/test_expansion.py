import numpy as np
import pytest

from catpool.models.features.ready_made.expansion import centered, check_rank, expand, leading

POINTS = np.random.default_rng(0).normal(size=(30, 2))
COVARIANCE = centered(POINTS @ POINTS.T)


def test_all_functions_have_the_covariance():
    functions = expand(COVARIANCE, 30)
    assert functions.shape == (30, 2)  # there is no variance in others
    np.testing.assert_allclose(functions @ functions.T, COVARIANCE / np.trace(COVARIANCE) * 30, atol=1e-12)


def test_the_first_functions_have_most_of_the_variance():
    variances, vectors = leading(COVARIANCE, 1)
    assert vectors.shape == (30, 1)
    np.testing.assert_allclose(variances, np.linalg.eigvalsh(COVARIANCE)[-1:])


def test_points_that_are_all_the_same_have_a_function_of_zeros():
    np.testing.assert_array_equal(expand(np.zeros((3, 3)), 2), np.zeros((3, 1)))


@pytest.mark.parametrize("rank", [0, -1, 2.0, True, "all", None])
def test_a_rank_is_a_whole_number(rank):
    with pytest.raises(ValueError, match="`rank` must be a whole number from 1"):
        check_rank(rank)
