"""How much a few categories far from all others, and heavy tails, cost each prior.

Run ``python tests/benchmarks/robust.py`` (a minute). 300 categories have 1 + Poisson(4) rows each, which are normal
with a standard deviation of 1 about the true values. Printed is the mean squared error over that of the oracle, which
knows the distribution of the true values.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from catpool import EmpiricalBayesEncoder

CATEGORIES = 300
PRIORS = ("reml", "scale_mixture", "npmle")


def cluster(shift, sd):
    """A tenth of the categories are this far away."""
    return lambda rng, n: np.where(rng.random(n) < 0.1, shift, 0.0) + sd * rng.normal(size=n)


EFFECTS = {
    "normal, of sd 1": lambda rng, n: rng.normal(size=n),
    "t of 3 degrees of freedom, of sd 1": lambda rng, n: rng.standard_t(3, n) / np.sqrt(3),
    "sd 1, a tenth at 8": cluster(8.0, 1.0),
    "sd 0.3, a tenth at 4": cluster(4.0, 0.3),
    "sd 0.2, a tenth at 8": cluster(8.0, 0.2),
    "half at -1, half at 1": lambda rng, n: rng.choice([-1.0, 1.0], n),
}


def one(effects, true, rng):
    """The mean squared error of the oracle and of each prior on one data set."""
    truth, rows = effects(rng, CATEGORIES), 1 + rng.poisson(4, CATEGORIES)
    codes = np.repeat(np.arange(CATEGORIES), rows)
    y = truth[codes] + rng.normal(size=len(codes))
    weights = np.exp(-rows[:, None] / 2 * ((np.bincount(codes, y) / rows)[:, None] - true) ** 2)
    errors = {"oracle": ((weights @ true / weights.sum(axis=1) - truth) ** 2).mean()}
    for prior in PRIORS:
        table = EmpiricalBayesEncoder(prior=prior).fit(codes[:, None], y).encoding_table(0).iloc[:-1]
        errors[prior] = ((table["encoding"] - truth) ** 2).mean()
    return errors


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=40)
    arguments = parser.parse_args()
    for name, effects in EFFECTS.items():
        true = effects(np.random.default_rng(99), 20_000)
        runs = [one(effects, true, np.random.default_rng(seed)) for seed in range(arguments.replicates)]
        errors = pd.DataFrame(runs).mean()
        print(name, (errors / errors["oracle"]).round(2).to_dict(), flush=True)


if __name__ == "__main__":
    main()
