"""
A target of several classes
===========================

You learn what the encoding is if y has three classes or more: one share for each class. The shares of a category sum
to 1, and those of rare categories are pulled toward the shares of all rows.

Run it::

    pip install ".[examples]" && python examples/multiclass.py
"""

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from catpool import EmpiricalBayesEncoder, MeanEncoder

rng = np.random.default_rng(0)
town = np.minimum(rng.geometric(0.01, size=5000), 300)
tastes = rng.dirichlet([2.0, 1.0, 1.0], size=301)
draws = (rng.uniform(size=(5000, 1)) > tastes[town].cumsum(axis=1)).sum(axis=1)
y = np.array(["bus", "car", "train"])[np.minimum(draws, 2)]
X = pd.DataFrame({"town": [f"town {i}" for i in town], "age": rng.uniform(18, 80, size=5000)})
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)

# %%
# `target_type="auto"` sees strings, and takes them for classes. There is one feature for each class.

encoder = EmpiricalBayesEncoder(["town"], random_state=0)
train = encoder.fit_transform(X_train, y_train)
print(train.head(3).round(2))
shares = train.filter(like="town").sum(axis=1)
print(f"the shares sum to {shares.min():.6f} at least, and {shares.max():.6f} at most")

# %%
# A town with one row has the shares 1, 0 and 0 without pooling. The prior is a Dirichlet distribution, whose strength
# is learned from all towns.

rare = pd.DataFrame({"town": [X_train["town"].value_counts().index[-1], "a new town"], "age": [40.0, 40.0]})
for each in (MeanEncoder(["town"]), encoder):
    print(type(each).__name__)
    print(each.fit(X_train, y_train).transform(rare).drop(columns="age").round(2).to_string(index=False))

# %%
# Features go into any classifier. With `MeanEncoder` it is told that rare towns are certain. With the pulled-in
# shares it is not.

losses = {}
for each in (MeanEncoder(["town"], random_state=0), encoder):
    pipeline = make_pipeline(each, LGBMClassifier(n_estimators=30, n_jobs=1, verbosity=-1)).fit(X_train, y_train)
    losses[type(each).__name__] = log_loss(y_test, pipeline.predict_proba(X_test))
print({name: round(float(loss), 3) for name, loss in losses.items()})
