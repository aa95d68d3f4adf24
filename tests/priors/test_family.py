"""A family defined outside the package, in a few lines: what it gets by default, and what it must define."""

import numpy as np
import pandas as pd
import pytest

from catpool import EmpiricalBayesEncoder, sample_encodings
from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.family import Family
from catpool.priors.numerics.link import Link
from catpool.priors.posterior import posterior_mean, posterior_sd
from catpool.priors.prior import Prior
from catpool.priors.rules import PRIORS, prior_rule


class Exponential(Family):
    """Waiting times, whose variance is their squared mean; the conjugate prior is an inverse gamma distribution."""

    name = "exponential"
    kinds = ("continuous",)
    bounds = (0.0, np.inf)
    curvature = 1.0

    def variance(self, moments):
        return moments.mean**2

    def spread(self, mean, weight, variance):
        return mean**2 / (weight - 1)


@pytest.fixture
def family():
    FAMILIES["exponential"] = Exponential()
    yield FAMILIES["exponential"]
    del FAMILIES["exponential"]


@pytest.fixture
def waits():
    """Rows of 400 categories, and the moments of the categories, of a prior with mean 2 and strength 8."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 400, 6000)
    means = 2 * 8 / rng.gamma(9, size=400)
    y = rng.exponential(means[codes])
    count, total = np.bincount(codes).astype(float), np.bincount(codes, y)
    return pd.DataFrame({"c": codes.astype(str)}), y, Moments(count, total, ((y - y.mean()) ** 2).sum())


@pytest.mark.parametrize("prior", ["moments", "reml", "ml"])
def test_the_prior_is_estimated_by_moments(family, waits, prior):
    (fitted,) = prior_rule(prior, scale=1.0)([waits[2]], family)
    assert float(fitted.strength) == pytest.approx(8, rel=0.15)
    assert float(fitted.mean) == pytest.approx(2, rel=0.05)
    assert fitted.within / fitted.between == pytest.approx(fitted.strength)
    assert family.between_variance(2.0**2, 8.0) == pytest.approx(2.0**2 / 7)


def test_the_posterior_is_the_conjugate_one(family):
    moments = Moments(np.array([3.0, 10.0, 0.0]), np.array([3.0, 40.0, 0.0]), np.array(50.0))
    prior = Prior(np.array(2.0), np.array(8.0), np.array(4 / 7), np.array(32 / 7), offset_variance=np.zeros(3))
    shape, scale = 9 + moments.count, 16 + moments.total  # of inverse gamma distributions
    expected = scale / (shape - 1)
    np.testing.assert_allclose(posterior_mean(moments, prior, family), expected)
    np.testing.assert_allclose(posterior_sd(moments, prior, family), expected / np.sqrt(shape - 2))


def test_an_encoder_has_it(family, waits):
    X, y, _ = waits
    encoder = EmpiricalBayesEncoder(family="exponential", output=["mean", "sd"], random_state=0)
    assert np.isfinite(np.asarray(encoder.fit_transform(X, y))).all()
    assert encoder.summary_["family"].tolist() == ["exponential"]
    table = encoder.encoding_table("c")
    assert (table["lower"] >= 0).all()
    assert ((table["lower"] < table["encoding"]) & (table["encoding"] < table["upper"])).all()
    draws = sample_encodings(encoder, X.iloc[:50], n_draws=200, random_state=0)[:, :, 0]
    encoded = np.asarray(encoder.transform(X.iloc[:50]))
    np.testing.assert_allclose(draws.mean(axis=0), encoded[:, 0], atol=0.3)
    assert draws.std(axis=0).mean() == pytest.approx(encoded[:, 1].mean(), rel=0.15)


def test_what_it_lacks_is_refused_by_name(family, waits):
    X, y, _ = waits
    with pytest.raises(ValueError, match=r'"exponential" has no `full_bayes_prior`.*Exponential.full_bayes_prior'):
        EmpiricalBayesEncoder(family="exponential", prior="full_bayes").fit(X, y)
    with pytest.raises(ValueError, match='"exponential" has no `strength_given_means`'):
        family.strength_given_means(np.ones((1, 3)), np.ones(3), np.ones((1, 3)))
    with pytest.raises(ValueError, match='"exponential" has no `link`'):
        _ = family.link
    with pytest.raises(ValueError, match="does not go with a count target"):
        EmpiricalBayesEncoder(family="exponential", target_type="count").fit(X, np.rint(y))


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_goes_with_its_assumed_kind(name):
    family = FAMILIES[name]
    assert family.name == name
    assert isinstance(family, Family)
    assert family.goes_with("multiclass" if family.assumed == "classes" else family.assumed)
    assert family.bounds[0] < family.bounds[1]


# the canonical link of rows that have a dispersion depends on it, and models of several factors do without
@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if not family.dispersed])
def test_links_are_canonical(name):
    family = FAMILIES[name]
    link, eta, step = family.link, np.linspace(-2, 2, 9), 1e-5
    assert isinstance(link, Link)

    def slope(function):
        return (function(eta + step) - function(eta - step)) / (2 * step)

    np.testing.assert_allclose(slope(link.mean), link.variance(eta), rtol=1e-8)
    np.testing.assert_allclose(slope(link.variance), link.skew(eta), rtol=1e-6, atol=1e-9)
    total, count = np.full(9, 3.0), np.full(9, 5.0)
    np.testing.assert_allclose(
        slope(lambda eta: link.log_likelihood(total, count, eta)), total - count * link.mean(eta), rtol=1e-7, atol=1e-9
    )
    assert link.mean(link.eta(np.array(0.3))) == pytest.approx(0.3)


def test_a_rule_of_ones_own_can_be_registered(waits):
    def flat(moments, family, *, scale):
        return [Prior(each.mean, np.full_like(each.mean, scale)) for each in moments]

    PRIORS["flat"] = flat
    try:
        (prior,) = prior_rule("flat", scale=5.0)([waits[2]], FAMILIES["normal"])
    finally:
        del PRIORS["flat"]
    assert float(prior.strength) == 5
