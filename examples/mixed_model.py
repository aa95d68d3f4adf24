"""
A mixed model with covariates
=============================

You learn to fit several factors and covariates together, to read what the model says, and to predict with intervals.
A mixed model tells the effect of a teacher from that of the school. Means of categories do not.

Run it::

    pip install ".[plots]" && python examples/mixed_model.py
"""

import numpy as np
import pandas as pd

from catpool import EmpiricalBayesEncoder, MixedModelEncoder
from catpool.explain import VarianceDisplay

rng = np.random.default_rng(0)
n = 4000
school, teacher = rng.integers(0, 60, size=n), rng.integers(0, 150, size=n)
hours = rng.gamma(4, 0.5, size=n) + (school % 2)  # pupils of every other school learn an hour more
by_school, by_teacher = rng.normal(size=60), 0.7 * rng.normal(size=150)
X = pd.DataFrame({"school": [f"s{i}" for i in school], "teacher": [f"t{i}" for i in teacher], "hours": hours})
mark = 50 + 4 * hours + by_school[school] + by_teacher[teacher] + 3 * rng.normal(size=n)

# %%
# The model is that of `mark ~ hours + (1 | school) + (1 | teacher)` in lme4. `hours` has one coefficient. Schools and
# teachers each have a variance, and effects that are pulled toward 0.

mixed = MixedModelEncoder(groups=["school", "teacher"], covariates=["hours"]).fit(X, mark)
print(mixed.summary_.head(5).round(2).to_string(index=False))
VarianceDisplay.from_encoder(mixed)

# %%
# The mean of a school mixes its own effect with the hours of its pupils. The effect of the mixed model does not.

means = EmpiricalBayesEncoder(["school"]).fit(X, mark).encoding_table("school").set_index("category")["encoding"]
effects = mixed.encoding_table("school").set_index("category")["mode"]
schools = [f"s{i}" for i in range(60)]
by_mean, by_effect = (np.corrcoef(each[schools], by_school)[0, 1] for each in (means, effects))
print(f"correlation with the true effects of schools: means {by_mean:.2f}, effects of the mixed model {by_effect:.2f}")

# %%
# A prediction comes with an interval: of the mean of rows like these, or with `kind="row"` of one more pupil. A
# teacher who is new has the uncertainty of one.

new = pd.DataFrame({"school": ["s1", "s1"], "teacher": ["t1", "a new teacher"], "hours": [2.0, 2.0]})
print(mixed.predict(new, interval=0.9).round(1))
print(mixed.predict(new, kind="row", interval=0.9).round(1))
