"""How far off the encodings are, and how often their intervals hold the truth, by estimator and number of categories.

Run ``python tests/benchmarks/calibration.py`` (some minutes). Categories have 1 + Poisson(4) rows. Their true values
are normal, with the stated ratio of the variance between categories to that within, and rows are normal about them; or
they are beta with mean 0.2 and the stated correlation of two rows of a category, and rows are zeros and ones.

Two numbers are printed for each: the mean squared error over that of the oracle, which knows the prior, and the share
of true values inside the nominal 90 % interval.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from sklearn.preprocessing import TargetEncoder

from catpool import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder

CATEGORIES = (5, 10, 30, 100)
ESTIMATORS = {
    "MeanEncoder": MeanEncoder(),
    "SmoothedMeanEncoder, 10": SmoothedMeanEncoder(),
    "moments": EmpiricalBayesEncoder(prior="moments"),
    "ml": EmpiricalBayesEncoder(prior="ml"),
    "reml (default)": EmpiricalBayesEncoder(),
    "full_bayes, scale 0.3": EmpiricalBayesEncoder(prior="full_bayes", prior_scale=0.3),
    "full_bayes": EmpiricalBayesEncoder(prior="full_bayes"),
    "full_bayes, scale 3": EmpiricalBayesEncoder(prior="full_bayes", prior_scale=3.0),
}


def normal(n_categories, ratio, rng):
    codes = np.repeat(np.arange(n_categories), 1 + rng.poisson(4, n_categories))
    truth = np.sqrt(ratio) * rng.normal(size=n_categories)
    return truth, codes, truth[codes] + rng.normal(size=len(codes)), 0.0, 1 / ratio


def shares(n_categories, correlation, rng):
    codes = np.repeat(np.arange(n_categories), 1 + rng.poisson(4, n_categories))
    strength = 1 / correlation - 1
    truth = rng.beta(0.2 * strength, 0.8 * strength, n_categories)
    y = (rng.random(len(codes)) < truth[codes]).astype(int)
    return truth, codes, y, 0.2, strength


def one(simulate, n_categories, ratio, rng):
    """Squared errors and hits of all estimators on one data set."""
    while True:
        truth, codes, y, mean, strength = simulate(n_categories, ratio, rng)
        if len(np.unique(y)) > 1:
            break
    counts, totals = np.bincount(codes), np.bincount(codes, y)
    errors = {"oracle": ((totals + strength * mean) / (counts + strength) - truth) ** 2}
    hits = {}
    for name, encoder in ESTIMATORS.items():
        table = encoder.fit(codes[:, None], y).encoding_table(0, interval=0.9)
        errors[name] = (table["encoding"] - truth) ** 2
        hits[name] = (table["lower"] <= truth) & (truth <= table["upper"])
    kind = "continuous" if y.dtype.kind == "f" else "binary"
    peer = TargetEncoder(target_type=kind).fit(codes[:, None], y)
    errors["sklearn, auto"] = (peer.transform(np.arange(n_categories)[:, None])[:, 0] - truth) ** 2
    return {name: each.mean() for name, each in errors.items()}, {name: each.mean() for name, each in hits.items()}


def study(simulate, ratios, replicates, rng):
    errors, hits = {}, {}
    for n_categories in CATEGORIES:
        for ratio in ratios:
            runs = [one(simulate, n_categories, ratio, rng) for _ in range(max(20, replicates // n_categories))]
            error = pd.DataFrame([run[0] for run in runs]).mean()
            errors[n_categories, ratio] = error / error["oracle"]
            hits[n_categories, ratio] = pd.DataFrame([run[1] for run in runs]).mean()
    return pd.DataFrame(errors), pd.DataFrame(hits)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=4000, help="categories simulated in each cell, about")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    for name, simulate, ratios in (
        ("normal, variance between / within", normal, (0.05, 0.25, 1.0)),
        ("shares, correlation within a category", shares, (0.02, 0.1, 0.4)),
    ):
        errors, hits = study(simulate, ratios, arguments.replicates, rng)
        print(f"\n{name}: mean squared error / oracle's\n{errors.round(2).to_string()}")
        print(f"\n{name}: share inside the 90 % interval\n{hits.round(2).to_string()}")


if __name__ == "__main__":
    main()
