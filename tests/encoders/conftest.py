"""Rows that several tests of encoders share."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def sales():
    """A shop that matters in every row, a doctor who does so now and then, and a coin that never does."""
    rng = np.random.default_rng(0)
    n = 2000
    X = pd.DataFrame(
        {
            "shop": rng.integers(0, 20, n).astype(str),
            "doctor": rng.integers(0, 400, n).astype(str),
            "coin": np.array(["heads", "tails", "edge"])[np.arange(n) % 3],
        }
    )
    shops, doctors = 3 * rng.normal(size=20), 0.5 * rng.normal(size=400)
    y = shops[X["shop"].astype(int)] + doctors[X["doctor"].astype(int)] + rng.normal(size=n)
    return X, y - pd.Series(y).groupby(X["coin"]).transform("mean").to_numpy()
