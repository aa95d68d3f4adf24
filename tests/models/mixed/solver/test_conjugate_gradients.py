"""Conjugate gradients against the exact equations."""

import numpy as np
import pytest
from helpers.mixed import crossed

from catpool import MixedModelEncoder


@pytest.mark.slow
@pytest.mark.parametrize("slopes", [None, {"g0": ["x"]}], ids=["intercepts", "slopes"])
@pytest.mark.parametrize("method", ["reml", "ml"])
def test_gradients_agree_with_the_exact_equations(slopes, method):
    X, y = crossed(np.random.default_rng(0), 6000, [150, 90, 12])
    fits = {
        solver: MixedModelEncoder(
            ["g0", "g1", "g2"], covariates=["x"], slopes=slopes, prior=method, solver=solver, output=["mode", "sd"]
        ).fit(X, y)
        for solver in ("exact", "cg")
    }
    exact, cg = fits["exact"].model_, fits["cg"].model_
    for one, other in zip(exact.covariances, cg.covariances, strict=True):
        np.testing.assert_allclose(other, one, rtol=0.03, atol=0.003)
    assert cg.scale == pytest.approx(exact.scale, rel=2e-3)
    np.testing.assert_allclose(cg.fixed, exact.fixed, rtol=0.02, atol=0.01)
    modes = [fits[solver].transform(X)[["g0", "g1", "g2"]].to_numpy() for solver in fits]
    np.testing.assert_allclose(modes[1], modes[0], atol=0.01)
    sds = [fits[solver].transform(X)[["g0_sd", "g1_sd"]].to_numpy() for solver in fits]
    np.testing.assert_allclose(sds[1], sds[0], rtol=0.15)
    summary = fits["cg"].summary_
    assert summary.attrs == {"method": method.upper(), "solver": "cg"}
    assert np.isnan(summary.query("term == 'log_likelihood'")["value"].item())
    assert fits["exact"].summary_.attrs["solver"] == "exact"


@pytest.mark.slow
def test_the_solver_is_chosen_by_size():
    X, y = crossed(np.random.default_rng(0), 40_000, [4000, 3500])
    encoder = MixedModelEncoder(["g0", "g1"]).fit(X, y)
    assert encoder.summary_.attrs["solver"] == "cg"
    spread = encoder.summary_.query("kind == 'variance'")["value"].to_numpy()
    assert spread[:2] == pytest.approx([0.25, 0.25], rel=0.15)


def test_a_fold_s_own_targets_stay_outside_with_gradients_too():
    X, y = crossed(np.random.default_rng(0), 600, [40, 30])
    folds = np.arange(len(X)) % 3
    changed = np.where(folds == 0, 100 + 3 * y[::-1], y)
    encoder = MixedModelEncoder(["g0", "g1"], solver="cg", cv=folds, output=["mode", "sd"])
    before, after = (np.asarray(encoder.fit_transform(X, each)) for each in (y, changed))
    assert before[folds == 0].tobytes() == after[folds == 0].tobytes()
