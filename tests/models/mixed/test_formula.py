"""Formulas are parameters."""

import sys

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import crossed, encoder_of, mixed_rows
from sklearn.base import clone

from catpool import MixedModelEncoder

PARAMETERS = {"covariates": None, "slopes": None, "intercepts": True, "correlated": True, "offset": None}
READ = {
    "y ~ x + (1 | g)": {"groups": ["g"], "covariates": ["x"]},
    "x + (1 | g)": {"groups": ["g"], "covariates": ["x"]},
    "y ~ x + (1 + x | g) + (1 | h)": {"groups": ["g", "h"], "covariates": ["x"], "slopes": {"g": ["x"]}},
    "y ~ x + (x || g)": {"groups": ["g"], "covariates": ["x"], "slopes": {"g": ["x"]}, "correlated": False},
    "y ~ (1 | g) + (0 + x | g)": {"groups": ["g"], "slopes": {"g": ["x"]}, "correlated": False},
    "y ~ (1 | g) + (0 + x + z || g)": {"groups": ["g"], "slopes": {"g": ["x", "z"]}, "correlated": False},
    "y ~ (x | g) + (z || h)": {"groups": ["g", "h"], "slopes": {"g": ["x"], "h": ["z"]}, "correlated": ["g"]},
    "y ~ (0 + x | g)": {"groups": ["g"], "slopes": {"g": ["x"]}, "intercepts": False},
    "y ~ (x - 1 | g) + (1 | h)": {"groups": ["g", "h"], "slopes": {"g": ["x"]}, "intercepts": ["h"]},
    "y ~ (-1 + x | g)": {"groups": ["g"], "slopes": {"g": ["x"]}, "intercepts": False},
    "y ~ (x + 0 | g)": {"groups": ["g"], "slopes": {"g": ["x"]}, "intercepts": False},
    "y ~ 1 + (1 | county/zip)": {"groups": ["county", ("county", "zip")]},
    "y ~ (1 + x | a/b)": {"groups": ["a", ("a", "b")], "slopes": {"a": ["x"], ("a", "b"): ["x"]}},
    "y ~ 1 + (1 | a:b)": {"groups": [("a", "b")]},
    "y ~ (1 | a*b)": {"groups": ["a", "b", ("a", "b")]},
    "y ~ s*x + (1 | g)": {"groups": ["g"], "covariates": ["s", "x", ("s", "x")]},
    "y ~ s + s:x + (1 | g)": {"groups": ["g"], "covariates": ["s", ("s", "x")]},
    "y ~ (x + z)^2 + (1 | g)": {"groups": ["g"], "covariates": ["x", "z", ("x", "z")]},
    "y ~ I(x^2):s + I(x * z) + (I(x**2) | g)": {
        "groups": ["g"],
        "covariates": [("x", "x", "s"), ("x", "z")],
        "slopes": {"g": [("x", "x")]},
    },
    "y ~ x + offset(log_n) + (1 | g)": {"groups": ["g"], "covariates": ["x"], "offset": "log_n"},
    "y ~ `my x` + offset(`log n`) + (1 | `my g`)": {"groups": ["my g"], "covariates": ["my x"], "offset": "log n"},
    "y ~ recipe + temp + (1 | recipe:replicate)": {
        "groups": [("recipe", "replicate")],
        "covariates": ["recipe", "temp"],
    },
}
REFUSED = {
    "y ~ 0 + x + (1 | g)": "needs an intercept",
    "y ~ x - 1 + (1 | g)": "needs an intercept",
    "y ~ x": "must be a factor",
    "y ~ x + (1 | g": r"cannot be read .* write factors as \(1 \| shop\)",
    "y ~ x * (1 | g)": "factors are added",
    "y ~ x - (1 | g)": "factors are added",
    "y ~ (0 | g)": r"must have an effect, but '\(0 \| g\)'",
    "y ~ (1 | g) + (1 | g)": "named once for a factor, but 'g'",
    "y ~ (1 + x | g) + (0 + z | g)": r"may be correlated, or none, but 'g' .* Write one term",
    "y ~ log(x) * s + (1 | g)": r"has log\(x\). Make it a column",
    "y ~ I(x + z) + (1 | g)": r"has I\(x \+ z\). Make it a column",
    "y ~ I(x**99) + (1 | g)": "Make it a column",
    "y ~ 2*x + (1 | g)": "has 2. Make it a column",
    "y ~ (1 | f(g))": r"has f\(g\). Make it a column",
    "y ~ C(period) + (1 | g)": r"C\(period\) is not needed.* Write period",
    "y ~ x**2 + (1 | g)": r"Write I\(x\*\*2\)",
    "y ~ x %in% z + (1 | g)": "has %. Use these",
    "y ~ . + (1 | g)": r"cannot be read .* Join columns",
    "np.log(y) ~ x + (1 | g)": r"has np.log\(y\). Transform the column",
    "cbind(a, b) ~ x + (1 | g)": "pass a row of 1 with the successes as its weight",
    "y ~ offset(log(x)) + (1 | g)": "An offset must be a column",
    "y ~ offset(x):z + (1 | g)": "An offset must be a column",
    "y ~ offset(a) + offset(b) + (1 | g)": r"\['a', 'b'\]. Add them up",
    "y ~ x - offset(z) + (1 | g)": "takes one off. Drop it",
    "y ~ I(x)**2 + (1 | g)": r"Write I\(x\*\*2\)",
    "y ~ x + (1 | g)**2": "has no powers",
    "y ~ x + (1 | g) | h": "no operator joins",
    "y ~ x + (1 | g) + z w": "no operator joins",
    "y ~ x + (1 | g)) + z": "no operator joins",
    "y ~ my x + (1 | g)": "names with spaces in `backticks`",
    "y ~ x + (1 x | g)": r"'\(1 x \| g\)' has parts that no operator joins",
}


