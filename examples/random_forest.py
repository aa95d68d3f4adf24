"""
Encode categories for a random forest
=====================================

You learn to put `TreeEncoder` before a random forest in a pipeline, and what it gains over ordinal codes. A forest
draws some features at random for each split, so a few good features are worth more to it than many weak ones.

Run it::

    pip install ".[plots]" && python examples/random_forest.py
"""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from catpool import TreeEncoder

rng = np.random.default_rng(0)
n = 3000
city, job = rng.integers(0, 400, size=n), rng.integers(0, 30, size=n)
X = pd.DataFrame({"city": [f"city {i}" for i in city], "job": [f"job {i}" for i in job], "age": rng.uniform(20, 65, n)})
y = rng.normal(size=400)[city] + rng.normal(size=30)[job] + X["age"] / 20 + rng.normal(size=n)

# %%
# The encoder takes the whole table. It finds the columns that hold categories, and leaves `age` as it is. In the
# pipeline, `fit` encodes training rows out of fold and `predict` encodes new rows from all training rows.

forest = RandomForestRegressor(50, min_samples_leaf=3, max_features=0.5, random_state=0)
ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
pipelines = {
    "ordinal codes": make_pipeline(
        make_column_transformer((ordinal, ["city", "job"]), remainder="passthrough"), forest
    ),
    "TreeEncoder": make_pipeline(TreeEncoder(random_state=0), forest),
}
scores = {name: cross_val_score(pipeline, X, y, cv=3).mean() for name, pipeline in pipelines.items()}
for name, score in scores.items():
    print(f"{name}: R squared {score:.2f} on rows that the forest has not seen")

# %%
# Which features does the forest use? `city` and `job` are pulled-in means. The adjusted features are what is left of
# a category's effect once the other columns are accounted for.

encoder, model = pipelines["TreeEncoder"].fit(X, y)
importances = pd.Series(model.feature_importances_, index=encoder.get_feature_names_out())
print(importances.sort_values(ascending=False).round(2).to_string())

# %%
# `plot` shows which columns carry signal: the share of the variance that lies between categories.

encoder.plot()
