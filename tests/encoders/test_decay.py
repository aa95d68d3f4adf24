"""Streams whose rows lose weight from part to part: the same as weights that are powers of the factor."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, NestedEncoder, SmoothedMeanEncoder

NIGHTS = 4
ENCODERS = {
    "mean": MeanEncoder(output=["mean", "count"]),
    "smoothed": SmoothedMeanEncoder(smoothing=3.0),
    "reml": EmpiricalBayesEncoder(prior="reml", output=["mean", "sd", "reliability"]),
    "moderated": EmpiricalBayesEncoder(["city"], within="moderated", remainder="drop"),
    "precisions": EmpiricalBayesEncoder(prior="ml", weight_type="precision"),
    "known variances": EmpiricalBayesEncoder(prior="reml", weight_type="inverse_variance"),
    "interaction": EmpiricalBayesEncoder(
        ["city"], interactions=[("city", "shop")], interaction_prior="own", remainder="drop"
    ),
    "nested": NestedEncoder(["city", "shop"], emit="all", prior="reml"),
    "nested precisions": NestedEncoder(["city", "shop"], prior="reml", weight_type="precision"),
}


@pytest.fixture
def nights():
    rng = np.random.default_rng(0)
    n = 60 * NIGHTS
    X = pd.DataFrame({"city": rng.choice(list("abcde"), n), "shop": rng.choice(list("xyz"), n)})
    y = X["city"].map(dict(zip("abcde", range(5), strict=True))).to_numpy() + rng.normal(size=n)
    return X, y, rng.uniform(0.5, 2.0, n), np.repeat(np.arange(NIGHTS), 60)


def streamed(encoder, X, y, night, factor, **rows):
    encoder = clone(encoder)
    for each in range(NIGHTS):
        if each:
            assert encoder.decay(factor) is encoder
        own = {name: values[night == each] for name, values in rows.items()}
        encoder.partial_fit(X[night == each], y[night == each], **own)
    return encoder


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize("weighted", [True, False])
def test_decay_gives_rows_the_powers_of_the_factor_as_weights(nights, encoder, weighted):
    X, y, weights, night = nights
    if not weighted and encoder.weight_type == "inverse_variance":
        weights = np.ones(len(y))
    rows = {"sample_weight": weights} if weighted or encoder.weight_type == "inverse_variance" else {}
    stream = streamed(encoder, X, y, night, 0.7, **rows)
    at_once = clone(encoder).fit(X, y, sample_weight=0.7 ** (NIGHTS - 1 - night) * rows.get("sample_weight", 1.0))
    new = pd.concat([X[::5], pd.DataFrame({"city": [None, "never"], "shop": ["x", "y"]})])
    np.testing.assert_allclose(stream.transform(new), at_once.transform(new), rtol=1e-6, atol=1e-9)
    pd.testing.assert_frame_equal(stream.summary_, at_once.summary_, rtol=1e-5, atol=1e-7)
    plain = streamed(encoder, X, y, night, 1.0, **rows)
    assert not np.allclose(plain.transform(new), stream.transform(new), rtol=1e-4)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "count"])
def test_decay_of_other_targets(nights, kind):
    X, y, _, night = nights
    y = {"binary": (y > 2).astype(int), "multiclass": np.digitize(y, [1, 3]), "count": np.floor(np.maximum(y, 0))}[kind]
    encoder = EmpiricalBayesEncoder(["city"], target_type=kind, prior="reml", remainder="drop")
    stream = streamed(encoder, X, y, night, 0.8)
    at_once = clone(encoder).fit(X, y, sample_weight=0.8 ** (NIGHTS - 1 - night))
    np.testing.assert_allclose(stream.transform(X[::5]), at_once.transform(X[::5]), rtol=1e-6)


def test_decay_keeps_the_folds_of_keys(nights):
    X, y, _, night = nights
    key = np.arange(len(y))
    encoder = EmpiricalBayesEncoder(prior="reml", cv=3)
    stream = streamed(encoder, X, y, night, 0.7, key=key)
    expected = clone(encoder).fit_transform(X, y, key=key, sample_weight=0.7 ** (NIGHTS - 1 - night))
    np.testing.assert_allclose(stream.transform_out_of_fold(X, key), expected, rtol=1e-7)


def test_decay_goes_on_after_a_file(nights):
    X, y, _, night = nights
    encoder = EmpiricalBayesEncoder(prior="reml").fit(X[night < 3], y[night < 3])
    again = EmpiricalBayesEncoder.from_json(encoder.to_json())
    for each in (encoder, again):
        each.decay(0.9).partial_fit(X[night == 3], y[night == 3])
    np.testing.assert_array_equal(again.transform(X[::5]), encoder.transform(X[::5]))
    at_once = clone(encoder).fit(X, y, sample_weight=np.where(night == 3, 1.0, 0.9))
    np.testing.assert_allclose(again.transform(X[::5]), at_once.transform(X[::5]), rtol=1e-7)


def test_a_fit_to_a_lazy_table_decays_too(nights):
    polars = pytest.importorskip("polars")
    X, y, _, _ = nights
    lazy = polars.from_pandas(X.assign(y=y)).lazy()
    fitted = [EmpiricalBayesEncoder(["city"], prior="reml", target_type="continuous").fit(lazy, y="y")]
    fitted.append(clone(fitted[0]).fit(X, y))
    one, other = (each.decay(0.5).summary_ for each in fitted)
    pd.testing.assert_frame_equal(one, other, rtol=1e-6)
    assert one["rows"].item() == len(y) / 2


@pytest.mark.parametrize("factor", [0, -0.5, 1.01, np.nan, np.inf, True, "0.9", None])
def test_other_factors_are_refused(nights, factor):
    X, y, _, _ = nights
    encoder = MeanEncoder().fit(X, y)
    before = encoder.to_json()
    with pytest.raises(ValueError, match="`factor` must be a number above 0 and at most 1"):
        encoder.decay(factor)
    assert encoder.to_json() == before


def test_what_cannot_decay_says_so(nights):
    X, y, _, _ = nights
    with pytest.raises(NotFittedError):
        MeanEncoder().decay(0.9)
    timed = MeanEncoder(["city"], cv=EarlierRows("day", half_life=2.0))
    assert not hasattr(timed, "decay")
    timed.fit(X.assign(day=np.arange(len(y))), y).set_params(cv=3)
    with pytest.raises(ValueError, match="needs all rows at once"):
        timed.decay(0.9)
