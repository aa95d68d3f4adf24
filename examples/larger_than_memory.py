"""
Encode more rows than fit in memory, out of fold, inside a database engine
==========================================================================

The script writes a parquet file of simulated orders, with three columns of 100, 10,000 and 1,000,000 categories.
DuckDB encodes it and writes the result to a second file. Without ``--rows`` there are 100,000,000 rows. ``--engine
spark`` uses Spark, on this machine or through spark-submit on a cluster, with a ``--folder`` that all nodes can read.
The ten folds are a hash of the order's number, so that no row's own target reaches its encoding.

Run it::

    pip install ".[engines,examples]" && python examples/larger_than_memory.py --rows 1_000_000
"""

from __future__ import annotations

import argparse
import resource
import shutil
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


def make(path, n_rows, seed=0):
    """Orders whose value depends on all three columns, a chunk at a time."""
    rng = np.random.default_rng(seed)
    effects = {name: rng.normal(size=number) for name, number in CATEGORIES.items()}
    writer = None
    for start in tqdm(range(0, n_rows, CHUNK), desc="making orders"):
        n = min(CHUNK, n_rows - start)
        codes = {name: rng.integers(0, number, n, dtype=np.int32) for name, number in CATEGORIES.items()}
        value = sum(effects[name][own] for name, own in codes.items()) + 2 * rng.normal(size=n)
        chunk = pa.table({"order": np.arange(start, start + n), **codes, "value": value})
        writer = writer or pq.ParquetWriter(path, chunk.schema)
        writer.write_table(chunk)
    writer.close()


def by_duckdb(encoder, source, target, memory):
    import duckdb

    connection = duckdb.connect(config={"memory_limit": memory, "temp_directory": str(target.parent)})
    connection.execute("SET enable_progress_bar = true")
    connection.execute("SET preserve_insertion_order = false")
    encoded = encoder.fit_transform(connection.read_parquet(str(source)), y="value", key="order")
    encoded.write_parquet(str(target))


def by_spark(encoder, source, target, memory):
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.appName("catpool").config("spark.driver.memory", memory.replace("GB", "g")).getOrCreate()
    )
    encoder.fit_transform(spark.read.parquet(str(source)), y="value", key="order").write.parquet(str(target))


ENGINES = {"duckdb": by_duckdb, "spark": by_spark}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--engine", choices=ENGINES, default="duckdb")
    parser.add_argument("--folder", type=Path, help="where the files are kept; a temporary folder by default")
    parser.add_argument("--memory", default="2GB", help="of the engine")
    options = parser.parse_args(arguments)
    folder = options.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        source, target = folder / "orders.parquet", folder / "encoded.parquet"
        make(source, options.rows)
        encoder = EmpiricalBayesEncoder(list(CATEGORIES), cv=10)
        start = time.perf_counter()
        ENGINES[options.engine](encoder, source, target, options.memory)
        seconds = time.perf_counter() - start
        print(
            encoder.summary_[["column", "categories", "prior_strength", "between_sd", "within_sd"]].round(2).to_string()
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{options.rows:,} rows encoded out of fold in {seconds:.0f} s, {peak:.1f} GB of memory at the peak")
        return pq.read_metadata(target).num_rows if target.is_file() else pq.read_table(target).num_rows
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
