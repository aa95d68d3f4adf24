"""
Retrain each night, and serve
=============================

You learn to add each day's rows to an encoder without reading the old ones again, to save it as text, to encode
single rows in a service, and to see whether new rows still look like those of the training.

Run it::

    pip install ".[plots]" && python examples/retraining_and_serving.py
"""

import numpy as np
import pandas as pd

from catpool import EmpiricalBayesEncoder
from catpool.explain import ShiftDisplay

rng = np.random.default_rng(0)
level = rng.normal(size=300)


def orders(day, shops=200):
    """One day's orders: a number that identifies each, its shop and its value."""
    shop = rng.integers(0, shops, size=500)
    return pd.DataFrame(
        {
            "id": 500 * day + np.arange(500),
            "shop": [f"shop {i}" for i in shop],
            "value": level[shop] + rng.normal(size=500),
        }
    )


# %%
# Each night
# ----------
# `partial_fit` adds the sums of new rows to those of the old. `key=` derives the fold of a row from a hash of its id,
# so that training rows can be encoded out of fold on any later day.

week = [orders(day) for day in range(7)]
encoder = EmpiricalBayesEncoder(["shop"], output=["mean", "count"])
for day in week:
    encoder.partial_fit(day[["shop"]], day["value"], key=day["id"])
seen = pd.concat(week, ignore_index=True)
train = encoder.transform_out_of_fold(seen[["shop"]], key=seen["id"])
print(f"{len(train)} rows to train a model on, encoded out of fold")

# %%
# Save
# ----
# The file is text. It holds no code, reading it runs none, and every later version of catpool can read it.

text = encoder.to_json()  # encoder.to_json("encoder.json") writes it to a file
served = EmpiricalBayesEncoder.from_json(text)

# %%
# Serve
# -----
# `lookup` encodes one row in microseconds, and may be called from many threads. A new shop gets the prior mean.

for shop in ("shop 7", "a new shop"):
    print(shop, {name: round(float(value), 3) for name, value in served.lookup({"shop": shop}).items()})

# %%
# Has the world changed?
# ----------------------
# A hundred shops have opened. The count of an encoding is 0 for a category that the encoder has not seen.

tomorrow = orders(7, shops=300)
unseen = float((served.transform(tomorrow[["shop"]])["shop_count"] == 0).mean())
print(f"{100 * unseen:.0f} % of tomorrow's rows are of shops without training rows")
ShiftDisplay.from_encoder(EmpiricalBayesEncoder(["shop"]), seen[["shop"]], seen["value"], tomorrow[["shop"]], "shop")

# %%
# One more night, and the new shops are known.

served.partial_fit(tomorrow[["shop"]], tomorrow["value"], key=tomorrow["id"])
print(f"after another night the encoder knows {served.summary_['categories'].item()} shops")
