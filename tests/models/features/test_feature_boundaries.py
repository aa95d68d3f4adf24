"""Priors from features where data say little, or all: no spread, no noise, one row each, too many features."""

import warnings

import numpy as np
import pytest

from catpool.models.features.feature_blocks import Block, FeatureDesign
from catpool.models.features.feature_prior import FeaturePrior
from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.normal import NORMAL
from catpool.priors.posterior import posterior_mean, posterior_sd
from catpool.priors.prior import NO_NOISE, NO_SPREAD, ONE_CATEGORY, ONE_ROW_EACH, ONLY_FEATURES
from tests.models.features.test_feature_prior import SIZE, Dense, best, moments_of, simulated


def learn(blocks, moments, reml=True):
    return FeaturePrior(blocks, reml)([moments], NORMAL)[0]


def all_finite(prior, moments):
    numbers = [prior.mean, prior.offset, prior.uncertainty, prior.between, prior.within, prior.regression.covariance]
    numbers += [posterior_mean(moments, prior, NORMAL), posterior_sd(moments, prior, NORMAL)]
    return all(np.isfinite(each).all() for each in numbers)


@pytest.mark.parametrize(
    ("family", "draw"),
    [
        ("normal", lambda rng, effects: effects + rng.normal(size=len(effects))),
        ("binomial", lambda rng, effects: (effects + rng.normal(size=len(effects)) > 0.5).astype(float)),
        ("poisson", lambda rng, effects: rng.poisson(np.exp(effects)).astype(float)),
    ],
)
def test_features_without_effects_change_no_bit(family, draw):
    rng, family = np.random.default_rng(4), FAMILIES[family]
    codes = np.tile(np.arange(12), 20)
    y = draw(rng, rng.normal(size=12)[codes])
    moments = moments_of(np.tile(y, 2), np.concatenate([codes, 12 + codes]))
    halves = Block(np.repeat([-1.0, 1.0, 0.0], [12, 12, SIZE - 24])[:, None])  # of the same rows
    (prior,), (plain,) = FeaturePrior([halves], True)([moments], family), family.likelihood_prior([moments], reml=True)
    assert prior.regression.share == 0.0
    for name in ("mean", "strength", "between", "within", "log_likelihood"):
        assert float(getattr(prior, name)) == float(getattr(plain, name))
    for output in (posterior_mean, posterior_sd):
        np.testing.assert_array_equal(output(moments, prior, family), output(moments, plain, family))


@pytest.mark.parametrize("penalized", [True, False])
def test_features_that_explain_all(penalized):
    rng = np.random.default_rng(4)
    blocks = [Block(rng.normal(size=(SIZE, 3)), penalized)]
    y, codes = simulated(rng, blocks, spread=0.0)
    moments = moments_of(y, codes)
    prior = learn(blocks, moments)
    assert prior.between == 0.0
    assert np.isinf(prior.strength)
    assert prior.note == ONLY_FEATURES
    assert prior.regression.share == 1.0
    np.testing.assert_array_equal(posterior_mean(moments, prior, NORMAL), prior.mean + prior.offset)
    dense = Dense(y, codes, blocks)
    likelihood, variances = best(dense, True, 2 + penalized)
    assert float(prior.log_likelihood) == pytest.approx(likelihood, abs=1e-6)
    mean, sd = dense.posterior(np.array([variances[0], 1e-12, *variances[2:]]))
    np.testing.assert_allclose(posterior_mean(moments, prior, NORMAL), mean, atol=1e-5)
    np.testing.assert_allclose(posterior_sd(moments, prior, NORMAL), sd, rtol=1e-4)


