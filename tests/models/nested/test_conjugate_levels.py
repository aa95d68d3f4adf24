"""Shares and counts of nested levels."""

import numpy as np
import pandas as pd
import pytest
from helpers.nested import LEVELS, NUMBERS, nested, numbered
from scipy.stats import betabinom, nbinom

from catpool import NestedEncoder

pytestmark = pytest.mark.slow  # taken together; each by itself is quick


@pytest.mark.parametrize("target_type", ["binary", "multiclass", "count"])
def test_each_level_is_conjugate_to_the_mean_of_the_one_above(land, target_type):
    X, y = land["X"].fillna("missing"), land[target_type]
    rows = land["exposure"] if target_type == "count" else np.ones(120)
    arguments = {"exposure": rows} if target_type == "count" else {}
    encoder = nested(X, y, target_type=target_type, emit="all", output=NUMBERS, **arguments)
    encoded, summary = encoder.transform(X), encoder.summary_
    classes = np.unique(y) if target_type == "multiclass" else [None]
    for label, name in enumerate(classes):
        own = y if name is None else y == name
        value = np.full(120, own.sum() / rows.sum())
        variance = value / rows.sum() if target_type == "count" else value * (1 - value) / rows.sum()
        for level in range(3):
            code = numbered(X.iloc[:, : level + 1])
            total, size = np.bincount(code, own)[code], np.bincount(code, rows)[code]
            strength = summary["prior_strength"][3 * label + level]
            trust = size / (size + strength) if np.isfinite(strength) else np.zeros(120)
            value = trust * total / size + (1 - trust) * value
            spread = (
                value / (size + strength) if target_type == "count" else value * (1 - value) / (size + strength + 1)
            )
            variance = spread + (1 - trust) ** 2 * variance
            ours = np.asarray(encoded)[:, 3 * (level * len(classes) + label) :][:, :3]
            np.testing.assert_allclose(ours, np.column_stack([value, np.sqrt(variance), trust]), rtol=1e-9)
    if target_type == "multiclass":
        np.testing.assert_allclose(np.asarray(encoded)[:, [18, 21, 24]].sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("target_type", ["binary", "count"])
def test_no_strength_of_a_grid_is_likelier(land, target_type):
    X, y = land["X"].fillna("missing"), land[target_type]
    encoder = nested(X, y, target_type=target_type, emit="all")
    encoded, found = encoder.transform(X), encoder.summary_["prior_strength"]
    above = np.full(120, y.mean())
    for level in range(3):
        code = numbered(X.iloc[:, : level + 1])
        first = np.unique(code, return_index=True)[1]
        k, n, mean = np.bincount(code, y), np.bincount(code), above[first]

        def likelihood(strength, k=k, n=n, mean=mean):
            if target_type == "binary":
                return betabinom.logpmf(k, n, mean * strength, (1 - mean) * strength).sum()
            return nbinom.logpmf(k, mean * strength, strength / (strength + n)).sum()

        best = max(likelihood(strength) for strength in np.geomspace(1e-3, 1e5, 400))
        assert likelihood(min(found[level], 1e7)) >= best - 1e-5
        above = np.asarray(encoded)[:, level]


def test_the_sd_of_a_share_is_no_more_than_that_of_zeros_and_ones():
    """A share between zero and one of mean m has a variance of at most m (1 - m), with or without rows."""
    X = pd.DataFrame({"state": np.repeat(range(6), 24), "county": np.tile(np.repeat(range(6), 4), 6)})
    rng = np.random.default_rng(3)
    y = (np.where(X["state"] < 3, 0.1, 0.9) > rng.random((6, 6))[X["state"], X["county"]]).astype(int)
    encoder = nested(X, y, emit="all", output=["mean", "sd"])
    assert np.isfinite(encoder.summary_["prior_strength"]).all()
    new = pd.DataFrame({"state": [0, 0, 99], "county": [0, 99, 99]})
    encoded = encoder.transform(new)
    assert (
        np.asarray(encoded)[:, 1::2] ** 2 <= np.asarray(encoded)[:, ::2] * (1 - np.asarray(encoded)[:, ::2]) + 1e-12
    ).all()


def test_rates_of_the_normal_family_are_numbers_weighed_by_exposure(land):
    X, y, exposure = land["X"], land["count"], land["exposure"]
    parameters = {"cv": np.arange(120) % 3, "output": NUMBERS}
    rates = NestedEncoder(LEVELS, target_type="count", family="normal", **parameters)
    numbers = NestedEncoder(LEVELS, **parameters)
    encoded = rates.fit_transform(X, y, exposure=exposure)
    np.testing.assert_allclose(encoded, numbers.fit_transform(X, y / exposure, sample_weight=exposure), rtol=1e-6)
    np.testing.assert_allclose(rates.transform(X), numbers.transform(X), rtol=1e-6)


def test_exposure_may_be_a_column(land):
    X = land["X"].assign(years=land["exposure"])
    by_name = NestedEncoder(LEVELS, target_type="count").fit(X, land["count"], exposure="years").transform(X)
    by_array = NestedEncoder(LEVELS, target_type="count").fit(X, land["count"], exposure=X["years"]).transform(X)
    pd.testing.assert_frame_equal(by_name, by_array)
    assert by_name.columns.tolist() == ["zip", "years"]
