"""How much longer an encoder takes that learns effects of features of categories, from a table of numbers."""

from __future__ import annotations

import pandas as pd
from bars import column, seconds

from catpool import EmpiricalBayesEncoder, linear

CATEGORIES, FEATURES = 50_000, 50


def features_of_categories(bars, n_rows, repeats, rng):
    print(f"prior features, {n_rows:,} rows, {CATEGORIES:,} categories x {FEATURES} features, ten folds")
    for kind in ("str", "int64", "category"):
        X, y, table = simulated(kind, n_rows, rng)
        specs = {"without": None, "with": {"c": linear(table)}}
        encoders = {
            name: EmpiricalBayesEncoder(cv=10, columns=["c"], prior_features=own) for name, own in specs.items()
        }
        tasks = {
            name: (lambda encoder=encoder, X=X, y=y: encoder.fit_transform(X, y)) for name, encoder in encoders.items()
        }
        time_of = seconds(tasks, repeats)
        print("       ", {name: round(own, 2) for name, own in time_of.items()}, "seconds")
        ratio = time_of["with"] / time_of["without"]
        bars.check(f"{kind}, with prior features / without", ratio, most=3 if kind == "str" else None)


def simulated(kind, n_rows, rng):
    """A column of categories, its target, and the table of their features."""
    series = column(kind, CATEGORIES, "uniform", n_rows, rng)
    names = [code if kind == "int64" else f"category {code}" for code in range(CATEGORIES)]
    table = pd.DataFrame(rng.normal(size=(CATEGORIES, FEATURES)), index=names)
    means = table @ rng.normal(scale=0.1, size=FEATURES) + rng.normal(scale=0.5, size=CATEGORIES)
    values = series.astype(object) if kind == "category" else series
    return series.to_frame("c"), means.reindex(values).to_numpy() + rng.normal(size=n_rows), table
