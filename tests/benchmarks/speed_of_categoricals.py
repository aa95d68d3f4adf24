"""How fast columns are encoded whose categories are known: against a bare pandas.factorize of their codes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars
import pyarrow
from bars import column, seconds

from catpool import MeanEncoder


def tables_of(series):
    """The same categories as each library holds them."""
    arrow = pyarrow.DictionaryArray.from_arrays(series.cat.codes.to_numpy(np.int32), list(series.cat.categories))
    strings = polars.Series("c", arrow.cast(pyarrow.string()))
    return {
        "pandas categorical": series.to_frame("c"),
        "arrow dictionary": pyarrow.table({"c": arrow}),
        "arrow dictionary in pandas": pd.DataFrame({"c": pd.Series(arrow, dtype=pd.ArrowDtype(arrow.type))}),
        "polars Enum": polars.DataFrame({"c": strings.cast(polars.Enum(list(series.cat.categories)))}),
        "polars Categorical": polars.DataFrame({"c": strings.cast(polars.Categorical)}),
    }


def categoricals(bars, n_rows, repeats, rng):
    for n_categories in (50, 20_000):
        series, y = column("category", n_categories, "uniform", n_rows, rng), rng.normal(size=n_rows)
        codes = series.cat.codes.to_numpy(dtype=np.intp)
        tables = tables_of(series)
        tasks = {name: (lambda X=X, y=y: MeanEncoder().fit_transform(X, y)) for name, X in tables.items()}
        time_of = seconds(tasks | {"factorize": lambda codes=codes: pd.factorize(codes)}, repeats)
        print(f"known categories, {n_rows:,} rows, {n_categories:,} categories")
        for name in tables:
            bar = 2.0 if name == "pandas categorical" else None
            bars.check(f"{name} / factorize of codes", time_of[name] / time_of["factorize"], most=bar)
