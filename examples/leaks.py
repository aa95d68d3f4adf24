"""
Leaks, and how to catch them
============================

You learn what a leak looks like, how to test an encoder for one, and how catpool warns of the usual mistake. An
encoder leaks if a row's own target is in its own feature.

Run it::

    pip install ".[examples]" && python examples/leaks.py
"""

import warnings

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.base import BaseEstimator, TransformerMixin

from catpool import MeanEncoder, TrainingRowsWarning, check_no_leak

rng = np.random.default_rng(0)
agent = rng.integers(0, 500, size=3000)
X = pd.DataFrame({"agent": [f"agent {i}" for i in agent]})
y = rng.normal(size=3000)  # noise: there is nothing to learn


class InSampleMeans(TransformerMixin, BaseEstimator):
    """What many people write by hand: the mean of y in each category, training rows included."""

    def fit(self, X, y):
        self.means_ = pd.Series(y).groupby(np.asarray(X["agent"])).mean()
        return self

    def transform(self, X):
        return X["agent"].map(self.means_).to_frame().fillna(0.0)


# %%
# The target is noise. Yet the in-sample means predict it, because they hold it.

scores = {}
for encoder in (InSampleMeans(), MeanEncoder(random_state=0)):
    train = encoder.fit_transform(X, y)
    model = LGBMRegressor(n_estimators=50, n_jobs=1, verbosity=-1).fit(train, y)
    scores[type(encoder).__name__] = model.score(train, y)
    print(f"{type(encoder).__name__}: R squared {scores[type(encoder).__name__]:.2f} on training rows")

# %%
# `check_no_leak` finds it on your own data, for any transformer. It changes single targets, shuffles all of them, and
# copies rows. The first line is the verdict.

for encoder in (InSampleMeans(), MeanEncoder(random_state=0)):
    print(check_no_leak(encoder, X, y, n_flips=10).verdict)

# %%
# A picture of the tests, each against its limit:

check_no_leak(InSampleMeans(), X, y, n_flips=10).draw()

# %%
# The usual mistake is to call `fit`, and then `transform` on the training rows. catpool notices it.

encoder = MeanEncoder(random_state=0).fit(X, y)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", TrainingRowsWarning)
    encoder.transform(X)
print(f"{caught[0].category.__name__}: {str(caught[0].message).splitlines()[0]}")
