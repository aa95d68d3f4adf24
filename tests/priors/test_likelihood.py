"""Maximum likelihood against grids and forty digits; and the data for which there is nothing to fit."""

import mpmath
import numpy as np
import pandas as pd
import pytest
from helpers.reference_data import read
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, nbinom

from catpool import EmpiricalBayesEncoder


def criterion(ratio, counts, means, within, reml, log=np.log):
    """-2 log-likelihood as MIXED models' textbooks have it, for one ratio, in the arithmetic of its arguments."""
    w = [n / (1 + ratio * n) for n in counts]
    total = sum(w)
    mean = sum(a * b for a, b in zip(w, means, strict=True)) / total
    rss = within + sum(a * (b - mean) ** 2 for a, b in zip(w, means, strict=True))
    freedom = sum(counts) - reml
    pi = mpmath.pi if log is mpmath.log else np.pi
    value = sum(log(1 + ratio * n) for n in counts) + freedom * (1 + log(2 * pi * rss / freedom))
    return value + log(total) if reml else value


def split(codes, y):
    groups = [y[codes == code] for code in np.unique(codes)]
    return [len(g) for g in groups], [g.mean() for g in groups], sum(((g - g.mean()) ** 2).sum() for g in groups)


@pytest.mark.slow
@pytest.mark.parametrize("reml", [True, False])
@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(-50, 50), min_size=1, max_size=8), min_size=2, max_size=8),
    st.sampled_from([1e-9, 1.0, 1e6]),
)
def test_no_point_of_a_grid_is_likelier(reml, groups, scale):
    codes = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    y = scale * np.concatenate(groups)
    counts, means, within = split(codes, y)
    assume(within > 0)
    encoder = EmpiricalBayesEncoder(prior="reml" if reml else "ml", target_type="continuous").fit(codes[:, None], y)
    found = -2 * encoder.summary_["log_likelihood"].item()
    grid = np.append(0, np.geomspace(1e-6, 1e6, 2000))
    assert found <= min(criterion(ratio, counts, means, within, reml) for ratio in grid) + 1e-7


@pytest.mark.slow
@pytest.mark.parametrize("reml", [True, False])
def test_the_better_of_two_minima_is_found(reml):
    """Unbalanced data whose criterion falls, rises and falls again: by ML and REML, in forty digits."""
    rng = np.random.default_rng(0)
    found_two = 0
    for _ in range(400):
        counts = rng.choice([1, 1, 1, 2, 40], size=5)
        codes = np.repeat(np.arange(5), counts)
        y = np.round(
            rng.normal(size=len(codes)) * rng.choice([0.1, 1, 5], size=5)[codes] + rng.normal(size=5)[codes], 2
        )
        sizes, means, within = split(codes, y)
        if within == 0:
            continue
        grid = np.append(0, np.geomspace(1e-4, 1e5, 300))
        values = np.array([criterion(ratio, sizes, means, within, reml) for ratio in grid])
        lows = np.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] < values[2:])) + 1
        if len(lows) + (values[0] < values[1]) < 2:
            continue
        found_two += 1
        encoder = EmpiricalBayesEncoder(prior="reml" if reml else "ml").fit(codes[:, None], y)
        assert -2 * encoder.summary_["log_likelihood"].item() <= values.min() + 1e-9
    assert found_two > 0


