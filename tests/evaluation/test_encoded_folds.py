"""Folds that are encoded for a model that stops early."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, TimeSeriesSplit
from sklearn.preprocessing import TargetEncoder

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, TreeEncoder, encoded_folds

N = 240


@pytest.fixture
def shops():
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 12, N)
    X = pd.DataFrame({"shop": shop.astype(str), "size": rng.normal(size=N), "day": rng.integers(0, 30, N)})
    return X, rng.normal(size=12)[shop] + rng.normal(size=N)


def test_folds_are_those_of_a_loop_by_hand(shops):
    X, y = shops
    encoder = EmpiricalBayesEncoder(random_state=3)
    found = list(encoded_folds(encoder, X, y, cv=4, random_state=7))
    for fold, (train, valid) in zip(found, KFold(4, shuffle=True, random_state=7).split(X), strict=True):
        own = clone(encoder)
        pd.testing.assert_frame_equal(fold.train, own.fit_transform(X.iloc[train], y[train]))
        pd.testing.assert_frame_equal(fold.valid, own.transform(X.iloc[valid]))
        np.testing.assert_array_equal(fold.train_rows, train)
        np.testing.assert_array_equal(fold.valid_rows, valid)
        features, y_train, valid_features, y_valid = fold
        assert features is fold.train
        assert valid_features is fold.valid
        np.testing.assert_array_equal(y_train, y[train])
        np.testing.assert_array_equal(y_valid, y[valid])
        pd.testing.assert_frame_equal(fold.encoder.transform(X), own.transform(X))
    assert len(found) == 4
    assert not hasattr(encoder, "n_features_in_")  # the encoder itself is not fitted


def test_no_validation_target_reaches_a_feature(shops):
    X, y = shops
    for one in encoded_folds(TreeEncoder(random_state=0), X, y, cv=3):
        other = y.copy()
        other[one.valid_rows] = 100.0
        split = [(one.train_rows, one.valid_rows)]
        [again] = encoded_folds(TreeEncoder(random_state=0), X, other, cv=split)
        pd.testing.assert_frame_equal(one.train, again.train)
        pd.testing.assert_frame_equal(one.valid, again.valid)


@pytest.mark.parametrize("kind", ["binary", "strings", "counts"])
def test_classes_are_stratified(shops, kind):
    X, y = shops
    splitter = KFold if kind == "counts" else StratifiedKFold
    y = {"binary": (y > 1).astype(int), "strings": np.where(y > 1, "a", "b"), "counts": np.rint(y**2).astype(int)}[kind]
    encoder = MeanEncoder(random_state=0, target_type="continuous" if kind == "counts" else "binary")
    folds = encoded_folds(encoder, X, y, cv=3, random_state=1)
    for fold, (_, valid) in zip(folds, splitter(3, shuffle=True, random_state=1).split(X, y), strict=True):
        np.testing.assert_array_equal(fold.valid_rows, valid)


def test_groups_stay_together_in_both_kinds_of_folds(shops):
    X, y = shops
    groups = np.arange(N) // 40  # six, of which the training rows of a fold have four
    encoder = MeanEncoder(["shop"], cv=10, random_state=0)
    for fold in encoded_folds(encoder, X, y, cv=3, groups=groups):
        assert not set(groups[fold.train_rows]) & set(groups[fold.valid_rows])
        own = groups[fold.train_rows]
        by_hand = clone(encoder).set_params(cv=4).fit_transform(X.iloc[fold.train_rows], fold.y_train, groups=own)
        pd.testing.assert_frame_equal(fold.train, by_hand)
    splits = list(KFold(5).split(X))
    with pytest.raises(ValueError, match=r"Split 0 of `cv` has rows of the group .* on both sides. Pass a splitter"):
        encoded_folds(encoder, X, y, cv=splits, groups=groups)
    assert len(list(encoded_folds(encoder, X, y, cv=GroupKFold(3), groups=groups))) == 3


@pytest.mark.parametrize("gap", [None, 4])
def test_folds_of_earlier_rows_are_in_the_order_of_time(shops, gap):
    X, y = shops
    encoder = MeanEncoder(["shop"], cv=EarlierRows(by="day", gap=gap, first=0.0))
    found, day, seen = list(encoded_folds(encoder, X, y, cv=4)), X["day"].to_numpy(), set()
    for fold in found:
        start = day[fold.valid_rows].min()
        np.testing.assert_array_equal(fold.train_rows, np.flatnonzero(day < start - (gap or 0)))
        assert not seen & set(fold.valid_rows)
        seen |= set(fold.valid_rows)
    assert len(found) == 4
    assert seen == set(np.flatnonzero(day >= day[found[0].valid_rows].min()))
    with pytest.raises(ValueError, match="Split 0 of `cv` has training rows that are not earlier"):
        encoded_folds(encoder, X, y, cv=KFold(3))
    in_order = X.sort_values("day", ignore_index=True).assign(day=np.arange(N))
    later = encoded_folds(
        clone(encoder).set_params(cv=EarlierRows(by="day", first=0.0)), in_order, y, TimeSeriesSplit(3)
    )
    assert [len(fold.train) for fold in later] == [60, 120, 180]


def test_too_few_times_for_so_many_folds(shops):
    X, y = shops
    encoder = MeanEncoder(["shop"], cv=EarlierRows(by="day"))
    with pytest.raises(ValueError, match=r"`cv` asks for 4 blocks of rows after the first, but the times of X have 2"):
        encoded_folds(encoder, X.assign(day=X["day"] // 15), y, cv=4)
    with pytest.raises(ValueError, match="day"):
        encoded_folds(encoder, X.drop(columns="day"), y)


def test_weights_go_with_their_rows(shops):
    X, y = shops
    weights = np.random.default_rng(1).integers(1, 5, N).astype(float)
    encoder = MeanEncoder(["shop"], random_state=0)
    for fold in encoded_folds(encoder, X, y, cv=3, sample_weight=weights):
        own = clone(encoder).fit(X.iloc[fold.train_rows], fold.y_train, sample_weight=weights[fold.train_rows])
        pd.testing.assert_frame_equal(fold.valid, own.transform(X.iloc[fold.valid_rows]))
    plain = next(encoded_folds(encoder, X, y, cv=3, sample_weight=None))
    weighted = next(encoded_folds(encoder, X, y, cv=3, sample_weight=weights))
    assert not plain.valid.equals(weighted.valid)


@pytest.mark.parametrize("library", ["polars", "pyarrow", "array", "list"])
def test_parts_are_of_the_library_of_the_whole(shops, library):
    X, y = shops
    X = X[["shop"]]
    encoder = MeanEncoder(None, random_state=0)
    expected = next(encoded_folds(encoder, X, y))
    if library == "polars":
        polars = pytest.importorskip("polars")
        found = next(encoded_folds(encoder, polars.DataFrame({"shop": X["shop"].to_list()}), polars.Series(y)))
        assert isinstance(found.train, polars.DataFrame)
        assert isinstance(found.y_train, polars.Series)
    elif library == "pyarrow":
        pyarrow = pytest.importorskip("pyarrow")
        found = next(encoded_folds(encoder, pyarrow.table({"shop": X["shop"].to_list()}), y))
        assert isinstance(found.train, pyarrow.Table)
    else:
        rows = X.to_numpy() if library == "array" else X.to_numpy().tolist()
        found = next(encoded_folds(encoder, rows, y if library == "array" else y.tolist()))
        assert isinstance(found.train, np.ndarray)
    for part in ("train", "valid"):
        np.testing.assert_array_equal(np.ravel(np.array(getattr(found, part))), np.ravel(getattr(expected, part)))
    np.testing.assert_array_equal(np.asarray(found.y_valid), expected.y_valid)


def test_transformers_of_other_libraries_are_encoded_too(shops):
    X, y = shops
    for fold in encoded_folds(TargetEncoder(target_type="continuous"), X[["shop"]], y, cv=2, groups=np.arange(N) // 40):
        assert fold.train.shape == (len(fold.train_rows), 1)


def test_frames_and_series_as_targets_keep_their_index(shops):
    X, y = shops
    target = pd.DataFrame({"a": y, "b": y**2}, index=np.arange(N)[::-1])
    fold = next(encoded_folds(EmpiricalBayesEncoder(random_state=0), X, target, cv=3))
    pd.testing.assert_frame_equal(fold.y_valid, target.iloc[fold.valid_rows])


def test_errors_come_before_the_first_fold(shops):
    X, y = shops
    encoder = MeanEncoder()
    with pytest.raises(TypeError, match=r"`encoder` must be a transformer, as MeanEncoder\(\)"):
        encoded_folds(MeanEncoder, X, y)
    with pytest.raises(ValueError, match=r"`y` must have a value for each of the 240 rows of X. Its shape is \(239,\)"):
        encoded_folds(encoder, X, y[1:])
    with pytest.raises(ValueError, match="`groups` must have one value for each"):
        encoded_folds(encoder, X, y, groups=[1, 2])
    for missing in ([None, *["a"] * (N - 1)], np.append(np.nan, np.ones(N - 1))):
        with pytest.raises(ValueError, match="`groups` must have no missing values, but it has some"):
            encoded_folds(encoder, X, y, groups=missing)
    with pytest.raises(ValueError, match="`sample_weight` must have one value for each"):
        encoded_folds(encoder, X, y, sample_weight=[1, 2])
    with pytest.raises(ValueError, match="`cv` must have at least one split"):
        encoded_folds(encoder, X, y, cv=[])
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match="`encoded_folds` takes rows in memory"):
        encoded_folds(encoder, polars.LazyFrame({"shop": ["a"]}), [1.0])