class TestFormula:
    formulae = pytest.importorskip("formulae", reason="the extra catpool[formula] brings formulae")

    @pytest.mark.parametrize("formula", READ)
    def test_formulas_are_parameters(self, formula):
        encoder = MixedModelEncoder.from_formula(formula, cv=3)
        assert encoder.cv == 3
        expected = PARAMETERS | READ[formula]
        assert {name: getattr(encoder, name) for name in expected} == expected

    @pytest.mark.parametrize("formula", REFUSED)
    def test_what_the_model_does_not_have_is_said(self, formula):
        with pytest.raises(ValueError, match=REFUSED[formula]):
            MixedModelEncoder.from_formula(formula)

    def test_a_formula_is_a_string(self):
        with pytest.raises(TypeError, match=r"`formula` must be a string.* Got 5"):
            MixedModelEncoder.from_formula(5)

    def test_a_formula_fits_what_the_parameters_do(self):
        X, y = crossed(np.random.default_rng(0), 300, [12, 5])
        one = MixedModelEncoder.from_formula("y ~ x + (1 + x | g0) + (1 | g1)").fit(X, y)
        other = MixedModelEncoder(["g0", "g1"], covariates=["x"], slopes={"g0": ["x"]}).fit(X, y)
        pd.testing.assert_frame_equal(one.summary_, other.summary_)

    def test_a_formula_of_everything_goes_through_files_and_copies(self):
        X, y = mixed_rows()
        formula = "y ~ s*x + I(x**2) + offset(z) + (s | a) + (0 + x | c)"
        encoder = MixedModelEncoder.from_formula(formula, output="prediction", cv=3, random_state=0).fit(X, y)
        new = X.iloc[:20].assign(a="new")
        expected = encoder.transform(new)
        pd.testing.assert_frame_equal(clone(encoder).fit(X, y).transform(new), expected)
        pd.testing.assert_frame_equal(MixedModelEncoder.from_json(encoder.to_json()).transform(new), expected)
        terms = encoder.summary_.query("kind == 'fixed'")["term"].tolist()
        assert terms == ["intercept", "s[low]", "s[mid]", "x", "s[low]:x", "s[mid]:x", "x:x"]


def test_nested_lists_as_json_has_them_are_tuples():
    X, y = mixed_rows()
    lists = encoder_of([["a", "c"]], covariates=[["x", "z"]]).fit(X, y)
    tuples = encoder_of([("a", "c")], covariates=[("x", "z")]).fit(X, y)
    pd.testing.assert_frame_equal(lists.summary_, tuples.summary_)


def test_formulas_name_the_extra_they_need(monkeypatch):
    monkeypatch.setitem(sys.modules, "formulae", None)
    with pytest.raises(ImportError, match=r"catpool\[formula\]"):
        MixedModelEncoder.from_formula("y ~ x + (1 | g)")
