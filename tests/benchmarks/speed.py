"""How fast the encoders are: ratios against scikit-learn's TargetEncoder and a bare pandas.factorize, with bars.

Run ``python tests/benchmarks/speed.py``: 2,000,000 rows, each kind of column, of categories and of their
frequencies. Seconds depend on the machine; the ratios are what to read. Each is one of medians of runs that
take turns in random order, so that a slow moment of the machine hits both sides. "bayes" has the closed-form prior
strength, "reml" is EmpiricalBayesEncoder as it comes. At last a table in markdown compares catpool with its peers, as
far as they are installed. The script ends with an error where a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pandas as pd
from bars import Bars, column, seconds
from sklearn.preprocessing import TargetEncoder
from speed_of_categoricals import categoricals
from speed_of_columns import many_columns
from speed_of_features import features_of_categories
from speed_of_peers import peers

from catpool import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder, TrainingRowsWarning
from catpool.crossfit.random_folds import Dealer

ENCODERS = {
    "mean": MeanEncoder(),
    "smoothed": SmoothedMeanEncoder(),
    "bayes": EmpiricalBayesEncoder(prior="moments"),
    "reml": EmpiricalBayesEncoder(),
}
FASTER_THAN_SKLEARN = {"str": 10, "category": 10, "int64": 8, "object": 5}
CATEGORIES = (50, 20_000, 500_000)
LAWS = ("uniform", "zipf")


def extra_bytes(task):
    """What Python and numpy allocate at the most; the memory of arrow's own pool is not seen."""
    tracemalloc.start()
    task()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def one_column(bars, kind, n_categories, law, n_rows, repeats, rng):
    series = column(kind, n_categories, law, n_rows, rng)
    X, y = series.to_frame("c"), rng.normal(size=n_rows)
    fitted, peer = EmpiricalBayesEncoder().fit(X, y), TargetEncoder(target_type="continuous").fit(X, y)
    tasks = {name: (lambda encoder=encoder: encoder.fit_transform(X, y)) for name, encoder in ENCODERS.items()}
    tasks |= {
        "factorize": lambda: pd.factorize(series),
        "transform": lambda: fitted.transform(X),
        "sklearn": lambda: TargetEncoder(target_type="continuous").fit_transform(X, y),
        "sklearn's transform": lambda: peer.transform(X),
    }
    time_of = seconds(tasks, repeats, slow=("sklearn", "sklearn's transform"))
    print(f"{kind}, {n_categories:,} categories, {law}: {1e3 * time_of['reml']:.0f} ms")
    for name in ENCODERS:
        bar = None if name == "reml" else FASTER_THAN_SKLEARN[kind]
        bars.check(f"sklearn / {name}", time_of["sklearn"] / time_of[name], least=bar)
        if kind == "str":
            bar = 1.5 if n_categories == 20_000 else 2.0
            bars.check(f"{name} / factorize", time_of[name] / time_of["factorize"], most=bar)
        bars.check(f"bytes a row, {name}", extra_bytes(tasks[name]) / n_rows, most=80)
    for name in ("bayes", "reml"):
        bars.check(f"{name} / mean", time_of[name] / time_of["mean"], most=1.6 if n_categories > 20_000 else 1.3)
    bars.check("sklearn's transform / transform", time_of["sklearn's transform"] / time_of["transform"], least=5)


def one_row(bars, n_categories, rng):
    print(f"one row where {n_categories:,} categories of strings were fitted")
    X = column("str", n_categories, "uniform", 10 * n_categories, rng).to_frame("c")
    y = rng.normal(size=len(X))
    row, plain = X.iloc[:1], {"c": X["c"].iloc[0]}
    ours, peer = (
        EmpiricalBayesEncoder().fit(X, y),
        TargetEncoder(target_type="continuous").fit(X[:100_000], y[:100_000]),
    )
    first = 1e3 * seconds({"first": lambda: ours.transform(row)}, 1)["first"]
    theirs = 1e3 * seconds({"sklearn": lambda: peer.transform(row)}, 11)["sklearn"]
    bars.check("transform, microseconds", 1e6 * seconds({"ours": lambda: ours.transform(row)}, 301)["ours"], most=300)
    many = seconds({"ours": lambda: [ours.lookup(plain) for _ in range(1000)]}, 31)["ours"]
    bars.check("lookup, microseconds", 1e3 * many, most=10)
    print(f"        milliseconds the first time, when the look-up is made: {first:.1f}; scikit-learn: {theirs:.1f}")


def dealing(bars, rng):
    print("random folds of 2,000,000 rows")
    tasks = {"deal": lambda: Dealer(10, rng).deal(2_000_000), "permute": lambda: rng.permutation(2_000_000)}
    time_of = seconds(tasks, 9)
    bars.check("dealing / permuting all rows", time_of["deal"] / time_of["permute"], most=0.1)


def imports(bars):
    print("imports, beyond sklearn.base and pandas, in milliseconds")
    cached = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # compiled once, as users have it
    for statement, most in (("import catpool", 20), ("from catpool import EmpiricalBayesEncoder", 30)):
        code = f"import time, sklearn.base, pandas; start = time.perf_counter(); {statement}; "
        code += "print(time.perf_counter() - start)"
        runs = [float(subprocess.check_output([sys.executable, "-c", code], env=cached)) for _ in range(15)]
        bars.check(statement, 1e3 * statistics.median(runs), most=most)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--kinds", nargs="+", default=list(FASTER_THAN_SKLEARN))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", TrainingRowsWarning)  # it is timed on them
    rng, bars = np.random.default_rng(0), Bars()
    for kind in arguments.kinds:
        for n_categories in CATEGORIES:
            for law in LAWS:
                one_column(bars, kind, n_categories, law, arguments.rows, arguments.repeats, rng)
    for n_categories in (50_000, 1_000_000):
        one_row(bars, n_categories, rng)
    categoricals(bars, arguments.rows, arguments.repeats, rng)
    many_columns(bars, rng)
    features_of_categories(bars, arguments.rows, arguments.repeats, rng)
    dealing(bars, rng)
    imports(bars)
    peers(arguments.rows, rng)
    bars.finish()


if __name__ == "__main__":
    main()
