"""Draws of categories with `prior_features`: new ones vary together as they do in the model, and no more."""

import numpy as np
import pandas as pd
import pytest
from helpers.described import of
from scipy.spatial.distance import cdist

from catpool import EmpiricalBayesEncoder, coordinates, names, neighbours, ordered, sample_encodings
from catpool.data.columns import feature_bases
from catpool.models.features.ready_made.name_parts import name_parts

RNG = np.random.default_rng(0)
KNOWN, NEW = 30, 8
PLACE = np.concatenate([10.0 * RNG.permutation(KNOWN), [21.0, 24.0, 24.5, 101.0, 290.0, 330.0, 335.0, -40.0]])
OTHER = np.concatenate([RNG.uniform(0, 290, KNOWN), [10.0, 11.0, 200.0, 100.0, 150.0, 50.0, 60.0, 90.0]])
NAMES = [f"{job} {rank}" for job in ("nurse", "cook", "clerk") for rank in "abcdefghij"]
NAMES += ["nurse k", "nurse l", "baker a", "baker b", "cook", "smith", "smiths", "x"]


def about_knots(distance):
    """The covariance of a process whose variogram is the distance, about its mean over the known ones."""
    own, usual = distance[:KNOWN].mean(axis=0), distance[:KNOWN, :KNOWN].mean() / 2
    return (own[:, None] + own - distance) / (2 * usual) - 1


def of_names():
    parts = name_parts(NAMES)
    return (parts @ parts.T).toarray()


PROCESSES = {
    "ordered": (PLACE, ordered(rank=1000), lambda: about_knots(cdist(PLACE[:, None], PLACE[:, None]))),
    "coordinates": (
        np.arange(KNOWN + NEW),
        coordinates("x", "z", earth=False, rank=1000),
        lambda: about_knots(cdist(*[np.column_stack([PLACE, OTHER])] * 2)),
    ),
    "names": (NAMES, names(rank=1000), of_names),
}
every = pytest.mark.parametrize("name", PROCESSES)


def frame_of(categories):
    return of(list(categories), "town").assign(x=PLACE, z=OTHER)


def given_known(covariance):
    """The covariance of what is new given what is known."""
    old, cross = covariance[:KNOWN, :KNOWN], covariance[:KNOWN, KNOWN:]
    return covariance[KNOWN:, KNOWN:] - cross.T @ np.linalg.pinv(old, rcond=1e-10, hermitian=True) @ cross


@every
def test_what_functions_leave_has_the_covariance_of_the_process_given_the_known_ones(name):
    categories, features, covariance = PROCESSES[name]
    frame = frame_of(categories)
    fitted = features.fit(frame[list(features.columns)][:KNOWN])
    left, expected = fitted.left_covariance(frame[KNOWN:]), given_known(covariance())
    np.testing.assert_allclose(left, expected, atol=1e-8)
    np.testing.assert_allclose(np.diag(left), fitted.left(frame[KNOWN:]), atol=1e-8)
    (root,) = feature_bases.left_roots(fitted, frame[KNOWN:], 0.0)
    np.testing.assert_allclose(root @ root.T, expected, atol=1e-8)


def posterior(covariance, encoder, own, count):
    """The covariance of new categories given the rows of the known ones, by dense equations."""
    tau, sigma = (encoder.tables_[0].encodings[0].prior.between, encoder.tables_[0].encodings[0].prior.within)
    whole = own * covariance + tau * np.eye(KNOWN + NEW)
    inverse = np.linalg.inv(whole[:KNOWN, :KNOWN] + np.diag(sigma / count))
    ones, cross = np.ones(KNOWN), whole[:KNOWN, KNOWN:]
    rest = 1 - ones @ inverse @ cross
    return whole[KNOWN:, KNOWN:] - cross.T @ inverse @ cross + np.outer(rest, rest) / (ones @ inverse @ ones)


@every
def test_draws_of_new_categories_have_the_covariance_of_the_model(name):
    categories, features, covariance = PROCESSES[name]
    dense = covariance()
    count = RNG.integers(3, 9, KNOWN)
    rng = np.random.default_rng(1)
    effects = np.linalg.cholesky(dense + 1e-9 * np.eye(len(dense)))[:KNOWN] @ rng.normal(size=len(dense))
    rows = np.repeat(np.arange(KNOWN), count)
    data = frame_of(categories).reset_index()
    encoder = EmpiricalBayesEncoder(["town"], prior_features={"town": features}, remainder="drop")
    encoder.fit(data.iloc[rows], effects[rows] + rng.normal(size=len(rows)) / 2)
    own = encoder.tables_[0].encodings[0].prior.regression.covariance[-1, -1]
    expected = posterior(dense, encoder, own, count)
    draws = sample_encodings(encoder, data[KNOWN:], n_draws=4000, random_state=0)[:, :, 0]
    np.testing.assert_allclose(np.cov(draws.T), expected, atol=0.08 * np.diag(expected).max())
    np.testing.assert_allclose(draws.var(axis=0), expected.diagonal(), rtol=0.1)


