"""
Ten groups and a straight line: a mixed model and random forests
================================================================

You learn when a mixed model beats a forest, where y = 2 x + C_group + noise of variance 1. In setting A, x is N(0, 1),
C is N(0, 1), and groups are equally frequent; in B, x is U(0, 10), C is N(0, 25), and groups differ in their training
rows. Dummies do not pool, and lose where rows are few. A forest approximates the line by steps: narrow ones fit noise,
wide ones (5 rows a leaf) miss the line, so it loses even if it is told the true constants. All encodings are out of
fold. 30 seeds take ten minutes on two cores. For three: ``python examples/hierarchical_vs_forest.py 3``
"""

import sys
from itertools import product

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from matplotlib import pyplot as plt
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from catpool import EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, SmoothedMeanEncoder

SCORES, TOLD = ["test RMSE", "sd of the groups' mean residuals"], "forest, true constants"
COARSE = "forest, MixedModelEncoder, 5 rows a leaf"
ONE_HOT = make_column_transformer((OneHotEncoder(categories=[range(10)]), ["group"]), remainder="passthrough")
SKLEARN = make_column_transformer((TargetEncoder(target_type="continuous"), ["group"]), remainder="passthrough")
MIXED = MixedModelEncoder(["group"], covariates=["x"], random_state=0)
MODELS = {
    "least squares, x alone": make_pipeline(make_column_transformer(("passthrough", ["x"])), LinearRegression()),
    "least squares, dummies": make_pipeline(ONE_HOT, LinearRegression()),
    "mixed model": MixedModelEncoder(["group"], covariates=["x"], output="prediction", remainder="drop"),
}
ENCODINGS = {"forest, group codes": "passthrough", "forest, one-hot": ONE_HOT, "forest, TargetEncoder": SKLEARN}
for each in (MeanEncoder, SmoothedMeanEncoder, EmpiricalBayesEncoder):
    ENCODINGS[f"forest, {each.__name__}"] = each(["group"], random_state=0)
for name, encoder in (ENCODINGS | {"forest, MixedModelEncoder": MIXED, COARSE: MIXED, TOLD: "passthrough"}).items():
    leaf = 5 if name == COARSE else 1
    MODELS[name] = make_pipeline(encoder, RandomForestRegressor(100, min_samples_leaf=leaf, random_state=0))


def simulate(setting, n_rows, rng):
    """Training rows, and 10,000 test rows, as many of each group."""
    constants = rng.normal(0, 1 if setting == "A" else 5, 10)
    shares = np.full(10, 0.1) if setting == "A" else rng.dirichlet(np.full(10, 2.0))
    for group in (rng.choice(10, n_rows, p=shares), np.arange(10_000) % 10):
        x = rng.normal(size=len(group)) if setting == "A" else rng.uniform(0, 10, len(group))
        X = pd.DataFrame({"group": group, "x": x, "constant": constants[group]})
        yield X, 2 * x + X["constant"] + rng.normal(size=len(group))


def run(setting, n_rows, seed):
    """Both scores of each model, for one seed."""
    ((X, y), (X_test, y_test)), found = simulate(setting, n_rows, np.random.default_rng([seed, n_rows])), {}
    for name, model in MODELS.items():
        columns = ["constant" if name == TOLD else "group", "x"]
        predict = getattr(model.fit(X[columns], y), "transform" if name == "mixed model" else "predict")
        residual = y_test - np.ravel(predict(X_test[columns]))
        found[name] = (residual**2).mean() ** 0.5, residual.groupby(X_test["group"]).mean().std()
    return pd.DataFrame(found, SCORES).T.rename_axis("model").assign(setting=setting, rows=n_rows)


def main(n_seeds=30, settings="AB", sizes=(30, 50, 100, 200, 500, 1000, 5000), n_jobs=-1):
    """Print and plot both scores of each setting, model and number of training rows, the mean of the seeds."""
    tasks = [delayed(run)(*each) for each in product(settings, sizes, range(n_seeds))]
    means = pd.concat(Parallel(n_jobs)(tasks)).groupby(["setting", "model", "rows"], sort=False).mean().unstack("rows")
    for setting, score in product(settings, SCORES):
        table, title = means.loc[setting, score], f"Setting {setting}: {score}, by training rows"
        print(f"{title}\n\n{table.round(3).to_string()}\n")
        table.T.plot(loglog=True, marker="o", title=title)
    plt.show()
    return means


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
