"""How much unequal noise within categories costs, with one variance for all of them and with moderated variances.

Run ``python tests/benchmarks/unequal_noise.py`` (a minute; ``--quick`` takes seconds). Rows are normal about the true
values of their categories, which are normal with a standard deviation of half the typical noise. The variances within
categories are log-uniform, the largest `spread` times the smallest. Printed is the mean squared error over that of the
oracle, which knows the mean, the variance between categories and the variance within each, and the time of a fit.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from catpool import EmpiricalBayesEncoder

WITHIN = ("pooled", "moderated")
SPREADS, ROWS = (1, 10, 100, 1000), (3, 5, 10, 20)
BETWEEN = 0.25  # relative to the geometric mean of the variances within


def simulated(rng, spread, rows, categories):
    """Codes, a target, and the true values and variances of the categories."""
    variance = np.exp(np.log(spread) * (rng.random(categories) - 0.5))
    truth = np.sqrt(BETWEEN) * rng.normal(size=categories)
    codes = np.repeat(np.arange(categories), rows)
    return codes, truth[codes] + np.sqrt(variance)[codes] * rng.normal(size=len(codes)), truth, variance


def one(rng, spread, rows, categories):
    """The mean squared error of the oracle and of each way, and seconds, on one data set."""
    codes, y, truth, variance = simulated(rng, spread, rows, categories)
    own = BETWEEN / (BETWEEN + variance / rows)
    result = {"oracle": ((own * np.bincount(codes, y) / rows - truth) ** 2).mean()}
    for within in WITHIN:
        start = time.perf_counter()
        table = EmpiricalBayesEncoder(within=within).fit(codes[:, None], y).encoding_table(0).iloc[:-1]
        result[f"{within}, s"] = time.perf_counter() - start
        result[within] = ((table["encoding"] - truth) ** 2).mean()
    return result


def measure(spread, rows, categories, replicates):
    """Averages over data sets: errors relative to the oracle's, and seconds."""
    runs = [one(np.random.default_rng(seed), spread, rows, categories) for seed in range(replicates)]
    result = pd.DataFrame(runs).mean()
    return result.div(result["oracle"]).where(~result.index.str.endswith("s"), result).drop("oracle")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few data sets")
    parser.add_argument("--categories", type=int, default=300)
    arguments = parser.parse_args()
    replicates = 4 if arguments.quick else 40
    measured = {
        (spread, rows): measure(spread, rows, arguments.categories, replicates) for spread in SPREADS for rows in ROWS
    }
    table = pd.DataFrame(measured).T.rename_axis(["spread", "rows"])
    print(table.round(3).to_string(), flush=True)


if __name__ == "__main__":
    main()
