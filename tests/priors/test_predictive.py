"""Predictive distributions: those of the package are right, others are refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from catpool.priors.families.binomial import Binomial
from catpool.priors.families.gamma import Gamma
from catpool.priors.families.negative_binomial import NegativeBinomial
from catpool.priors.families.normal import Normal
from catpool.priors.families.poisson import Poisson
from catpool.priors.families.tweedie import Tweedie
from catpool.priors.mixtures.mixture_of_t import MixtureOfT
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
    for describe in (lambda: predictive.new_row(0.9), lambda: predictive.distribution(np.ones(2))):
        with pytest.raises(ValueError, match="The exponential family has no distribution of new rows here"):
            describe()


RNG, N = np.random.default_rng(0), 2000
ETA = MixtureOfT(np.array([0.3, 0.7]), RNG.normal(size=(2, N)), np.full((2, N), 0.4), np.inf)
MEAN, SD = RNG.uniform(0.2, 0.8, N), np.full(N, 0.1)


def drawn_eta(rng):
    part = rng.choice(2, N, p=ETA.probability)
    return ETA.means[part, np.arange(N)] + 0.4 * rng.normal(size=N), part


def tweedie(rng, mean, dispersion, power=1.5):
    number = rng.poisson(mean ** (2 - power) / (dispersion * (2 - power)))
    scale = dispersion * (power - 1) * mean ** (power - 1)
    return rng.gamma(np.maximum(number, 1e-12) * (2 - power) / (power - 1), scale) * (number > 0)


LINEAR = {
    "normal": (Normal(), 0.0, lambda rng, eta, part: rng.normal(eta, np.sqrt([1.0, 4.0])[part])),
    "binomial": (Binomial(), 0.0, lambda rng, eta, part: rng.binomial(1, 1 / (1 + np.exp(-eta)))),
    "poisson": (Poisson(), 0.0, lambda rng, eta, part: rng.poisson(np.exp(eta))),
    "negative binomial": (
        NegativeBinomial(),
        0.5,
        lambda rng, eta, part: rng.poisson(np.exp(eta) * rng.gamma(2.0, 0.5, N)),
    ),
    "gamma": (Gamma(), 0.5, lambda rng, eta, part: rng.gamma(2.0, np.exp(eta) / 2.0)),
    "tweedie": (Tweedie(1.5), 0.5, lambda rng, eta, part: tweedie(rng, np.exp(eta), 0.5)),
}


def uniform(rng, predictive, values):
    below, at = predictive.distribution(values)
    assert ((below >= 0) & (below <= at) & (at <= 1)).all()
    return below + rng.random(N) * (at - below), at


@pytest.mark.parametrize("name", LINEAR)
def test_the_distribution_of_new_rows_is_theirs(name):
    family, dispersion, draw = LINEAR[name]
    rng = np.random.default_rng(1)
    values = draw(rng, *drawn_eta(rng)).astype(float)
    predictive = LinearPredictive(ETA, np.array([1.0, 4.0]), family, dispersion)
    ranks, _ = uniform(rng, predictive, values)
    assert kstest(ranks, "uniform").pvalue > 0.01
    some = replace(predictive, predictor=replace(ETA, means=ETA.means[:, :20], scales=ETA.scales[:, :20]))
    assert (some.distribution(some.new_row(0.8)["upper"])[1] >= 0.9 - 1e-6).all()


@pytest.mark.parametrize("family", [Binomial(), Poisson()])
def test_the_distribution_of_rows_of_conjugate_families_is_theirs(family):
    rng = np.random.default_rng(2)
    shape, sd = (MEAN / SD) ** 2, np.where(np.arange(N) < 250, 0.0, SD)  # the first are certain
    if family.name == "binomial":
        values = rng.binomial(1, MEAN).astype(float)
    else:
        values = rng.poisson(np.where(sd == 0, MEAN, rng.gamma(shape, MEAN / shape))).astype(float)
    ranks, _ = uniform(rng, ConjugatePredictive(MEAN, sd, family), values)
    assert kstest(ranks, "uniform").pvalue > 0.01