@pytest.mark.parametrize("penalized", [True, False])
def test_one_row_each(penalized):
    rng = np.random.default_rng(5)
    blocks = [Block(rng.normal(size=(SIZE, 3)), penalized)]
    codes = np.arange(SIZE - 2)
    y = blocks[0].basis[codes] @ [1.0, -1.0, 0.5] + rng.normal(size=SIZE - 2)
    moments = moments_of(y, codes)
    prior = learn(blocks, moments)
    assert prior.note == ONE_ROW_EACH
    assert np.isinf(prior.strength)
    if not penalized:
        X = np.column_stack([np.ones(SIZE), blocks[0].basis])
        expected = np.linalg.lstsq(X[codes], y, rcond=None)[0]
        np.testing.assert_allclose(prior.mean + prior.offset, X @ expected, atol=1e-9)
        rest = y - X[codes] @ expected
        assert float(prior.within) == pytest.approx(rest @ rest / (len(y) - 4), rel=1e-9)
    assert all_finite(prior, moments)


@pytest.mark.parametrize("penalized", [True, False])
def test_no_noise_within_categories(penalized):
    rng = np.random.default_rng(6)
    blocks = [Block(rng.normal(size=(SIZE, 3)), penalized)]
    values = 2 + blocks[0].basis @ [1.0, -1.0, 0.5] + 0.5 * rng.normal(size=SIZE)
    codes = np.repeat(np.arange(SIZE - 2), rng.integers(2, 6, SIZE - 2))
    moments = moments_of(values[codes], codes)
    prior = learn(blocks, moments)
    assert prior.note == NO_NOISE
    assert prior.strength == 0.0
    assert prior.within == 0.0
    once = learn(blocks, moments_of(values[:-2], np.arange(SIZE - 2)))  # each category counts as one row
    assert float(prior.between) == pytest.approx(float(once.within), rel=1e-9)
    np.testing.assert_allclose(prior.mean + prior.offset, once.mean + once.offset, atol=1e-9)
    np.testing.assert_allclose(posterior_mean(moments, prior, NORMAL)[:-2], values[:-2], atol=1e-9)
    np.testing.assert_allclose(posterior_sd(moments, prior, NORMAL)[:-2], 0.0, atol=1e-9)
    assert (posterior_sd(moments, prior, NORMAL)[-2:] > 0.3).all()


@pytest.mark.parametrize("penalized", [True, False])
@pytest.mark.parametrize("repeats", [1, 3])
def test_means_that_features_tell_exactly(penalized, repeats):
    features = np.random.default_rng(7).normal(size=(SIZE, 2))
    codes = np.repeat(np.arange(SIZE - 2), repeats)
    moments = moments_of((1 + features @ [2.0, -3.0])[codes], codes)
    prior = learn([Block(features, penalized)], moments)
    assert all_finite(prior, moments)
    np.testing.assert_allclose(prior.mean + prior.offset, 1 + features @ [2.0, -3.0], rtol=1e-5)
    assert prior.regression.share == pytest.approx(1.0)


def test_dependent_free_features_are_left_out_with_a_warning():
    rng = np.random.default_rng(8)
    first = rng.normal(size=(SIZE, 2))
    blocks = [
        Block(np.column_stack([first, first @ [1.0, 2.0], np.full(SIZE, 3.0)]), False, "zip", ("a", "b", "c", "d"))
    ]
    y, codes = simulated(rng, [Block(first, False)])
    moments = moments_of(y, codes)
    with pytest.warns(UserWarning, match=r"1 of 1 sets of training rows cannot tell .* without them: 'c', 'd'\. Leave"):
        prior = learn(blocks, moments)
    expected = learn([Block(first, False)], moments)
    np.testing.assert_allclose(prior.offset, expected.offset, atol=1e-9)
    np.testing.assert_allclose(prior.regression.effects[2:], 0.0)
    np.testing.assert_allclose(posterior_sd(moments, prior, NORMAL), posterior_sd(moments, expected, NORMAL), rtol=1e-9)
    assert float(prior.log_likelihood) == pytest.approx(float(expected.log_likelihood), rel=1e-12)


def test_features_without_names_are_numbered_in_warnings():
    rng = np.random.default_rng(8)
    blocks = [Block(rng.normal(size=(SIZE, 1))), Block(np.ones((SIZE, 1)), False, name="county")]
    with pytest.warns(UserWarning, match="without them: number 1 of 'county'"):
        learn(blocks, moments_of(*simulated(rng, [])))


