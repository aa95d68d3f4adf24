"""
Complete, no and partial pooling of intercepts and slopes
=========================================================

You learn what an encoder does to a rare category, and that the same holds for slopes. Three shops in four have a few
days of sales, the others many. The truth is known, because the data are simulated.

Run it::

    pip install ".[plots]" && python examples/complete_no_partial_pooling.py
"""

import numpy as np
import pandas as pd

from catpool import EmpiricalBayesEncoder, MixedModelEncoder
from catpool.explain import CaterpillarDisplay, ShrinkageDisplay, SlopeDisplay

rng = np.random.default_rng(0)
days = np.where(np.arange(80) % 4 == 0, 100, 4)
shop = np.repeat(np.arange(80), days)
price = rng.normal(size=len(shop))
intercept, slope = 20 + rng.normal(size=80), -2 + rng.normal(size=80)
X = pd.DataFrame({"shop": [f"shop {i}" for i in shop], "price": price})
y = intercept[shop] + slope[shop] * price + 2 * rng.normal(size=len(shop))

# %%
# Three ways to estimate the mean of a shop
# -----------------------------------------
# No pooling takes the mean of the shop's own days. Complete pooling takes the mean of all shops. Partial pooling
# blends the two: with n days and a prior that is as strong as m days, the shop's own mean has the weight n / (n + m).
# The encoder learns m from the data.

encoder = EmpiricalBayesEncoder(["shop"], random_state=0).fit(X, y)
table = encoder.encoding_table("shop")
truth = pd.Series(intercept, index=[f"shop {i}" for i in range(80)]).reindex(table["category"]).to_numpy()
estimates = {"no pooling": table["mean"], "complete pooling": y.mean(), "partial pooling": table["encoding"]}
rare = (table["count"] == 4).to_numpy()


def error(estimate, rows):
    """The root mean squared error of the shops in some rows of the table."""
    return float(np.sqrt(np.mean(((estimate - truth) ** 2)[rows])))


errors = pd.DataFrame(
    {name: {"4 days": error(each, rare), "100 days": error(each, ~rare)} for name, each in estimates.items()}
)
print(errors.round(2))

# %%
# In the picture, small dots are shops with four days. They lie nearer to the dashed line, the mean of all shops.

ShrinkageDisplay.from_encoder(encoder, "shop")

# %%
# Intervals say how sure one can be of a shop. Those of four days are wide.

CaterpillarDisplay.from_encoder(encoder, "shop", most=20)

# %%
# Slopes are pooled, too
# ----------------------
# How much less a shop sells if the price is higher differs from shop to shop. Four days say little of it. The mixed
# model learns how much slopes differ, and pulls those of rare shops toward the common slope.

mixed = MixedModelEncoder(["shop"], covariates=["price"], slopes={"shop": ["price"]}).fit(X, y)
print(mixed.summary_[["kind", "group", "term", "value"]].round(2).to_string(index=False))
SlopeDisplay.from_encoder(mixed, "shop", "price", values=(-2.0, 2.0))
