"""How well prior features predict categories that have no rows yet, and rows of those that have some.

Run ``python tests/benchmarks/side_information.py`` with the group ``bench``. The data sets are those of
``accuracy.py``: ``--data DIRECTORY``, or the environment variable CATPOOL_DATA, adds others to the free ones beside
this script. Those that are not there are left out. A map is made, as no set has one.

The first table is of held-out *categories*: none of their rows are among the training rows (five folds of categories).
The encoding alone is the prediction of a row. Printed are R squared about the mean of the training rows, so that the
grand mean has 0; the share of the means of held-out categories that are in their intervals of 90 %; and the share of
rows whose category's is, as R squared counts rows, too. Intervals of the share of a few zeros and ones hold more than
90 %, because they end at whole numbers of ones. So for such targets a mean counts as covered if a number drawn at
random between the probabilities of fewer ones and of no more ones is from .05 to .95, which a calibrated prediction has
in 90 % of cases; the share that is in the intervals themselves is printed beside it. Ordinal codes are predicted by
LightGBM, and skrub's string encoders, if they are there, by a ridge regression.

The second table is of held-out *rows*, predicted by LightGBM from the encoded column and all others, whose categories
are ordinal codes: the score of ``accuracy.py``. With ``--trees``, it has the features of TreeEncoder from the whole
table, too. ``--quick`` takes fewer rows and repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from accuracy import HERE, SCORERS, columns_of, light
from bars import is_here
from scipy.special import ndtri
from scipy.stats import betabinom
from sklearn.model_selection import GroupKFold, KFold
from sklearn.preprocessing import OrdinalEncoder

from catpool import EmpiricalBayesEncoder, TreeEncoder, coordinates, linear, names, neighbours, ordered, sizes

SIDE = 25  # squares of the made map, in each direction
LEVEL = 0.9  # of intervals
STRING_ENCODERS = ["StringEncoder", "MinHashEncoder", "GapEncoder"]  # of skrub
KIND = {"regression": "continuous", "binary": "binary", "count": "count"}


class Task(NamedTuple):
    """A column of a data set, what is known of its categories by name, and whether rows are held out, too."""

    data: str
    column: str
    features: dict
    rows: bool = False


def county(table):
    """The county in which most houses of a zip code are."""
    houses = table.groupby(["zip", "county_id"]).size().rename("houses").reset_index()
    most = houses.sort_values("houses", ascending=False, kind="stable").drop_duplicates("zip")
    return linear(most[["zip", "county_id"]])


def borders(table):
    """The pairs of squares that share a side."""
    places = table[["lat", "lon", "square"]].drop_duplicates().set_index(["lat", "lon"])["square"]
    steps = [(lat, lon, lat + down, lon + right) for lat, lon in places.index for down, right in ((1, 0), (0, 1))]
    return neighbours([(places[a, b], places[c, d]) for a, b, c, d in steps if (c, d) in places.index])


TASKS = [
    Task("employee_salaries", "employee_position_title", {"names": lambda _: names()}),
    Task("fuel_economy", "model", {"names": lambda _: names()}),
    Task(
        "open_payments",
        "drug",
        {
            "names": lambda _: names(),
            "sizes": lambda _: sizes(new="average"),
            "names, sizes": lambda _: [names(), sizes(new="average")],
        },
    ),
    Task(
        "radon",
        "zip",
        {"ordered": lambda _: ordered(), "ordered, county": lambda table: [ordered(), county(table)]},
        rows=True,
    ),
    Task("be_mtpl97", "postcode", {"ordered": lambda _: ordered()}, rows=True),
    Task(
        "made map",
        "square",
        {"coordinates": lambda _: coordinates("lat", "lon"), "neighbours": borders, "ordered": lambda _: ordered()},
    ),
]


def load(task, folders, cap):
    """The table, the target, its kind, and the other columns as numbers; nothing if the data are not there."""
    if task.data == "made map":
        return made_map()
    found = [path for folder in folders for path in Path(folder).glob(f"{task.data}.json")]
    if not found:
        return None
    about = json.loads(found[0].read_text())
    table = pd.read_parquet(found[0].parent / about.get("file", f"{task.data}.parquet"))
    table = table[table[task.column].notna()]
    table = table.sample(min(cap, len(table)), random_state=0).reset_index(drop=True)
    table[task.column] = table[task.column].astype(object).astype(str)
    return table, table[about["target"]].to_numpy(dtype=float), about["task"], others(table, task.column, about)


def others(table, column, about):
    """The other columns of a table, with ordinal codes of categories."""
    about = {"time": None, "exposure": None} | about
    named = [each for each in columns_of(table, about) if each != column]
    coded = [each for each in named if each in about["categorical"]]
    text = table[coded].astype(object).where(table[coded].notna(), "missing").astype(str)
    return table[named].assign(**dict(zip(coded, OrdinalEncoder().fit_transform(text).T, strict=True)))


def made_map():
    """A map whose squares are numbered at random, with effects that change slowly over it."""
    rng = np.random.default_rng(0)
    lat, lon = (each.ravel() for each in np.mgrid[:SIDE, :SIDE])
    effect = np.sin(lat / 5) + np.cos(lon / 4) + 0.3 * rng.normal(size=SIDE**2)
    square = np.repeat(np.arange(SIDE**2), 1 + rng.poisson(3, SIDE**2))
    number = np.array([f"square {each}" for each in rng.permutation(SIDE**2)], dtype=object)
    table = pd.DataFrame({"square": number[square], "lat": lat[square], "lon": lon[square]})
    return table, effect[square] + rng.normal(size=len(square)), "regression", None


def pooled(features=None):
    """Predictions of an encoder, and their standard deviations and that of a row."""

    def predict(column, kind, train, y, test):
        known = None if features is None else {column: features}
        encoder = EmpiricalBayesEncoder([column], prior_features=known, target_type=KIND[kind], output=["mean", "sd"])
        encoded = encoder.fit(train, y).transform(test)
        return encoded[column].to_numpy(), encoded[f"{column}_sd"].to_numpy(), encoder.summary_["within_sd"].item()

    return predict


def by_codes(column, kind, train, y, test):
    """Ordinal codes of sorted categories, of numbers as numbers, predicted by LightGBM."""
    features = [numbered(each[column]) for each in (train, test)]
    if any(each.isna().all(axis=None) for each in features):
        codes = OrdinalEncoder().fit(pd.concat([train, test])[[column]])
        features = [pd.DataFrame(codes.transform(each[[column]])) for each in (train, test)]
    return light("regression", 1).fit(features[0], y).predict(features[1]), None, None


def numbered(column):
    return pd.to_numeric(column, errors="coerce").to_frame().reset_index(drop=True)


def by_category_encoders(column, kind, train, y, test):
    from category_encoders import TargetEncoder

    return TargetEncoder(cols=[column]).fit(train[[column]], y).transform(test[[column]])[column].to_numpy(), None, None


def by_skrub(name):
    """One of skrub's encoders of strings, with a ridge regression."""

    def predict(column, kind, train, y, test):
        import skrub
        from sklearn.linear_model import RidgeCV
        from sklearn.pipeline import make_pipeline

        encoder = skrub.ApplyToCols(getattr(skrub, name)())
        model = make_pipeline(encoder, RidgeCV(np.logspace(-3, 3, 13)))
        return model.fit(train[[column]], y).predict(test[[column]]), None, None

    return predict


