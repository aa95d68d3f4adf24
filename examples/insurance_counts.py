"""
Insurance: counts with an exposure and an offset
================================================

You learn to encode claims per year where policies are insured for parts of a year, and to find what a model of yours
misses in a category. Both work with rates, and both pull rare categories in.

Run it::

    pip install ".[plots]" && python examples/insurance_counts.py
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import cross_val_predict

from catpool import AdditiveEncoder, EmpiricalBayesEncoder

rng = np.random.default_rng(0)
n = 20_000
model = np.minimum(rng.geometric(0.02, size=n) - 1, 199)  # a few models of cars are common, many are rare
risk = np.exp(0.4 * rng.normal(size=200))
age, years = rng.uniform(18, 80, size=n), rng.uniform(0.1, 1, size=n)
claims = rng.poisson(years * 0.3 * risk[model] * np.exp((50 - age) / 60))
X = pd.DataFrame({"model": [f"model {i}" for i in model], "age": age})

# %%
# Exposure
# --------
# `exposure=` says how many years a row was insured. A category's encoding is then its claims per year. The prior is a
# gamma distribution, whose strength is learned, too: it is in years of insurance.

rates = EmpiricalBayesEncoder(["model"], target_type="count", random_state=0)
train = rates.fit_transform(X, claims, exposure=years)
table = rates.encoding_table("model").sort_values("count")
print(table[["category", "count", "mean", "encoding", "lower", "upper"]].iloc[[0, 1, -2, -1]].round(2).to_string())

# %%
# In the picture, small dots are rare models of cars. Their rates are pulled toward the mean.

rates.plot("model")

# %%
# Offset
# ------
# A tariff has a model of its own. What does it miss? `offset=` takes the logarithm of its expected claims, and the
# effect of a category is the logarithm of actual to expected. The expected claims of a row must come from other rows,
# as here by `cross_val_predict`: a model has fitted the noise of its own training rows.

tariff = PoissonRegressor(alpha=0, solver="newton-cholesky")
weighted = {"sample_weight": years}
expected = years * cross_val_predict(tariff, age[:, None] / 60, claims / years, cv=10, params=weighted)
ratios = AdditiveEncoder(["model"], adjust_for=[], target_type="count", random_state=0)
ratios.fit(X, claims, offset=np.log(expected))
effects = ratios.encoding_table("model")
found = np.exp(effects["effect"]).to_numpy()
actual = risk[effects["category"].str.split().str[1].astype(int)]
actual = actual / np.average(risk[model], weights=expected)
print(f"expected {expected.sum():,.0f} claims, and there were {claims.sum():,}")
print(f"actual to expected: from {found.min():.2f} to {found.max():.2f} by model of car")
print(f"correlation with the true ratios: {np.corrcoef(np.log(found), np.log(actual))[0, 1]:.2f}")
