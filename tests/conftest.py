import os
from importlib.util import find_spec

os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers share the cores; threads of theirs would wait for each other

import numpy as np
import pandas as pd
import pytest
from helpers.engine_tables import Place
from helpers.public_encoders import PUBLIC
from hypothesis import settings

settings.register_profile("catpool", deadline=None, derandomize=True, max_examples=30)
settings.register_profile("long", deadline=None, max_examples=10_000)
settings.load_profile("catpool")  # --hypothesis-profile, which is read later, is stronger

SHORT = {"MeanEncoder": "mean", "SmoothedMeanEncoder": "smoothed", "EmpiricalBayesEncoder": "bayes"}
SINGLE = [each for each in PUBLIC if each.setup.columns == "columns" and "parts" not in each.setup.exceptions]
ENCODERS = {SHORT.get(each.name, each.name): each.encoder for each in SINGLE}


@pytest.hookimpl(tryfirst=True)  # before tests are deselected by their marks
def pytest_collection_modifyitems(items):
    """Tests of encoders that iterate are slow, and the example of an optional package needs it."""
    for item in items:
        public = item.callspec.params.get("public") if hasattr(item, "callspec") else None
        if public is not None and public.setup.iterates:
            item.add_marker(pytest.mark.slow)
        if item.nodeid.startswith("catpool/onnx.py") and find_spec("skl2onnx") is None:
            item.add_marker(pytest.mark.skip(reason="skl2onnx is not installed"))


@pytest.fixture(params=ENCODERS)
def rule(request):
    return request.param


@pytest.fixture
def encoder_class(rule):
    return ENCODERS[rule]


@pytest.fixture
def table():
    """120 rows of a city and a shop, some missing, with a target of each type and weights."""
    rng = np.random.default_rng(7)
    n = 120
    city = rng.choice(["Bonn", "Kiel", "Ulm", "Jena", None], n, p=[0.4, 0.3, 0.15, 0.05, 0.1])
    shop = rng.integers(0, 40, n)
    effect = np.array([{"Bonn": 1.0, "Kiel": -1.0, "Ulm": 0.5}.get(name, 0.0) for name in city])
    continuous = effect + rng.normal(size=n)
    return {
        "X": pd.DataFrame({"city": city, "shop": shop}),
        "continuous": continuous,
        "binary": (continuous > 0).astype(int),
        "multiclass": np.array(["low", "mid", "top"])[np.digitize(continuous, [-0.7, 0.7])],
        "count": rng.poisson(np.exp(0.5 * effect)),
        "weights": rng.integers(0, 4, n).astype(float),
    }


@pytest.fixture
def fitted(encoder_class, table):
    return encoder_class(random_state=0).fit(table["X"], table["continuous"])


@pytest.fixture
def few_points(monkeypatch):
    """Full Bayes with few points of the posterior, for tests of what does not depend on how accurate it is."""
    monkeypatch.setattr("catpool.priors.numerics.integration.STEPS", {1: 1.0, 2: 1.6})
    monkeypatch.setattr("catpool.priors.numerics.integration.FEW", 8)
    monkeypatch.setattr("catpool.priors.numerics.integration.MANY", 8)


@pytest.fixture
def place(tmp_path):
    """Where tables of engines are kept while a test runs."""
    place = Place(tmp_path)
    with place.opened:
        yield place
