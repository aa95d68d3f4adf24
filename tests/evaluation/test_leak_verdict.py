"""The verdict of the leak check: which features leak, by which encoder, for which targets."""

import numpy as np
import pandas as pd
import pytest
from helpers.public_encoders import PUBLIC
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold, RepeatedKFold
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder, check_no_leak

NONE = "No leak was found."


class Means(TransformerMixin, BaseEstimator):
    """Means of categories, in sample."""

    def fit(self, X, y):
        y = np.asarray(y, dtype=float)
        codes, self.categories_ = zip(*(pd.factorize(X[name]) for name in X), strict=True)
        self.means_ = [np.append(np.bincount(own, y) / np.bincount(own), y.mean()) for own in codes]
        return self

    def transform(self, X):
        places = [own.get_indexer(X[name]) for name, own in zip(X, self.categories_, strict=True)]  # -1 of new ones
        return np.column_stack([means[own] for means, own in zip(self.means_, places, strict=True)])

    def out_of_fold(self, X, y, seed):
        y, out = np.asarray(y, dtype=float), np.zeros(X.shape)
        for train, test in KFold(5, shuffle=True, random_state=seed).split(X):
            out[test] = Means().fit(X.iloc[train], y[train]).transform(X.iloc[test])
        return out


class LeaveOneOut(Means):
    def fit_transform(self, X, y):
        y = pd.Series(np.asarray(y, dtype=float))
        groups = [y.groupby(X[name].to_numpy()) for name in X]
        return np.column_stack(
            [(np.asarray(each.transform("sum")) - y) / (np.asarray(each.transform("size")) - 1) for each in groups]
        )


class Scaled(Means):
    """Out of fold, with a scale or shift that only new rows get."""

    def __init__(self, factor=1.0, shift=0.0):
        self.factor, self.shift = factor, shift

    def fit_transform(self, X, y):
        self.fit(X, y)
        return self.out_of_fold(X, y, 0)

    def transform(self, X):
        return super().transform(X) * self.factor + self.shift


class Repeated(Means):
    """Out of fold in several partitions, averaged or side by side."""

    def __init__(self, partitions=5, *, side_by_side=False):
        self.partitions, self.side_by_side = partitions, side_by_side

    def _combine(self, parts):
        return np.hstack(parts) if self.side_by_side else np.mean(parts, axis=0)

    def fit_transform(self, X, y):
        self.fit(X, y)
        return self._combine([self.out_of_fold(X, y, seed) for seed in range(self.partitions)])

    def transform(self, X):
        return self._combine([super().transform(X)] * self.partitions)


class RepeatedPeer(TransformerMixin, BaseEstimator):
    """Scikit-learn's encoder with several seeds, averaged."""

    def fit_transform(self, X, y):
        splitters = [KFold(5, shuffle=True, random_state=seed) for seed in range(3)]
        return np.mean([_folds_of(splitter, X, y) for splitter in splitters], axis=0)

    def fit(self, X, y):
        self.encoder_ = TargetEncoder().fit(X, y)
        return self

    def transform(self, X):
        return self.encoder_.transform(X)


def _folds_of(splitter, X, y):
    out = np.zeros(X.shape)
    for train, test in splitter.split(X):
        out[test] = TargetEncoder(target_type="continuous").fit(X.iloc[train], y.iloc[train]).transform(X.iloc[test])
    return out


