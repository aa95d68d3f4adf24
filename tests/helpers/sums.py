"""What holds for every rule that learns from sums over rows: parts, merges, files and lazy tables are all rows."""

import numpy as np
import pandas as pd
import pytest

from catpool import EmpiricalBayesEncoder

OUTPUTS = {"output": ["mean", "sd"]}


def check_parts_merges_and_files(make, codes, y):
    """Encoders of parts, merged ones and those of files equal an encoder of all 150 rows; `make` takes its options."""
    X, keys = codes[:, None].astype(str), np.arange(150)
    encoder, whole = make(cv=5, **OUTPUTS), make(**OUTPUTS).fit(X, y)
    for rows in (slice(0, 60), slice(60, 150)):
        encoder.partial_fit(X[rows], y[rows], key=keys[rows])
    parts = [make(**OUTPUTS).fit(X[rows], y[rows]) for rows in (slice(0, 60), slice(60, 150))]
    for each in (encoder, parts[0].merge(parts[1]), EmpiricalBayesEncoder.from_json(whole.to_json())):
        np.testing.assert_allclose(each.transform(X), whole.transform(X), rtol=1e-8)
        pd.testing.assert_frame_equal(each.summary_, whole.summary_, rtol=1e-8)
        pd.testing.assert_frame_equal(
            each.encoding_table(0).sort_values("category", ignore_index=True),
            whole.encoding_table(0).sort_values("category", ignore_index=True),
            rtol=1e-8,
        )
    folded = make(cv=5, **OUTPUTS).fit_transform(X, y, key=keys)
    np.testing.assert_allclose(encoder.transform_out_of_fold(X, keys), folded, rtol=1e-8)


def check_lazy_tables(make, codes, y):
    """A lazy table of 150 rows has the encodings and the summary of the frame."""
    polars = pytest.importorskip("polars")
    frame = pd.DataFrame({"c": codes, "w": 1.0 + np.arange(150) % 2, "fold": np.arange(150) % 4, "y": y})
    encoder = make(columns=["c"], cv="fold", **OUTPUTS)
    expected = encoder.fit_transform(frame, "y", sample_weight="w")
    summary = encoder.summary_
    lazy = polars.from_pandas(frame.assign(id=np.arange(150))).lazy()
    found = encoder.fit_transform(lazy, "y", sample_weight="w").collect().sort("id").to_pandas()
    np.testing.assert_allclose(found[["c", "c_sd"]], expected[["c", "c_sd"]], rtol=1e-7)
    pd.testing.assert_frame_equal(encoder.summary_, summary, rtol=1e-7)
