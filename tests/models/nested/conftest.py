import numpy as np
import pandas as pd
import pytest
from helpers.nested import numbered


@pytest.fixture(scope="module")
def land():
    """120 rows of zips in counties in states, some missing on each level, with a target of each type and weights."""
    rng = np.random.default_rng(7)
    n = 120
    X = pd.DataFrame(
        {
            "state": rng.choice(["BE", "NW", "BY", None], n, p=[0.4, 0.3, 0.2, 0.1]),
            "county": rng.choice(["a", "b", "c", None], n, p=[0.4, 0.3, 0.2, 0.1]),
            "zip": rng.choice([1, 2, 3, 4, 5, None], n, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1]),
        }
    )
    y = rng.normal(size=n)
    for level in range(3):
        code = numbered(X.iloc[:, : level + 1])
        y += 0.7 * rng.normal(size=code.max() + 1)[code]
    return {
        "X": X,
        "continuous": y,
        "binary": (y > 0).astype(int),
        "multiclass": np.array(["low", "mid", "top"])[np.digitize(y, [-0.7, 0.7])],
        "count": rng.poisson(np.exp(0.5 * y)),
        "weights": rng.integers(0, 4, n).astype(float),
        "precisions": rng.uniform(0.2, 3, n),
        "exposure": rng.uniform(0.1, 2, n),
        "groups": rng.integers(0, 20, n),
    }
