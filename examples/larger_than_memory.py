"""
Encode more rows than fit in memory, out of fold, inside a database engine
==========================================================================

You learn to encode a file in DuckDB or Spark. Simulated orders have three columns of 100, 10,000 and 1,000,000
categories, and 100,000,000 rows without ``--rows``. ``--engine spark`` runs on this machine, or through spark-submit on
a cluster, with a ``--folder`` that all nodes can read. The ten folds are a hash of the order's number, so that no row's
own target reaches its encoding. Run it:
``pip install ".[engines,examples]" && python examples/larger_than_memory.py --rows 1_000_000``
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from catpool import EmpiricalBayesEncoder

CATEGORIES = {"region": 100, "shop": 10_000, "customer": 1_000_000}
CHUNK = 1_000_000


def make(path, n_rows):
    """Write orders whose value depends on all three columns, a chunk at a time."""
    rng = np.random.default_rng(0)
    effects = {name: rng.normal(size=number) for name, number in CATEGORIES.items()}
    names = [("order", pa.int64()), *((name, pa.int32()) for name in CATEGORIES), ("value", pa.float64())]
    with pq.ParquetWriter(path, pa.schema(names)) as writer:
        for start in tqdm(range(0, n_rows, CHUNK), desc="making orders"):
            n = min(CHUNK, n_rows - start)
            codes = {name: rng.integers(0, number, n, dtype=np.int32) for name, number in CATEGORIES.items()}
            value = sum(effects[name][own] for name, own in codes.items()) + 2 * rng.normal(size=n)
            writer.write_table(pa.table({"order": np.arange(start, start + n), **codes, "value": value}))


def by_duckdb(encoder, source, target, memory):
    import duckdb

    connection = duckdb.connect(config={"memory_limit": memory, "temp_directory": str(target.parent)})
    connection.execute("SET enable_progress_bar = true; SET preserve_insertion_order = false")
    orders = connection.read_parquet(str(source))
    encoder.fit_transform(orders, y="value", key="order").write_parquet(str(target))


def by_spark(encoder, source, target, memory):
    from pyspark.sql import SparkSession

    session = SparkSession.builder.appName("catpool").config("spark.driver.memory", memory.replace("GB", "g"))
    orders = session.getOrCreate().read.parquet(str(source))
    encoder.fit_transform(orders, y="value", key="order").write.parquet(str(target))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb")
    parser.add_argument("--folder", help="where the files are kept; a temporary folder by default")
    parser.add_argument("--memory", default="2GB", help="of the engine")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        source, target = folder / "orders.parquet", folder / "encoded.parquet"
        make(source, options.rows)
        encoder, start = EmpiricalBayesEncoder(list(CATEGORIES), cv=10), time.perf_counter()
        (by_duckdb if options.engine == "duckdb" else by_spark)(encoder, source, target, options.memory)
        seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(encoder.summary_[["column", "categories", "prior_strength", "between_sd", "within_sd"]].round(2))
        print(f"{options.rows:,} rows encoded out of fold in {seconds:.0f} s, {peak:.1f} GB of memory at the peak")


if __name__ == "__main__":
    main()
