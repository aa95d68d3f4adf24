"""Searches that do not end."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from catpool.models.mixed.solver.variance_search import CriterionEvaluation, solve_gradient


def test_a_search_that_does_not_end_says_so():
    def slope(theta):  # the same everywhere, so that no step is the last
        return CriterionEvaluation(0.0, np.ones(1), np.eye(1))

    with pytest.warns(ConvergenceWarning, match="The search for variances did not converge within 30 iterations"):
        assert np.isfinite(solve_gradient(slope, np.ones(1))).all()
