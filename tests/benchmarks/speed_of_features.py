"""How much longer an encoder takes that learns effects of features of categories, from a table of numbers."""

from __future__ import annotations

import pandas as pd
from bars import column, seconds

from catpool import EmpiricalBayesEncoder, linear

CATEGORIES, FEATURES = 50_000, 50


def features_of_categories(bars, n_rows, repeats, rng):
    print(f"prior features, {n_rows:,} rows, {CATEGORIES:,} categories x {FEATURES} features, ten folds")
    series = column("str", CATEGORIES, "uniform", n_rows, rng)
    names = [f"category {code}" for code in range(CATEGORIES)]
    table = pd.DataFrame(rng.normal(size=(CATEGORIES, FEATURES)), index=names)
    means = table @ rng.normal(scale=0.1, size=FEATURES) + rng.normal(scale=0.5, size=CATEGORIES)
    X, y = series.to_frame("c"), means.reindex(series).to_numpy() + rng.normal(size=n_rows)
    specs = {"without": None, "with": {"c": linear(table)}}
    encoders = {name: EmpiricalBayesEncoder(cv=10, prior_features=own) for name, own in specs.items()}
    tasks = {name: (lambda encoder=encoder: encoder.fit_transform(X, y)) for name, encoder in encoders.items()}
    time_of = seconds(tasks, repeats)
    print("       ", {name: round(own, 2) for name, own in time_of.items()}, "seconds")
    bars.check("with prior features / without", time_of["with"] / time_of["without"], most=3)
