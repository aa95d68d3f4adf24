"""Sums in single precision, which many categories have, tell what sums in double precision do."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from catpool.models.features import feature_blocks, link_fit, normal_fit
from catpool.models.features.feature_blocks import Block
from catpool.models.features.feature_prior import FeaturePrior
from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.posterior import posterior_mean, posterior_sd

SIZE = 500


def simulated(basis, family):
    rng = np.random.default_rng(2)
    values = basis @ rng.normal(size=basis.shape[1])
    values = values / values.std() + rng.normal(size=SIZE)
    codes = rng.integers(0, SIZE, 5000)
    y = values[codes] + rng.normal(size=5000)
    y = y if family == "normal" else (y > 0).astype(float)
    count, total = np.bincount(codes, minlength=SIZE).astype(float), np.bincount(codes, y, SIZE)
    return Moments(count, total, np.array(((y - y.mean()) ** 2).sum()))


def bases():
    rng = np.random.default_rng(1)
    independent = rng.normal(size=(SIZE, 8))
    near = independent @ np.linspace(1, 2, 8)
    return {
        "independent": independent,
        "walk": np.cumsum(independent, axis=0),
        "nearly dependent": np.column_stack([1e3 * independent, near * 1e3 + 1e-3 * rng.normal(size=SIZE)]),
    }


@pytest.mark.parametrize("family", ["normal", "binomial"])
@pytest.mark.parametrize("name", bases())
def test_equals_double_precision(name, family, monkeypatch):
    basis = bases()[name]
    moments, found = simulated(basis, family), []
    for many in (1 << 25, 0):
        monkeypatch.setattr(feature_blocks, "MANY", many)
        rule = FeaturePrior([Block(basis)], True)
        assert rule.design.summed.dtype == (np.float64 if many else np.float32)
        found.append(rule([moments], FAMILIES[family])[0])
    one, other = found
    assert float(other.strength) == pytest.approx(float(one.strength), rel=1e-5)
    for compute in (posterior_mean, posterior_sd):
        values = [compute(moments, prior, FAMILIES[family]) for prior in found]
        np.testing.assert_allclose(values[1], values[0], rtol=1e-5, atol=1e-6)


def test_free_effects_are_summed_in_double_precision(monkeypatch):
    monkeypatch.setattr(feature_blocks, "MANY", 0)
    rule = FeaturePrior([Block(np.ones((SIZE, 1)), False), Block(np.ones((SIZE, 1)))], True)
    assert rule.design.summed is rule.design.values


@pytest.mark.parametrize("family", ["normal", "binomial"])
def test_falls_back_to_double_precision_where_it_is_too_coarse(family, monkeypatch):
    basis = bases()["walk"]
    moments = simulated(basis, family)
    expected = FeaturePrior([Block(basis)], True)([moments], FAMILIES[family])[0]
    monkeypatch.setattr(feature_blocks, "MANY", 0)
    for module in (normal_fit, link_fit):
        monkeypatch.setattr(module, "COARSE", -1.0)
    prior = FeaturePrior([Block(basis)], True)([moments], FAMILIES[family])[0]
    np.testing.assert_allclose(prior.offset, expected.offset, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(prior.strength, expected.strength, rtol=1e-9)


@pytest.mark.parametrize("repeats", [1, 3])
def test_means_that_features_tell_exactly(repeats, monkeypatch):
    monkeypatch.setattr(feature_blocks, "MANY", 0)
    features = np.random.default_rng(7).normal(size=(SIZE, 20))
    values = features @ np.linspace(1, 2, 20)
    count = np.full(SIZE, float(repeats))
    moments = Moments(count, repeats * values, np.array(repeats * ((values - values.mean()) ** 2).sum()))
    prior = FeaturePrior([Block(features)], True)([moments], FAMILIES["normal"])[0]
    np.testing.assert_allclose(prior.mean + prior.offset, values, rtol=1e-5, atol=1e-5)


def test_effects_on_a_link_that_do_not_converge_are_warned_of(monkeypatch):
    monkeypatch.setattr(link_fit, "ROUNDS", 2)
    basis = bases()["independent"]
    with pytest.warns(ConvergenceWarning, match="The fit of the effects of features did not converge within 2"):
        FeaturePrior([Block(basis)], True)([simulated(basis, "binomial")], FAMILIES["binomial"])
