"""
Zip codes in counties in states: what the levels above are worth
================================================================

You learn what it helps to pull zip codes toward their county and state, rather than toward all houses. A radon survey
is split at random ten times, into four fifths for training and one fifth for testing. One test house in eight lies in a
zip code without training rows. The encoding is the prediction of a house's log radon, without another model. Its
variance is the posterior variance of the encoding plus the variance of a house within its zip code. If a zip code lies
in two counties, NestedEncoder has one category for each, and the other encoders have one in all. Run it::

    python examples/nested_radon.py
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.model_selection import ShuffleSplit

from catpool import EmpiricalBayesEncoder, MeanEncoder, NestedEncoder

LEVELS = ["state", "county_id", "zip"]
OPTIONS = {"output": ["mean", "sd"], "remainder": "drop"}
SCORES = ["RMSE", "RMSE, new zips", "log likelihood", "log likelihood, new zips"]
NESTED, ONE_LEVEL = "NestedEncoder, zip in county in state", "EmpiricalBayesEncoder, zip"
ENCODERS = {
    "MeanEncoder, zip": MeanEncoder(["zip"], **OPTIONS),
    "EmpiricalBayesEncoder, county": EmpiricalBayesEncoder(["county_id"], **OPTIONS),
    ONE_LEVEL: EmpiricalBayesEncoder(["zip"], **OPTIONS),
    NESTED: NestedEncoder(LEVELS, **OPTIONS),
}


def houses():
    table = pd.read_parquet(Path(__file__).parent / "data" / "radon.parquet")
    return table[LEVELS], table["log_radon"]


def held_out(encoder, X, y, train, test):
    """The squared error and the log likelihood of each tested house."""
    mean, sd = np.asarray(encoder.fit(X.iloc[train], y.iloc[train]).transform(X.iloc[test])).T
    within_sd = encoder.summary_["within_sd"].iloc[-1]
    return (y.iloc[test] - mean) ** 2, norm.logpdf(y.iloc[test], mean, np.hypot(sd, within_sd))


def scores(n_splits=10):
    """The mean scores of all splits, for all test houses and for those in zip codes without training rows."""
    (X, y), rows = houses(), []
    for train, test in ShuffleSplit(n_splits, test_size=0.2, random_state=0).split(X):
        new = ~X["zip"].iloc[test].isin(X["zip"].iloc[train]).to_numpy()
        for name, encoder in ENCODERS.items():
            error, likelihood = held_out(encoder, X, y, train, test)
            errors = error.mean() ** 0.5, error[new].mean() ** 0.5
            rows.append([name, *errors, likelihood.mean(), likelihood[new].mean()])
    return pd.DataFrame(rows, columns=["encoding", *SCORES]).groupby("encoding", sort=False).mean()


def main():
    print("Log radon of held-out houses from the encoding by itself, mean of 10 splits\n")
    table = scores()
    print(table.round(3).rename_axis(None).to_string())
    print("\nWhat NestedEncoder learned of all houses\n")
    summary = NestedEncoder(LEVELS).fit(*houses()).summary_
    print(summary.round(3).drop(columns=["target", "note"]).to_string(index=False))
    lower, lower_new = 100 * (1 - table.loc[NESTED, SCORES[:2]] / table.loc[ONE_LEVEL, SCORES[:2]])
    higher = table.loc[NESTED, "log likelihood"] - table.loc[ONE_LEVEL, "log likelihood"]
    print(
        f"\nWhen zip codes are pulled toward their county and state instead of all houses, the RMSE is {lower:.1f} %\n"
        f"lower ({lower_new:.1f} % lower in zip codes without training rows), and the log likelihood of a house is "
        f"{higher:.3f} higher."
    )


if __name__ == "__main__":
    main()
