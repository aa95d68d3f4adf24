"""Empirical Bayes against lme4 and R."""

import json

import numpy as np
import pytest
from helpers.reference_data import REFERENCE, read

from catpool import EmpiricalBayesEncoder

LME4 = json.loads((REFERENCE / "lme4.json").read_text())


CONJUGATE = json.loads((REFERENCE / "empirical_bayes.json").read_text())


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("name", LME4)
def test_lme4(name, method):
    model, answer = LME4[name], LME4[name][method]
    data = read(model["data"])
    response, factor = model["formula"].split(" ~ ")[0], model["formula"].split("|")[1].strip(" )")
    weighted = {"weight_type": "precision"} if model["weights"] else {}
    encoder = EmpiricalBayesEncoder([factor], prior=method.lower(), target_type="continuous", **weighted)
    encoder.fit(data.astype({factor: str}), data[response], sample_weight=data[model["weights"]] if weighted else None)
    summary, table = encoder.summary_.iloc[0], encoder.encoding_table(factor).iloc[:-1].set_index("category")
    assert -2 * summary["log_likelihood"] == pytest.approx(answer["criterion"], abs=1e-6)
    assert summary["between_sd"] ** 2 == pytest.approx(answer["variances"][factor], rel=1e-6)
    assert summary["within_sd"] ** 2 == pytest.approx(answer["variances"]["Residual"], rel=1e-6)
    assert summary["prior_mean"] == pytest.approx(answer["intercept"], rel=1e-6)
    modes = (table["encoding"] - summary["prior_mean"])[answer["levels"]]
    np.testing.assert_allclose(modes, answer["modes"], rtol=0, atol=1e-6 * max(np.abs(answer["modes"]).max(), 1e-9))
    variances = answer["conditional_variances"] + (1 - table["reliability"]) ** 2 * answer["se_intercept"] ** 2
    np.testing.assert_allclose(table["sd"][answer["levels"]] ** 2, variances[answer["levels"]], rtol=1e-6)


def test_dyestuff2_has_no_spread():
    data = read("Dyestuff2.csv")
    for prior in ("reml", "ml", "moments"):
        summary = EmpiricalBayesEncoder(prior=prior).fit(data[["Batch"]], data["Yield"]).summary_.iloc[0]
        assert summary["between_sd"] == 0
        assert np.isinf(summary["prior_strength"])
        assert summary["note"] == "no spread between categories"


@pytest.mark.parametrize("name", CONJUGATE["beta-binomial"])
def test_beta_binomial(name):
    answer = CONJUGATE["beta-binomial"][name]
    data = read(answer["data"])
    g, y = np.repeat(data["g"], 2).to_numpy()[:, None], np.tile([1, 0], len(data))
    weights = np.column_stack([data["k"], data["n"] - data["k"]]).ravel()
    encoder = EmpiricalBayesEncoder(prior="reml").fit(g, y, sample_weight=weights)
    summary = encoder.summary_.iloc[0]
    strength = answer["alpha"] + answer["beta"]
    assert summary["prior_strength"] == pytest.approx(strength, rel=1e-6)
    assert summary["prior_mean"] == pytest.approx(answer["alpha"] / strength, rel=1e-6)
    np.testing.assert_allclose(np.asarray(encoder.transform(g))[:10:2, 0], answer["post_mean_first5"], rtol=1e-6)


@pytest.mark.parametrize("name", CONJUGATE["gamma-Poisson"])
def test_gamma_poisson(name):
    answer = CONJUGATE["gamma-Poisson"][name]
    data = read(answer["data"])
    encoder = EmpiricalBayesEncoder(None, target_type="count", prior="reml").fit(
        data[["g"]], data["y"], exposure=data["e"]
    )
    summary = encoder.summary_.iloc[0]
    assert summary["prior_strength"] == pytest.approx(answer["rate"], rel=1e-6)
    assert summary["prior_mean"] == pytest.approx(answer["mean"], rel=1e-6)
    np.testing.assert_allclose(np.asarray(encoder.transform(data[["g"]]))[:5, 0], answer["post_mean_first5"], rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in CONJUGATE["DerSimonian-Laird"] if name != "schools8"])
def test_moments_are_dersimonian_and_laird_s(name):
    """Of the eight schools only standard errors are known, not the rows behind them."""
    answer = CONJUGATE["DerSimonian-Laird"][name]
    data = read({"dyestuff": "Dyestuff.csv", "dyestuff2": "Dyestuff2.csv"}[name])
    encoder = EmpiricalBayesEncoder(prior="moments", target_type="continuous").fit(data[["Batch"]], data["Yield"])
    summary = encoder.summary_.iloc[0]
    assert summary["between_sd"] ** 2 == pytest.approx(answer["tau2"], rel=1e-10, abs=1e-10)
    assert summary["prior_mean"] == pytest.approx(answer["mu"], rel=1e-10)
    np.testing.assert_allclose(encoder.encoding_table("Batch").iloc[:-1]["encoding"], answer["blup"], rtol=1e-10)
