"""A table of how many times as long as `MeanEncoder` others take for out-of-fold means of the same columns."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars
from bars import column, is_here, seconds
from sklearn.preprocessing import TargetEncoder

from catpool import EmpiricalBayesEncoder, MeanEncoder

FOLDS = 10
OURS = "catpool `MeanEncoder`"


def polars_by_hand(X, y):
    """Out-of-fold means by group_by and joins, as one writes them without an encoder; X is a frame of polars."""
    fold = np.random.default_rng(0).permutation(len(X)) % FOLDS
    rows = X.with_columns(y=polars.Series(y), fold=polars.Series(fold))
    features = []
    for name in X.columns:
        cells = rows.group_by(name, "fold").agg(own=polars.col("y").sum(), size=polars.len())
        whole = cells.group_by(name).agg(total=polars.col("own").sum(), count=polars.col("size").sum())
        others = (polars.col("total") - polars.col("own")) / (polars.col("count") - polars.col("size"))
        means = cells.join(whole, on=name).with_columns(mean=others.fill_nan(y.mean()))
        found = rows.join(means, on=[name, "fold"], how="left", maintain_order="left")
        features.append(found["mean"].alias(name))
    return polars.DataFrame(features)


def catstat(X, y):
    from catstat import TargetEncoder as Encoder

    return Encoder(cv=FOLDS, target_type="continuous").fit_transform(X, y)


def category_encoders(X, y):
    from category_encoders import TargetEncoder as Encoder

    return Encoder(cols=list(X)).fit_transform(X, y)


def systems_of(X):
    """The systems by name, each a function of X and y, as far as they are installed."""
    frame = polars.from_pandas(X)
    sklearn = TargetEncoder(cv=FOLDS, target_type="continuous")
    systems = {
        OURS: MeanEncoder(cv=FOLDS).fit_transform,
        "catpool `EmpiricalBayesEncoder`": EmpiricalBayesEncoder(cv=FOLDS).fit_transform,
        "polars by hand": lambda _, y: polars_by_hand(frame, y),
        "scikit-learn `TargetEncoder`": sklearn.fit_transform,
    }
    if is_here("catstat"):
        systems["catstat `TargetEncoder`"] = catstat
    if is_here("category_encoders"):
        systems["category_encoders `TargetEncoder`, in sample"] = category_encoders
    return systems


def tables_of(n_rows, rng):
    few = n_rows // 10
    return {
        f"a column of {n_rows:,} strings": column("str", 20_000, "uniform", n_rows, rng).to_frame("c"),
        f"ten columns of {few:,} strings": pd.DataFrame(
            {f"c{i}": column("str", 2_000, "zipf", few, rng) for i in range(10)}
        ),
        f"a categorical of {n_rows:,} rows": column("category", 20_000, "uniform", n_rows, rng).to_frame("c"),
    }


def peers(n_rows, rng):
    results = {}
    for what, X in tables_of(n_rows, rng).items():
        y = rng.normal(size=len(X))
        tasks = {name: (lambda system=system, X=X, y=y: system(X, y)) for name, system in systems_of(X).items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the peers call deprecated
            results[what] = seconds(tasks, 7, slow=list(tasks)[3:])
    write_table(results)


def write_table(results):
    """Write seconds, by table and system, as multiples of ours."""
    print("| times as long as catpool | " + " | ".join(results) + " |")
    print("|---" * (len(results) + 1) + "|")
    for name in next(iter(results.values())):
        ratios = [f"{time_of[name] / time_of[OURS]:.1f}" for time_of in results.values()]
        print(f"| {name} | " + " | ".join(ratios) + " |")
    own = [f"{1e3 * time_of[OURS]:.0f} ms" for time_of in results.values()]
    print("| time of `MeanEncoder` | " + " | ".join(own) + " |")
