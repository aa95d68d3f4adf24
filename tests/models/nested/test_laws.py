"""Laws of nested levels."""

import numpy as np
import pandas as pd
import pytest
from helpers.nested import LEVELS, NUMBERS, nested

from catpool import NestedEncoder

pytestmark = pytest.mark.slow  # taken together; each by itself is quick


@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.parametrize(("scale", "shift"), [(1, 1e6), (1, -1e9), (1e-9, 0), (1e9, 0), (250.0, 1e6), (-1, 0)])
def test_scale_and_shift_carry_through(land, prior, scale, shift):
    encoder = NestedEncoder(LEVELS, cv=np.arange(120) % 3, prior=prior, emit="all", output=NUMBERS)
    one = encoder.fit_transform(land["X"], land["continuous"])
    other = encoder.fit_transform(land["X"], scale * land["continuous"] + shift)
    digits = 1e-7 + 1e3 * np.spacing(abs(shift)) / abs(scale)
    np.testing.assert_allclose(
        (np.asarray(other)[:, ::3] - shift) / scale, np.asarray(one)[:, ::3], rtol=0, atol=digits
    )
    np.testing.assert_allclose(np.asarray(other)[:, 1::3] / abs(scale), np.asarray(one)[:, 1::3], rtol=digits)
    np.testing.assert_allclose(np.asarray(other)[:, 2::3], np.asarray(one)[:, 2::3], rtol=0, atol=digits)


@pytest.mark.parametrize("unit", [1e-10, 1e-5, 1e-3, 1e3, 1e5, 1e10])
@pytest.mark.parametrize("levels", [["state"], ["state", "county"], LEVELS])
@pytest.mark.parametrize("rows", [25, 120])
def test_precisions_are_relative(land, levels, unit, rows):
    X, y, weights = land["X"][levels][:rows], land["continuous"][:rows], land["precisions"][:rows]
    parameters = {"weight_type": "precision", "emit": "all", "output": ["mean", "sd"]}
    one = nested(X, y, sample_weight=weights, **parameters)
    other = nested(X, y, sample_weight=unit * weights, **parameters)
    np.testing.assert_allclose(other.transform(X), one.transform(X), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(other.summary_["between_sd"], one.summary_["between_sd"], rtol=1e-5)
    np.testing.assert_allclose(other.summary_["log_likelihood"], one.summary_["log_likelihood"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
def test_a_weight_is_so_many_copies(land, target_type):
    X, y, copies = land["X"], land[target_type], land["weights"].astype(int)
    repeated, folds = np.repeat(np.arange(120), copies), np.arange(120) % 3
    parameters = {"target_type": target_type, "emit": "all", "output": NUMBERS}
    weighed = NestedEncoder(LEVELS, cv=folds, **parameters).fit_transform(X, y, sample_weight=copies)
    copied = NestedEncoder(LEVELS, cv=folds[repeated], **parameters).fit_transform(X.iloc[repeated], y[repeated])
    np.testing.assert_allclose(np.asarray(weighed)[repeated], copied, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
def test_the_order_of_rows_and_the_names_of_categories_do_not_matter(land, target_type):
    X, y, folds = land["X"], land[target_type], np.arange(120) % 3
    order = np.random.default_rng(0).permutation(120)
    names = {"a": 17, "b": ("x", 1), "c": 2.5, None: None}
    renamed = X.assign(
        county=pd.Series(
            [names[name] for name in X["county"].astype(object).where(X["county"].notna(), None)], dtype=object
        )
    )
    parameters = {"target_type": target_type, "emit": "all", "output": NUMBERS}
    one = NestedEncoder(LEVELS, cv=folds, **parameters).fit_transform(X, y)
    other = NestedEncoder(LEVELS, cv=folds[order], **parameters).fit_transform(renamed.iloc[order], y[order])
    np.testing.assert_allclose(other, np.asarray(one)[order], rtol=1e-6, atol=1e-8)


def test_fit_and_fit_transform_leave_the_same_table(land):
    for target_type in ("continuous", "binary", "multiclass", "count"):
        X, y, parameters = land["X"], land[target_type], {"target_type": target_type, "output": NUMBERS}
        fitted = NestedEncoder(LEVELS, **parameters).fit(X, y)
        transformed = NestedEncoder(LEVELS, cv=2, random_state=0, **parameters)
        transformed.fit_transform(X, y)
        np.testing.assert_allclose(transformed.transform(X), fitted.transform(X), rtol=1e-6, atol=1e-8)
        pd.testing.assert_frame_equal(transformed.summary_, fitted.summary_, rtol=1e-6)
        pd.testing.assert_frame_equal(transformed.encoding_table("zip"), fitted.encoding_table("zip"), rtol=1e-6)


def test_the_value_lies_between_the_category_s_mean_and_the_parent_s_value_or_below_it(land):
    """Of the deepest level: that of a level above is drawn to means of children, not of rows."""
    for target_type in ("continuous", "binary", "count"):
        encoder = nested(land["X"].fillna("none"), land[target_type], target_type=target_type)
        zips, counties = encoder.encoding_table("zip")[:-1], encoder.encoding_table("county")[:-1]
        above = zips.merge(counties, on=["state", "county"], suffixes=("", "_above"))["encoding_above"]
        expected = zips["reliability"] * zips["mean"] + (1 - zips["reliability"]) * above
        np.testing.assert_allclose(zips["encoding"], expected, rtol=1e-9)
