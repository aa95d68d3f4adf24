"""How fast tables of other engines are encoded: against SQL and polars expressions that do the same by hand, with bars.

Run ``python tests/benchmarks/engines.py``: 10,000,000 rows of a column of 10,000 categories and one of folds. By hand,
an out-of-fold mean is the sum over a category less that over the category in the row's fold, which is all there is to
it where nothing is estimated; encoders look at the target first. Ratios are of medians of runs that take turns. The
script ends with an error where a bar is missed. It needs the group ``bench`` and the extra ``engines``.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

import numpy as np
from bars import Bars, seconds

from catpool import EmpiricalBayesEncoder, MeanEncoder

BY_HAND = """
WITH parts AS (SELECT fold, shop, count(*) AS n, sum(value) AS total FROM orders GROUP BY fold, shop),
     shops AS (SELECT shop, sum(n) AS n, sum(total) AS total FROM parts GROUP BY shop)
SELECT orders.number, (shops.total - parts.total) / (shops.n - parts.n) AS shop
FROM orders JOIN parts ON orders.fold = parts.fold AND orders.shop = parts.shop JOIN shops ON orders.shop = shops.shop
"""


def make(path, n_rows):
    import polars as pl

    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "number": np.arange(n_rows),
            "shop": rng.integers(0, 10_000, n_rows),
            "fold": rng.integers(0, 10, n_rows),
            "value": rng.normal(size=n_rows),
        }
    )
    frame.write_parquet(path)
    return frame


def in_duckdb(bars, path, repeats):
    import duckdb

    print("DuckDB, parquet to parquet")
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"CREATE VIEW orders AS SELECT * FROM read_parquet('{path}')")

    def ours(encoder):
        encoder.fit_transform(connection.table("orders"), y="value").write_parquet(f"{path}.out")

    tasks = {
        "by hand": lambda: connection.sql(BY_HAND).write_parquet(f"{path}.out"),
        "mean": lambda: ours(MeanEncoder(["shop"], cv="fold", target_type="continuous")),
        "bayes": lambda: ours(EmpiricalBayesEncoder(["shop"], cv="fold", target_type="continuous")),
    }
    time_of = seconds(tasks, repeats)
    bars.check("mean / by hand", time_of["mean"] / time_of["by hand"], most=1.3)
    bars.check("bayes / by hand", time_of["bayes"] / time_of["by hand"], most=1.3)


def in_polars(bars, frame, repeats):
    import polars as pl

    print("polars, in memory")
    shop, both, value = ["shop"], ["shop", "fold"], pl.col("value")
    by_hand = (value.sum().over(shop) - value.sum().over(both)) / (pl.len().over(shop) - pl.len().over(both))
    tasks = {
        "by hand": lambda: frame.with_columns(by_hand.alias("shop")),
        "mean": lambda: MeanEncoder(["shop"], cv="fold", target_type="continuous").fit_transform(frame, "value"),
    }
    time_of = seconds(tasks, repeats)
    bars.check("mean / by hand", time_of["mean"] / time_of["by hand"], most=1.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    options, bars = parser.parse_args(), Bars()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.parquet"
        frame = make(path, options.rows)
        in_duckdb(bars, path, options.repeats)
        in_polars(bars, frame, options.repeats)
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB of memory at the peak")
    bars.finish()


if __name__ == "__main__":
    main()
