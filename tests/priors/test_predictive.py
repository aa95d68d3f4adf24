"""Predictive distributions of families from outside the package."""

import numpy as np
import pytest

from catpool.priors.mixture_of_t import MixtureOfT
from catpool.priors.poisson import Poisson
from catpool.priors.predictive import ConjugatePredictive, LinearPredictive


class Exponential(Poisson):
    name = "exponential"


ONE = np.ones(1)


@pytest.mark.parametrize(
    "predictive",
    [
        LinearPredictive(MixtureOfT(ONE, np.zeros((1, 2)), np.ones((1, 2)), np.inf), ONE, Exponential()),
        ConjugatePredictive(np.ones(2), np.ones(2), Exponential()),
    ],
)
def test_what_distribution_new_rows_have_is_not_known_of_other_families(predictive):
    assert set(predictive.expected(0.9)) == {"mean", "sd", "lower", "upper"}
    with pytest.raises(ValueError, match="The exponential family has no distribution of new rows here"):
        predictive.new_row(0.9)
