"""
How much LightGBM gains from TreeEncoder, on four real data sets
================================================================

Each data set is split into five folds, three times. LightGBM is trained on four folds and scored on the fifth, once for
each way to encode the categories: as ordinal codes, by scikit-learn's TargetEncoder, and by TreeEncoder, which takes
whole tables. Columns of fewer than ten categories are ordinal codes where TargetEncoder takes the others.

Run it::

    pip install ".[examples]" && python examples/quickstart.py
"""

import json
import time
from pathlib import Path

import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.compose import make_column_transformer
from sklearn.model_selection import KFold, RepeatedKFold, RepeatedStratifiedKFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, TargetEncoder
from tqdm import tqdm

from catpool import TreeEncoder

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "benchmarks" / "data"
DATA_SETS = ["radon", "fuel_economy", "restaurant_scores", "open_payments"]
ENCODINGS = ["ordinal codes", "TargetEncoder", "TreeEncoder"]
REPEATS = 3  # of five folds
SCORES = {"regression": "r2", "binary": "roc_auc"}
MOST_ROWS = 20_000  # a sample of larger data sets, so that all of it takes a minute or two
FEW = 10  # categories; columns of fewer are ordinal codes beside TargetEncoder


def load(name):
    """The features, the target and the task of a data set. Strings are categories, everything else is numbers."""
    about = json.loads((DATA / f"{name}.json").read_text())
    table = pd.read_parquet(DATA / about.get("file", f"{name}.parquet"))
    table = table.sample(min(MOST_ROWS, len(table)), random_state=0).reset_index(drop=True)
    X = table[about["categorical"] + about["numeric"]].copy()
    if about["time"]:
        X[about["time"]] = table[about["time"]]
    for column in about["categorical"]:
        X[column] = X[column].fillna("missing")
    return X, table[about["target"]], about["task"]


def encoders(X, task):
    """The encoders that are compared, by name."""
    columns = list(X.select_dtypes(exclude="number"))
    few = [column for column in columns if X[column].nunique() < FEW]
    many = [column for column in columns if column not in few]
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    found = [
        make_column_transformer((ordinal, columns), remainder="passthrough"),
        make_column_transformer((ordinal, few), (target_encoder(task), many), remainder="passthrough"),
        TreeEncoder(random_state=0),
    ]
    return dict(zip(ENCODINGS, found, strict=True))


def target_encoder(task):
    """scikit-learn's, with the same folds in each run. Up to version 1.8 it takes a seed, later a splitter."""
    kind = "continuous" if task == "regression" else "binary"
    if TargetEncoder().get_params().get("random_state", "deprecated") is None:
        return TargetEncoder(target_type=kind, random_state=0)
    return TargetEncoder(target_type=kind, cv=folds(task))


def folds(task):
    splitter = KFold if task == "regression" else StratifiedKFold
    return splitter(5, shuffle=True, random_state=0)


def repeated_folds(task):
    splitter = RepeatedKFold if task == "regression" else RepeatedStratifiedKFold
    return splitter(n_splits=5, n_repeats=REPEATS, random_state=0)


def score(encoder, X, y, task):
    """The held-out score of LightGBM with an encoder, the mean over all folds."""
    model = LGBMRegressor if task == "regression" else LGBMClassifier
    boosting = model(n_estimators=200, learning_rate=0.05, random_state=0, n_jobs=1, verbosity=-1)
    pipeline = make_pipeline(encoder, boosting).set_output(transform="pandas")
    return cross_val_score(pipeline, X, y, cv=repeated_folds(task), scoring=SCORES[task]).mean()


def scores(names=DATA_SETS):
    """A row for each data set: its rows, the score's name, and the score with each encoding."""
    rows = []
    with tqdm(total=len(names) * len(ENCODINGS), desc="data sets x encoders") as progress:
        for name in names:
            X, y, task = load(name)
            row = {"data set": name, "rows": len(X), "score": SCORES[task]}
            for encoding, encoder in encoders(X, task).items():
                row[encoding] = score(encoder, X, y, task)
                progress.update()
            rows.append(row)
    return pd.DataFrame(rows).set_index("data set")


def main(names=DATA_SETS):
    start = time.perf_counter()
    table = scores(names)
    table["gain"] = table["TreeEncoder"] - table["TargetEncoder"]
    print("Held-out score of LightGBM, mean of five folds three times (gain: over scikit-learn's TargetEncoder)\n")
    print(table.rename_axis(None).to_string(float_format="{:.3f}".format))
    print("\nWhat TreeEncoder learned from all of radon\n")
    X, y, _ = load("radon")
    learned = ["column", "categories", "adjusted_sd", "share", "prior_strength", "reliability"]
    summary = TreeEncoder(random_state=0).fit(X, y).summary_
    print(summary[learned].to_string(index=False, float_format="{:.3f}".format, na_rep=""))
    print(f"\n{time.perf_counter() - start:.0f} seconds")


if __name__ == "__main__":
    main()
