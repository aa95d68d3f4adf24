"""How fast small tables are encoded out of fold: ratios against scikit-learn's TargetEncoder, with bars.

Run ``python tests/benchmarks/small_tables.py``. A table has so many rows, and so many columns of so many categories of
strings. Both encoders learn and encode it in ten and five folds, as they come. The script ends with an error where a
bar is missed.
"""

import warnings

import numpy as np
import pandas as pd
from bars import Bars, column, seconds
from sklearn.preprocessing import TargetEncoder

from catpool import EmpiricalBayesEncoder, MeanEncoder, TrainingRowsWarning

# rows, columns, categories, runs, and the least ratio of each kind of target
TABLES = [
    (100_000, 10, 20_000, 5, {"continuous": 10.0}),
    (100_000, 10, 1_000, 7, {"continuous": 7.0}),
    (16_000, 4, 2_000, 31, {"continuous": 5.0}),
    (10_000, 5, 500, 31, {"continuous": 3.0}),
    (1_000, 5, 30, 101, {"continuous": 1.0, "binary": 0.7, "count": 0.7}),
]


def target(kind, n_rows, rng):
    if kind == "continuous":
        return rng.normal(size=n_rows)
    return rng.integers(0, 2, n_rows) if kind == "binary" else rng.poisson(3.0, n_rows)


def small(bars, n_rows, n_columns, n_categories, repeats, kinds, rng):
    print(f"{n_rows:,} rows, {n_columns} columns of {n_categories:,} categories")
    X = pd.DataFrame({f"c{i}": column("str", n_categories, "uniform", n_rows, rng) for i in range(n_columns)})
    for kind, least in kinds.items():
        y = target(kind, n_rows, rng)
        theirs = "binary" if kind == "binary" else "continuous"
        tasks = {
            "ours": lambda kind=kind, y=y: EmpiricalBayesEncoder(target_type=kind).fit_transform(X, y),
            "mean": lambda kind=kind, y=y: MeanEncoder(target_type=kind).fit_transform(X, y),
            "sklearn": lambda theirs=theirs, y=y: TargetEncoder(target_type=theirs).fit_transform(X, y),
        }
        time_of = seconds(tasks, repeats)
        print(f"    {kind}: {1e3 * time_of['ours']:.1f} ms, means alone {1e3 * time_of['mean']:.1f} ms")
        bars.check(f"sklearn / ours, {kind}", time_of["sklearn"] / time_of["ours"], least=least)


def main():
    warnings.simplefilter("ignore", TrainingRowsWarning)  # it is timed on them
    rng, bars = np.random.default_rng(0), Bars()
    for table in TABLES:
        small(bars, *table, rng)
    bars.finish()


if __name__ == "__main__":
    main()
