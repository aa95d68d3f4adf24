"""Searches that do not end, and those that end where they should."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from catpool.models.mixed.solver.variance_search import CriterionEvaluation, polish, solve_gradient


def test_a_search_that_does_not_end_says_so():
    def slope(theta):  # the same everywhere, so that no step is the last
        return CriterionEvaluation(0.0, np.ones(1), np.eye(1))

    with pytest.warns(ConvergenceWarning, match="The search for variances did not converge within 30 iterations"):
        assert np.isfinite(solve_gradient(slope, np.ones(1))).all()


def test_a_step_to_a_place_that_is_flat_and_worse_is_not_taken():
    """Rounding may give a curvature that leads from a minimum to zero, where the gradient is 0 for all data."""

    def evaluate(theta):
        far = theta > 1
        return CriterionEvaluation(float(np.where(far, 1.0, 9.0).item()), 1e-3 * far, np.array([[1e-6]]))

    np.testing.assert_array_equal(polish(evaluate, np.array([1000.0])), [1000.0])