@pytest.mark.parametrize("reml", [True, False])
def test_forty_digits(reml):
    data = read("Pastes.csv")[:47]
    codes, y = pd.factorize(data["sample"])[0], data["strength"].to_numpy()
    with mpmath.workdps(40):
        exact = [mpmath.mpf(str(value)) for value in y]
        groups = [
            [value for value, code in zip(exact, codes, strict=True) if code == k] for k in range(codes.max() + 1)
        ]
        means = [mpmath.fsum(group) / len(group) for group in groups]
        within = mpmath.fsum((v - m) ** 2 for group, m in zip(groups, means, strict=True) for v in group)
        counts = [mpmath.mpf(len(group)) for group in groups]

        def value(log_ratio):
            return criterion(mpmath.exp(log_ratio), counts, means, within, reml, mpmath.log)

        root = mpmath.findroot(lambda x: mpmath.diff(value, x), mpmath.log(14))
        ratio, best = float(mpmath.exp(root)), float(value(root))
    summary = EmpiricalBayesEncoder(prior="reml" if reml else "ml").fit(codes[:, None], y).summary_.iloc[0]
    assert summary["prior_strength"] == pytest.approx(1 / ratio, rel=1e-8)
    assert -2 * summary["log_likelihood"] == pytest.approx(best, abs=1e-9)


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=2, max_size=12))
def test_no_beta_of_a_grid_is_likelier(pairs):
    k, n = np.array([a for a, _ in pairs]), np.array([a + b for a, b in pairs])
    assume((n > 1).sum() > 1)
    assume(0 < k.sum() < n.sum())
    g, y = np.repeat(np.arange(len(k)), 2)[:, None], np.tile([1, 0], len(k))
    encoder = EmpiricalBayesEncoder(prior="reml").fit(g, y, sample_weight=np.column_stack([k, n - k]).ravel())
    summary = encoder.summary_.iloc[0]
    mean, strength = summary["prior_mean"], np.clip(summary["prior_strength"], 1e-9, 1e9)

    def likelihood(mean, strength):
        return betabinom.logpmf(k, n, mean * strength, (1 - mean) * strength).sum()

    best = max(likelihood(a, b) for a in np.linspace(0.02, 0.98, 25) for b in np.geomspace(1e-3, 1e4, 40))
    assert likelihood(np.clip(mean, 1e-12, 1 - 1e-12), strength) >= best - 1e-4


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), min_size=2, max_size=12))
def test_no_gamma_of_a_grid_is_likelier(pairs):
    y, e = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    assume(y.sum() > 0)
    encoder = EmpiricalBayesEncoder(target_type="count", prior="reml").fit(np.arange(len(y))[:, None], y, exposure=e)
    summary = encoder.summary_.iloc[0]

    def likelihood(mean, rate):
        return nbinom.logpmf(y, mean * rate, rate / (rate + e)).sum()

    means, rates = y.sum() / e.sum() * np.geomspace(0.2, 5, 25), np.geomspace(1e-3, 1e5, 40)
    best = max(likelihood(mean, rate) for mean in means for rate in rates)
    assert likelihood(summary["prior_mean"], min(summary["prior_strength"], 1e9)) >= best - 1e-4


def fitted(codes, y, **parameters):
    return EmpiricalBayesEncoder(**{"prior": "reml", **parameters}).fit(np.asarray(codes)[:, None], y)


@pytest.mark.parametrize(
    ("codes", "y", "target_type", "strength", "note"),
    [
        ([0, 0, 0], [1.5, 2.5, 4], "continuous", np.inf, "not identified: one category"),
        ([0, 1, 2], [1.5, 2.5, 4], "continuous", np.inf, "not identified: every category has one row"),
        ([0, 0, 1, 1], [1.5, 1.5, 4, 4], "continuous", 0, "no noise within categories"),
        ([0, 0, 1, 1], [1.5, 1.5, 1.5, 1.5], "continuous", np.inf, "no spread between categories"),
        ([0, 0, 1, 1], [1.5, 2.5, 1.5, 2.5], "continuous", np.inf, "no spread between categories"),
        ([0, 0, 0], [0, 1, 1], "binary", np.inf, "not identified: one category"),
        ([0, 1, 2], [0, 1, 1], "binary", np.inf, "not identified: every category has one row"),
        ([0, 0, 1, 1], [0, 0, 0, 0], "binary", np.inf, "no spread between categories"),
        ([0, 0, 1, 1], [1, 1, 1, 1], "binary", np.inf, "no spread between categories"),
        ([0, 0, 1, 1], [0, 0, 1, 1], "binary", 0, "no noise within categories"),
        ([0, 0, 1, 1], [0, 1, 0, 1], "binary", np.inf, "no spread between categories"),
        ([0, 0, 1, 1], [0, 0, 0, 0], "count", np.inf, "no spread between categories"),
        ([0, 0, 0], [3, 4, 5], "count", np.inf, "not identified: one category"),
        ([0, 0, 1, 1], [3, 3, 3, 3], "count", np.inf, "no spread between categories"),
    ],
)
def test_where_there_is_nothing_to_fit_the_summary_says_so(codes, y, target_type, strength, note):
    encoder = fitted(codes, y, target_type=target_type)
    summary = encoder.summary_.iloc[0]
    assert summary["note"] == note
    assert summary["prior_strength"] == strength
    encoded = encoder.transform([[0], [1], [99]])
    assert np.isfinite(np.asarray(encoded)).all()
    if strength == 0:
        np.testing.assert_allclose(np.asarray(encoded)[:, 0], [y[0], y[-1], (y[0] + y[-1]) / 2])


