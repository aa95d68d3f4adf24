"""Numbers at the ends of the ranges that the documentation states, and beyond them."""

import numpy as np
import pandas as pd
import pytest
from helpers.law import rows
from helpers.public_encoders import PUBLIC, WITH_OUTPUT, breaking, obeying

from catpool import EmpiricalBayesEncoder, MixedModelEncoder

OUTPUT = {"MixedModelEncoder": ["mode", "sd", "prediction"]}


def encoded(encoder, X, y, **arguments):
    return np.asarray(encoder.fit(X, y, **arguments).transform(X[:5]), dtype=float)


@pytest.mark.parametrize("scale", [1e-98, 1e-70, 1e70, 1e98])
@pytest.mark.parametrize("public", PUBLIC, ids=str)
def test_targets_of_any_legal_size_scale_the_features(public, scale):
    X, y, _, _ = rows("continuous")
    output = {"output": OUTPUT.get(public.name, ["mean", "sd"])} if public in WITH_OUTPUT else {}
    encoder = public.make([0, 1], remainder="drop", **output)
    plain = encoded(encoder, X, y)
    np.testing.assert_allclose(encoded(encoder, X, y * scale) / scale, plain, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("scale", [1e-98, 1e98])
def test_targets_of_any_legal_size_scale_the_cells(scale):
    X, y, _, _ = rows("continuous")
    encoder = EmpiricalBayesEncoder([], interactions=[(0, 1)], output=["mean", "sd"], remainder="drop")
    np.testing.assert_allclose(encoded(encoder, X, y * scale) / scale, encoded(encoder, X, y), rtol=1e-5, atol=1e-7)
    likelihoods = [encoder.fit(X, y * each).summary_["log_likelihood"][0] for each in (1, scale)]
    assert likelihoods[0] - likelihoods[1] == pytest.approx(39 * np.log(scale))


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
@pytest.mark.parametrize("weight", [1e-12, 1e12])
@pytest.mark.parametrize(
    "prior",
    ["reml", "ml", "moments", "full_bayes", "scale_mixture", "npmle", pytest.param("cells", marks=pytest.mark.slow)],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # to all digits of so many rows
def test_weights_of_any_legal_size_give_numbers(prior, weight, kind):
    X, y, _, _ = rows(kind)
    parameters = {"interactions": [(0, 1)]} if prior == "cells" else {"prior": prior}
    encoder = EmpiricalBayesEncoder(target_type=kind, remainder="drop", **parameters)
    result = encoded(encoder, X, y, sample_weight=np.full(len(y), weight))
    assert np.isfinite(result).all()
    if weight > 1:  # so many rows that the means of categories are known
        cells = pd.DataFrame({"y": y, **{f"c{k}": X[:, k] for k in (0, 1)}}).fillna({"c0": "none", "c1": "none"})
        for column in (0, 1):
            means = cells.groupby(f"c{column}")["y"].transform("mean")
            np.testing.assert_allclose(result[:, column], means[:5], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("exposure", [1e-12, 1e12])
@pytest.mark.parametrize("public", obeying("count"), ids=str)
def test_exposures_of_any_legal_size_scale_the_rates(public, exposure):
    X, y, _, _ = rows("count")
    encoder = public.make([0], target_type="count", **public.setup.in_units_of_y)
    smoothed = public.name == "SmoothedMeanEncoder"  # its strength is in units of exposure
    one, other = (
        encoded(
            encoder.set_params(smoothing=10 * size) if smoothed else encoder,
            X[:, :1],
            y,
            exposure=np.full(len(y), size),
        )
        for size in (1.0, exposure)
    )
    carried = 1.0 if public in breaking("shift") else exposure
    np.testing.assert_allclose(other * carried, one, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_weight": np.full(40, 1e13)}, "`sample_weight` must be 0, or finite and between 1e-12 and 1e"),
        ({"sample_weight": np.full(40, 1e-13)}, "`sample_weight` must be 0"),
        ({"exposure": np.full(40, 1e20)}, "`exposure` must be 0, or finite"),
        ({"exposure": np.full(40, 0.0)}, "not zero for all rows"),
    ],
)
@pytest.mark.parametrize("public", obeying("count"), ids=str)
def test_weights_beyond_the_range_are_refused(public, arguments, message):
    X, y, _, _ = rows("count")
    with pytest.raises(ValueError, match=message):
        public.make([0], target_type="count").fit(X, y, **arguments)


@pytest.mark.parametrize("public", obeying("count"), ids=str)
def test_counts_beyond_the_range_are_refused(public):
    X, y, _, _ = rows("count")
    with pytest.raises(ValueError, match="at most 1e"):
        public.make([0], target_type="count").fit(X, y * 10**12)


def test_a_flat_likelihood_has_an_answer():
    encoder = EmpiricalBayesEncoder(prior="ml").fit([[x] for x in "babaaaaa"], [1, 1, 1, 0, 1, 0, 0, 0])
    assert encoder.transform([["a"], ["b"]]).ravel().tolist() == [0.5, 0.5]


def test_weights_that_leave_no_rows_are_not_blamed_on_covariates():
    X, y, _, _ = rows("continuous")
    with pytest.raises(ValueError, match="sum of their weights, is 4e-07"):
        MixedModelEncoder([0]).fit(X, y, sample_weight=np.full(40, 1e-8))
