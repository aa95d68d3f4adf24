"""Input that is odd but legal, and input that is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import LeaveOneOut

from catpool import SmoothedMeanEncoder


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (pd.DataFrame({"c": ["a"] * 12}), np.arange(12.0)),
        (pd.DataFrame({"c": list("ab") * 6}), ["x"] * 12),
        (pd.DataFrame({"c": [None] * 12}), np.arange(12.0)),
        (pd.DataFrame({"c": list("ab") * 6}), np.full(12, 7.1)),
        (pd.DataFrame({"c": range(12)}), np.arange(12.0)),
        (pd.DataFrame({"c": range(12)}), [0, 1] * 6),
        (pd.DataFrame({"c": list("a" * 11 + "b")}), np.arange(12.0)),
    ],
    ids=["one category", "one class", "all missing", "constant", "a row each", "a row each, binary", "one fold"],
)
@pytest.mark.parametrize("weights", [None, [0, 1] * 6])
def test_what_is_odd_but_legal(encoder_class, X, y, weights):
    encoder = encoder_class(None, cv=3, random_state=0)
    assert np.isfinite(np.asarray(encoder.fit_transform(X, y, sample_weight=weights))).all()
    assert np.isfinite(np.asarray(encoder.transform(X))).all()
    summary = encoder.summary_
    numbers = summary[["categories", "rows", "prior_mean", "between_sd", "within_sd", "reliability"]]
    assert np.isfinite(numbers.to_numpy(dtype=float)).all()
    assert (summary["prior_strength"] >= 0).all()


X = pd.DataFrame({"city": list("aabbcc") * 4, "n": range(24)})


Z = np.arange(24.0)


BAD = {
    "y with NaN": (X, np.where(Z == 3, np.nan, Z), {}, {}, "NaN"),
    "y with infinity": (X, np.where(Z == 3, np.inf, Z), {}, {}, "infinity"),
    "lengths": (X, Z[1:], {}, {}, "X has 24 rows and y has 23"),
    "no rows": (X[:0], Z[:0], {}, {}, "0 sample"),
    "no columns": (X[[]], Z, {}, {}, "0 feature"),
    "no rows in an array": (np.empty((0, 2)), Z[:0], {}, {}, "0 sample"),
    "one dimension": (Z, Z, {}, {}, "Expected 2D array"),
    "a series": (X["city"], Z, {}, {}, "Expected a 2-dimensional container"),
    "unknown column": (X, Z, {"columns": ["town"]}, {}, r"names \['town'\], which X does not have"),
    "unknown position": (X.to_numpy(), Z, {"columns": [2]}, {}, r"names \[2\], which X does not have"),
    "column twice": (X, Z, {"columns": ["city", "city"]}, {}, "name each column once"),
    "a name for columns": (X, Z, {"columns": "city"}, {}, "'columns' parameter"),
    "a mask for columns": (X.to_numpy(), Z, {"columns": [True, False]}, {}, "name each column once"),
    "names twice": (X.set_axis(["a", "a"], axis=1), Z, {}, {}, "different names"),
    "a feature's name twice": (
        X.assign(city_x=1),
        ["x", "y", "z"] * 8,
        {"columns": ["city"]},
        {},
        "'city_x'. would occur twice",
    ),
    "few rows": (X[:5], Z[:5], {}, {}, "cv=10 needs at least 10 rows, but X has 5"),
    "one group": (X, Z, {}, {"groups": Z * 0}, "at least 2 groups"),
    "a fold for each row": (X, Z, {"cv": np.arange(24)}, {}, "has a fold of its own for each row"),
    "groups' length": (X, Z, {}, {"groups": Z[1:]}, "one label for each of the 24 rows"),
    "negative weights": (X, Z, {}, {"sample_weight": Z - 1}, "not negative"),
    "NaN weights": (X, Z, {}, {"sample_weight": Z * np.nan}, "finite"),
    "no weight": (X, Z, {}, {"sample_weight": Z * 0}, "not zero"),
    "a fold of no weight": (X, Z, {"cv": Z < 12}, {"sample_weight": Z < 12}, "must have some weight"),
    "text": (X, X["city"], {"target_type": "continuous"}, {}, "must be numeric"),
    "integers": (X, range(24), {}, {}, 'target_type="continuous", "count" or "multiclass"'),
    "target_type": (X, Z, {"target_type": "ordinal"}, {}, "'target_type' parameter"),
    "unknown": (X, Z, {"unknown": "raise"}, {}, "'unknown' parameter"),
    "missing": (X, Z, {"missing": "drop"}, {}, "'missing' parameter"),
    "remainder": (X, Z, {"remainder": "keep"}, {}, "'remainder' parameter"),
    "cv": (X, Z, {"cv": "five"}, {}, "number of folds"),
    "outputs' names twice": (X, pd.DataFrame(np.c_[Z, Z], columns=["y", "y"]), {}, {}, "outputs or classes of y"),
    "random_state": (X, Z, {"random_state": "seed"}, {}, "'random_state' parameter"),
}


KNOWN_TO_FOLDS_ONLY = {"few rows", "one group", "a fold for each row", "a fold of no weight"}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_says_what_is_wrong_and_fits_nothing(encoder_class, name):
    X, y, parameters, arguments, message = BAD[name]
    encoder = encoder_class(**parameters)
    with pytest.raises(ValueError, match=message):
        encoder.fit_transform(X, y, **arguments)
    if name not in KNOWN_TO_FOLDS_ONLY:
        with pytest.raises(ValueError, match=message):
            encoder.fit(X, y, **arguments)
        with pytest.raises(NotFittedError):
            encoder.transform(X)
        assert not [name for name in vars(encoder) if name.endswith("_")]


def test_a_refused_refit_leaves_the_first_fit(fitted, table):
    expected = fitted.transform(table["X"])
    with pytest.raises(ValueError, match="NaN"):
        fitted.fit(table["X"][:3], [1.0, np.nan, 2.5])
    np.testing.assert_array_equal(fitted.transform(table["X"]), expected)


@pytest.mark.parametrize("cv", [1, 101, "five", LeaveOneOut(), None])
def test_fit_refuses_folds_that_cannot_be(encoder_class, cv):
    with pytest.raises(ValueError, match=r"`cv`|refused"):
        encoder_class(cv=cv).fit(X, Z)
    with pytest.raises(ValueError, match="`groups` must hold one label"):
        encoder_class().fit(X, Z, groups=[1])


@pytest.mark.parametrize("smoothing", [-1, np.nan, "auto", None])
def test_smoothing_must_be_a_number_that_is_not_negative(smoothing):
    with pytest.raises(ValueError, match="'smoothing' parameter"):
        SmoothedMeanEncoder(smoothing=smoothing).fit(X, Z)


def test_columns_are_found_by_name(encoder_class):
    encoder = encoder_class(["city"]).fit(X, Z)
    expected = encoder.transform(X)
    pd.testing.assert_frame_equal(encoder.transform(X[["n", "city"]]), expected)
    for bad in (X[["city"]], X[["n"]]):
        with pytest.raises(ValueError, match="yet now missing"):
            encoder.transform(bad)
    with pytest.raises(ValueError, match=r"unseen at fit time: \['extra'\]"):
        encoder.transform(X.assign(extra=1))
    dropping = encoder_class(["city"], remainder="drop").fit(X, Z)
    np.testing.assert_array_equal(dropping.transform(X[["city"]].assign(extra=1)), expected[["city"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(dropping.transform(X.to_numpy()), expected[["city"]])
    with pytest.raises(ValueError, match=r"X has 1 features, but .*Encoder is expecting 2 features"):
        encoder_class().fit(X.to_numpy(), Z).transform(X[["city"]].to_numpy())


def test_transform_before_fit(encoder_class):
    for ask in ("summary_", "get_feature_names_out", "encoding_table", "transform"):
        with pytest.raises(NotFittedError):
            getattr(encoder_class(), ask)(X) if ask != "summary_" else encoder_class().summary_
