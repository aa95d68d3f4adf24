"""How well models predict what comes later, with encodings from folds and from the past.

Run ``python tests/benchmarks/time.py --data DIRECTORY`` with the group ``bench``. The directory, or the environment
variable CATPOOL_DATA, holds data sets as ``accuracy.py`` describes them, of which those with a ``time`` are used. Each
repeat draws rows, at most nine tenths of them. A model learns from the earlier 75, 70 or 80 % by time, in turn, and is
scored on the later rows, as in ``accuracy.py``. Times that are numbers are a feature, dates are not.

Each row of the result is an option of the encoder, with the mean score and its standard error over the repeats, and
what the option loses to the best one. ``--quick`` runs one repeat of fewer rows and options.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from accuracy import SCORERS, columns_of, light, target_of
from accuracy_pipelines import KIND

from catpool import EarlierRows, EmpiricalBayesEncoder, UnseenCategoriesWarning

SHARES = [0.75, 0.7, 0.8]  # of the rows, by time, that the model learns from; one for each repeat, in turn
HALF_LIVES = {"1": 1.0, "1/2": 0.5, "1/4": 0.25, "1/16": 0.0625}  # in spans of the training times
QUICK = ["folds", "past", "relative"]


def load(path, cap, seed):
    """Rows that a model learns from, and later rows, each with times; and what is told of the data set."""
    about = {"group": None, "time": None, "exposure": None} | json.loads(path.read_text())
    table = pd.read_parquet(path.parent / about.get("file", f"{path.stem}.parquet"))
    table = table.sample(min(cap, int(0.9 * len(table))), random_state=seed).reset_index(drop=True)
    for name in about["categorical"]:
        table[name] = table[name].astype(object).where(table[name].notna(), "missing").astype(str)
    if not pd.api.types.is_numeric_dtype(table[about["time"]]):
        table[about["time"]] = pd.to_datetime(table[about["time"]])
    times, share = table[about["time"]], SHARES[seed % len(SHARES)]
    middle = times.sort_values(ignore_index=True)[int(share * len(table))]
    before, until = times < middle, times <= middle  # equal times stay together
    first = before if abs(before.mean() - share) < abs(until.mean() - share) else until
    return table[first].reset_index(drop=True), table[~first].reset_index(drop=True), about


def schemes(times):
    """The values of `cv` that are compared, by name."""
    span = times.max() - times.min()
    rule = {"by": times.name}
    lives = {
        f"half-life {name} of the span": EarlierRows(**rule, half_life=share * span)
        for name, share in HALF_LIVES.items()
    }
    return {
        "folds": 5,
        "past": EarlierRows(**rule),
        "relative": EarlierRows(**rule, relative=True),
        "half-life auto": EarlierRows(**rule, half_life="auto"),
        "relative, half-life auto": EarlierRows(**rule, half_life="auto", relative=True),
        "drift auto": EarlierRows(**rule, drift="auto"),
        **lives,
        "windows": EarlierRows(**rule, windows=[span / 16, span / 4]),
        "relative, windows": EarlierRows(**rule, windows=[span / 16, span / 4], relative=True),
    }


def scored(data, cv, output):
    """The score of a model on the later rows."""
    train, test, about = data
    columns = list(dict.fromkeys([*columns_of(train, about), about["time"]]))
    encoder = EmpiricalBayesEncoder(
        about["categorical"], cv=cv, output=output, target_type=KIND[about["task"]], random_state=0
    )
    y, later = target_of(train, about), target_of(test, about)
    features = [encoder.fit_transform(train[columns], y), encoder.transform(test[columns])]
    dated = [] if pd.api.types.is_numeric_dtype(train[about["time"]]) else [about["time"]]
    train_features, test_features = (np.asarray(each.drop(columns=dated), dtype=float) for each in features)
    return float(SCORERS[about["task"]](light(about["task"], 1).fit(train_features, y), test_features, later))


def run(path, arguments):
    """The scores on a data set: a row for each option of the encoder."""
    rows = []
    for seed in range(arguments.repeats):
        data = load(path, arguments.cap, seed)
        for name, cv in schemes(data[0][data[2]["time"]]).items():
            if not arguments.quick or name in QUICK:
                rows += [(output, name, scored(data, cv, output)) for output in arguments.outputs]
    scores = pd.DataFrame(rows, columns=["output", "option", "score"]).assign(data=path.stem)
    table = scores.groupby(["output", "option"], sort=False)["score"].agg(["mean", "sem"])
    table["loss"] = table.groupby("output")["mean"].transform("max") - table["mean"]
    print(f"\n{path.stem}\n{table.round(4).to_string()}", flush=True)
    return scores


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("CATPOOL_DATA"), help="a folder of data sets")
    parser.add_argument("--sets", nargs="*", help="names of data sets; by default all that have a time")
    parser.add_argument("--outputs", nargs="*", default=["mean", "trees"])
    parser.add_argument("--cap", type=int, default=20_000, help="rows at most")
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--out", type=Path, help="a CSV file for the scores")
    parser.add_argument("--quick", action="store_true", help="one repeat of fewer rows and options")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("pass --data, or set CATPOOL_DATA")
    if arguments.quick:
        arguments.cap, arguments.repeats = min(arguments.cap, 5_000), 1
    return arguments


def main(arguments):
    warnings.simplefilter("ignore", UnseenCategoriesWarning)  # later rows may have many new categories
    paths = sorted(Path(arguments.data).glob("*.json"))
    timed = [path for path in paths if json.loads(path.read_text()).get("time")]
    scores = [run(path, arguments) for path in timed if arguments.sets is None or path.stem in arguments.sets]
    if arguments.out:
        pd.concat(scores).to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main(parsed())
