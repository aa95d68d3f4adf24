"""`GroupFeatures` against pandas and polars by hand, and the errors of pooled statistics against those of raw ones.

Run ``python tests/benchmarks/group_features.py`` (two minutes; ``--quick`` takes ten seconds). Times are of frames of a
million rows with a column of 10,000 strings and ten of numbers, relative to the same statistics by hand, of which only
those of polars are in threads. Errors are the mean squares of pooled means and standard deviations about the true ones,
over those of the raw ones, in tables of 1 + Poisson(4) rows per category.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from bars import Bars, column, is_here, seconds

from catpool import GroupFeatures

NUMBERS = [f"x{number}" for number in range(10)]
SUMS, SORTS = ("mean", "sd", "ratio", "zscore"), ("rank", "nunique")
PANDAS = {"mean": "mean", "sd": "std", "nunique": "nunique"}


def large(rows, rng):
    """A column of strings and ten of numbers."""
    X = pd.DataFrame({"shop": column("str", 10_000, "uniform", rows, rng)})
    codes = pd.factorize(X["shop"])[0]
    effects, sds = rng.normal(size=10_000), np.exp(0.4 * rng.normal(size=10_000))
    for name in NUMBERS:
        X[name] = 10 + effects[codes] + sds[codes] * rng.normal(size=rows)
    return X


def by_hand(output, names):
    """Expressions of polars for a statistic of some columns."""
    import polars as pl

    def over(name):
        x = pl.col(name)
        mean, sd = x.mean().over("shop"), x.std().over("shop")
        raw = {
            "mean": mean,
            "sd": sd,
            "ratio": x / mean,
            "zscore": (x - mean) / sd,
            "rank": x.rank().over("shop") / pl.len().over("shop"),
            "nunique": x.n_unique().over("shop"),
        }
        return raw[output].alias(f"{name}_{output}")

    return [over(name) for name in names]


def tasks_of(outputs, names, X, P):
    """Functions that add statistics of some columns, by who does it."""
    used = ["shop", *names]
    groups = GroupFeatures(["shop"], of=names, output=outputs)
    tasks = {"catpool": lambda: groups.fit_transform(P[used])}
    tasks["polars"] = lambda: P[used].with_columns([each for output in outputs for each in by_hand(output, names)])
    if set(outputs) <= PANDAS.keys():
        grouped = [PANDAS[output] for output in outputs]
        tasks["pandas"] = lambda: pd.concat(
            [X, *(X.groupby("shop")[names].transform(each) for each in grouped)], axis=1
        )
    return tasks


def compare_times(bars, rows, repeats):
    import polars as pl

    X = large(rows, np.random.default_rng(0))
    P = pl.from_pandas(X)
    print(f"time over that by hand, {rows} rows")
    for output, most in [*((each, 3) for each in SUMS), *((each, 6) for each in SORTS)]:
        took = seconds(tasks_of([output], NUMBERS[:3], X, P), repeats)
        bars.check(f"{output} of 3 columns, to polars", took["catpool"] / took["polars"], most=most)
        if "pandas" in took:
            bars.check(f"{output} of 3 columns, to pandas", took["catpool"] / took["pandas"], most=most)
    alone = tasks_of(["mean"], NUMBERS[:1], X, P)
    many = tasks_of(["mean", "sd"], NUMBERS, X, P)
    took = seconds({"alone": alone["catpool"], "many": many["catpool"], "polars": many["polars"]}, repeats)
    bars.check("mean and sd of 10 columns, to polars", took["many"] / took["polars"], most=2)
    bars.check("20 statistics to 20 times the mean alone", took["many"] / took["alone"] / 20, most=3)


def small(rng, categories, between):
    """A column of numbers by category with the true means and standard deviations."""
    means, sds = between * rng.normal(size=categories), np.sqrt(5 / rng.chisquare(6, size=categories))
    codes = np.repeat(np.arange(categories), 1 + rng.poisson(4, categories))
    return codes, means[codes] + sds[codes] * rng.normal(size=len(codes)), means, sds


def errors(rng, categories, between):
    """The mean squared error of pooled means and sds over that of raw ones, which one row has no sd for."""
    codes, x, means, sds = small(rng, categories, between)
    X = pd.DataFrame({"shop": codes, "x": x})
    table = GroupFeatures(["shop"], of=["x"]).fit(X).encoding_table("shop")
    several = (table["count"] > 1).to_numpy()
    raw = X.groupby("shop")["x"].std().to_numpy()
    return {
        "mean": ((table["encoding"] - means) ** 2).mean() / ((table["mean"] - means) ** 2).mean(),
        "sd": ((table["within_sd"] - sds)[several] ** 2).mean() / ((raw - sds)[several] ** 2).mean(),
    }


def compare_errors(bars, replicates):
    print("mean squared error over that of raw statistics, 1 + Poisson(4) rows")
    for between in (0.3, 0.5, 1.0):
        runs = pd.DataFrame([errors(np.random.default_rng(seed), 1000, between) for seed in range(replicates)]).mean()
        signal = f"means differ by {between} sd of a row"
        bars.check(f"mean, {signal}", runs["mean"], most=0.7 if between <= 0.5 else None)
        bars.check(f"sd, {signal}", runs["sd"], most=0.7)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and data sets")
    arguments = parser.parse_args()
    bars = Bars()
    compare_errors(bars, 5 if arguments.quick else 40)
    if is_here("polars"):
        compare_times(bars, 200_000 if arguments.quick else 1_000_000, 3 if arguments.quick else 5)
    bars.finish()


if __name__ == "__main__":
    main()