def peers():
    """What is compared with prior features on held-out categories, by name."""
    found = {"grand mean": lambda column, kind, train, y, test: (np.full(len(test), y.mean()), None, None)}
    found |= {"no features": pooled(), "ordinal codes, LightGBM": by_codes}
    if is_here("category_encoders"):
        found["category_encoders' TargetEncoder"] = by_category_encoders
    if is_here("skrub"):
        found |= {
            f"skrub's {name}, ridge": by_skrub(name) for name in ("StringEncoder", "MinHashEncoder", "GapEncoder")
        }
    return found


def held_out_categories(table, y, kind, column, predict):
    """R squared, the shares of held-out means in their intervals by category and row, and seconds."""
    codes = pd.factorize(table[column])[0]
    squares, inside, start = np.zeros(2), [], time.perf_counter()
    for train, test in GroupKFold(5, shuffle=True, random_state=0).split(y, groups=codes):
        mean, sd, within = predict(column, kind, table.iloc[train], y[train], table.iloc[test])
        squares += ((y[test] - mean) ** 2).sum(), ((y[test] - y[train].mean()) ** 2).sum()
        if sd is not None:
            inside.append(covered(codes[test], y[test], mean, sd, within, kind))
    shares = shares_of(pd.concat(inside)) if inside else [np.nan] * 3
    return 1 - squares[0] / squares[1], *shares, time.perf_counter() - start


def shares_of(inside):
    """The share of means that are covered, of the rows of such categories, and of means in plain intervals."""
    return inside["covered"].mean(), np.average(inside["covered"], weights=inside["rows"]), inside["in interval"].mean()


def covered(codes, y, mean, sd, within, kind):
    """Whether the mean of each held-out category is in the interval of that of as many rows, and how many these are."""
    each = pd.DataFrame({"y": y, "mean": mean, "sd": sd}).groupby(codes).mean()
    rows = np.bincount(codes)[each.index]
    if kind == "binary":
        return pd.DataFrame({"rows": rows} | covered_shares(each, rows))
    width = ndtri((1 + LEVEL) / 2) * np.sqrt(each["sd"] ** 2 + within**2 / rows)
    inside = (each["y"] - each["mean"]).abs() <= width
    return pd.DataFrame({"rows": rows, "covered": inside, "in interval": inside})


