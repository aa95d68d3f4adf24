"""
Zip codes in counties in states: what the levels above are worth
================================================================

The houses of a radon survey are split at random ten times, into four fifths for training and one fifth for testing. One
test house in eight lies in a zip code without training rows. The encoding is used as the prediction of a house's log
radon, without another model. The variance of the prediction is the posterior variance of the encoding plus the variance
of a house within its zip code. If a zip code lies in two counties, NestedEncoder has one category for each, and the
other encoders have one in all.

Run it::

    python examples/nested_radon.py
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import ShuffleSplit

from catpool import EmpiricalBayesEncoder, MeanEncoder, NestedEncoder

DATA = Path(__file__).parent / "data" / "radon.parquet"
LEVELS = ["state", "county_id", "zip"]
OUTPUT = ["mean", "sd"]
SCORES = ["RMSE", "RMSE, new zips", "log likelihood", "log likelihood, new zips"]
NESTED = "NestedEncoder, zip in county in state"
ONE_LEVEL = "EmpiricalBayesEncoder, zip"
ENCODERS = {
    "MeanEncoder, zip": MeanEncoder(["zip"], output=OUTPUT, remainder="drop"),
    "EmpiricalBayesEncoder, county": EmpiricalBayesEncoder(["county_id"], output=OUTPUT, remainder="drop"),
    ONE_LEVEL: EmpiricalBayesEncoder(["zip"], output=OUTPUT, remainder="drop"),
    NESTED: NestedEncoder(LEVELS, output=OUTPUT, remainder="drop"),
}


def houses():
    table = pd.read_parquet(DATA)
    return table[LEVELS], table["log_radon"]


def log_density(y, mean, sd):
    return -np.log(sd) - 0.5 * np.log(2 * np.pi) - 0.5 * ((y - mean) / sd) ** 2


def held_out(encoder, X, y, train, test):
    """Squared error and log likelihood of each tested house."""
    encoder.fit(X.iloc[train], y.iloc[train])
    mean, sd = np.asarray(encoder.transform(X.iloc[test])).T
    within_sd = encoder.summary_["within_sd"].iloc[-1]
    unseen = y.iloc[test].to_numpy()
    return (unseen - mean) ** 2, log_density(unseen, mean, np.hypot(sd, within_sd))


def scores(n_splits=10):
    """The mean scores of all splits, for all test houses and for those in zip codes without training rows."""
    X, y = houses()
    rows = []
    for train, test in ShuffleSplit(n_splits, test_size=0.2, random_state=0).split(X):
        parts = slice(None), ~X["zip"].iloc[test].isin(X["zip"].iloc[train]).to_numpy()
        for name, encoder in ENCODERS.items():
            error, likelihood = held_out(encoder, X, y, train, test)
            errors = [error[part].mean() ** 0.5 for part in parts]
            rows.append([name, *errors, *(likelihood[part].mean() for part in parts)])
    return pd.DataFrame(rows, columns=["encoding", *SCORES]).groupby("encoding", sort=False).mean()


def change(table, score):
    """The change in per cent from the zip code alone to the three levels."""
    percent = 100 * (table.loc[NESTED, score] / table.loc[ONE_LEVEL, score] - 1)
    return f"{abs(percent):.1f} % {'lower' if percent < 0 else 'higher'}"


def conclusion(table):
    gain = table.loc[NESTED, "log likelihood"] - table.loc[ONE_LEVEL, "log likelihood"]
    return (
        f"When zip codes are shrunk toward their county and state instead of all houses, the RMSE is\n"
        f"{change(table, 'RMSE')} ({change(table, 'RMSE, new zips')} in zip codes without training rows), and "
        f"the log likelihood of a house is {abs(gain):.3f} {'higher' if gain > 0 else 'lower'}."
    )


def main():
    print("Log radon of held-out houses from the encoding by itself, mean of 10 splits\n")
    table = scores()
    print(table.round(3).rename_axis(None).to_string())
    print("\nWhat NestedEncoder learned of all houses\n")
    summary = NestedEncoder(LEVELS).fit(*houses()).summary_
    print(summary.round(3).drop(columns=["target", "note"]).to_string(index=False))
    print(f"\n{conclusion(table)}")


if __name__ == "__main__":
    main()