def test_a_huge_category_beside_singletons():
    rng = np.random.default_rng(0)
    codes = np.append(np.zeros(1_000_000, dtype=int), np.arange(1, 200))
    y = rng.normal(size=len(codes)) + 3 * rng.normal(size=200)[codes]
    summary = fitted(codes, y).summary_.iloc[0]
    assert summary["within_sd"] == pytest.approx(1, abs=0.01)
    assert summary["between_sd"] == pytest.approx(3, abs=0.5)
    binary = fitted(codes, (y > 0).astype(int)).summary_.iloc[0]
    assert 0 < binary["prior_strength"] < 20


@pytest.mark.parametrize("change", [lambda y: y + 1e9, lambda y: 1e-9 * y, lambda y: 1e9 * y - 1e9])
def test_shift_and_scale_leave_the_strength(change):
    data = read("sleepstudy.csv")
    X, y = data[["Subject"]], data["Reaction"].to_numpy()
    strengths = [
        EmpiricalBayesEncoder(None, prior="reml").fit(X, each).summary_["prior_strength"].item()
        for each in (y, change(y))
    ]
    assert strengths[1] == pytest.approx(strengths[0], rel=1e-6)


@pytest.mark.parametrize("prior", ["reml", "moments"])
def test_the_shares_of_all_classes_add_to_one(prior, table):
    encoder = EmpiricalBayesEncoder(None, prior=prior, random_state=0)
    X = table["X"]
    for encoded in (encoder.fit_transform(X, table["multiclass"]), encoder.transform(X.assign(shop=X["shop"] + 20))):
        np.testing.assert_allclose(np.asarray(encoded)[:, :3].sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_allclose(np.asarray(encoded)[:, 3:].sum(axis=1), 1, rtol=1e-12)
    assert encoder.summary_.groupby("column")["prior_strength"].nunique().tolist() == [1, 1]


def test_a_dirichlet_strength_is_recovered():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([2.0, 3.0, 5.0], size=3000)
    codes = np.repeat(np.arange(3000), 8)
    y = (rng.random((len(codes), 1)) > shares[codes].cumsum(axis=1)).sum(axis=1)
    summary = fitted(codes, y).summary_
    np.testing.assert_allclose(summary["prior_strength"], 10, rtol=0.1)
    np.testing.assert_allclose(summary["prior_mean"], [0.2, 0.3, 0.5], atol=0.01)


@pytest.mark.parametrize("distance", [1e4, 1e8])
@pytest.mark.parametrize("learn", ["fit", "fit_transform"])
def test_noise_is_seen_however_far_the_categories_are_apart(distance, learn):
    codes = np.repeat(np.arange(3), 4)
    noise = np.array([1, 2, 1.5, 1.5, 5, 6, 5.5, 5.5, 9, 9.5, 8, 9])
    encoder = EmpiricalBayesEncoder(cv=2, prior="reml")
    getattr(encoder, learn)(codes[:, None], noise + distance * codes)
    within = split(codes, noise)[2]
    assert encoder.summary_["within_sd"].item() == pytest.approx(np.sqrt(within / 9), rel=1e-6)
    assert encoder.summary_["note"].item() == ""


def test_a_spread_that_the_score_does_not_see():
    """Most weight in one category: the likelihood falls as the strength comes down from infinity, and rises later."""
    weights = [0.02, 1e-12, 0.6, 1e-12, 0.2, 58.8]
    encoder = EmpiricalBayesEncoder(target_type="binary", prior="reml")
    encoder.fit(np.repeat(np.arange(3), 2)[:, None], [0, 1, 0, 1, 0, 1], sample_weight=weights)
    assert encoder.summary_["log_likelihood"].item() >= -3.68793
