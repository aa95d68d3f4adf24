"""Encoders that are fitted and used by several threads at once give the numbers of one thread, to the bit."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from helpers.public_encoders import PUBLIC, obeying
from sklearn.base import clone

from catpool import EmpiricalBayesEncoder, MeanEncoder
from catpool.crossfit import columnwise, threads

pytestmark = pytest.mark.usefixtures("few_points")

THREADS = 4
N = 100


def table(seed=0):
    rng = np.random.default_rng(seed)
    halves = rng.choice([0.5, np.nan], N)
    X = pd.DataFrame({"x": rng.choice(list("abcdef"), N), "y": rng.integers(0, 5, N), "z": halves})
    return X, rng.poisson(1 + 2 * (X["x"] == "a")) + 0.25


X, Y = table()
NEW = table(1)[0]


def at_once(function, items):
    """The results of a function for each item, of which several threads begin at the same time."""
    items = list(items)
    together = threading.Barrier(min(THREADS, len(items)))
    first = threading.local()

    def run(item):
        if not hasattr(first, "done"):
            first.done = True
            together.wait(timeout=30)
        return function(item)

    with ThreadPoolExecutor(min(THREADS, len(items))) as pool:
        return list(pool.map(run, items))


def crossed():
    return [
        EmpiricalBayesEncoder(
            None, interactions="pairs", interaction_prior=prior, target_type=kind, cv=2, random_state=0
        )
        for kind, prior in (("continuous", "parts"), ("binary", "parts"), ("continuous", "exact"), ("binary", "own"))
    ]


def encoders():
    """Every public encoder, for two kinds of targets, and interactions."""
    made = [
        public.make(["x", "y"], target_type=kind, cv=2, random_state=0)
        for public in PUBLIC
        for kind in ("continuous", "binary")
    ]
    return [*made, *crossed()]


def fit_and_encode(encoder):
    encoder = clone(encoder)
    train = encoder.fit_transform(X, Y > 2 if encoder.target_type == "binary" else Y)
    return train.to_numpy(dtype=object), encoder.transform(NEW).to_numpy(dtype=object)


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for own, like in zip(one, other, strict=True):
            pd.testing.assert_frame_equal(pd.DataFrame(own), pd.DataFrame(like), check_exact=True)


def test_encoders_are_fitted_at_once():
    expected = [fit_and_encode(encoder) for encoder in encoders()]
    assert_same(at_once(fit_and_encode, encoders()), expected)


@pytest.mark.parametrize("encoder", [public.make(["x", "y"], cv=2) for public in PUBLIC] + crossed()[:1], ids=str)
def test_one_fitted_encoder_serves_threads_from_its_first_rows_on(encoder):
    encoder.fit(X, Y)
    state = pickle.dumps(encoder)  # without what is cached by the first call
    row = NEW.iloc[0].to_dict()
    expected = [(encoder.transform(NEW).to_numpy(dtype=object),)] * THREADS, encoder.lookup(row), encoder.summary_
    fresh = pickle.loads(state)
    assert_same(at_once(lambda _: (fresh.transform(NEW).to_numpy(dtype=object),), range(THREADS)), expected[0])
    fresh = pickle.loads(state)
    assert at_once(lambda _: fresh.lookup(row), range(THREADS)) == [expected[1]] * THREADS
    fresh = pickle.loads(state)
    for summary in at_once(lambda _: fresh.summary_, range(THREADS)):
        pd.testing.assert_frame_equal(summary, expected[2], check_exact=True)


@pytest.mark.parametrize("public", obeying("parts"), ids=repr)
def test_threads_of_an_encoder_within_threads_of_the_user(public, monkeypatch):
    monkeypatch.setattr(threads, "THREADED", 0)
    monkeypatch.setattr(columnwise, "HELD", 0)
    encoder = public.make(["x", "y"], cv=2, random_state=0)
    if "n_jobs" in encoder.get_params():
        encoder.set_params(interactions="pairs")
    expected = [fit_and_encode(encoder)] * THREADS
    if "n_jobs" in encoder.get_params():
        encoder.set_params(n_jobs=3)
    assert_same(at_once(lambda _: fit_and_encode(encoder), range(THREADS)), expected)


def test_one_encoder_that_threads_fit_again_is_always_whole():
    encoder = MeanEncoder(cv=2, random_state=0)
    tables = [table(seed) for seed in range(THREADS)]
    states = {clone(encoder).fit(*each).to_json() for each in tables}
    at_once(lambda each: encoder.fit(*each), tables * 3)
    assert encoder.to_json() in states
