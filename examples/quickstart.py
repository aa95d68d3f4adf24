"""
How much LightGBM gains from TreeEncoder, on four real data sets
================================================================

You learn what TreeEncoder is worth beside ordinal codes and scikit-learn's TargetEncoder. LightGBM is trained on four
of five folds and scored on the fifth, with each encoding and for three splits into folds. Run it:
``pip install ".[examples]" && python examples/quickstart.py``
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

DATA = Path(__file__).parent.parent / "tests" / "benchmarks" / "data"
DATA_SETS = ["radon", "fuel_economy", "restaurant_scores", "open_payments"]
OPTIONS = {"n_estimators": 200, "learning_rate": 0.05, "random_state": 0, "n_jobs": 1, "verbosity": -1}
TASKS = {
    "regression": (LGBMRegressor(**OPTIONS), "r2", "continuous", RepeatedKFold, KFold),
    "binary": (LGBMClassifier(**OPTIONS), "roc_auc", "binary", RepeatedStratifiedKFold, StratifiedKFold),
}


def load(name):
    """The features, the target and the task of at most 20,000 rows of a data set. Strings are categories."""
    about = json.loads((DATA / f"{name}.json").read_text())
    table = pd.read_parquet(DATA / about.get("file", f"{name}.parquet"))
    table = table.sample(min(20_000, len(table)), random_state=0).reset_index(drop=True)
    X = table[about["categorical"] + about["numeric"] + [about["time"]] * bool(about["time"])]
    return X.fillna(dict.fromkeys(about["categorical"], "missing")), table[about["target"]], TASKS[about["task"]]


def encoders(X, kind, folds):
    """The encoders that are compared, by name. TargetEncoder leaves columns of fewer than ten categories as codes."""
    columns = X.select_dtypes(exclude="number").columns
    many = X[columns].nunique().to_numpy() >= 10
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    target = TargetEncoder(target_type=kind)  # up to version 1.8 it takes a seed, later a splitter
    seeded = target.get_params().get("random_state", "deprecated") is None
    target.set_params(**{"random_state": 0} if seeded else {"cv": folds(5, shuffle=True, random_state=0)})
    codes = make_column_transformer((ordinal, columns), remainder="passthrough")
    means = make_column_transformer((ordinal, columns[~many]), (target, columns[many]), remainder="passthrough")
    return {"ordinal codes": codes, "TargetEncoder": means, "TreeEncoder": TreeEncoder(random_state=0)}


def scores(names=DATA_SETS):
    """A row for each data set: its rows, the score's name, and the mean score with each encoding."""
    table = {}
    for name in tqdm(names, desc="data sets, each with three encoders"):
        X, y, (model, score, kind, repeated, folds) = load(name)
        table[name] = {"rows": len(X), "score": score}
        for encoding, encoder in encoders(X, kind, folds).items():
            pipeline = make_pipeline(encoder, model).set_output(transform="pandas")
            splits = repeated(n_splits=5, n_repeats=3, random_state=0)
            table[name][encoding] = cross_val_score(pipeline, X, y, cv=splits, scoring=score).mean()
    return pd.DataFrame.from_dict(table, orient="index")


def main(names=DATA_SETS):
    start, table = time.perf_counter(), scores(names)
    table["gain"] = table["TreeEncoder"] - table["TargetEncoder"]
    print("Held-out score of LightGBM, mean of five folds three times (gain: over scikit-learn's TargetEncoder)\n")
    print(table.to_string(float_format="{:.3f}".format))
    summary = TreeEncoder(random_state=0).fit(*load("radon")[:2]).summary_.drop(columns="target")
    learned = summary.to_string(index=False, float_format="{:.3f}".format, na_rep="")
    print(f"\nWhat TreeEncoder learned from all of radon\n\n{learned}\n\n{time.perf_counter() - start:.0f} seconds")


if __name__ == "__main__":
    main()
