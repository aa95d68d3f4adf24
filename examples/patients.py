"""
Patients with several rows each
===============================

You learn to keep the rows of a patient together. The rows of one patient are alike. If some of them are used to
encode the others, the model learns to recognise patients, and its score on patients that it knows says nothing about
new ones.

Run it::

    pip install ".[examples]" && python examples/patients.py
"""

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor

from catpool import EmpiricalBayesEncoder, encoded_folds

rng = np.random.default_rng(0)
patient = np.repeat(np.arange(1000), 4)  # each comes four times, always to the same ward
ward = rng.integers(0, 200, size=1000)[patient]
frailty = 1.5 * rng.normal(size=1000)[patient]
X = pd.DataFrame({"ward": [f"ward {i}" for i in ward], "age": rng.uniform(20, 90, size=1000)[patient]})
days = 6 + 1.5 * rng.normal(size=200)[ward] + frailty + rng.normal(size=len(patient))

# %%
# `groups=` puts all rows of a patient into one fold. A row is then encoded from other patients only. Wards have five
# patients each: without groups, a ward's mean holds the other visits of the same patient.

encoder = EmpiricalBayesEncoder(["ward"], random_state=0)
alone = encoder.fit_transform(X, days)["ward"]
grouped = encoder.fit_transform(X, days, groups=patient)["ward"]
by_frailty = {
    "random folds": np.corrcoef(alone, frailty)[0, 1],
    "folds of patients": np.corrcoef(grouped, frailty)[0, 1],
}
for folds, correlation in by_frailty.items():
    print(f"{folds}: the encoding of the ward and the frailty of the row's own patient correlate by {correlation:.2f}")

# %%
# How good will the model be on new patients? Random folds show it other rows of the same patients, so the score
# promises too much. With `groups=`, `encoded_folds` keeps patients together in both places: in the folds that the
# model is scored on, and in those of the encoder.


def score(groups):
    """R squared of rows that the model has not seen."""
    predicted = np.empty(len(days))
    for fold in encoded_folds(encoder, X, days, cv=5, groups=groups):
        train, y_train, valid, _ = fold
        model = LGBMRegressor(n_estimators=50, n_jobs=1, verbosity=-1).fit(train, y_train)
        predicted[fold.valid_rows] = model.predict(valid)
    return 1 - np.mean((days - predicted) ** 2) / np.var(days)


scores = {"random folds": score(None), "folds of patients": score(patient)}
print({folds: round(float(each), 2) for folds, each in scores.items()})
