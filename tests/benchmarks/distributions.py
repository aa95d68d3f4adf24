"""Errors of pooled quantiles and spreads, and the time that the distribution of y in each category takes.

Run ``python tests/benchmarks/distributions.py`` (some minutes). 2,000 categories have 1 + Poisson(4)
rows each, whose means, and in some data sets spreads, differ. Printed is the mean squared error over that of the raw
numbers of each category; spreads are compared where a category has two rows. The time is that of ten columns out of
fold: beside the mean alone, both in one thread, and beside polars by hand, both in as many threads as polars takes.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from bars import Bars, is_here, seconds
from scipy import stats

from catpool import EmpiricalBayesEncoder

CATEGORIES, FOLDS = 2000, 10
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
NOISE = {"normal": stats.norm(), "exponential": stats.expon(-1), "t of 5 degrees of freedom": stats.t(5)}
DATA = [  # the standard deviation of means, and that of the logarithms of spreads
    ("normal", 0.3, 0.0),
    ("normal", 1.0, 0.0),
    ("normal", 1.0, 0.5),
    ("exponential", 0.3, 0.0),
    ("exponential", 1.0, 0.0),
    ("exponential", 1.0, 0.3),
    ("t of 5 degrees of freedom", 0.3, 0.0),
    ("t of 5 degrees of freedom", 1.0, 0.0),
    ("t of 5 degrees of freedom", 1.0, 0.3),
]
QUANTILES = [f"q{level:02d}" for level in (5, 10, 15, 20, 25, 30, 40, 60, 70, 75, 80, 85, 90, 95)]
STATISTICS = ["mean", "median", *QUANTILES, "spread", "skew", "share_above_1", "share_above_2"]  # twenty


def simulate(noise, means, spreads, rng):
    """The category of each row, its target, and the means and spreads of the categories."""
    centers, scales = means * rng.normal(size=CATEGORIES), np.exp(spreads * rng.normal(size=CATEGORIES))
    codes = np.repeat(np.arange(CATEGORIES), 1 + rng.poisson(4, CATEGORIES))
    return codes, centers[codes] + scales[codes] * noise.rvs(len(codes), random_state=rng), centers, scales


def ratios(noise, means, spreads, rng):
    """The mean squared errors of pooled quantiles and spreads over those of the raw ones."""
    codes, y, centers, scales = simulate(noise, means, spreads, rng)
    names = ["median" if level == 0.5 else f"q{100 * level:.0f}" for level in LEVELS]
    encoder = EmpiricalBayesEncoder(None, output=[*names, "spread"]).fit(codes[:, None], y)
    pooled, groups = encoder.transform(np.arange(CATEGORIES)[:, None]), pd.Series(y).groupby(codes)
    errors = np.zeros((2, len(LEVELS)))
    for position, level in enumerate(LEVELS):
        true = centers + scales * noise.ppf(level)
        for row, found in enumerate((pooled[:, position], groups.quantile(level).to_numpy())):
            errors[row, position] = ((found - true) ** 2).mean()
    several, spread = groups.size().to_numpy() > 1, scales * noise.std()
    own = [((found - spread)[several] ** 2).mean() for found in (pooled[:, -1], groups.std().to_numpy())]
    return {
        **dict(zip(names, errors[0] / errors[1], strict=True)),
        "quantiles": errors[0].sum() / errors[1].sum(),
        "spread": own[0] / own[1],
    }


def check_errors(bars, replicates):
    found = []
    for name, means, spreads in DATA:
        runs = [ratios(NOISE[name], means, spreads, np.random.default_rng(seed)) for seed in range(replicates)]
        each = pd.DataFrame(runs).mean()
        found.append(each)
        print(f"{name}, means of sd {means}, spreads of sd {spreads}:", each.round(2).to_dict(), flush=True)
        bars.check("errors of quantiles to those of raw ones", each["quantiles"], most=0.7)
        bars.check("errors of spreads to those of raw ones", each["spread"], most=0.7)
    print("on average:", pd.DataFrame(found).mean().round(2).to_dict())


def rows_of(number, columns):
    rng = np.random.default_rng(0)
    sizes = [10 ** (1 + column % 4) for column in range(columns)]
    codes = {f"c{position}": rng.integers(0, size, number) for position, size in enumerate(sizes)}
    X = pd.DataFrame({name: pd.Categorical.from_codes(own, np.arange(own.max() + 1)) for name, own in codes.items()})
    return X, rng.exponential(size=number), rng.integers(0, FOLDS, number)


def by_hand(X, y, folds):
    """A function that computes the same statistics in polars, without pooling: for each fold those of the others."""
    import polars

    frame = polars.from_pandas(X.apply(lambda column: column.cat.codes)).with_columns(y=y, fold=folds)

    def expressions(column):
        levels = [0.5, *(int(name[1:]) / 100 for name in QUANTILES)]
        target = polars.col("y")
        found = [target.mean(), *(target.quantile(level, "linear") for level in levels), target.std(), target.skew()]
        found += [(target > value).mean() for value in (1, 2)]
        return [own.over(column).alias(f"{column}_{number}") for number, own in enumerate(found)]

    def compute():
        for fold in range(FOLDS):
            for column in X.columns:
                frame.filter(polars.col("fold") != fold).select(expressions(column))

    return compute


def check_time(bars, number, columns, repeats):
    X, y, folds = rows_of(number, columns)

    def encode(output, threads=1):
        encoder = EmpiricalBayesEncoder(cv=folds, output=output, prior="reml", n_jobs=threads)
        return lambda: encoder.fit_transform(X, y)

    tasks = {"mean": encode("mean"), "statistics": encode(STATISTICS)}
    if is_here("polars"):
        import polars

        threads = polars.thread_pool_size()
        print(f"polars takes {threads} threads")
        tasks |= {"in threads": encode(STATISTICS, threads), "polars": by_hand(X, y, folds)}
    found = seconds(tasks, repeats)
    print(f"{number:,} rows, {columns} columns:", {name: round(own, 2) for name, own in found.items()})
    bars.check("twenty statistics to twenty times the mean", found["statistics"] / found["mean"] / 20, most=3)
    if "polars" in found:
        bars.check("the same in threads to polars by hand", found["in threads"] / found["polars"], most=0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=20)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    arguments, bars = parser.parse_args(), Bars()
    check_errors(bars, arguments.replicates)
    if arguments.repeats:
        check_time(bars, arguments.rows, arguments.columns, arguments.repeats)
    bars.finish()


if __name__ == "__main__":
    main()
