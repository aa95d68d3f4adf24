"""How fast many columns are encoded, one after the other and in two threads."""

from __future__ import annotations

import pandas as pd
from bars import column, seconds

from catpool import EmpiricalBayesEncoder, MeanEncoder

ENCODERS = (MeanEncoder, EmpiricalBayesEncoder)
# columns, rows, runs, and how many times as fast two threads on two cores must be
TABLES = [(4, 50_000, 31, 1.0), (20, 200_000, 9, 1.0), (10, 1_000_000, 5, 1.5)]


def strings(n_columns, n_rows, rng, n_categories=20_000):
    return pd.DataFrame({f"c{i}": column("str", n_categories, "uniform", n_rows, rng) for i in range(n_columns)})


def many_columns(bars, rng):
    for n_columns, n_rows, repeats, least in TABLES:
        print(f"{n_columns} columns of {n_rows:,} rows")
        time_of = times_of(strings(n_columns, n_rows, rng), rng.normal(size=n_rows), repeats)
        for encoder in ENCODERS:
            alone = time_of[encoder, None]
            bars.check(f"{encoder.__name__} / factorize", alone / time_of["factorize"])
            bars.check(f"{encoder.__name__}, n_jobs=None / n_jobs=2", alone / time_of[encoder, 2], least=least)


def times_of(X, y, repeats):
    tasks = {
        (encoder, jobs): lambda encoder=encoder, jobs=jobs: encoder(n_jobs=jobs).fit_transform(X, y)
        for encoder in ENCODERS
        for jobs in (None, 2)
    }
    return seconds(tasks | {"factorize": lambda: [pd.factorize(X[name]) for name in X]}, repeats)
