"""How far off the encodings are, and how often their intervals hold the truth, by estimator and number of categories.

Run ``python tests/benchmarks/calibration.py`` (some minutes). Categories have 1 + Poisson(4) rows. Their true values
are normal, with the stated ratio of the variance between categories to that within, and rows are normal about them; or
they are beta with mean 0.2 and the stated correlation of two rows of a category, and rows are zeros and ones.

Two numbers are printed for each: the mean squared error over that of the oracle, which knows the prior, and the share
of true values inside the nominal 90 % interval.

Then follows the share of true values inside the nominal 90 % interval of the default encoder, for four kinds of y, as
many rows in each category or very different numbers, and for the levels of two crossed factors and new levels by
`MixedModelEncoder.predict`. The last table is of ``within="moderated"``, with two rows a category and variances within
that are log-uniform, the largest `spread` times the smallest. ``--quick`` prints the same tables of few replicates.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.preprocessing import TargetEncoder

from catpool import EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, SmoothedMeanEncoder

CATEGORIES = (5, 10, 30, 100)
ESTIMATORS = {
    "MeanEncoder": MeanEncoder(),
    "SmoothedMeanEncoder, 10": SmoothedMeanEncoder(),
    "moments": EmpiricalBayesEncoder(prior="moments"),
    "ml": EmpiricalBayesEncoder(prior="ml"),
    "reml": EmpiricalBayesEncoder(prior="reml"),
    "auto (default)": EmpiricalBayesEncoder(),
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
        table = encoder.fit(codes[:, None], y).encoding_table(0, interval=0.9).iloc[:-1]
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


KINDS = {  # the mean of y, and the family
    "normal": (0.0, "continuous"),
    "p = 0.2": (0.2, "binary"),
    "p = 0.02": (0.02, "binary"),
    "Poisson": (1.0, "count"),
}


def rows_of(kind, number, ratio, balanced, rng):
    """True values and rows, of which a category has ten, or from one to a hundred."""
    mean, family = KINDS[kind]
    sizes = np.full(number, 10) if balanced else np.rint(np.geomspace(1, 100, number)).astype(int)
    codes = np.repeat(np.arange(number), sizes)
    if family == "continuous":
        truth = np.sqrt(ratio) * rng.normal(size=number)
        return truth, codes, truth[codes] + rng.normal(size=len(codes))
    if family == "count":  # the ratio is that of the variance of rates to that of rows
        truth = rng.gamma(1 / ratio, ratio, number)
        return truth, codes, rng.poisson(truth[codes])
    spread = np.sqrt(ratio * np.pi**2 / 3)  # on the logit, where a row has the variance pi^2 / 3
    truth = expit(logit(mean) + spread * rng.normal(size=number))
    return truth, codes, (rng.random(len(codes)) < truth[codes]).astype(int)


def coverage(replicates, rng):
    """The coverage of the default, by kind of y and sizes of categories (rows) and number and ratio (columns)."""
    shares = {}
    for number in (4, 6, 10, 20, 50):
        for ratio in (0.05, 0.25, 1.0):
            for kind, balanced in ((kind, balanced) for kind in KINDS for balanced in (True, False)):
                hits = []
                while len(hits) < max(replicates // number, 5):
                    truth, codes, y = rows_of(kind, number, ratio, balanced, rng)
                    if len(np.unique(y)) < 2:
                        continue
                    encoder = EmpiricalBayesEncoder(None, target_type=KINDS[kind][1]).fit(codes[:, None], y)
                    table = encoder.encoding_table(0, interval=0.9).iloc[:-1]
                    hits.append(((table["lower"] <= truth) & (truth <= table["upper"])).mean())
                row = f"{kind}, {'ten rows each' if balanced else 'one to a hundred rows'}"
                shares.setdefault((number, ratio), {})[row] = np.mean(hits)
    return pd.DataFrame(shares)


def crossed_rows(kind, first, second, number, rng):
    """Levels, and the link and the linear predictor of rows and of all cells, of which 50 levels are new."""
    a, b = 0.6 * rng.normal(size=first + 50), 0.3 * rng.normal(size=second)
    center = {"p = 0.2": -1.4, "p = 0.02": -3.9}.get(kind, 0.0)
    rows = np.column_stack([rng.integers(0, first, number), rng.integers(0, second, number)])
    cells = np.column_stack([np.arange(first + 50), rng.integers(0, second, first + 50)])
    link = {"normal": np.asarray, "Poisson": np.exp}.get(kind, expit)
    means = [link(center + a[each[:, 0]] + b[each[:, 1]]) for each in (rows, cells)]
    draw = {"normal": lambda mean: mean + rng.normal(size=number), "Poisson": rng.poisson}
    return rows, draw.get(kind, lambda mean: rng.binomial(1, mean))(means[0]), cells, means[1]


def crossed_coverage(replicates, rng):
    """The coverage of predictions for the cells of two crossed factors, and for new levels of the first."""
    shares = {}
    for kind in KINDS:
        for first, second, number in ((6, 8, 100), (20, 25, 1000)):
            known, new = [], []
            while len(known) < max(replicates // 100, 3):
                rows, y, cells, truth = crossed_rows(kind, first, second, number, rng)
                if len(np.unique(y)) < 2:
                    continue
                encoder = MixedModelEncoder([0, 1], target_type=KINDS[kind][1]).fit(rows, y)
                found = encoder.predict(cells, interval=0.9)
                inside = (found["lower"] <= truth) & (truth <= found["upper"])
                known.append(inside[:first].mean())
                new.append(inside[first:].mean())
            shares[kind, f"{first} x {second}"] = {"levels": np.mean(known), "new levels": np.mean(new)}
    return pd.DataFrame(shares)


def unequal_coverage(replicates, rng):
    """The coverage of `within="moderated"`, by spread (rows) and number and variance between (columns)."""
    shares = {}
    for number in (50, 300, 1000):
        for ratio in (0.02, 0.1, 0.5):
            for spread in (1, 10, 100):
                hits = []
                while len(hits) < max(replicates // number, 5):
                    noise = np.exp(np.log(spread) * (rng.random(number) - 0.5) / 2)
                    truth, codes = np.sqrt(ratio) * rng.normal(size=number), np.repeat(np.arange(number), 2)
                    y = truth[codes] + noise[codes] * rng.normal(size=2 * number)
                    encoder = EmpiricalBayesEncoder(None, within="moderated").fit(codes[:, None], y)
                    table = encoder.encoding_table(0, interval=0.9).iloc[:-1]
                    hits.append(((table["lower"] <= truth) & (truth <= table["upper"])).mean())
                shares.setdefault((number, ratio), {})[f"spread {spread}"] = np.mean(hits)
    return pd.DataFrame(shares)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few replicates, to see that it works")
    parser.add_argument("--replicates", type=int, default=4000, help="categories simulated in each cell, about")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of separated classes and unseen levels, which are simulated on purpose
    replicates = 40 if arguments.quick else arguments.replicates
    rng = np.random.default_rng(0)
    for name, simulate, ratios in (
        ("normal, variance between / within", normal, (0.05, 0.25, 1.0)),
        ("shares, correlation within a category", shares, (0.02, 0.1, 0.4)),
    ):
        errors, hits = study(simulate, ratios, replicates, rng)
        print(f"\n{name}: mean squared error / oracle's\n{errors.round(2).to_string()}")
        print(f"\n{name}: share inside the 90 % interval\n{hits.round(2).to_string()}")
    print(f"\nthe default, by categories and ratio: inside\n{coverage(replicates, rng).round(2).to_string()}")
    print(f"\ntwo crossed factors, by kind of y: inside\n{crossed_coverage(replicates, rng).round(2).to_string()}")
    print(f"\nunequal noise, two rows each: inside\n{unequal_coverage(5 * replicates, rng).round(2).to_string()}")


if __name__ == "__main__":
    main()
