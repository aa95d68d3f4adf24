"""
Find interactions
=================

You learn to find combinations of columns that matter, without training a model. A combination matters where its cells
differ by more than the sum of the effects of its parts. That is a variance, which can be estimated and tested.

Run it::

    pip install ".[examples]" && python examples/finding_interactions.py
"""

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from catpool import EmpiricalBayesEncoder, TreeEncoder

rng = np.random.default_rng(0)
n = 6000
shop, month, weather = rng.integers(0, 40, size=n), rng.integers(0, 12, size=n), rng.integers(0, 10, size=n)
X = pd.DataFrame(
    {
        "shop": [f"shop {i}" for i in shop],
        "month": [f"month {i}" for i in month],
        "weather": [f"weather {i}" for i in weather],
    }
)
y = rng.normal(size=40)[shop] + rng.normal(size=12)[month] + rng.normal(size=10)[weather] + rng.normal(size=n)
y += rng.normal(size=(40, 12))[shop, month]  # each shop has a season of its own

# %%
# `TreeEncoder` looks at all pairs, and at triples of those that it found. `share` is the part of the variance left by
# the columns that the combination explains.

encoder = TreeEncoder(random_state=0).fit(X, y)
print(encoder.interactions_[["columns", "share"]].round(2))

# %%
# Trees need many splits to find such cells by themselves.

model = LGBMRegressor(n_estimators=60, n_jobs=1, verbosity=-1)
scores = {
    name: cross_val_score(make_pipeline(each, model), X, y, cv=3).mean()
    for name, each in {
        "no interactions": TreeEncoder(interactions=None, random_state=0),
        "those that are found": TreeEncoder(random_state=0),
    }.items()
}
print({name: round(float(score), 2) for name, score in scores.items()})

# %%
# For other models, name the combinations. A cell with few rows is pulled toward the sum of the effects of its parts,
# and a cell without rows gets that sum.

named = EmpiricalBayesEncoder(interactions=[("shop", "month")], random_state=0)
print(named.fit_transform(X, y).head(3).round(2))
