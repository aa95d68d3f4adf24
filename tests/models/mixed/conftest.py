import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def shops():
    rng = np.random.default_rng(2)
    n = 90
    X = pd.DataFrame(
        {
            "shop": rng.choice(np.array(["north", "south", "west", None], dtype=object), n),
            "price": rng.normal(size=n),
            "item": rng.integers(0, 8, n),
            "size": rng.normal(size=n) + 5,
            "note": rng.choice(list("uv"), n),
        }
    )
    shop = X["shop"].map({"north": 1.0, "south": -1.0, "west": 0.3}).fillna(0.8).to_numpy()
    y = 2 * X["price"] * (1 + shop) + 2 * shop + rng.normal(size=8)[X["item"]] + rng.normal(size=n)
    return X, y.to_numpy()
