"""
A competition: early stopping, out-of-fold predictions and an average over folds
================================================================================

You learn to stop training early without a leak. That needs validation rows that are encoded as new rows are.
`encoded_folds` gives both parts of each fold: the training rows encoded out of fold, and the validation rows encoded
from all training rows. The fitted encoder of the fold then encodes the rows to predict.

Run it::

    pip install ".[examples]" && python examples/competition.py
"""

import argparse
import json
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from catpool import TreeEncoder, encoded_folds

DATA = Path(__file__).parent.parent / "tests" / "benchmarks" / "data"
PARAMETERS = {"learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 20, "verbosity": -1, "seed": 0}
PATIENCE = 50  # rounds without a better score of the validation rows


def load(rows):
    """The restaurants' inspections, some of which are the rows to predict, whose target nobody knows yet."""
    about = json.loads((DATA / "restaurant_scores.json").read_text())
    table = pd.read_parquet(DATA / "restaurant_scores.parquet")
    table = table.sample(min(rows, len(table)), random_state=0)
    X, y = table[about["categorical"] + about["numeric"]], table[about["target"]].to_numpy(dtype=float)
    return train_test_split(X, y, test_size=0.3, random_state=0)


def train_model(fold):
    """A model of a fold's training rows, with as many trees as are best for its validation rows."""
    train, y_train, valid, y_valid = fold
    rows = lightgbm.Dataset(train, y_train)
    watched = [lightgbm.Dataset(valid, y_valid, reference=rows)]
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    return lightgbm.train(PARAMETERS, rows, 3000, valid_sets=watched, callbacks=[stop])


def predict(X, y, X_test, n_folds):
    """Predictions of each training row by the model that has not seen it, and of the test rows by all models."""
    out_of_fold, of_test, trees = np.empty(len(y)), np.zeros(len(X_test)), []
    for fold in encoded_folds(TreeEncoder(random_state=0), X, y, cv=n_folds):
        model = train_model(fold)
        out_of_fold[fold.valid_rows] = model.predict(fold.valid)
        of_test += model.predict(fold.encoder.transform(X_test)) / n_folds
        trees.append(model.best_iteration)
    return out_of_fold, of_test, trees


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args(arguments)
    X, X_test, y, y_test = load(options.rows)
    out_of_fold, of_test, trees = predict(X, y, X_test, options.folds)
    print(f"trees by fold: {trees}")
    print(f"R squared of out-of-fold predictions: {r2_score(y, out_of_fold):.3f}")
    print(f"R squared of the test rows, by the average of all folds: {r2_score(y_test, of_test):.3f}")


if __name__ == "__main__":
    main()
