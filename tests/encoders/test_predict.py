"""Predictions of rows with intervals."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit
from scipy.stats import binom, norm, poisson

from catpool import MixedModelEncoder, NestedEncoder, sample_encodings

N = 400
NEW = pd.DataFrame({"a": ["0", "3", "new", "0"], "b": ["1", "2", "1", "new"]}, index=[7, 5, 3, 1])


def rows_of(kind, seed=0, n=N):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 6, n), rng.integers(0, 4, n)
    eta = 0.5 + 0.6 * rng.normal(size=6)[a] + 0.4 * rng.normal(size=24)[4 * a + b]
    X = pd.DataFrame({"a": a.astype(str), "b": b.astype(str)})
    if kind == "continuous":
        return X, eta + 0.7 * rng.normal(size=n)
    return X, rng.binomial(1, expit(eta)) if kind == "binary" else rng.poisson(np.exp(eta))


ENCODERS = {
    "mixed": lambda **options: MixedModelEncoder(["a", ("a", "b")], **options),
    "nested": lambda **options: NestedEncoder(["a", "b"], **options),
}


@pytest.fixture(params=ENCODERS)
def make(request):
    return ENCODERS[request.param]


@pytest.mark.parametrize("prior", ["reml", "auto"])
@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_expected_values_have_the_quantiles_of_draws(make, kind, prior):
    X, y = rows_of(kind)
    encoder = make(prior=prior, target_type=kind).fit(X, y)
    found = encoder.predict(NEW, interval=0.8)
    assert found.columns.tolist() == ["mean", "sd", "lower", "upper"]
    assert found.index.tolist() == [7, 5, 3, 1]
    values = draws_of(encoder, kind)
    middle = np.median(values, axis=0)
    assert (np.abs(found["mean"] - values.mean(axis=0)) < 0.15 * found["sd"]).all()
    assert ((found["lower"] < middle) & (middle < found["upper"])).all()
    inside = (found["lower"].to_numpy() < values) & (values < found["upper"].to_numpy())
    assert (np.abs(inside.mean(axis=0) - 0.8) < 0.05).all()


def draws_of(encoder, kind):
    """Draws of the expected values of the rows `NEW`."""
    if isinstance(encoder, NestedEncoder):
        return sample_encodings(encoder, NEW, 4000, random_state=0)[:, :, 0]
    tables = encoder.tables_
    slots = [tables[0].slots(NEW["a"]), tables[1].slots([NEW["a"], NEW["b"]])]
    draws = encoder.model_.posterior.draw(np.random.default_rng(0), 4000)
    eta = np.array(
        [fixed[0] + sum(own[slot, 0] for own, slot in zip(effects, slots, strict=True)) for fixed, effects in draws]
    )
    return {"continuous": lambda values: values, "binary": expit, "count": np.exp}[kind](eta)


def test_a_normal_row_has_the_noise_of_rows_on_top(make):
    X, y = rows_of("continuous")
    encoder = make(prior="reml").fit(X, y)
    mean, row = (encoder.predict(NEW, kind=kind) for kind in ("mean", "row"))
    scale = (
        encoder.summary_.query("group == 'residual'")["value"].item()
        if "group" in encoder.summary_
        else (encoder.summary_["within_sd"].iloc[0] ** 2)
    )
    np.testing.assert_allclose(row["sd"] ** 2, mean["sd"] ** 2 + scale)
    np.testing.assert_allclose(row["upper"], row["mean"] + norm.ppf(0.95) * row["sd"])


def test_new_rows_of_classes_are_zero_or_one(make):
    X, y = rows_of("binary")
    encoder = make().fit(X, y)
    row, share = encoder.predict(X.iloc[:50].copy(), kind="row"), encoder.predict(X.iloc[:50].copy())["mean"]
    np.testing.assert_allclose(row["sd"], np.sqrt(share * (1 - share)))
    for end, quantile in (("lower", 0.05), ("upper", 0.95)):
        np.testing.assert_array_equal(row[end], binom.ppf(quantile, 1, share))


def test_new_rows_of_counts_have_discrete_intervals(make):
    X, y = rows_of("count", n=20000)
    encoder = make(prior="reml", target_type="count").fit(X, y)
    row, rate = encoder.predict(NEW[:2], kind="row"), encoder.predict(NEW[:2])["mean"]
    for end, quantile in (("lower", 0.05), ("upper", 0.95)):  # with so many rows, that of a Poisson variable
        np.testing.assert_array_equal(row[end], poisson.ppf(quantile, rate))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["continuous", "count"])
def test_new_rows_of_new_categories_are_covered(make, kind):
    hits = []
    for seed in range(60):
        X, y = rows_of(kind, seed)
        held = (X["a"] == "5").to_numpy()
        found = make(target_type=kind).fit(X[~held], y[~held]).predict(X[held], kind="row")
        hits.append(((found["lower"] <= y[held]) & (y[held] <= found["upper"])).mean())
    assert 0.84 < np.mean(hits) < 0.99


@pytest.mark.usefixtures("few_points")
def test_policies_hide_and_refuse(make):
    X, y = rows_of("continuous")
    table = pd.DataFrame({"a": ["0", "new", "0"], "b": ["1", "1", None]})
    encoder = make(unknown="nan").fit(X, y)
    hidden = encoder.predict(table).isna().all(axis=1)
    assert hidden.tolist()[:2] == [False, True]
    pd.testing.assert_series_equal(hidden, encoder.transform(table).filter(regex="b$").isna().any(axis=1))
    with pytest.raises(ValueError, match="new"):
        make(unknown="error").fit(X, y).predict(table)
    gone = X.mask(np.broadcast_to(np.arange(N)[:, None] % 7 == 0, X.shape), None)
    found = make(missing="nan").fit(gone, y).predict(table)
    assert found.isna().any(axis=1).tolist() == [False, False, True]
    prior = make(missing="prior").fit(gone, y).predict(table)
    new = make(missing="prior").fit(gone, y).predict(pd.DataFrame({"a": ["0"], "b": ["new"]}))
    np.testing.assert_allclose(prior[2:], new)


def test_libraries_and_files(make):
    X, y = rows_of("continuous")
    encoder = make().fit(X, y)
    expected = encoder.predict(NEW)
    polars = encoder.predict(pl.from_pandas(NEW), backend="polars")
    assert isinstance(polars, pl.DataFrame)
    np.testing.assert_array_equal(polars.to_numpy(), expected)
    again = type(encoder).from_json(encoder.to_json()).predict(NEW)
    pd.testing.assert_frame_equal(again, expected)


@pytest.mark.usefixtures("few_points")
def test_arguments_that_are_none(make):
    X, y = rows_of("continuous")
    encoder = make().fit(X, y)
    with pytest.raises(ValueError, match="`interval` must lie between 0 and 1"):
        encoder.predict(NEW, interval=90)
    with pytest.raises(ValueError, match=r"`interval` must lie between 0 and 1.* Got None"):
        encoder.predict(NEW, interval=None)
    with pytest.raises(ValueError, match='`kind` must be "mean" or "row"'):
        encoder.predict(NEW, kind="rows")
    with pytest.raises(ValueError, match="now missing"):
        encoder.predict(NEW[["a"]])


def test_several_targets_are_refused():
    X, y = rows_of("continuous")
    encoder = NestedEncoder(["a", "b"]).fit(X, np.column_stack([y, -y]))
    with pytest.raises(ValueError, match="needs one target"):
        encoder.predict(NEW)


def test_conjugate_gradients_have_no_joint_posterior():
    X, y = rows_of("continuous")
    encoder = MixedModelEncoder(["a", "b"], solver="cg").fit(X, y)
    with pytest.raises(ValueError, match="joint posterior of the effects is not known"):
        encoder.predict(NEW)


@pytest.mark.parametrize("kind", ["continuous", "binary", "count", "multiclass"])
@pytest.mark.parametrize("prior", ["reml", "full_bayes"])
def test_draws_of_nested_levels_have_their_means_and_sds(kind, prior):
    X, y = rows_of("count" if kind in ("count", "multiclass") else kind)
    y = np.minimum(y, 2).astype(str) if kind == "multiclass" else y
    encoder = NestedEncoder(["a", "b"], prior=prior, emit="all", output=["mean", "sd"], target_type=kind).fit(X, y)
    draws, encoded = sample_encodings(encoder, NEW, 3000, random_state=0), encoder.transform(NEW)
    sds = encoded.filter(like="_sd").to_numpy()
    means = encoded[[column for column in encoded if not column.endswith("_sd")]].to_numpy()
    assert draws.shape == (3000, 4, means.shape[1])
    assert (np.abs(draws.mean(axis=0) - means) < 0.15 * sds).all()
    np.testing.assert_allclose(draws.std(axis=0), sds, rtol=0.25)
    if kind == "multiclass":
        np.testing.assert_allclose(draws[:, :, :3].sum(axis=2), 1)


def test_new_categories_of_one_path_share_a_draw():
    X, y = rows_of("continuous")
    encoder = NestedEncoder(["a", "b"]).fit(X, y)
    draws = sample_encodings(encoder, pd.concat([NEW[3:], NEW[3:]]), 5, random_state=0)
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])


def test_counts_that_are_all_zero_have_rows_of_zero():
    X, _ = rows_of("count")
    encoder = NestedEncoder(["a", "b"], target_type="count").fit(X, np.zeros(N, dtype=int))
    np.testing.assert_array_equal(encoder.predict(NEW, kind="row"), np.zeros((4, 4)))
