"""Leaks are caught, and encoders without one pass."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from catpool import EmpiricalBayesEncoder, MeanEncoder, NestedEncoder, SmoothedMeanEncoder, check_no_leak

TESTS = [
    "flip: own feature changes",
    "flip: only own feature is unchanged",
    "noise: correlated with the target",
    "noise: correlated within categories",
    "copies: encodings of equal rows",
    "copies: scale of transform",
]


class InSampleMean(TransformerMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def fit_transform(self, X, y):
        y = pd.Series(np.unique(y, return_inverse=True)[1] if np.asarray(y).dtype == object else np.asarray(y, float))
        return np.column_stack([y.groupby(X[name].to_numpy()).transform("mean") for name in X])


class LeaveOneOut(InSampleMean):
    """What category_encoders' LeaveOneOutEncoder gives training rows."""

    def fit_transform(self, X, y):
        y = pd.Series(np.asarray(y, float))
        groups = [y.groupby(X[name].to_numpy()) for name in X]
        return np.column_stack(
            [(np.asarray(each.transform("sum")) - y) / (np.asarray(each.transform("size")) - 1) for each in groups]
        )


def rows(kind, n=2000, k=40, seed=0):
    rng = np.random.default_rng(seed)
    city = rng.integers(0, k, n)
    X = pd.DataFrame({"city": city.astype(str), "shop": rng.integers(0, k // 2, n).astype(str)})
    signal = 0.5 * rng.normal(size=k)[city]
    if kind == "continuous":
        return X, signal + rng.normal(size=n)
    if kind == "multiclass":
        return X, np.array(["red", "green", "blue"], dtype=object)[rng.integers(0, 3, n)]
    return X, (signal + rng.normal(size=n) > 0.5).astype(int)


@pytest.mark.parametrize("kind", ["continuous", "binary"])
@pytest.mark.parametrize(
    ("encoder", "failed"),
    [(InSampleMean(), {0, 2}), (LeaveOneOut(), {1, 3, 4})],
    ids=["in sample", "leave one out"],
)
def test_both_experiments_catch_a_leak(kind, encoder, failed):
    report = check_no_leak(encoder, *rows(kind))
    assert report["test"].tolist() == TESTS
    assert set(np.flatnonzero(~report["passed"])) == failed


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["continuous", "binary"])
def test_both_experiments_catch_the_peer(kind):
    encoders = pytest.importorskip("category_encoders")
    report = check_no_leak(encoders.LeaveOneOutEncoder(), *rows(kind))
    assert set(np.flatnonzero(~report["passed"])) == {1, 3, 4}


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    ["continuous", pytest.param("binary", marks=pytest.mark.slow), pytest.param("multiclass", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    "encoder",
    [
        MeanEncoder(),
        SmoothedMeanEncoder(),
        EmpiricalBayesEncoder(output=["mean", "sd", "count"]),
        EmpiricalBayesEncoder(output="trees"),
        pytest.param(NestedEncoder(["city", "shop"], emit="all"), marks=pytest.mark.slow),
        TargetEncoder(),
    ],
    ids=["mean", "smoothed", "bayes", "trees", "nested", "scikit-learn"],
)
def test_out_of_fold_features_pass(kind, encoder):
    seeds = 1 if isinstance(encoder, NestedEncoder) else 2  # iterations take their time
    for seed in range(seeds):
        report = check_no_leak(encoder, *rows(kind, n=1500, k=30, seed=seed), n_flips=10, n_shuffles=3)
        assert report["passed"].all(), report


def test_categories_of_few_rows_cannot_tell_one_row_from_a_fold():
    report = check_no_leak(LeaveOneOut(), *rows("continuous", n=600, k=400))
    assert report["statistic"].isna().tolist() == [False, True, False, True, False, True]
    assert report["feature"].isna().tolist() == [False, True, False, True, False, True]
    assert report["passed"].tolist() == [True, True, True, True, False, True]  # copies of rows can
    assert not check_no_leak(InSampleMean(), *rows("continuous", n=600, k=200))["passed"].all()


def test_values_from_all_rows_are_recognized():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"city": rng.integers(0, 10, 2000).astype(str)})
    y = 5 * rng.normal(size=10)[X["city"].astype(int)] + rng.normal(size=2000)
    encoder = EmpiricalBayesEncoder()
    assert check_no_leak(encoder, X, y)["passed"].all()
    assert not check_no_leak(encoder.set_params(crossfit="rare"), X, y)["passed"].all()


def test_many_rows_are_sampled_and_answers_repeat():
    X, y = rows("continuous", n=4000)
    a, b = (check_no_leak(MeanEncoder(), X, y, max_rows=1000, n_flips=5) for _ in range(2))
    pd.testing.assert_frame_equal(a, b)
    other = check_no_leak(MeanEncoder(), X, y, max_rows=1000, n_flips=5, random_state=1)
    assert not a["statistic"].equals(other["statistic"])
    arrays = check_no_leak(MeanEncoder(), X.to_numpy(), y, max_rows=1000, n_flips=5)
    np.testing.assert_allclose(arrays["statistic"], a["statistic"])


def test_what_cannot_be_checked_is_refused():
    X, y = rows("continuous", n=100)
    with pytest.raises(ValueError, match="100 rows and y has 99 rows"):
        check_no_leak(MeanEncoder(), X, y[:-1])
    with pytest.raises(ValueError, match="two values"):
        check_no_leak(MeanEncoder(), X, np.ones(100))


@pytest.mark.parametrize(
    "parameters", [{"drop_noise": True}, {"output": "trees"}, {"output": "trees", "drop_noise": True}]
)
def test_features_that_depend_on_the_rows_are_followed(parameters):
    X, y = rows("continuous", n=1000, k=20)
    assert check_no_leak(EmpiricalBayesEncoder(**parameters), X, y, n_flips=10)["passed"].all()


def test_other_forms_of_targets_features_and_folds():
    X, y = rows("continuous", n=400, k=10)
    assert check_no_leak(MeanEncoder(), X, y[:, None], n_flips=5)["passed"].all()
    assert check_no_leak(MeanEncoder(cv=np.arange(400) % 5), X, y, n_flips=5, max_rows=200)["passed"].all()
    assert check_no_leak(OneHotEncoder(), X, y, n_flips=5)["passed"].all()
    for wrong in ({"n_flips": 0}, {"n_shuffles": 0}, {"max_rows": 0}):
        with pytest.raises(ValueError, match="1 or more"):
            check_no_leak(MeanEncoder(), X, y, **wrong)


def test_columns_of_arrays_go_by_their_positions():
    X, y = rows("continuous", n=400, k=10)
    named = check_no_leak(MeanEncoder(["shop"]), X, y, n_flips=5)
    placed = check_no_leak(MeanEncoder([1]), X.to_numpy(dtype=object), y, n_flips=5)
    np.testing.assert_array_equal(placed["passed"], named["passed"])


def test_the_only_row_of_its_class_is_not_flipped():
    X = pd.DataFrame({"city": ["a", "a", *map(str, range(30))]})
    encoder, y = MeanEncoder(cv=np.arange(32) % 2), np.arange(32) == 0
    reports = [check_no_leak(encoder, X, y, n_flips=1, n_shuffles=1, random_state=seed) for seed in range(4)]
    assert {report["statistic"].isna()[0] for report in reports} == {True, False}
    assert all(report["passed"].all() for report in reports)
