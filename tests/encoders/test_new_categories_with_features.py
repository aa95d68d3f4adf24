"""`prior_features` of new categories: their standard deviations are those of what is not known of them."""

import numpy as np
import pandas as pd
import pytest

from catpool import EmpiricalBayesEncoder, coordinates, names, ordered
from catpool.models.features.ready_made.similar_names import NameBasis

TOWNS, N = 120, 1200


def towns(rng):
    frame = pd.DataFrame({"town": [f"{k:03d}" for k in range(TOWNS)]})
    frame["x"], frame["y"] = rng.uniform(size=(2, TOWNS))
    return frame.assign(region=rng.choice([f"r{k}" for k in range(40)], TOWNS))


def surprises(features, effect_of, draws=8):
    """Squared errors of new categories, relative to their variance: the mean over draws of towns."""
    found = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        frame = towns(rng)
        effect = effect_of(frame, rng)
        known = rng.integers(0, TOWNS // 2, N)
        y = effect[known] + rng.normal(size=N)
        encoder = EmpiricalBayesEncoder(["town"], prior_features={"town": features}, output=["mean", "sd"])
        new = frame.iloc[TOWNS // 2 :]
        encoded = encoder.fit(frame.iloc[known].reset_index(drop=True), y).transform(new)
        squares = (encoded["town"] - effect[TOWNS // 2 :]) ** 2
        found.append(squares.mean() / (encoded["town_sd"] ** 2).mean())
    return float(np.mean(found))


def on_map(frame, rng):
    points = frame[["x", "y"]].to_numpy()
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    return np.linalg.cholesky(2 - distance + 1e-9 * np.eye(TOWNS)) @ rng.normal(size=TOWNS) * 2


def in_order(frame, rng):
    distance = np.abs(frame["x"].to_numpy()[:, None] - frame["x"].to_numpy())
    return np.linalg.cholesky(2 - distance + 1e-9 * np.eye(TOWNS)) @ rng.normal(size=TOWNS) * 4


def of_regions(frame, rng):
    return pd.Series(rng.normal(size=40), index=[f"r{k}" for k in range(40)])[frame["region"]].to_numpy()


@pytest.mark.parametrize(
    ("features", "effect_of"),
    [(coordinates("x", "y", earth=False), on_map), (ordered("x"), in_order), (["region"], of_regions)],
    ids=["map", "order", "levels"],
)
def test_new_categories_are_as_far_off_as_their_variance_says(features, effect_of):
    assert 0.6 < surprises(features, effect_of) < 1.5


def test_what_the_parts_of_a_name_do_not_tell_makes_it_vary_more(monkeypatch):
    rng = np.random.default_rng(0)
    jobs = ["nurse", "cook", "clerk", "guard"]
    known = np.array([f"{job} {rank}" for job in jobs for rank in range(10)], dtype=object)
    town = known[rng.integers(0, 40, 800)]
    effect = pd.Series(rng.normal(size=4), index=jobs) * 3
    y = effect[[name.split()[0] for name in town]].to_numpy() + rng.normal(size=800)
    encoder = EmpiricalBayesEncoder(["job"], prior_features={"job": names()}, output=["mean", "sd"])
    encoder.fit(pd.DataFrame({"job": town}), y)
    new = pd.DataFrame({"job": ["cook 11", "xyz"]})
    alike, unlike = encoder.transform(new)["job_sd"]
    monkeypatch.setattr(NameBasis, "left", lambda self, categories: np.zeros(len(categories)))
    less_alike, less_unlike = encoder.transform(new)["job_sd"]
    assert unlike**2 - less_unlike**2 > 2 * (alike**2 - less_alike**2) > 0


def test_features_whose_squares_are_infinite_are_refused():
    class Huge:
        def fit(self, categories):
            return lambda own: np.array([[1e200 * float(name)] for name in own.index])

    encoder = EmpiricalBayesEncoder(["town"], prior_features={"town": Huge()})
    with pytest.raises(ValueError, match=r"rows of numbers below 1e\+100 or of NaN throughout"):
        encoder.fit(pd.DataFrame({"town": ["1", "2", "3"] * 3}), np.arange(9.0))