def covered_shares(each, rows):
    """The same for shares of rows, of categories whose probability is beta distributed."""
    strength = each["mean"] * (1 - each["mean"]) / each["sd"] ** 2 - 1
    share = betabinom(rows, each["mean"] * strength, (1 - each["mean"]) * strength)
    ones = (each["y"] * rows).round()
    low, high = share.interval(LEVEL)
    place = share.cdf(ones - 1) + np.random.default_rng(0).random(len(ones)) * share.pmf(ones)
    return {"covered": np.abs(2 * place - 1) <= LEVEL, "in interval": (low <= ones) & (ones <= high)}


def encoded(features, column, kind, seed):
    encoder = EmpiricalBayesEncoder(
        [column], prior_features=features and {column: features}, target_type=KIND[kind], cv=10, random_state=seed
    )
    return lambda train, y, test: (encoder.fit_transform(train, y)[[column]], encoder.transform(test)[[column]])


def for_trees(table, y, kind, rest, column, features, repeats):
    """The score of LightGBM on held-out rows, from the features of TreeEncoder of the whole table."""
    X, scores = table[[*rest, column]], []
    for seed in range(repeats):
        encoder = TreeEncoder(prior_features=features and {column: features}, target_type=KIND[kind], random_state=seed)
        for train, test in KFold(5, shuffle=True, random_state=seed).split(y):
            new = encoder.fit_transform(X.iloc[train], y[train]), encoder.transform(X.iloc[test])
            own = [each.to_numpy(dtype=float) for each in new]
            scores.append(SCORERS[kind](light(kind, 1).fit(own[0], y[train]), own[1], y[test]))
    return np.mean(scores)


def held_out_rows(table, y, kind, rest, column, features, repeats):
    """The score of LightGBM on held-out rows, from the encoded column, or its ordinal codes, and all others."""
    scores = []
    for seed in range(repeats):
        for train, test in KFold(5, shuffle=True, random_state=seed).split(y):
            if features == "codes":
                new = [numbered(table[column].iloc[part]) for part in (train, test)]
            else:
                new = encoded(features, column, kind, seed)(table.iloc[train], y[train], table.iloc[test])
            own = [np.column_stack([each, rest.iloc[part]]) for each, part in zip(new, (train, test), strict=True)]
            scores.append(SCORERS[kind](light(kind, 1).fit(own[0], y[train]), own[1], y[test]))
    return np.mean(scores)


def run(task, arguments):
    data = load(task, [HERE / "data", *arguments.data], arguments.cap)
    if data is None:
        print(f"\n{task.data} is not here, left out")
        return
    known = {name: make(data[0]) for name, make in task.features.items()}
    predictions = peers() | {name: pooled(features) for name, features in known.items()}
    found = {name: held_out_categories(*data[:3], task.column, each) for name, each in predictions.items()}
    shares = [f"in {LEVEL:.0%}", "of rows", "in intervals"]
    frame = pd.DataFrame(found, index=["R squared", *shares, "seconds"]).T
    print(f"\n{task.data}, {task.column}: categories held out\n{frame.round(3).to_string(na_rep='')}", flush=True)
    if task.rows:
        options = {"ordinal codes": "codes", "no features": None} | known
        scores = {name: held_out_rows(*data, task.column, each, arguments.repeats) for name, each in options.items()}
        if arguments.trees:
            scores |= {
                f"TreeEncoder, {name}": for_trees(*data, task.column, each, arguments.repeats)
                for name, each in options.items()
                if each != "codes"
            }
        print(f"\n{task.data}, {task.column}: rows held out\n{pd.Series(scores).round(4).to_string()}", flush=True)


def parsed(arguments=None):
    folders = [os.environ["CATPOOL_DATA"]] if "CATPOOL_DATA" in os.environ else []
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", default=folders, help="further folders of data sets")
    parser.add_argument("--sets", nargs="*", help="names of data sets; all by default")
    parser.add_argument("--cap", type=int, default=200_000, help="rows at most")
    parser.add_argument("--repeats", type=int, default=3, help="of five folds of rows")
    parser.add_argument("--trees", action="store_true", help="score TreeEncoder of whole tables, too")
    parser.add_argument("--quick", action="store_true", help="fewer rows, and one repeat")
    found = parser.parse_args(arguments)
    if found.quick:
        found.cap, found.repeats = min(found.cap, 4_000), 1
    return found


def main(arguments):
    for task in TASKS:
        if arguments.sets is None or task.data in arguments.sets:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of categories that are not known, in each fold
                run(task, arguments)


if __name__ == "__main__":
    main(parsed())
