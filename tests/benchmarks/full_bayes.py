"""How far the posterior moments of full Bayes are from brute force, for classes and counts, and what they cost.

Run ``python tests/benchmarks/full_bayes.py`` (a minute or two). For each model it prints the largest error of a
posterior mean of an effect, in posterior standard deviations, and the largest relative error of a standard deviation.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from bars import Bars
from scipy.special import expit

from catpool import MixedModelEncoder

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers.exact_effects import one_factor, two_factors

# levels, rows of each level or in all, the intercept, and the sds of effects; events are rare in the second and third
ONE = [(10, 20, -1.2, 0.7), (10, 20, -3.0, 0.7), (6, 40, -3.5, 1.0), (8, 5, 0.0, 1.5), (20, 20, -0.8, 0.5)]
TWO = [(4, 300, -1.5, (0.7, 0.7)), (5, 300, -0.8, (1.0, 0.5))]  # of three, moments depend on the farthest tails


def draw(kind, eta, rng):
    return rng.binomial(1, expit(eta)) if kind == "binary" else rng.poisson(np.exp(eta))


def errors(codes, y, kind, exact):
    """The largest errors of means and of standard deviations, and seconds."""
    start = time.perf_counter()
    encoder = MixedModelEncoder(list(range(codes.shape[1])), prior="full_bayes", target_type=kind).fit(codes, y)
    seconds = time.perf_counter() - start
    found = pd.concat([encoder.encoding_table(factor)[:-1] for factor in range(codes.shape[1])])
    means, sds = exact
    return np.abs((found["mode"] - means) / sds).max(), np.abs(found["sd"] / sds - 1).max(), seconds


def main():
    warnings.simplefilter("ignore")  # of levels that are separated
    bars, rng = Bars(), np.random.default_rng(3)
    for kind in ("binary", "count"):
        for levels, rows, mean, sd in ONE:
            codes = np.repeat(np.arange(levels), rows)
            y = draw(kind, mean + sd * rng.normal(size=levels)[codes], rng)
            off, wide, seconds = errors(codes[:, None], y, kind, one_factor(y, codes, kind))
            name = f"{kind}, {levels} levels of {rows}, {y.sum()} events"
            bars.check(f"{name}: means", off, most=0.01)
            bars.check(f"{name}: sds", wide, most=0.02)
            bars.check(f"{name}: seconds", seconds)
        for levels, rows, mean, sds in TWO:
            codes = rng.integers(0, levels, (rows, 2))
            y = draw(
                kind, mean + sum(sd * rng.normal(size=levels)[own] for sd, own in zip(sds, codes.T, strict=True)), rng
            )
            off, wide, seconds = errors(codes, y, kind, two_factors(y, codes, kind))
            name = f"{kind}, {levels} x {levels}, {rows} rows, {y.sum()} events"
            bars.check(f"{name}: means", off, most=0.02)
            bars.check(f"{name}: sds", wide, most=0.03)
            bars.check(f"{name}: seconds", seconds)
    bars.finish()


if __name__ == "__main__":
    main()
