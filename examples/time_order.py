"""
Rows in the order of time
=========================

You learn to encode each row from earlier rows only. If the effect of a category drifts, folds at random let a row
look into its own future. The score in training then promises more than the next month keeps.

Run it::

    pip install ".[plots]" && python examples/time_order.py
"""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from catpool import EarlierRows, EmpiricalBayesEncoder, encoded_folds

rng = np.random.default_rng(0)
day = np.sort(rng.integers(0, 365, size=6000))
shop = rng.integers(0, 40, size=6000)
drift = np.cumsum(rng.normal(size=(365, 40)), axis=0) / 4  # what a shop sells wanders from day to day
X = pd.DataFrame({"shop": [f"shop {i}" for i in shop], "date": pd.Timestamp("2025-01-01") + pd.to_timedelta(day, "D")})
sales = 20 + drift[day, shop] + rng.normal(size=6000)

# %%
# With `EarlierRows`, a row at time t is encoded from rows before t. `gap="7D"` also leaves out the last week, for a
# target that becomes known seven days late. The first rows have no past: they are NaN, which trees take as missing.

past = EmpiricalBayesEncoder(["shop"], prior="reml", cv=EarlierRows(by="date", gap="7D"))
encoded = past.fit_transform(X, sales)
print(encoded.iloc[[0, 1000, 5999]])

# %%
# Old rows say less of a shop that drifts. `half_life="30D"` gives a row half of its weight after thirty days. Each
# training row is encoded as it would have been on its day, so the errors below are those one would have made.

errors = {}
for half_life in (None, "90D", "30D", "10D"):
    cv = EarlierRows(by="date", gap="7D", half_life=half_life)
    encoder = EmpiricalBayesEncoder(["shop"], prior="reml", cv=cv)
    later = day >= 90
    errors[half_life] = float(np.sqrt(np.mean((encoder.fit_transform(X, sales)["shop"] - sales)[later] ** 2)))
    print(f"half-life {half_life}: an error of {errors[half_life]:.2f}")

# %%
# One shop: what it sells on average, and how its rows are encoded with a half-life of ten days.

rows = shop == 3
figure, axes = plt.subplots(figsize=(6.4, 3), layout="constrained")
axes.plot(X["date"][rows], 20 + drift[day, shop][rows], color="#333333", label="truth")
axes.plot(X["date"][rows], encoder.fit_transform(X, sales)["shop"][rows], color="#0072B2", label="encoding")
axes.set(ylabel="sales")
axes.legend(frameon=False)

# %%
# Validation has to follow time as well. For an encoder of earlier rows, `encoded_folds` cuts the rows into blocks in
# the order of time. Each block is predicted from all blocks before it.

for fold in encoded_folds(past, X, sales, cv=3):
    train, valid = X["date"].iloc[fold.train_rows], X["date"].iloc[fold.valid_rows]
    print(f"trained up to {train.max():%d %B}, validated from {valid.min():%d %B} to {valid.max():%d %B}")