def test_tables_that_do_without_features_are_counted():
    rng = np.random.default_rng(9)
    features = np.zeros((SIZE, 2))
    features[:, 0], features[0, 1] = rng.normal(size=SIZE), 1.0  # which only the rows of one category tell
    y, codes = simulated(rng, [])
    tables = [moments_of(y, codes), moments_of(y[codes > 0], codes[codes > 0])]
    moments = Moments(*(np.stack([getattr(each, name) for each in tables]) for name in ("count", "total", "scatter")))
    with pytest.warns(UserWarning, match=r"1 of 2 sets .*: number 2 of 'features'"):
        prior = learn([Block(features, False)], moments)
    assert prior.offset.shape == (2, SIZE)


@pytest.mark.parametrize("width", [SIZE - 2, 2 * SIZE])
def test_more_penalized_features_than_categories(width):
    rng = np.random.default_rng(10)
    basis = rng.normal(size=(SIZE, width)) / np.sqrt(width)
    blocks = [Block(basis)]
    y, codes = simulated(rng, blocks)
    dense = Dense(y, codes, blocks)
    likelihood, variances = best(dense, True, 3)
    moments = moments_of(y, codes)
    prior = learn(blocks, moments)
    assert float(prior.log_likelihood) == pytest.approx(likelihood, abs=1e-7)
    np.testing.assert_allclose(posterior_sd(moments, prior, NORMAL), dense.posterior(variances)[1], rtol=1e-4)


def test_more_free_features_than_categories():
    rng = np.random.default_rng(11)
    y, codes = simulated(rng, [])
    moments = moments_of(y, codes)
    with pytest.warns(UserWarning, match="cannot tell the effects"):
        prior = learn([Block(rng.normal(size=(SIZE, SIZE)), False)], moments)
    assert all_finite(prior, moments)


