"""Binary targets and counts of several factors."""

import numpy as np
import pytest
from helpers.dense_mixed import dense_of
from helpers.mixed import OUTPUTS, encoder_of, mixed_rows
from scipy.special import expit


@pytest.mark.slow
@pytest.mark.parametrize("target_type", ["binary", "count"])
@pytest.mark.parametrize("slopes", [{}, {"a": ["x"]}])
def test_quasi_likelihood_is_a_fixed_point(target_type, slopes):
    """Modes and coefficients are at the top of the penalized likelihood, variances at that of the working rows'."""
    X, y = mixed_rows()
    rng = np.random.default_rng(0)
    eta = y - y.mean()
    exposure = rng.uniform(0.5, 3, len(y)) if target_type == "count" else None
    y = rng.binomial(1, expit(eta)) if target_type == "binary" else rng.poisson(exposure * np.exp(0.5 * eta))
    groups, parameters = ["a", "c"], {"covariates": ["x", "z"], "slopes": slopes}
    encoder = encoder_of(groups, target_type=target_type, approximation="pql", **parameters).fit(
        X, y, exposure=exposure
    )
    model = encoder.model_
    assert model.method == "PQL"
    assert np.isnan(model.criterion)
    dense = dense_of(X, y, groups, parameters)
    modes = [encoder.encoding_table(group)[:-1].sort_values("category").filter(like="mode") for group in groups]
    eta = dense.X @ model.fixed + sum(Z @ own.to_numpy().ravel() for Z, own in zip(dense.Z, modes, strict=True))
    mean = expit(eta) if target_type == "binary" else exposure * np.exp(eta)
    weight = mean * (1 - mean) if target_type == "binary" else mean
    np.testing.assert_allclose(dense.X.T @ (y - mean), 0, atol=1e-4 * np.abs(dense.X.T @ y).max())
    for Z, own, D in zip(dense.Z, modes, model.covariances, strict=True):
        pull = Z.T @ (y - mean)
        np.testing.assert_allclose(D @ pull.reshape(own.shape).T, own.T, atol=1e-5)
    working = dense_of(X, eta + (y - mean) / weight, groups, parameters, weight)
    here = working.criterion(model.covariances, 1.0, False)
    for position in range(len(groups)):
        for factor in (0.9, 1.1):
            other = list(model.covariances)
            other[position] = factor * other[position]
            assert working.criterion(other, 1.0, False) >= here - 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("groups", [["a"], ["a", "b"]])
@pytest.mark.parametrize("target_type", ["binary", "count"])
def test_a_level_that_is_all_ones_or_zeros_is_fine(groups, target_type):
    X, y = mixed_rows()
    level, others = (1, y > y.mean()) if target_type == "binary" else (0, np.maximum(y, 0))
    y = np.where(X["a"] == "p", level, others).astype(int)
    encoder = encoder_of(groups, target_type=target_type, output=OUTPUTS, remainder="drop")
    for encoded in (encoder.fit_transform(X, y), encoder.transform(X)):
        assert np.isfinite(np.asarray(encoded)).all()
    table = encoder.encoding_table("a")[:-1].set_index("category")["mode"]
    assert (table.idxmax() if target_type == "binary" else table.idxmin()) == "p"


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "largest"), [(17, 10**4), (3, 10**5), (2, 10**6)])
def test_counts_of_very_unlike_sizes_are_fitted(seed, largest):
    X, y = mixed_rows(42)
    y = 2 * (y > np.median(y))
    y[::3] = largest * np.random.default_rng(seed).integers(0, 2, 14)
    encoder = encoder_of(["a", "c"], covariates=["z"], target_type="count", output="prediction", remainder="drop")
    assert np.isfinite(np.asarray(encoder.fit(X, y).transform(X))).all()
