"""
Compare encoders on your own data
=================================

You learn to find out which encoder is best for your data and your model, and whether the difference is more than
chance.

Run it::

    pip install ".[examples]" && python examples/comparing_encoders.py
"""

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.preprocessing import TargetEncoder

from catpool import EmpiricalBayesEncoder, MeanEncoder, TreeEncoder, compare_encoders

rng = np.random.default_rng(0)
n = 4000
zip_code, kind = rng.integers(0, 800, size=n), rng.integers(0, 20, size=n)
X = pd.DataFrame({"zip": [f"{i:05d}" for i in zip_code], "kind": [f"kind {i}" for i in kind]})
X["area"] = rng.gamma(5, 20, n)
rent = X["area"] / 20 + rng.normal(size=800)[zip_code] + rng.normal(size=20)[kind] + rng.normal(size=n)

# %%
# All encoders see the same splits. A value of None is the default of that name: here the model without the two
# columns.

encoders = {
    "without these columns": None,
    "scikit-learn's TargetEncoder": TargetEncoder(target_type="continuous", smooth="auto"),
    "MeanEncoder": MeanEncoder(random_state=0),
    "EmpiricalBayesEncoder": EmpiricalBayesEncoder(random_state=0),
    "TreeEncoder": TreeEncoder(random_state=0),
}
model = LGBMRegressor(n_estimators=60, n_jobs=1, verbosity=-1)
table = compare_encoders(X, rent, model, encoders, cv=4, verbose=False)

# %%
# The last line is the verdict. It also names those that cannot be told from the best. The p-values account for
# training sets that overlap, which a plain t-test does not.

print(table)

# %%
# `draw` shows the table. Encoders that tie with the best are blue.

table.draw()

# %%
# Without `encoders`, `compare_encoders(X, y, model)` compares the usual choices, and with `defaults=True` these
# beside yours.
