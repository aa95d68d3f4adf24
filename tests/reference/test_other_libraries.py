"""Numbers that other libraries' tests hold, where they are right; and where they are not, what is right.

Sources: scikit-learn 1.9.1 (sklearn/preprocessing/tests/test_target_encoder.py, BSD-3-Clause),
category_encoders 2.11.2 (tests/, BSD-3-Clause), feature-engine 1.9.4 (tests/test_encoding, BSD-3-Clause),
cuML (python/cuml/tests/test_target_encoder.py, Apache-2.0).
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold

from catpool import MeanEncoder, SmoothedMeanEncoder

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def column(values):
    return np.array(list(values), dtype=object)[:, None]


def test_scikit_learn_smooth_zero():
    y = [2.1, 4.3, 1.2, 3.1, 1.0, 9.0, 10.3, 14.2, 13.3, 15.0]
    encoded = MeanEncoder(cv=KFold(2)).fit_transform(np.repeat([0, 1], 5)[:, None], y)
    np.testing.assert_allclose(np.asarray(encoded)[:, 0], [12.36] * 5 + [2.34] * 5, **EXACT)


def test_scikit_learn_multiple_features():
    X = [[1, 1], [0, 1], [1, 1], [2, 1], [1, 0], [0, 1], [1, 0], [0, 0]]
    y = [3.0, 5.1, 2.4, 3.5, 4.1, 5.5, 10.3, 7.3]
    cv = [([0, 3, 4, 5], [1, 2, 6, 7]), ([1, 2, 6, 7], [0, 3, 4, 5])]
    encoder = SmoothedMeanEncoder(smoothing=1.0, cv=cv)
    encoded = encoder.fit_transform(X, y)
    a, b = 3.7083333333333335, 4.591666666666667
    np.testing.assert_allclose(np.asarray(encoded)[:, 0], [6.325, 4.7625, a, 6.275, 6.325, 6.225, a, 4.7625], **EXACT)
    np.testing.assert_allclose(
        np.asarray(encoded)[:, 1], [b, 4.00625, 4.00625, b, 7.958333333333333, b, 4.0625, 4.0625], **EXACT
    )
    first = encoder.encoding_table(0).iloc[:-1].set_index("category")["encoding"]
    np.testing.assert_allclose(first[[0, 1, 2]], [5.7625, 4.99, 4.325], **EXACT)
    second = encoder.encoding_table(1).iloc[:-1].set_index("category")["encoding"]
    np.testing.assert_allclose(second[[0, 1]], [6.7125, 4.108333333333333], **EXACT)


@pytest.mark.parametrize("smoothing", [5000, 1.0, 0.0])
def test_scikit_learn_docstring(smoothing):
    X = column(["dog"] * 20 + ["cat"] * 30 + ["snake"] * 38)
    y = [90.3] * 5 + [80.1] * 15 + [20.4] * 5 + [20.1] * 25 + [21.2] * 8 + [49] * 30
    printed = {
        5000: [44.1412795952, 44.4380749728, 44.2766447725],
        1.0: [20.9285557185, 80.8231060606, 43.176544289],
        0.0: [20.15, 82.65, 43.1473684211],
    }
    mean = 3897.1 / 88
    exact = [(604.5 + smoothing * mean) / (30 + smoothing), (1653 + smoothing * mean) / (20 + smoothing)]
    exact += [(1639.6 + smoothing * mean) / (38 + smoothing), mean]
    encoder = SmoothedMeanEncoder(smoothing=smoothing).fit(X, y)
    encoded = np.asarray(encoder.transform(column(["cat", "dog", "snake", "bird"])))[:, 0]
    np.testing.assert_allclose(encoded, exact, **EXACT)
    np.testing.assert_allclose(encoded, [*printed[smoothing], 44.2852272727], rtol=1e-11)


def test_scikit_learn_multiclass():
    """Features are named by column, then class; an unseen category gets the share of each class."""
    X = np.array([[0, 0, 1, 1, 0, 1], [0, 1, 2, 0, 1, 2]]).T
    encoder = SmoothedMeanEncoder(smoothing=1.0, target_type="multiclass").fit(X, [0, 2, 1, 1, 2, 1])
    assert encoder.get_feature_names_out(["A", "B"]).tolist() == ["A_0", "A_1", "A_2", "B_0", "B_1", "B_2"]
    shares = np.array([1, 3, 2]) / 6
    expected = np.concatenate([(np.array([1, 0, 2]) + shares) / 4, (np.array([1, 1, 0]) + shares) / 3])
    np.testing.assert_allclose(np.asarray(encoder.transform([[0, 0]]))[0], expected, **EXACT)
    np.testing.assert_allclose(np.asarray(encoder.transform([[9, 9]]))[0], np.tile(shares, 2), **EXACT)


def test_scikit_learn_listed_but_absent_categories():
    X = pd.DataFrame({"c": pd.Categorical(list("aabb"), categories=["b", "a", "absent"])})
    encoder = SmoothedMeanEncoder(smoothing=1.0).fit(X, [1.5, 2.5, 3.5, 6.5])
    absent = pd.DataFrame({"c": pd.Categorical(["absent"], categories=["b", "a", "absent"])})
    assert np.asarray(encoder.transform(absent)).item() == 3.5
    assert encoder.encoding_table("c")["category"].tolist()[:-1] == ["a", "b"]


def test_scikit_learn_integers_as_a_regression_target():
    y = [1, 2, 3, 4, 5, 6]
    encoder = MeanEncoder(target_type="continuous").fit([[0], [0], [1], [1], [2], [2]], y)
    assert np.asarray(encoder.transform([[0], [1], [2]]))[:, 0].tolist() == [1.5, 3.5, 5.5]


def test_scikit_learn_linear_regression():
    """Out of fold, the informative column has a slope of one and noise of many categories none; not in sample."""
    rng = np.random.default_rng(0)
    n = 20_000
    y = rng.normal(size=n)
    informative = np.digitize(y + rng.normal(size=n), np.linspace(-2, 2, 40))
    X = np.column_stack([informative, rng.permutation(informative), rng.integers(0, n // 4, n)])
    encoder = SmoothedMeanEncoder(smoothing=1.0, random_state=0)
    slopes = LinearRegression().fit(encoder.fit_transform(X, y), y).coef_
    assert slopes[0] == pytest.approx(1, abs=0.01)
    assert np.abs(slopes[1:]).max() < 0.2
    assert LinearRegression().fit(encoder.transform(X), y).coef_[2] > 0.4


@pytest.mark.parametrize(("y", "expected"), [([3.4] * 20, 3.4), ([0] * 20, 0.0), (["a"] * 20, 0.0), ([1] * 20, 1.0)])
def test_constant_target_and_feature(encoder_class, y, expected):
    """As in scikit-learn, but that a constant 1 is a share of 1, where scikit-learn has 0."""
    encoder = encoder_class(cv=2)
    np.testing.assert_allclose(encoder.fit_transform(np.ones((20, 1)), y), expected, rtol=1e-15)
    np.testing.assert_allclose(encoder.transform(np.array([[1.0], [2.0]])), expected, rtol=1e-15)


def test_category_encoders_m_estimate():
    X, y = column("AABB"), [1, 1, 0, 1]
    assert np.asarray(MeanEncoder().fit(X, y).transform(column("ABC")))[:, 0] == pytest.approx(
        [1, 0.5, 0.75], abs=1e-12
    )
    smoothed = np.asarray(SmoothedMeanEncoder(smoothing=1.0).fit(X, y).transform(column("ABC")))[:, 0]
    assert smoothed == pytest.approx([2.75 / 3, 1.75 / 3, 0.75], abs=1e-12)


def test_category_encoders_unknown_value():
    X, y = column(["UP", "UP", "DOWN", "FLAT", "DOWN", "UP"]), [1, 1, 0, 1, 0, 0]
    assert MeanEncoder().fit(X, y).transform(column(["sideways"])).item() == 0.5


@pytest.mark.parametrize(
    ("smoothing", "expected"),
    [
        (1.0, [2.7571428571, 3.1964285714, 6.2619047619, 2.3928571429, 4.3571428571, 3.7857142857]),
        (5.0, [3.2142857143, 3.4910714286, 4.8469387755, 3.3214285714, 4.1031746032, 3.7857142857]),
    ],
)
def test_golden_m_estimates(smoothing, expected):
    y = np.array([1, 2, 3, 4, 2, 2, 5, 7, 8, 1, 0, 3, 6, 9], dtype=float)
    encoder = SmoothedMeanEncoder(smoothing=smoothing).fit(column("aaaabbbccdeeee"), y)
    encoded = np.asarray(encoder.transform(column([*"abcde", "unseen"])))[:, 0]
    totals, counts = np.array([10, 9, 15, 1, 18, 0]), np.array([4, 3, 2, 1, 4, 0])
    np.testing.assert_allclose(encoded, (totals + smoothing * 53 / 14) / (counts + smoothing), **EXACT)
    np.testing.assert_allclose(encoded, expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("smoothing", "expected"),
    [(0, [1 / 3, 0.2, 0.5]), (100, [0.3018867924528302, 0.2909090909090909, 0.30769230769230765])],
)
def test_feature_engine_mean_encoder(smoothing, expected):
    y = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0]
    encoder = SmoothedMeanEncoder(smoothing=smoothing).fit(column("A" * 6 + "B" * 10 + "C" * 4), y)
    np.testing.assert_allclose(np.asarray(encoder.transform(column("ABC")))[:, 0], expected, **EXACT)


@pytest.mark.parametrize(
    ("folds", "smoothing", "expected"),
    [
        ([0, 1, 2, 3], 0.0, [1, 1, 0, 1]),
        ([0, 1, 1, 2], 0.0, [1, 1, 1, 1]),
        ([0, 1, 2, 3], 1.0, [5 / 6, 1, 1 / 3, 5 / 6]),
        ([0, 1, 2, 3], 2.0, [7 / 9, 1, 4 / 9, 7 / 9]),
    ],
)
def test_cuml_s_folds_with_a_prior_that_does_not_leak(folds, smoothing, expected):
    """cuML draws towards the mean of all rows, the row's own included.

    So it has 7/8, 7/8, 3/8, 7/8 for a smoothing of 1, and 3/4 for the two b of one fold, which nobody else shares.
    """
    # as splits, because labels that leave one row out are refused
    labels = np.array(folds)
    cv = [(np.flatnonzero(labels != fold), np.flatnonzero(labels == fold)) for fold in range(max(folds) + 1)]
    encoder = SmoothedMeanEncoder(smoothing=smoothing, cv=cv)
    np.testing.assert_allclose(np.asarray(encoder.fit_transform(column("abba"), [1, 0, 1, 1]))[:, 0], expected, **EXACT)
