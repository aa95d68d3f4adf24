"""Formulas are parameters."""

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import crossed

from catpool import MixedModelEncoder


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