def rows(kind, n=2000, k=40, seed=0):
    rng = np.random.default_rng(seed)
    agent = rng.integers(0, k, n)
    X = pd.DataFrame({"agent": agent.astype(str), "shop": rng.integers(0, k // 2, n).astype(str)})
    effect = 0.5 * rng.normal(size=k)[agent]
    targets = {
        "continuous": effect + rng.normal(size=n),
        "binary": (effect + rng.normal(size=n) > 0).astype(int),
        "rare": (rng.random(n) < 0.02 * np.exp(effect)).astype(int),
        "count": rng.poisson(0.1 * np.exp(effect)),
        "multiclass": np.array(["red", "green", "blue"], dtype=object)[rng.integers(0, 3, n)],
    }
    return X, targets[kind]


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("binary", "count")]


@pytest.mark.parametrize("kind", ["continuous", "rare", *SLOW])
@pytest.mark.parametrize(
    ("encoder", "test"),
    [
        (Means(), "flip: own feature changes"),
        (LeaveOneOut(), "flip: only own feature is unchanged"),
        (Scaled(factor=2.0), "copies: scale of transform"),
        (Scaled(shift=1.0), "copies: scale of transform"),
        (Repeated(), "copies: encodings of equal rows"),
        (Repeated(2), "copies: encodings of equal rows"),
    ],
    ids=["in sample", "leave one out", "scaled", "shifted", "repeated", "repeated twice"],
)
def test_the_verdict_names_what_leaks(kind, encoder, test):
    X, y = rows(kind, n=1500)
    report = check_no_leak(encoder, X[["agent"]], y, n_flips=10, n_shuffles=2)
    assert report.verdict == "LEAKS: 'agent'"
    assert not report.set_index("test").loc[test, "passed"]
    assert str(report).splitlines()[0] == "LEAKS: 'agent'"


def test_repeated_partitions_leak_side_by_side():
    X, y = rows("continuous", n=1500)
    report = check_no_leak(Repeated(3, side_by_side=True), X[["agent"]], y, n_flips=5, n_shuffles=1)
    assert report.verdict == "LEAKS: 'feature 0', 'feature 1', 'feature 2'"
    many = check_no_leak(Repeated(12, side_by_side=True), X[["agent"]], y, n_flips=1, n_shuffles=1)
    assert many.verdict.endswith("'feature 9' and 2 more")
    assert check_no_leak(Repeated(1), X[["agent"]], y, n_flips=5, n_shuffles=1).verdict == NONE
    peer = check_no_leak(RepeatedPeer(), X, y, n_flips=2, n_shuffles=1)
    assert peer.verdict == "LEAKS: 'agent', 'shop'"


def test_only_the_features_that_leak_are_named():
    class HalfInSample(MeanEncoder):
        def fit_transform(self, X, y=None):
            out = super().fit_transform(X, y)
            return out.assign(agent=self.transform(X)["agent"])

    X, y = rows("continuous")
    assert check_no_leak(HalfInSample(), X, y, n_flips=10).verdict == "LEAKS: 'agent'"


@pytest.mark.parametrize("kind", ["continuous", pytest.param("rare", marks=pytest.mark.slow), "count", "multiclass"])
@pytest.mark.parametrize("public", PUBLIC, ids=repr)
@pytest.mark.slow
def test_every_encoder_passes(public, kind):
    target_type = {"rare": "binary"}.get(kind, kind)
    if target_type not in public.kinds:
        pytest.skip("the encoder does not take this target")
    X, y = rows(kind, n=1200, k=24)
    encoder = public.make(["agent", "shop"], target_type=target_type)
    report = check_no_leak(encoder, X, y, n_flips=3, n_shuffles=1)
    assert report.verdict == NONE, str(report)


@pytest.mark.parametrize(
    "encoder",
    [
        EmpiricalBayesEncoder(output=["mean", "sd", "reliability", "count", "size", "code"]),
        EmpiricalBayesEncoder(cv=100),
        EmpiricalBayesEncoder(cv=KFold(40, shuffle=True, random_state=0)),
        SmoothedMeanEncoder(smoothing=1000.0, cv=3),
        MeanEncoder(cv=2, columns=["agent"]),
        MeanEncoder(["agent"], cv="fold"),
        MeanEncoder(["agent"], cv=np.arange(2000) % 30),
        MeanEncoder(["agent", "shop"], cv=EarlierRows("day"), unknown="prior"),
        TargetEncoder(cv=2),
        OneHotEncoder(),
    ],
    ids=repr,
)
def test_folds_of_any_kind_pass(encoder):
    X, y = rows("continuous")
    if not isinstance(encoder, TargetEncoder | OneHotEncoder):
        X = X.assign(day=np.arange(2000), fold=np.arange(2000) % 7, area=np.linspace(0, 1, 2000))
    report = check_no_leak(encoder, X, y, n_flips=5, n_shuffles=2)
    assert report.verdict == NONE, str(report)


def test_a_splitter_that_repeats_names_no_number_of_folds():
    class Split(Repeated):
        def __init__(self, cv=None, partitions=2, *, side_by_side=False):
            super().__init__(partitions, side_by_side=side_by_side)
            self.cv = cv

    X, y = rows("continuous")
    report = check_no_leak(Split(RepeatedKFold(n_splits=5, n_repeats=2)), X, y, n_flips=2, n_shuffles=1)
    assert report.verdict == "LEAKS: 'agent', 'shop'"
    assert report["limit"][4] == 20


def test_rare_targets_are_flipped():
    X, y = rows("continuous")
    y = np.where(np.arange(2000) % 400 == 7, "yes", "no").astype(object)  # five in two thousand
    flipped = []

    class Watching(Means):
        def fit_transform(self, X, y):
            flipped.append((y == "yes").sum())
            return np.zeros((len(X), 1))

    check_no_leak(Watching(), X, y, n_flips=8, n_shuffles=1)
    assert {4, 6} <= set(flipped)


def test_one_row_alone_has_no_scale():
    X = pd.DataFrame({"agent": ["a"] * 200})
    report = check_no_leak(MeanEncoder(), X, np.random.default_rng(0).normal(size=200), n_flips=2, n_shuffles=1)
    assert report.verdict == NONE
    assert np.isnan(report["statistic"][5])


def test_a_report_is_a_frame():
    X, y = rows("continuous", n=300, k=5)
    report = check_no_leak(MeanEncoder(), X, y, n_flips=1, n_shuffles=1)
    assert type(report[["test"]]) is pd.DataFrame
    assert type(report.sort_values("statistic")) is pd.DataFrame
    assert "<p>No leak was found.</p>" in report._repr_html_()
