"""Conjugate gradients against the exact equations, and formulas."""

import numpy as np
import pandas as pd
import pytest

from catpool import MixedModelEncoder


def crossed(rng, n, sizes):
    X = pd.DataFrame({f"g{i}": rng.integers(0, size, n) for i, size in enumerate(sizes)})
    X["x"] = rng.normal(size=n)
    y = X["x"] + rng.normal(size=n)
    for name, size in zip(X, sizes, strict=False):
        y += 0.5 * rng.normal(size=size)[X[name]]
    slopes = 0.4 * rng.normal(size=sizes[0])
    return X, (y + slopes[X["g0"]] * X["x"]).to_numpy()


@pytest.mark.slow
@pytest.mark.parametrize("slopes", [None, {"g0": ["x"]}], ids=["intercepts", "slopes"])
@pytest.mark.parametrize("method", ["reml", "ml"])
def test_gradients_agree_with_the_exact_equations(slopes, method):
    X, y = crossed(np.random.default_rng(0), 6000, [150, 90, 12])
    fits = {
        solver: MixedModelEncoder(
            ["g0", "g1", "g2"], covariates=["x"], slopes=slopes, method=method, solver=solver, output=["mode", "sd"]
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


class TestFormula:
    formulae = pytest.importorskip("formulae", reason="the extra catpool[formula] brings formulae")

    @pytest.mark.parametrize(
        ("formula", "expected"),
        [
            ("y ~ x + (1 | g)", (["g"], ["x"], None, True)),
            ("y ~ x + (1 + x | g) + (1 | h)", (["g", "h"], ["x"], {"g": ["x"]}, True)),
            ("y ~ x + (x || g)", (["g"], ["x"], {"g": ["x"]}, False)),
            ("y ~ x + (1 | g) + (0 + x | g)", (["g"], ["x"], {"g": ["x"]}, False)),
            ("y ~ 1 + (1 | county/zip)", (["county", ("county", "zip")], None, None, True)),
            ("y ~ 1 + (1 | a:b)", ([("a", "b")], None, None, True)),
        ],
    )
    def test_formulas_are_parameters(self, formula, expected):
        encoder = MixedModelEncoder.from_formula(formula, cv=3)
        assert (encoder.groups, encoder.covariates, encoder.slopes, encoder.correlated, encoder.cv) == (*expected, 3)

    @pytest.mark.parametrize(
        ("formula", "message"),
        [
            ("y ~ 0 + x + (1 | g)", "needs an intercept"),
            ("y ~ x", "must be a factor"),
            ("y ~ x + (0 + x | g)", "each with an intercept"),
            ("y ~ x*z + (1 | g)", "Multiply them"),
            ("y ~ np.log(x) + (1 | g)", "Transform the column"),
            ("np.log(y) ~ x + (1 | g)", "Transform the column"),
            ("y ~ x + (x | g) + (x || h)", r"\| or \|\| throughout"),
        ],
    )
    def test_what_the_model_does_not_have_is_said(self, formula, message):
        with pytest.raises(ValueError, match=message):
            MixedModelEncoder.from_formula(formula)

    def test_a_formula_fits_what_the_parameters_do(self):
        X, y = crossed(np.random.default_rng(0), 300, [12, 5])
        one = MixedModelEncoder.from_formula("y ~ x + (1 + x | g0) + (1 | g1)").fit(X, y)
        other = MixedModelEncoder(["g0", "g1"], covariates=["x"], slopes={"g0": ["x"]}).fit(X, y)
        pd.testing.assert_frame_equal(one.summary_, other.summary_)


def test_formulas_name_the_extra_they_need(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "formulae", None)
    with pytest.raises(ImportError, match=r"catpool\[formula\]"):
        MixedModelEncoder.from_formula("y ~ x + (1 | g)")
