"""The default prior is full Bayes where rows say little about the prior, and otherwise the likeliest."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

from catpool import EmpiricalBayesEncoder

KINDS = ["continuous", "binary", "count"]


def rows(kind, n_categories, spread, each=10, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.tile(np.arange(n_categories), each)
    effect = spread * rng.normal(size=n_categories)[codes]
    if kind == "continuous":
        return codes[:, None], effect + rng.normal(size=len(codes))
    if kind == "binary":
        return codes[:, None], rng.binomial(1, 1 / (1 + np.exp(-effect)))
    return codes[:, None], rng.poisson(np.exp(effect))


def table(prior, X, y, kind):
    return EmpiricalBayesEncoder(prior=prior, target_type=kind).fit(X, y).encoding_table(0, interval=0.9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("n_categories", "spread", "chosen"),
    [
        (29, 2.0, "full_bayes"),
        (30, 0.1, "reml"),
        (40, 0.1, "full_bayes"),
        (100, 0.1, "full_bayes"),
        (40, 2.0, "reml"),
        (101, 0.1, "reml"),
    ],
)
def test_the_default_averages_over_uncertain_priors(kind, n_categories, spread, chosen):
    X, y = rows(kind, n_categories, spread)
    default, other = table("auto", X, y, kind), {"reml": "full_bayes", "full_bayes": "reml"}[chosen]
    np.testing.assert_array_equal(default["encoding"], table(chosen, X, y, kind)["encoding"])
    assert (default["upper"] != table(other, X, y, kind)["upper"]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fold_without_spread_leaves_no_trace_in_others(kind):
    """Of five folds, some are averaged; the targets of the first must not change its own rows' encodings."""
    X, y = rows(kind, 50, 0.35 if kind == "continuous" else 0.6, each=8)
    fold = np.arange(len(y)) // 50 % 5
    encoder = EmpiricalBayesEncoder(cv=fold, target_type=kind)
    before, other = encoder.fit_transform(X, y), y.copy()
    other[fold == 0] = np.random.default_rng(1).permutation(y[fold == 0])
    after = encoder.fit_transform(X, other)
    np.testing.assert_array_equal(before[fold == 0], after[fold == 0])
    assert (before[fold != 0] != after[fold != 0]).any()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "spread"), [("continuous", 0.22), ("binary", 0.4), ("count", 0.22)])
def test_intervals_of_fifty_categories_that_hardly_differ_hold_the_truth(kind, spread):
    hits = []
    for seed in range(40):
        X, y = rows(kind, 50, spread, seed=seed)
        effect = spread * np.random.default_rng(seed).normal(size=50)
        truth = {"continuous": effect, "binary": 1 / (1 + np.exp(-effect)), "count": np.exp(effect)}[kind]
        found = table("auto", X, y, kind).head(50)
        hits.append(((found["lower"] <= truth) & (truth <= found["upper"])).mean())
    assert 0.84 < np.mean(hits) < 0.96


@pytest.mark.parametrize(
    ("kind", "options"), [("continuous", {}), ("continuous", {"within": "moderated"}), ("binary", {})]
)
def test_whether_other_tables_are_averaged_changes_no_bit(kind, options):
    rng = np.random.default_rng(0)
    k = rng.permutation(np.repeat(np.arange(50), 6))
    X, own = pd.DataFrame({"c": k.astype(str)}), np.arange(300) < 100
    y, noise = 2 * rng.normal(size=50)[k] + rng.normal(size=300), 30 * rng.normal(size=300)
    other = np.where(own, noise, y)  # so that the folds beside it say little
    if kind == "binary":
        y, other = (y > 0).astype(int), (other > 0).astype(int)
    encoder = EmpiricalBayesEncoder(cv=KFold(3), output=["mean", "sd", "reliability"], **options)
    before, after = (encoder.fit_transform(X, each).to_numpy() for each in (y, other))
    assert before[own].tobytes() == after[own].tobytes()
    assert (before != after)[~own].any()