@pytest.mark.parametrize(
    ("y", "codes", "note"),
    [
        (np.arange(6.0), np.zeros(6, dtype=int), ONE_CATEGORY),
        (np.ones(6), np.arange(6) // 2, NO_SPREAD),
        (np.tile([0.0, 1.0], 3), np.arange(6) // 2, NO_SPREAD),
        (np.array([0.0, 1.0, 5.0, 6.0]), np.arange(4) // 2, ""),
    ],
)
def test_tables_without_anything_to_learn(y, codes, note):
    moments = moments_of(y, codes)
    prior = learn([Block(np.random.default_rng(1).normal(size=(SIZE, 2)))], moments)
    plain = NORMAL.likelihood_prior([moments], reml=True)[0]
    assert prior.note == note
    assert prior.regression.share == 0.0
    np.testing.assert_array_equal(posterior_mean(moments, prior, NORMAL), posterior_mean(moments, plain, NORMAL))
    np.testing.assert_allclose(posterior_sd(moments, prior, NORMAL), posterior_sd(moments, plain, NORMAL), rtol=1e-12)


def test_weights_as_precisions():
    rng = np.random.default_rng(12)
    blocks = [Block(rng.normal(size=(SIZE, 3)))]
    y, codes = simulated(rng, blocks)
    weights = rng.uniform(0.3, 3.0, len(y))
    y = y + rng.normal(size=len(y)) * (1 / np.sqrt(weights) - 1)
    dense = Dense(y, codes, blocks, weights)
    likelihood, variances = best(dense, True, 3)
    moments = moments_of(y, codes, weights=weights)
    prior = learn(blocks, moments)
    assert float(prior.log_likelihood) == pytest.approx(likelihood, abs=1e-8)
    mean, sd = dense.posterior(variances)
    np.testing.assert_allclose(posterior_mean(moments, prior, NORMAL), mean, atol=1e-6)
    np.testing.assert_allclose(posterior_sd(moments, prior, NORMAL), sd, rtol=1e-6)


@pytest.mark.parametrize("penalized", [True, False])
@pytest.mark.parametrize("family", ["normal", "binomial"])
def test_results_of_a_table_do_not_depend_on_targets_of_others(family, penalized):
    rng = np.random.default_rng(13)
    blocks = [Block(rng.normal(size=(SIZE, 3)), penalized)]

    def moments(*targets):
        tables = [moments_of(y, codes) for y, codes in targets]
        return Moments(*(np.stack([getattr(each, name) for each in tables]) for name in ("count", "total", "scatter")))

    y, codes = simulated(rng, blocks)
    others = [y[::-1], np.zeros(len(y)), rng.normal(size=len(y)) ** 3]
    if family == "binomial":
        y, others = (y > 3).astype(float), [(each > 0).astype(float) for each in others]
    rule = FeaturePrior(blocks, True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [rule([moments((y, codes), (other, codes))], FAMILIES[family])[0] for other in others]
    for prior in found[1:]:
        for name in ("mean", "strength", "between", "within", "offset", "uncertainty"):
            np.testing.assert_array_equal(getattr(prior, name)[0], getattr(found[0], name)[0])


def test_slots_without_features_have_the_average_and_its_variance():
    rng = np.random.default_rng(14)
    basis = rng.normal(size=(SIZE, 3)) + 5.0
    basis[[0, -1]] = np.nan
    blocks = [Block(basis), Block(rng.normal(size=(SIZE, 2)))]
    prior = learn(blocks, moments_of(*simulated(rng, [Block(np.nan_to_num(basis - 5))])))
    regression, known = prior.regression, basis[1:-1]
    own, covariance = regression.effects[:3], regression.covariance[1:4, 1:4]
    centered = known - known.mean(axis=0)
    expected = np.mean((centered @ own) ** 2 + np.einsum("kq,qr,kr->k", centered, covariance, centered))
    assert regression.unknown[0] == pytest.approx(expected, rel=1e-9)
    middle = np.append(known.mean(axis=0), blocks[1].basis[-1])[None]
    unknown = np.append(np.full(3, np.nan), blocks[1].basis[-1])[None]
    assert regression.mean(unknown) == pytest.approx(regression.mean(middle), rel=1e-12)
    assert regression.variance(unknown) == pytest.approx(regression.variance(middle) + expected, rel=1e-9)
    assert prior.uncertainty[-1] == pytest.approx(regression.variance(unknown)[0], rel=1e-9)


def test_features_for_no_slot():
    design = FeatureDesign.of([Block(np.full((SIZE, 2), np.nan))])
    np.testing.assert_array_equal(design.values[:, 1:], 0.0)
    rng = np.random.default_rng(15)
    moments = moments_of(*simulated(rng, []))
    prior = learn([Block(np.full((SIZE, 2), np.nan))], moments)
    assert all_finite(prior, moments)
    assert prior.regression.share == 0.0


def test_draws_have_the_variances_of_prior_means():
    rng = np.random.default_rng(16)
    basis = rng.normal(size=(SIZE, 3))
    basis[-1] = np.nan
    prior = learn([Block(basis)], moments_of(*simulated(rng, [Block(np.nan_to_num(basis))])))
    drawn = np.array([prior.regression.draw_means(basis, rng) for _ in range(4000)])
    np.testing.assert_allclose(drawn.mean(axis=0), prior.mean + prior.offset, atol=0.05)
    np.testing.assert_allclose(drawn.var(axis=0), prior.uncertainty, rtol=0.15)
    ones = np.column_stack([np.ones(2), basis[:2] - np.nanmean(basis, axis=0)])
    expected = ones @ prior.regression.covariance @ ones.T  # as categories share their effects
    np.testing.assert_allclose(np.cov(drawn[:, :2].T), expected, atol=0.15 * expected.max())


def test_maximum_likelihood_of_free_effects_alone_is_quiet(capfd):
    rng = np.random.default_rng(4)
    blocks = [Block(rng.normal(size=(SIZE, 2)), penalized=False)]
    learn(blocks, moments_of(*simulated(rng, blocks, spread=1.0)), reml=False)
    assert capfd.readouterr() == ("", "")  # of LAPACK, too
