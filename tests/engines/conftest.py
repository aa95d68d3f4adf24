import numpy as np
import pandas as pd
import pytest

STRINGS = ["a", "A", "a ", "", "ünï", "it's", 'quo"te', "; drop table rows --", "NULL"]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    n = 600
    table = pd.DataFrame(
        {
            "id": np.arange(n),
            "city": rng.choice(np.array(STRINGS, dtype=object), n),
            "zip": rng.integers(-3, 40, n),
            "price": np.where(rng.random(n) < 0.1, np.nan, np.round(rng.normal(size=n), 1)),
            "size": rng.normal(size=n),
            "weight": rng.integers(1, 4, n).astype(float),
            "years": rng.uniform(0.5, 3, n),
            "fold": rng.integers(0, 4, n),
        }
    )
    table.loc[rng.random(n) < 0.1, "city"] = None
    table["zip"] = table["zip"].astype("Int64").mask(rng.random(n) < 0.05)
    signal = table["zip"].fillna(0).to_numpy(float) / 20 + rng.normal(size=n)
    table["continuous"] = 1e4 + signal
    table["binary"] = np.where(signal > 1, "yes", "no")
    table["multiclass"] = np.array(["x", "y", "z"], dtype=object)[np.clip(signal + 1, 0, 2).astype(int)]
    table["count"] = rng.poisson(np.exp(signal / 3) * table["years"])
    return table


@pytest.fixture
def one_order(monkeypatch):
    """Groups whose rows are summed in one order; the streaming engine of polars has a new one in each run."""
    polars = pytest.importorskip("polars")
    with polars.Config():
        if hasattr(polars.Config, "set_engine_affinity"):  # older versions have no choice of engines
            polars.Config.set_engine_affinity("in-memory")
        yield
