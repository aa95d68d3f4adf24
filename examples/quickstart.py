"""What a zip code is worth to LightGBM and to a random forest, by how it is encoded.

The houses of a radon survey are split at random, five times, four fifths to train and one fifth to test. All
models see the floor, the room, the building and the state; they differ in what they see of the zip code, of
which there are 3,194, half of them with two houses or fewer.

    python examples/quickstart.py
"""

from pathlib import Path

import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import ShuffleSplit

from catpool import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder

DATA = Path(__file__).parent / "data" / "radon.parquet"
MODELS = {
    "LightGBM": LGBMRegressor(n_estimators=200, learning_rate=0.05, random_state=0, verbosity=-1),
    "random forest": RandomForestRegressor(100, min_samples_leaf=3, max_features=0.5, random_state=0, n_jobs=-1),
}


def houses():
    """The survey, its few-valued columns as integer codes."""
    table = pd.read_parquet(DATA)
    few = ["state", "typebldg", "room", "basement"]
    codes = {name: table[name].astype("category").cat.codes for name in few}
    return table[["zip", "floor"]].assign(**codes), table["log_radon"]


def no_zip(train, y, test):
    return train.drop(columns="zip"), test.drop(columns="zip")


def ordinal_codes(train, y, test):
    categories = pd.concat([train, test])["zip"].astype("category").cat.categories
    return tuple(X.assign(zip=pd.Categorical(X["zip"], categories).codes) for X in (train, test))


def in_sample_mean(train, y, test):
    """What goes wrong: each house's own radon is in its zip code's mean."""
    encoder = MeanEncoder(["zip"]).fit(train, y)
    return encoder.transform(train), encoder.transform(test)


def out_of_fold(encoder):
    def encode(train, y, test):
        return encoder.fit_transform(train, y), encoder.transform(test)

    return encode


def codes_and_encoding(train, y, test):
    """Zip codes are numbered along the map: the codes tell the trees the place, the encoding its mean."""
    encoded = out_of_fold(EmpiricalBayesEncoder(["zip"], random_state=0))(train, y, test)
    codes = ordinal_codes(train, y, test)
    return tuple(one.assign(zip_code=other["zip"]) for one, other in zip(encoded, codes, strict=True))


ENCODINGS = {
    "no zip code": no_zip,
    "ordinal codes": ordinal_codes,
    "mean, in sample (leaks)": in_sample_mean,
    "MeanEncoder": out_of_fold(MeanEncoder(["zip"], random_state=0)),
    "SmoothedMeanEncoder": out_of_fold(SmoothedMeanEncoder(["zip"], random_state=0)),
    "EmpiricalBayesEncoder": out_of_fold(EmpiricalBayesEncoder(["zip"], random_state=0)),
    "ordinal codes and EmpiricalBayes": codes_and_encoding,
}


def scores(n_splits=5):
    """Held-out R squared of each encoding and model, the mean of the splits."""
    X, y = houses()
    rows = []
    for train, test in ShuffleSplit(n_splits, test_size=0.2, random_state=0).split(X):
        for name, encode in ENCODINGS.items():
            seen, unseen = encode(X.iloc[train], y.iloc[train], X.iloc[test])
            for model_name, model in MODELS.items():
                predicted = model.fit(seen, y.iloc[train]).predict(unseen)
                rows.append((name, model_name, r2_score(y.iloc[test], predicted)))
    table = pd.DataFrame(rows, columns=["zip code", "model", "R squared"])
    return table.pivot_table(index="zip code", columns="model", values="R squared", sort=False)


def main():
    print("R squared on held-out houses, mean of 5 splits\n")
    print(scores().round(3).to_string())
    X, y = houses()
    print("\nWhat EmpiricalBayesEncoder learned of all houses\n")
    print(EmpiricalBayesEncoder(["zip"]).fit(X, y).summary_.round(3).drop(columns="target").to_string(index=False))


if __name__ == "__main__":
    main()
