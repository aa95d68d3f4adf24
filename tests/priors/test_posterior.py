"""How far an encoding can be trusted: standard deviations and intervals."""

import numpy as np
import pytest
from helpers.simulated import simulated

from catpool import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder


@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
def test_intervals_hold_the_truth_as_often_as_they_say(family):
    rng = np.random.default_rng(0)
    inside = {0.5: [], 0.9: []}
    for _ in range(20):
        truth, X, y = simulated(rng, 200, 0.25, family)
        encoder = EmpiricalBayesEncoder(family=family).fit(X, y)
        for level, hits in inside.items():
            table = encoder.encoding_table(0, interval=level).iloc[:-1]
            hits.append(((table["lower"] <= truth) & (truth <= table["upper"])).mean())
    for level, hits in inside.items():
        assert np.mean(hits) == pytest.approx(level, abs=0.03)
    with pytest.raises(ValueError, match="between 0 and 1"):
        encoder.encoding_table(0, interval=90)


def test_the_sd_of_each_encoder_is_its_own():
    rng = np.random.default_rng(1)
    truth, X, y = simulated(rng, 3000, 0.25)
    unseen = np.array([[-1]])
    for encoder in (MeanEncoder(), EmpiricalBayesEncoder(), SmoothedMeanEncoder(smoothing=4.0)):
        encoder.set_params(output=("mean", "sd")).fit(X, y)
        mean, sd = np.asarray(encoder.transform(np.arange(3000)[:, None])).T
        assert np.mean((mean - truth) ** 2) == pytest.approx(np.mean(sd**2), rel=0.1)
        assert np.asarray(encoder.transform(unseen))[0, 1] == pytest.approx(0.5, rel=0.1)


def test_the_sd_of_a_share_is_no_more_than_that_of_zeros_and_ones():
    X, y = np.repeat(np.arange(4), 6)[:, None], np.tile([0, 1], 12)
    encoder = EmpiricalBayesEncoder(output="sd").fit(X, y, sample_weight=np.full(24, 1e-3))
    assert np.asarray(encoder.transform(X)).max() <= 0.5


@pytest.mark.parametrize("prior", ["moments", "reml"])
def test_the_sd_of_a_rate_of_an_only_category_is_out_of_fold(prior):
    exposure, y = np.array([1.354, 3.9, 0.695, 0.787, 0.767, 1.555]), np.array([1, 0, 2, 0, 1, 0])
    X, folds = np.zeros((6, 1)), np.arange(6) % 3
    parameters = {"prior": prior, "target_type": "count", "output": ["mean", "sd"]}
    encoded = EmpiricalBayesEncoder(cv=folds, **parameters).fit_transform(X, y, exposure=exposure)
    for fold in range(3):
        test = folds == fold
        refitted = EmpiricalBayesEncoder(**parameters).fit(X[~test], y[~test], exposure=exposure[~test])
        np.testing.assert_allclose(np.asarray(encoded)[test], refitted.transform(X[test]), rtol=1e-9)
