"""How fast the encoders are, as ratios against scikit-learn's TargetEncoder and a bare pandas.factorize.

Run ``python tests/benchmarks/speed.py``: 2,000,000 rows, each kind of column, of categories and of their
frequencies. Seconds depend on the machine; the ratios are what to read. Each is one of medians of runs that
take turns, so that a slow moment of the machine hits both sides.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pandas as pd
from sklearn.preprocessing import TargetEncoder

from catpool import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder

ENCODERS = {"mean": MeanEncoder(), "smoothed": SmoothedMeanEncoder(), "bayes": EmpiricalBayesEncoder()}
BARS = {"str": 10, "category": 10, "int64": 8, "object": 5}


def column(kind, n_categories, law, n_rows, rng):
    weights = np.ones(n_categories) if law == "uniform" else 1 / np.arange(1, n_categories + 1) ** 1.1
    codes = rng.choice(n_categories, n_rows, p=weights / weights.sum())
    if kind == "int64":
        return pd.Series(codes)
    names = np.array([f"category {code}" for code in range(n_categories)], dtype=object)
    strings = pd.Series(names[codes], dtype=object)
    return strings.astype({"object": object, "str": "str", "category": "category"}[kind])


def seconds(tasks, repeats):
    """Median seconds of each task, the tasks taking turns."""
    runs = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            runs[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in runs.items()}


def extra_bytes(task):
    tracemalloc.start()
    task()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def case(kind, n_categories, law, n_rows, repeats, rng):
    series = column(kind, n_categories, law, n_rows, rng)
    text = series if kind == "str" else series.astype("str")
    X, y = series.to_frame("c"), rng.normal(size=n_rows)
    fitted, peer = EmpiricalBayesEncoder().fit(X, y), TargetEncoder(target_type="continuous").fit(X, y)
    slow = seconds(
        {
            "fit": lambda: TargetEncoder(target_type="continuous").fit_transform(X, y),
            "transform": lambda: peer.transform(X),
        },
        max(1, repeats // 3),
    )
    tasks = {name: (lambda encoder=encoder: encoder.fit_transform(X, y)) for name, encoder in ENCODERS.items()}
    ours = seconds(
        {"factorize": lambda: pd.factorize(text), "transform": lambda: fitted.transform(X), **tasks}, repeats
    )
    return {
        "column": kind,
        "categories": n_categories,
        "law": law,
        **{f"sklearn/{name}": slow["fit"] / ours[name] for name in ENCODERS},
        "bar": BARS[kind],
        **({f"{name}/factorize": ours[name] / ours["factorize"] for name in ENCODERS} if kind == "str" else {}),
        "bayes/mean": ours["bayes"] / ours["mean"],
        "sklearn/transform": slow["transform"] / ours["transform"],
        "bytes a row": extra_bytes(tasks["bayes"]) / n_rows,
    }


def one_row(rng):
    """Microseconds to transform one row where 50,000 categories were fitted."""
    X = column("str", 50_000, "uniform", 500_000, rng).to_frame("c")
    y = rng.normal(size=len(X))
    row = X.iloc[:1]
    ours, peer = EmpiricalBayesEncoder().fit(X, y), TargetEncoder(target_type="continuous").fit(X, y)
    ours.transform(row)
    times = seconds({"catpool": lambda: ours.transform(row), "sklearn": lambda: peer.transform(row)}, 51)
    return {name: 1e6 * value for name, value in times.items()}


def in_parallel(rng):
    """Seconds for 20 columns of 200,000 rows, with one thread and with two."""
    X = pd.DataFrame({f"c{i}": column("str", 20_000, "uniform", 200_000, rng) for i in range(20)})
    y = rng.normal(size=len(X))
    tasks = {jobs: (lambda jobs=jobs: EmpiricalBayesEncoder(n_jobs=jobs).fit_transform(X, y)) for jobs in (1, 2)}
    return seconds(tasks, 7)


def import_milliseconds():
    """How much longer it takes to import catpool than scikit-learn's base and pandas alone."""
    code = (
        "import time; import sklearn.base, pandas; start = time.perf_counter(); "
        "import catpool; print(time.perf_counter() - start)"
    )
    runs = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(7)]
    return 1e3 * statistics.median(runs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--kinds", nargs="+", default=list(BARS))
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    rows = [
        case(kind, n_categories, law, arguments.rows, arguments.repeats, rng)
        for kind in arguments.kinds
        for n_categories in (50, 20_000, 500_000)
        for law in ("uniform", "zipf")
    ]
    with pd.option_context("display.width", 250, "display.max_columns", None):
        print(pd.DataFrame(rows).round(2).to_string(index=False))
    print("one row of 50,000 categories, microseconds:", one_row(rng))
    print("20 columns of 200,000 rows, seconds by n_jobs:", in_parallel(rng))
    print("import beyond scikit-learn's base and pandas, milliseconds:", import_milliseconds())


if __name__ == "__main__":
    main()
