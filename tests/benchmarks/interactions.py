"""How fast interactions are: against single columns, cells put together as strings, and the exact fit, with bars.

Run ``python tests/benchmarks/interactions.py``; with ``--memory`` also 100 pairs of 1,000,000 rows, which takes
minutes. Ratios are of medians of runs that take turns in random order.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from bars import Bars, seconds

from catpool import EmpiricalBayesEncoder, SmoothedMeanEncoder

EXACT = 2_000  # rows that the exact fit is timed on


def table(n_rows, sizes, rng):
    """Columns of strings, and the sum of their effects."""
    codes = [rng.integers(0, size, n_rows) for size in sizes]
    names = [np.array([f"category {code}" for code in range(size)]) for size in sizes]
    X = pd.DataFrame({f"c{i}": own[code] for i, (own, code) in enumerate(zip(names, codes, strict=True))}).astype("str")
    return X, sum(rng.normal(0, 0.3, size)[code] for size, code in zip(sizes, codes, strict=True))


def targets(effect, rng):
    return {
        "continuous": effect + rng.normal(size=len(effect)),
        "binary": (effect + rng.logistic(size=len(effect)) > 0).astype(int),
        "count": rng.poisson(np.exp(effect)),
    }


def one_pair(bars, rng):
    print("one pair, 16,000 rows, 300 x 60 levels")
    X, effect = table(16_000, (300, 60), rng)
    for kind, y in targets(effect, rng).items():
        options = {"target_type": kind, "random_state": 0, "remainder": "drop"}
        pair = EmpiricalBayesEncoder([], interactions=[("c0", "c1")], **options)
        exact = EmpiricalBayesEncoder([], interactions=[("c0", "c1")], interaction_prior="exact", **options)
        singles = EmpiricalBayesEncoder(**options)
        tasks = {
            "pair": lambda encoder=pair, y=y: encoder.fit_transform(X, y),
            "singles": lambda encoder=singles, y=y: encoder.fit_transform(X, y),
        }
        time_of = seconds(tasks, 11)
        bars.check(
            f"pair / both columns, {kind}", time_of["pair"] / time_of["singles"], most=4 if kind == "continuous" else 6
        )
        some, own = X[:EXACT], y[:EXACT]
        tasks = {
            "pair": lambda encoder=pair, own=own, some=some: encoder.fit_transform(some, own),
            "exact": lambda encoder=exact, own=own, some=some: encoder.fit_transform(some, own),
        }
        time_of = seconds(tasks, 3)
        slower = time_of["exact"] / time_of["pair"]
        bars.check(f"exact / parts, {EXACT:,} rows, {kind}", slower, least=10)


def many_pairs(bars, rng):
    print("36 pairs of 15,000 rows, 9 columns of 4 to 400 levels")
    X, effect = table(15_000, np.geomspace(4, 400, 9).astype(int), rng)
    pairs = list(itertools.combinations(X.columns, 2))
    cells = pd.DataFrame({f"{a}|{b}": X[a] + "|" + X[b] for a, b in pairs})
    for kind, y in targets(effect, rng).items():
        options = {"target_type": kind, "random_state": 0, "remainder": "drop"}
        together = SmoothedMeanEncoder(**options)
        crossed = EmpiricalBayesEncoder([], interactions=pairs, **options)
        tasks = {
            "pairs": lambda encoder=crossed, y=y: encoder.fit_transform(X, y),
            "strings": lambda encoder=together, y=y: encoder.fit_transform(cells, y),
        }
        time_of = seconds(tasks, 5)
        bars.check(f"36 pairs / smoothed means of strings, {kind}", time_of["pairs"] / time_of["strings"], most=3)
        print(f"        36 pairs: {time_of['pairs']:.2f} s")


def memory(bars):
    print("100 pairs of 1,000,000 rows, 15 columns of 5 to 2,000 levels")
    # in a process of its own, whose peak is that of nothing else
    run = subprocess.run([sys.executable, __file__, "--peak"], check=True, capture_output=True, text=True)
    seconds_taken, peak = map(float, run.stdout.split())
    print(f"        {seconds_taken:.0f} s")
    bars.check("peak, GB", peak, most=1.5)


def print_peak(rng):
    """Print the seconds that 100 pairs take, and the peak of memory in GB."""
    X, y = {}, rng.normal(size=1_000_000)
    for i, size in enumerate(np.geomspace(5, 2_000, 15).astype(int)):
        codes = rng.integers(0, size, len(y))
        X[f"c{i}"] = pd.Categorical.from_codes(codes, [f"category {code}" for code in range(size)])
        y += rng.normal(0, 0.2, size)[codes]
    X = pd.DataFrame(X)
    pairs = list(itertools.combinations(X.columns, 2))[:100]
    start = time.perf_counter()
    EmpiricalBayesEncoder([], interactions=pairs, random_state=0, remainder="drop").fit_transform(X, y)
    print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", action="store_true", help="measure the memory of 100 pairs, too")
    parser.add_argument("--peak", action="store_true", help="print the seconds and the memory of 100 pairs, and end")
    arguments = parser.parse_args()
    rng, bars = np.random.default_rng(0), Bars()
    if arguments.peak:
        print_peak(rng)
        return
    if arguments.memory:
        memory(bars)  # first, as a process starts with the memory of the one that started it
    one_pair(bars, rng)
    many_pairs(bars, rng)
    bars.finish()


if __name__ == "__main__":
    main()