def correlation(features, new, X, y, **options):
    """The correlation of draws of two new categories."""
    encoder = EmpiricalBayesEncoder(["town"], prior_features={"town": features}, remainder="drop", **options).fit(X, y)
    return np.corrcoef(sample_encodings(encoder, new, n_draws=2000, random_state=0)[:, :, 0].T)[0, 1]


FAR = pd.DataFrame({"town": [-900.0, 1200.0]})
ROWS = pd.DataFrame({"town": np.repeat(PLACE[:KNOWN], 6)})


def test_new_categories_far_from_each_other_are_independent():
    walk = np.repeat(np.sin(PLACE[:KNOWN] / 50), 6)
    y = walk + np.random.default_rng(2).normal(size=len(walk)) / 5
    assert abs(correlation(ordered(), FAR, ROWS, y)) < 0.1
    assert abs(correlation(ordered(), FAR, ROWS, np.where(walk > 0, 3, 0) + (y > 0), family="poisson")) < 0.2
    near = pd.DataFrame({"town": [1199.0, 1200.0]})
    assert correlation(ordered(rank=1000), near, ROWS, y) > 0.7


class Own:
    """A line, which leaves variance that is large beyond the known towns."""

    def __init__(self, joint=None):
        if joint is not None:
            self.left_covariance = lambda categories: joint(len(categories))

    def fit(self, categories):
        return self

    def __call__(self, categories):
        return np.array([[each / 100] for each in categories.index])

    def left(self, categories):
        return np.array([abs(each) > 300 for each in categories.index]) * 50.0


def test_what_features_of_a_user_leave_is_independent_unless_they_give_its_covariance():
    y = ROWS["town"] / 100 + np.random.default_rng(2).normal(size=len(ROWS))
    apart = correlation(Own(), FAR, ROWS, y)

    assert abs(apart) < 0.1
    assert correlation(Own(lambda size: np.full((size, size), 50.0)), FAR, ROWS, y) > 0.8


@pytest.mark.parametrize(
    ("joint", "fault"),
    [
        (lambda size: np.full((size, size), 100.0) - 50 * np.eye(size), "is not positive semidefinite"),
        (lambda size: np.full(size, 50.0), r"has the shape \(2,\)"),
    ],
)
def test_what_is_no_covariance_is_refused(joint, fault):
    y = ROWS["town"] / 100 + np.random.default_rng(2).normal(size=len(ROWS))
    with pytest.raises(
        ValueError, match=r"`left_covariance` of .* must give a covariance .* of shape \(2, 2\), but .*" + fault
    ):
        correlation(Own(joint), FAR, ROWS, y)


def test_new_neighbours_whose_functions_are_left_out_are_independent():
    edges = [*((k, k + 1) for k in range(29)), (0, 100), (29, 200)]
    X = pd.DataFrame({"town": np.repeat(np.arange(30), 6)})
    y = np.sin(X["town"] / 5) + np.random.default_rng(2).normal(size=len(X)) / 5
    new = pd.DataFrame({"town": [100, 200]})
    assert abs(correlation(neighbours(edges, rank=2), new, X, y)) < 0.3


def test_draws_of_many_new_categories_are_in_parts(monkeypatch):
    monkeypatch.setattr(feature_bases, "AT_ONCE", 3)
    fitted = ordered().fit(of(PLACE[:KNOWN]))
    roots = feature_bases.left_roots(fitted, of(PLACE[KNOWN:]), 0.0)
    assert [len(each) for each in roots] == [3, 3, 2]
    y = ROWS["town"] / 100 + np.random.default_rng(2).normal(size=len(ROWS))
    encoder = EmpiricalBayesEncoder(["town"], prior_features={"town": ordered()}, output=["mean", "sd"]).fit(ROWS, y)
    new = pd.DataFrame({"town": PLACE[KNOWN:]})
    draws = sample_encodings(encoder, new, n_draws=4000, random_state=0)[:, :, 0]
    np.testing.assert_allclose(draws.std(axis=0), encoder.transform(new)["town_sd"], rtol=0.1)
