"""What rows weigh: weights, exposures and precisions."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from catpool import EmpiricalBayesEncoder, MeanEncoder
from catpool.data.targets.weights import read_weights


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1.0, 1.0], "not negative"),
        ([1.0, np.nan, 1.0], "finite"),
        ([1.0, np.inf, 1.0], "finite"),
        ([0.0, 0.0, 0.0], "not zero for all rows"),
        ([1.0, 1.0], "one weight for each of the 3 rows"),
        ([[1.0], [1.0], [1.0]], "one weight for each of the 3 rows"),
        (2.0, "one weight for each of the 3 rows"),
        (["1", "1", "1"], "must be finite numbers"),
        ([1j, 1, 1], "must be finite numbers"),
        ([1e-310, 1, 1], "Rescale it"),
        ([1e60, 1, 1], "Rescale it"),
    ],
)
def test_what_weights_must_be(weights, message):
    with pytest.raises(ValueError, match=message):
        read_weights(weights, 3)


def test_exposure_makes_rates_of_counts(encoder_class, table):
    X = table["X"].assign(years=np.random.default_rng(0).uniform(0.1, 2, 120))
    y, folds = table["count"], np.arange(120) % 3
    encoder = encoder_class(["city"], target_type="count", cv=folds, remainder="drop")
    by_array = encoder.fit_transform(X, y, exposure=X["years"])
    np.testing.assert_array_equal(encoder.fit_transform(X, y, exposure="years"), by_array)
    test = folds == 1
    refitted = encoder_class(["city"], target_type="count", remainder="drop")
    refitted.fit(X[~test], y[~test], exposure="years")
    np.testing.assert_allclose(np.asarray(by_array)[test], refitted.transform(X[test]), rtol=1e-7)
    plain = MeanEncoder(["city"], target_type="count", remainder="drop").fit(X, y, exposure="years")
    bonn = (X["city"] == "Bonn").to_numpy()
    assert plain.encoding_table("city").set_index("category")["mean"]["Bonn"] == pytest.approx(
        y[bonn].sum() / X["years"][bonn].sum()
    )
    assert not np.allclose(np.asarray(by_array), np.asarray(encoder.fit_transform(X, y)))
    model = make_pipeline(encoder_class(["city"], target_type="count"), DecisionTreeRegressor())
    model.fit(X, y, **{f"{encoder_class.__name__.lower()}__exposure": "years"})


@pytest.mark.parametrize(
    ("exposure", "target_type", "message"),
    [
        ("miles", "count", "which X does not have"),
        (np.zeros(120), "count", "not zero"),
        (np.append(0, np.ones(119)), "count", "more than zero in each row"),
        (-np.ones(120), "count", "not negative"),
        (np.ones(119), "count", "one weight for each of the 120 rows"),
        (np.ones(120), "continuous", "goes with counts"),
    ],
)
def test_exposure_must_be_positive_and_go_with_counts(table, exposure, target_type, message):
    with pytest.raises(ValueError, match=message):
        MeanEncoder(target_type=target_type).fit(table["X"], table[target_type], exposure=exposure)


def test_precisions_are_weights_of_another_kind(table):
    X, y, weights = table["X"], table["continuous"], table["weights"] + 1
    folds = np.arange(120) % 3
    encoder = EmpiricalBayesEncoder(weight_type="precision", cv=folds)
    encoded = encoder.fit_transform(X, y, sample_weight=weights)
    scaled = EmpiricalBayesEncoder(weight_type="precision", cv=folds).fit_transform(X, y, sample_weight=7 * weights)
    np.testing.assert_allclose(encoded, scaled, rtol=1e-7)  # precisions are relative, frequencies are not
    frequencies = EmpiricalBayesEncoder(cv=folds).fit_transform(X, y, sample_weight=weights)
    assert not np.allclose(np.asarray(encoded), np.asarray(frequencies), rtol=1e-3)
    test = folds == 0
    refitted = EmpiricalBayesEncoder(weight_type="precision").fit(X[~test], y[~test], sample_weight=weights[~test])
    np.testing.assert_allclose(np.asarray(encoded)[test], refitted.transform(X[test]), rtol=1e-7)
    with pytest.raises(ValueError, match="normal family alone"):
        EmpiricalBayesEncoder(weight_type="precision").fit(X, table["binary"], sample_weight=weights)


def test_targets_of_rows_without_weight_move_no_bit(encoder_class, table):
    X, y, weights = table["X"], 1e3 + table["continuous"], np.where(table["X"]["shop"] < 25, 0.0, 1.0)
    encoder = encoder_class(cv=np.arange(120) % 3, remainder="drop")
    one, other = (encoder.fit_transform(X, each, sample_weight=weights) for each in (y, np.where(weights, y, -0.5)))
    assert one.to_numpy().tobytes() == other.to_numpy().tobytes()
