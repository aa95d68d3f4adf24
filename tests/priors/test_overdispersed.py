"""Overdispersed counts of one factor: likelihoods, posteriors by quadrature, the truth, and the mixed model."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import betaprime, nbinom

from catpool import EmpiricalBayesEncoder, MixedModelEncoder, sample_encodings
from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.dispersion import estimate_dispersion
from catpool.priors.families.overdispersed import OfDispersion
from catpool.priors.likelihoods.beta_negative_binomial import beta_negative_binomial, slopes_by_a
from catpool.priors.likelihoods.gamma_poisson import gamma_poisson
from catpool.priors.likelihoods.marginal import negative_binomial_marginal, poisson_marginal
from catpool.priors.posterior import posterior_mean, posterior_sd
from catpool.priors.prior import Prior

FAMILY = FAMILIES["negative_binomial"]


def overdispersed(prior="reml", family="negative_binomial", **parameters):
    return EmpiricalBayesEncoder(None, prior=prior, family=family, target_type="count", **parameters)


def counts(rng, categories=60, rows=12, mean=3.0, strength=4.0, dispersion=0.5):
    """Codes, counts, and the means of the categories, which have the conjugate prior."""
    b = strength / dispersion + 1
    means = rng.gamma(strength * mean, size=categories) / rng.gamma(b, size=categories) / dispersion
    codes = np.repeat(np.arange(categories), 1 + rng.poisson(rows - 1, categories))
    return codes, rng.negative_binomial(1 / dispersion, 1 / (1 + dispersion * means[codes])), means


def given(mean, strength, dispersion, size):
    """A prior whose mean is certain."""
    between = (mean + dispersion * mean**2) / (strength - dispersion)
    numbers = (np.array(each) for each in (mean, strength, between, strength * between))
    return Prior(*numbers, dispersion=np.array(dispersion), offset=np.zeros(size), offset_variance=np.zeros(size))


def marginal(totals, rows, a, strength, dispersion):
    """The log-likelihood of totals by logarithms of gamma functions."""
    b, size = strength / dispersion + 1, rows / dispersion
    rising = gammaln(a + totals) - gammaln(a) + gammaln(b + size) - gammaln(b)
    return rising + gammaln(a + b) - gammaln(a + b + totals + size)


@pytest.mark.parametrize("dispersion", [0.2, 3.0])
def test_the_posterior_is_that_of_quadrature(dispersion):
    mean, strength = 2.5, 4.0
    rows = [np.array(each) for each in ([0, 3, 1, 7], [12, 0], [])]
    density = betaprime(strength * mean, strength / dispersion + 1)
    moments = Moments(np.array([4.0, 2.0, 0.0]), np.array([11.0, 12.0, 0.0]), np.array(0.0))
    prior = given(mean, strength, dispersion, 3)
    found = posterior_mean(moments, prior, FAMILY), posterior_sd(moments, prior, FAMILY)
    for place, own in enumerate(rows):

        def average(function, own=own):
            def integrand(x):
                likelihood = nbinom.pmf(own, 1 / dispersion, 1 / (1 + x)).prod()
                return function(x / dispersion) * likelihood * density.pdf(x)

            return sum(quad(integrand, *ends, limit=200)[0] for ends in ((0, 1), (1, 30), (30, np.inf)))

        total, first, second = (average(lambda m, power=power: m**power) for power in range(3))
        assert found[0][place] == pytest.approx(first / total, rel=1e-6)
        assert found[1][place] == pytest.approx(np.sqrt(second / total - (first / total) ** 2), rel=1e-5)


@pytest.mark.parametrize("dispersion", [1e-6, 1e-3, 0.5, 20.0])
def test_the_likelihood_and_its_derivatives(dispersion):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 30, 20).astype(float)
    totals = rng.poisson(2 * rows).astype(float)
    likelihood = beta_negative_binomial(totals[None], rows[None], dispersion)
    at, other = np.array([[4.0, 2.0]]), np.array([[5.0, 3.0]])
    value, gradient, hessian = likelihood(at)
    change = value - likelihood(other)[0]
    expected = [marginal(totals, rows, a, beyond + dispersion, dispersion).sum() for (a, beyond) in (at[0], other[0])]
    assert change[0] == pytest.approx(expected[0] - expected[1], abs=1e-5 if dispersion < 1e-4 else 1e-8)
    if dispersion < 1e-4:
        poisson = gamma_poisson(totals[None], rows[None])
        assert change == pytest.approx(poisson(at)[0] - poisson(other)[0], abs=1e-4)
    by_a = slopes_by_a(totals[None], rows[None], dispersion)(at[:, 1])(at[:, 0])
    np.testing.assert_array_equal(by_a, (gradient[:, 0], hessian[:, 0, 0]))
    for place in range(2):
        step = 1e-5 * (np.arange(2) == place)
        ahead, behind = likelihood(at + step), likelihood(at - step)
        assert gradient[0, place] == pytest.approx((ahead[0] - behind[0])[0] / 2e-5, rel=1e-6)
        np.testing.assert_allclose(hessian[0, place], (ahead[1] - behind[1])[0] / 2e-5, rtol=1e-6)


@pytest.mark.parametrize("dispersion", [0.0, 1e-9, 1e-4, 0.5, 20.0])
def test_the_marginal_likelihood_of_each_category(dispersion):
    rows, totals = np.array([1.0, 20.0, 3000.0, 0.0]), np.array([4.0, 70.0, 8000.0, 0.0])
    moments = Moments(rows, totals, np.zeros(()))

    def log(strength, mean=2.5):
        prior = Prior(np.array(mean), np.array(strength), dispersion=np.array(dispersion))
        return negative_binomial_marginal(moments, prior)

    one, other = (30.0, 3.0), (dispersion + 2.0, 2.0)
    assert log(*one)[-1] == 0
    if dispersion < 1e-8:
        priors = [Prior(np.array(mean), np.array(strength)) for strength, mean in (one, other)]
        expected = [poisson_marginal(moments, prior) for prior in priors]
    else:
        expected = [marginal(totals, rows, strength * mean, strength, dispersion) for strength, mean in (one, other)]
    np.testing.assert_allclose(log(*one) - log(*other), expected[0] - expected[1], atol=1e-4, rtol=1e-7)
    np.testing.assert_allclose(log(1e8), log(np.inf), atol=2e-2)
    np.testing.assert_allclose(log(1e14), log(np.inf), atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_prior_is_the_likeliest(seed):
    codes, y, _ = counts(np.random.default_rng(seed))
    encoder = overdispersed().fit(codes[:, None], y)
    summary = encoder.summary_.iloc[0]
    rows, totals, dispersion = np.bincount(codes), np.bincount(codes, y), summary["dispersion"]

    def unlikely(parameters):
        a, beyond = np.exp(parameters)
        return -marginal(totals, rows, a, beyond + dispersion, dispersion).sum()

    answer = minimize(unlikely, [1.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    a, beyond = np.exp(answer.x)
    assert summary["prior_strength"] == pytest.approx(beyond + dispersion, rel=1e-5)
    assert summary["prior_mean"] == pytest.approx(a / (beyond + dispersion), rel=1e-5)
    row = summary["prior_mean"] + dispersion * summary["prior_mean"] ** 2
    assert summary["between_sd"] == pytest.approx(np.sqrt(row / beyond), rel=1e-5)
    assert np.isnan(summary["log_likelihood"])
    encoded = encoder.transform([[0], [1], [999]])[:, 0]
    mean, strength = summary["prior_mean"], summary["prior_strength"]
    expected = (np.append(totals[:2], 0) + strength * mean) / (np.append(rows[:2], 0) + strength)
    np.testing.assert_allclose(encoded, expected)


def test_full_bayes_averages_over_the_coefficient_of_variation():
    codes, y, _ = counts(np.random.default_rng(3), categories=8)
    encoder = overdispersed("full_bayes", output=["mean", "sd"]).fit(codes[:, None], y)
    rows, totals = np.bincount(codes), np.bincount(codes, y)
    dispersion, overall = encoder.summary_["dispersion"].item(), y.mean()
    factor = 1 / overall + dispersion
    log_a, cv = np.linspace(-6, 7, 500), np.linspace(0.003, 6, 1500)
    strength = (factor / cv**2 + dispersion)[:, None]
    a = np.exp(log_a) * np.ones_like(strength)
    log = sum(marginal(t, n, a, strength, dispersion) for t, n in zip(totals, rows, strict=True))
    # flat in the mean a / strength, and half-t(3) in the coefficient of variation
    log = log + log_a - np.log(strength) - 2 * np.log1p(cv**2 / 3)[:, None]
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    means = np.array([(weight * (a + t) / (strength + n)).sum() for t, n in zip(totals, rows, strict=True)])
    found, sd = encoder.transform(np.arange(8)[:, None]).T
    assert np.abs((found - means) / sd).max() < 0.03


@pytest.mark.parametrize("prior", ["reml", "ml", "moments", "full_bayes", "scale_mixture", "npmle"])
def test_every_prior_finds_the_truth(prior):
    rng = np.random.default_rng(4)
    codes, y, means = counts(rng, categories=800, rows=15, strength=6.0)
    encoder = overdispersed(prior).fit(codes[:, None], y)
    summary, table = encoder.summary_.iloc[0], encoder.encoding_table(0, interval=0.9).iloc[:-1]
    assert summary["dispersion"] == pytest.approx(0.5, rel=0.1)
    assert summary["prior_mean"] == pytest.approx(3.0, rel=0.05)
    if prior not in ("scale_mixture", "npmle"):
        assert summary["prior_strength"] == pytest.approx(6.0, rel=0.25)
    hit = (table["lower"] <= means) & (means <= table["upper"])
    assert hit.mean() == pytest.approx(0.9, abs=0.035)
    poisson = overdispersed(prior, family="poisson").fit(codes[:, None], y).encoding_table(0).iloc[:-1]
    loss = [((each["encoding"] - means) ** 2).mean() for each in (table, poisson)]
    assert loss[0] < 0.97 * loss[1]


@pytest.mark.parametrize("dispersion", [0.1, 1.0, 4.0])
@pytest.mark.parametrize(("categories", "rows"), [(2000, 2), (300, 8), (40, 60)])
def test_the_dispersion_is_consistent(categories, rows, dispersion):
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        means = 3 * np.exp(0.7 * rng.normal(size=categories))
        codes = np.repeat(np.arange(categories), 1 + rng.poisson(rows - 1, categories))
        y = rng.negative_binomial(1 / dispersion, 1 / (1 + dispersion * means[codes]))
        found.append(overdispersed("moments").fit(codes[:, None], y).summary_["dispersion"].item())
    assert np.mean(found) == pytest.approx(dispersion, rel=0.06, abs=0.02)


@pytest.mark.parametrize("dispersion", [0.3, 1.5])
def test_encodings_are_close_to_those_of_the_mixed_model(dispersion):
    codes, y, _ = counts(np.random.default_rng(5), categories=150, rows=20, strength=6.0, dispersion=dispersion)
    X = pd.DataFrame({"c": codes.astype(str)})
    one = overdispersed(output=["mean", "sd"]).fit(X, y)
    mixed = MixedModelEncoder(["c"], family="negative_binomial", target_type="count", output="prediction").fit(X, y)
    (size,) = (each.dispersion for each in [mixed.model_])
    assert one.summary_["dispersion"].item() == pytest.approx(size, rel=0.15)
    rows = X.drop_duplicates().reset_index(drop=True)
    mean, sd = np.asarray(one.transform(rows)).T
    apart = np.abs(np.asarray(mixed.transform(rows), dtype=float)[:, -1] - mean) / sd
    assert apart.mean() < 0.25
    assert apart.max() < 0.7


def test_counts_without_dispersion_have_the_poisson_family():
    rng = np.random.default_rng(6)
    dispersions = []
    for _ in range(20):
        codes = np.repeat(np.arange(60), 10)
        y = rng.poisson(rng.gamma(4, 1, size=60)[codes])
        one, poisson = (overdispersed(family=each, output=["mean", "sd"]) for each in ("negative_binomial", "poisson"))
        found, expected = (each.fit(codes[:, None], y).transform(np.arange(61)[:, None]) for each in (one, poisson))
        dispersions.append(one.summary_["dispersion"].item())
        np.testing.assert_allclose(found, expected, rtol=1e-12 if dispersions[-1] == 0 else 0.1)
    assert 0 < np.count_nonzero(dispersions) < 20
    assert max(dispersions) < 0.1


def test_small_dispersions_are_continuous():
    """The encodings of the least dispersion that is not taken for none are those of none."""
    moments = Moments(np.array([3.0, 10.0, 0.0]), np.array([2.0, 50.0, 0.0]), np.array(50.0))
    poisson = Prior(np.array(2.0), np.array(8.0), np.array(0.25), np.array(2.0), offset_variance=np.zeros(3))
    few = given(2.0, 8.0, 1e-6, 3)
    for function in (posterior_mean, posterior_sd):
        expected = function(moments, poisson, FAMILIES["poisson"])
        np.testing.assert_allclose(function(moments, few, FAMILY), expected, rtol=1e-5)
    mean, sd = np.array([2.0, 0.0, 3.0]), np.array([0.7, 0.0, 0.0])
    expected = FAMILIES["poisson"].interval(mean, sd, 0.9)
    np.testing.assert_allclose(OfDispersion(np.array(1e-5)).interval(mean, sd, 0.9), expected, rtol=1e-4)
    np.testing.assert_array_equal(OfDispersion(np.array(0.0)).interval(mean, sd, 0.9), expected)


def test_intervals_are_those_of_the_posterior():
    dispersion, weight, mean = 0.8, 9.0, 2.5
    own = OfDispersion(np.array(dispersion))
    sd = np.sqrt(own.spread(np.array([mean]), np.array([weight]), np.array([1.0])))
    posterior = betaprime(weight * mean, weight / dispersion + 1, scale=1 / dispersion)
    assert posterior.std() == pytest.approx(sd[0])
    np.testing.assert_allclose(np.ravel(own.interval(np.array([mean]), sd, 0.9)), posterior.ppf([0.05, 0.95]))


def test_the_variance_is_stable_on_the_scale_of_condensed_categories():
    own, means = OfDispersion(np.array(0.7)), np.array([0.0, 0.5, 4.0, 300.0])
    value = own.stabilized(means, np.array(1.0))
    np.testing.assert_allclose(own.from_stabilized(value, np.array(1.0)), means)
    slope = (own.stabilized(means[1:] * 1.0001, np.array(1.0)) - value[1:]) / (means[1:] * 0.0001)
    np.testing.assert_allclose(slope, 1 / np.sqrt(own.variance_at(means[1:])), rtol=1e-3)


@pytest.mark.parametrize("prior", ["reml", "full_bayes", "scale_mixture"])
def test_draws_have_the_posterior_s_mean_and_sd(prior):
    codes, y, _ = counts(np.random.default_rng(7), categories=40, strength=8.0)
    encoder = overdispersed(prior, output=["mean", "sd"]).fit(codes[:, None], y)
    X = np.append(np.arange(6), 99)[:, None]
    draws = sample_encodings(encoder, X, n_draws=4000, random_state=0)[..., 0]
    mean, sd = encoder.transform(X).T
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.1 * sd.max())
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.12)


@pytest.mark.parametrize(
    ("codes", "y"),
    [
        ([0, 0, 1, 1, 2], [0] * 5),
        ([0, 0, 1, 1, 2], [3] * 5),
        ([0] * 5, [0, 1, 5, 2, 9]),
        (range(6), [0, 1, 5, 2, 9, 40]),
        (np.repeat([0, 1, 2], 5), [0, 0, 0, 0, 9, 0, 0, 0, 0, 30, 0, 0, 0, 0, 3]),
        (np.repeat(range(6), 5), np.random.default_rng(0).integers(0, 10**12, 30)),
        (np.repeat(range(6), 5), (10 ** np.random.default_rng(0).uniform(0, 12, 30)).astype(int)),
        (np.repeat(range(9), 6), np.random.default_rng(1).negative_binomial(0.05, 0.01, 54)),
    ],
)
@pytest.mark.parametrize("prior", ["auto", "reml", "moments", "scale_mixture", "npmle"])
def test_extreme_counts_give_finite_numbers(codes, y, prior):
    X = np.array(codes)[:, None]
    encoder = overdispersed(prior, output=["mean", "sd", "reliability"]).fit(X, y)
    assert np.isfinite(encoder.transform([[0], [1], [99]])).all()
    table = encoder.encoding_table(0)
    assert np.isfinite(table[["lower", "upper"]]).all(axis=None)
    assert (table["lower"] <= table["encoding"] * (1 + 1e-9)).all()
    assert (table["encoding"] <= table["upper"] * (1 + 1e-9)).all()
    assert np.isfinite(sample_encodings(encoder, X, n_draws=9, random_state=0)).all()
    if len(set(codes)) == 1 or len(set(codes)) == len(codes):
        assert encoder.summary_["prior_strength"].item() == np.inf
        assert encoder.summary_["note"].item()


def test_the_dispersion_of_single_rows_is_that_of_all():
    y = np.array([0.0, 1.0, 5.0, 2.0, 9.0, 40.0])
    single = Moments(np.ones(6), y, ((y - y.mean()) ** 2).sum(), scatters=np.zeros(6))
    whole = Moments(np.array([6.0]), y.sum(keepdims=True), single.scatter, scatters=single.scatter[None])
    assert estimate_dispersion(single) == estimate_dispersion(whole) > 1
    # of one category the unbiased equation is solved
    rows, total = 6, y.sum()
    found = estimate_dispersion(whole)
    expected = (rows - 1) * (total / rows + found * total * (total - 1) / rows / (rows + found))
    assert single.scatter == pytest.approx(expected)
