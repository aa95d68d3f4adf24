"""Nested levels against lme4."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.reference_data import REFERENCE

from catpool import NestedEncoder

pytestmark = pytest.mark.slow  # taken together; each by itself is quick


LME4 = json.loads((REFERENCE / "mixed_models.json").read_text())["lmm"]


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize(
    ("name", "levels", "response"),
    [("pastes_nested", ["batch", "cask"], "strength"), ("inst_dept_d", ["dept", "d"], "y")],
)
def test_lme4(name, levels, response, method):
    answer, file = LME4[name][method], REFERENCE / "data" / Path(LME4[name]["data"]).name
    data = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file, skipinitialspace=True)
    encoder = NestedEncoder(levels, prior=method.lower(), target_type="continuous", emit="all", remainder="drop")
    encoder.fit(data[levels], data[response])
    summary = encoder.summary_
    outer, inner = levels[0], f"{levels[1]}:{levels[0]}"
    variances = {each["group"]: each["vcov"] for each in answer["variances"]}
    np.testing.assert_allclose(-2 * summary["log_likelihood"], answer["criterion"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(summary["between_sd"] ** 2, [variances[outer], variances[inner]], rtol=1e-6)
    np.testing.assert_allclose(summary["within_sd"] ** 2, answer["sigma2"], rtol=1e-6)
    intercept = answer["fixef"]["(Intercept)"]
    np.testing.assert_allclose(summary["prior_mean"], intercept, rtol=1e-6)

    modes = {factor: dict(zip(own["levels"], own["condmode"]["(Intercept)"], strict=True))
             for factor, own in answer["ranef"].items()}  # fmt: skip
    paths = data[levels].drop_duplicates()
    above = np.array([intercept + modes[outer][str(first)] for first, _ in paths.to_numpy()])
    below = np.array([modes[inner][f"{second}:{first}"] for first, second in paths.to_numpy()])
    np.testing.assert_allclose(encoder.transform(paths), np.column_stack([above, above + below]), rtol=1e-6)
    assert len(modes[inner]) == len(paths)
