"""Draws of encodings."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from conftest import ENCODERS

from catpool import AdditiveEncoder, EmpiricalBayesEncoder, sample_encodings


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prior", "target_type"),
    [
        *product(["reml", "full_bayes"], ["continuous", "binary", "multiclass", "count"]),
        *product(["scale_mixture", "npmle"], ["continuous", "binary", "count"]),
    ],
)
def test_draws_have_the_posterior_s_mean_and_sd(target_type, prior, table):
    X, y = table["X"][["city"]], table[target_type]
    encoder = EmpiricalBayesEncoder(target_type=target_type, prior=prior, output=("mean", "sd")).fit(X, y)
    cities = pd.DataFrame({"city": ["Bonn", "Kiel", "Jena", None]})
    draws = sample_encodings(encoder, cities, n_draws=4000, random_state=0)
    mean, sd = (np.asarray(encoder.transform(cities))[:, start::2] for start in (0, 1))
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * sd.max() / np.sqrt(4000))
    # a component far away that has a category once in 4000 draws may have a third of its variance
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.25 if prior == "npmle" else 0.12)
    if target_type == "multiclass":
        np.testing.assert_allclose(draws.sum(axis=2), 1)


@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
@pytest.mark.parametrize("prior", ["parts", "exact", "own"])
def test_draws_of_cells_have_the_posterior_s_mean_and_sd(target_type, prior):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"city": rng.choice(list("abcdefgh"), 500), "month": rng.choice(list("uvwxyz"), 500)})
    X = X[(X["city"] != "a") | (X["month"] != "u")].reset_index(drop=True)  # one cell is unseen
    y = X["city"].rank().to_numpy() / 300 - X["month"].rank().to_numpy() / 600 + rng.normal(size=len(X))
    y = {
        "continuous": y,
        "binary": y > 0.5,
        "multiclass": np.digitize(y, [0, 1]),
        "count": np.digitize(y, [0, 0.5, 1, 2, 3]),
    }[target_type]
    encoder = EmpiricalBayesEncoder(
        columns=[],
        interactions=[("city", "month")],
        interaction_prior=prior,
        target_type=target_type,
        output=("mean", "sd"),
        remainder="drop",
    ).fit(X, y)
    cells = pd.DataFrame({"city": list("aabch"), "month": list("uvvwz")})
    draws = sample_encodings(encoder, cells, n_draws=4000, random_state=0)
    mean, sd = (np.asarray(encoder.transform(cells))[:, start::2] for start in (0, 1))
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=(0.1 if target_type == "continuous" else 0.5) * sd.max())
    if target_type in ("continuous", "binary"):  # those of other targets take the sum of classes or the link as known
        np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.1)


def test_unseen_cells_have_draws_of_their_own():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"city": rng.choice(list("abcd"), 300), "month": rng.choice(list("uvwx"), 300)})
    X = X[(X["city"] != "a") | ~X["month"].isin(["u", "v"])].reset_index(drop=True)
    y = (X["city"] == "b") * 4.0 - (X["month"] == "u") * 3 + rng.normal(size=len(X))
    encoder = EmpiricalBayesEncoder(columns=[], interactions=[("city", "month")]).fit(X, y)
    cells = pd.DataFrame({"city": ["a", "a", "a", "q"], "month": ["u", "u", "v", "u"]})
    draws = sample_encodings(encoder, cells, n_draws=200, random_state=0)[:, :, 0]
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])
    assert draws[:, 0].mean() + 2 < draws[:, 2].mean()
    fixed = EmpiricalBayesEncoder(columns=[], interactions=[("city", "month")], unknown="nan").fit(X, y)
    assert np.isnan(sample_encodings(fixed, cells, n_draws=3)).all()


def test_draws_are_reproducible_and_share_a_category_s_value(table):
    X, y = table["X"], table["continuous"]
    for encoder in (ENCODERS[name](None) for name in ("mean", "smoothed", "bayes")):
        encoder.fit(X, y)
        draws = sample_encodings(encoder, X, n_draws=3, random_state=1)
        assert draws.shape == (3, 120, 2)
        np.testing.assert_array_equal(draws, sample_encodings(encoder, X, n_draws=3, random_state=1))
        assert not np.allclose(draws, sample_encodings(encoder, X, n_draws=3, random_state=2))
        bonn = (X["city"] == "Bonn").to_numpy()
        assert np.ptp(draws[:, bonn, 0], axis=1).max() == 0
        assert np.isfinite(sample_encodings(encoder, X.assign(shop=-5), n_draws=2)).all()
    with pytest.raises(ValueError, match="at least 1"):
        sample_encodings(encoder, X, n_draws=0)


def test_draws_of_pure_categories_are_zeros_and_ones():
    X, y = np.repeat(np.arange(6), 3)[:, None], np.repeat([0, 1, 0, 1, 0, 0], 3)
    draws = sample_encodings(EmpiricalBayesEncoder(prior="reml").fit(X, y), [[0], [1], [99]], 3000, random_state=0)[
        :, :, 0
    ]
    assert draws[:, 0].max() < 1e-6
    assert draws[:, 1].min() > 1 - 1e-6
    assert draws[:, 2].mean() == pytest.approx(1 / 3, abs=0.03)


def test_draws_stay_in_the_range_of_the_target():
    X = np.repeat([0, 1], 2)[:, None]
    shares = sample_encodings(EmpiricalBayesEncoder(prior="reml").fit(X, [0, 1, 0, 1]), X, 2000, random_state=0)
    assert 0 <= shares.min() < shares.max() <= 1
    counts = sample_encodings(
        EmpiricalBayesEncoder(target_type="count", prior="reml").fit(X, [0, 1, 0, 1]), X, 2000, random_state=0
    )
    assert counts.min() >= 0


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_draws_do_not_depend_on_the_library_of_the_rows(table, output):
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    X, y = table["X"][["city"]].astype(object), table["continuous"]
    expected = sample_encodings(EmpiricalBayesEncoder().fit(X, y), X, n_draws=3, random_state=0)
    for own in (X, polars.from_pandas(X), pyarrow.Table.from_pandas(X, preserve_index=False), X.to_numpy()):
        encoder = EmpiricalBayesEncoder().set_output(transform=output).fit(own, y)
        draws = sample_encodings(encoder, own, n_draws=3, random_state=0)
        assert isinstance(draws, np.ndarray)
        np.testing.assert_array_equal(draws, expected)


def test_effects_of_several_columns_have_no_draws(table):
    X, y = table["X"], table["continuous"]
    with pytest.raises(TypeError, match="EmpiricalBayesEncoder, NestedEncoder or MixedModelEncoder"):
        sample_encodings(AdditiveEncoder().fit(X, y), X)
