"""One level is empirical Bayes."""

import numpy as np
import pandas as pd
import pytest
from helpers.nested import LEVELS, NUMBERS, OUTPUTS
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from catpool import EmpiricalBayesEncoder, NestedEncoder

pytestmark = pytest.mark.slow  # taken together; each by itself is quick


def assert_same_as_one_level(X, y, *, scale=1.0, **parameters):
    arguments = {"sample_weight": parameters.pop("sample_weight", None)}
    parameters = {"target_type": "continuous", "output": OUTPUTS, **parameters}
    ours, theirs = NestedEncoder([X.columns[0]], **parameters), EmpiricalBayesEncoder(None, **parameters)
    for learn in ("fit", "fit_transform"):
        for encoder in (ours, theirs):
            encoder.set_params(cv=np.arange(len(y)) % 3)
        encoded = [getattr(encoder, learn)(X, y, **arguments) for encoder in (ours, theirs)]
        if learn == "fit_transform":
            np.testing.assert_allclose(*encoded, rtol=1e-6, atol=1e-6 * scale)
    new = pd.DataFrame({X.columns[0]: [*X.iloc[:, 0].unique(), "never"]})
    np.testing.assert_allclose(ours.transform(new), theirs.transform(new), rtol=1e-6, atol=1e-6 * scale)
    numbers = ["categories", "rows", "prior_mean", "prior_strength", "between_sd", "within_sd", "reliability"]
    one, other = (encoder.summary_[[*numbers, "log_likelihood"]] for encoder in (ours, theirs))
    np.testing.assert_allclose(
        one[numbers].to_numpy(float), other[numbers].to_numpy(float), rtol=1e-6, atol=1e-6 * scale
    )
    np.testing.assert_allclose(one["log_likelihood"], other["log_likelihood"], atol=1e-6)


@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.parametrize("column", LEVELS)
@pytest.mark.parametrize(
    ("weights", "weight_type"),
    [(None, "frequency"), ("weights", "frequency"), ("weights", "precision"), ("precisions", "precision")],
)
def test_one_level_is_empirical_bayes(land, prior, column, weights, weight_type):
    sample_weight = None if weights is None else land[weights]
    X = land["X"][[column]]
    assert_same_as_one_level(X, land["continuous"], prior=prior, weight_type=weight_type, sample_weight=sample_weight)


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["reml", "ml"])
@settings(max_examples=10)
@given(
    st.lists(st.lists(st.integers(-50, 50), min_size=1, max_size=9), min_size=3, max_size=8), st.sampled_from([1, 1e6])
)
def test_one_level_is_empirical_bayes_whatever_the_data(prior, groups, scale):
    codes = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    y = scale * np.concatenate(groups)
    for fold in range(-1, 3):  # where categories have one row each, or no noise, there is nothing to compare
        rows = np.arange(len(y)) % 3 != fold
        own = pd.Series(y[rows]).groupby(codes[rows])
        assume(own.var(ddof=0).max() > 0)
        assume(own.ngroups > 1)
    assert_same_as_one_level(pd.DataFrame({"c": codes.astype(str)}), y, prior=prior, scale=50 * scale)


@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.parametrize("codes", [range(6), [0] * 6], ids=["a row each", "one category"])
def test_one_level_without_information_is_empirical_bayes(prior, codes):
    X, y = np.array(codes)[:, None], np.array([1, 2, 4, 3, 9, 5.5])
    one, other = (
        encoder(**given, prior=prior, output=NUMBERS).fit(X, y)
        for encoder, given in ((NestedEncoder, {"levels": [0]}), (EmpiricalBayesEncoder, {}))
    )
    new = np.array([[0], [1], [99]])
    np.testing.assert_allclose(one.transform(new), other.transform(new), rtol=1e-9)
    for encoder in (one, other):
        assert encoder.summary_["note"].item().startswith("not identified")
