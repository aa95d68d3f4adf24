"""How well models predict with each encoder: whole frames of real data, outer cross-validation, paired tests.

Run ``python tests/benchmarks/accuracy.py --out accuracy.csv`` with the group ``bench``. The data sets in ``data/``
beside this script are free and small; ``--data DIRECTORY`` adds others, each a parquet file and a JSON file of the same
name that tells ``target``, ``task`` (regression, binary, multiclass or count), ``categorical`` and ``numeric`` columns,
``group`` (whose rows are kept together, unless it is itself categorical), ``time`` and ``exposure``, and maybe
``levels`` that lie within each other.

Each pipeline in ``accuracy_pipelines.py`` gets the training frame with all columns and y, and the same models are
fitted to its features. Models that take categories themselves are among the rows; CatBoost's own is one more model in
the table of every other. A score is R squared, for counts the share of Poisson deviance explained, for classes the area
under the curve. Gains are over scikit-learn's TargetEncoder; whether one is significant on a data set is told by the
corrected test of Nadeau and Bengio (2003), at 5 %. Results are appended to the CSV, and ``--summary`` reads them
without running anything. Peers that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import json
import warnings
from itertools import product
from pathlib import Path
from time import perf_counter

import lightgbm
import numpy as np
import pandas as pd
from accuracy_pipelines import PEER, available, is_here, own_categories
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import d2_tweedie_score, get_scorer, make_scorer
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, StratifiedGroupKFold

from catpool.evaluation.baselines import OwnCategories
from catpool.evaluation.paired_tests import p_value

HERE = Path(__file__).parent
RARE = 25  # rows; rarer classes of a target are left out
MODELS = ["LightGBM", "RandomForest", "XGBoost", "CatBoost"]
NATIVE = {name: f"{name}'s own categories" for name in ("LightGBM", "XGBoost", "CatBoost")}


def deviance_explained(y, predicted):
    return d2_tweedie_score(y, np.clip(predicted, 1e-3, None), power=1)


SCORERS = {
    "regression": get_scorer("r2"),
    "binary": get_scorer("roc_auc"),
    "multiclass": get_scorer("roc_auc_ovr"),
    "count": make_scorer(deviance_explained),
}


def boosted(jobs):
    return {"n_estimators": 200, "learning_rate": 0.05, "n_jobs": jobs, "random_state": 0}


def light(task, jobs):
    options = boosted(jobs) | {"verbosity": -1} | ({"objective": "poisson"} if task == "count" else {})
    return (lightgbm.LGBMRegressor if task in ("regression", "count") else lightgbm.LGBMClassifier)(**options)


def forest(task, jobs):
    options = {"n_estimators": 100, "min_samples_leaf": 2, "n_jobs": jobs, "random_state": 0}
    if task in ("regression", "count"):
        return RandomForestRegressor(max_features=1 / 3, **options)
    return RandomForestClassifier(**options)


def extreme(task, jobs):
    import xgboost

    options = boosted(jobs) | ({"objective": "count:poisson"} if task == "count" else {})
    return (xgboost.XGBRegressor if task in ("regression", "count") else xgboost.XGBClassifier)(**options)


def cat(task, jobs):
    """CatBoost with twice the trees of the others, as its trees are symmetric, and its own learning rate."""
    import catboost

    loss = {"regression": "RMSE", "count": "Poisson", "binary": "Logloss", "multiclass": "MultiClass"}[task]
    options = {"iterations": 400, "loss_function": loss, "random_seed": 0, "verbose": False, "thread_count": jobs}
    kind = catboost.CatBoostRegressor if task in ("regression", "count") else catboost.CatBoostClassifier
    return kind(allow_writing_files=False, **options)


MAKERS = dict(zip(MODELS, (light, forest, extreme, cat), strict=True))
MODULES = {"XGBoost": "xgboost", "CatBoost": "catboost"}


def load(path, cap):
    """A frame with all columns, y, the groups of rows, and what is told of the data set."""
    about = {"group": None, "time": None, "exposure": None} | json.loads(path.read_text())
    table = pd.read_parquet(path.parent / about.get("file", f"{path.stem}.parquet"))
    table = table.sample(min(cap, len(table)), random_state=0).reset_index(drop=True)
    if about["task"] == "multiclass":
        counts = table[about["target"]].map(table[about["target"]].value_counts())
        table = table[counts >= RARE].reset_index(drop=True)
    about["many_levels"] = [name for name in about.get("levels", []) if table[name].nunique() >= 10]
    for name in about["categorical"]:
        table[name] = table[name].astype(object).where(table[name].notna(), "missing").astype(str)
    return table[columns_of(table, about)], target_of(table, about), groups_of(table, about), about


def columns_of(table, about):
    others = [about[name] for name in ("exposure", "time") if about[name]]
    numbers = [name for name in about["numeric"] + others if pd.api.types.is_numeric_dtype(table[name])]
    return list(dict.fromkeys(numbers + about["categorical"]))


def target_of(table, about):
    y = table[about["target"]]
    return pd.factorize(y, sort=True)[0] if about["task"] == "multiclass" else y.to_numpy()


def groups_of(table, about):
    grouped = about["group"] and about["group"] not in about["categorical"]
    return pd.factorize(table[about["group"]])[0] if grouped else None


def splits(X, y, groups, task, folds, repeats):
    classes = task in ("binary", "multiclass")
    if groups is not None:
        makers = [StratifiedGroupKFold(folds, shuffle=True, random_state=seed) for seed in range(repeats)]
        return [split for maker in makers for split in maker.split(X, y if classes else np.zeros(len(y)), groups)]
    kind = RepeatedStratifiedKFold if classes else RepeatedKFold
    return list(kind(n_splits=folds, n_repeats=repeats, random_state=0).split(X, y))


def pipelines_of(model, pipelines):
    """The pipelines of a model: CatBoost is compared with its own categories alone."""
    own = {NATIVE[model]: own_categories(model)} if model in NATIVE else {}
    return own if model == "CatBoost" else pipelines | own


def scored(pipeline, make, data, split):
    """The score of a model on the test rows of a split, and the seconds of encoding."""
    X, y, _, about = data
    train, test = split
    start = perf_counter()
    features, new = pipeline(X.iloc[train].reset_index(drop=True), y[train], X.iloc[test].reset_index(drop=True), about)
    seconds = perf_counter() - start
    model = make()
    if isinstance(features, pd.DataFrame):
        OwnCategories(library_of(model)).prepare(model, features)
    model.fit(features, y[train])
    return float(SCORERS[about["task"]](model, new, y[test])), seconds


def library_of(model):
    return {"lightgbm": "LightGBM", "xgboost": "XGBoost", "catboost": "CatBoost"}[type(model).__module__.split(".")[0]]


def run(arguments):
    paths = sorted(path for folder in [HERE / "data", *arguments.data] for path in Path(folder).glob("*.json"))
    pipelines = available()
    models = [model for model in arguments.models if is_here(MODULES.get(model, "lightgbm"))]
    if absent := [model for model in arguments.models if model not in models]:
        print(f"not installed, left out: {', '.join(absent)}")
    chosen = {path.stem: path for path in paths if arguments.sets is None or path.stem in arguments.sets}
    for path, model in product(chosen.values(), models):
        run_model(path, model, pipelines_of(model, pipelines), arguments)


def run_model(path, model, pipelines, arguments):
    data = load(path, arguments.cap)
    X, y, groups, about = data
    parts = splits(X, y, groups, about["task"], arguments.folds, arguments.repeats)
    ratio = len(parts[0][1]) / len(parts[0][0])
    for name, pipeline in pipelines.items():
        if arguments.encoders and name not in arguments.encoders:
            continue
        found = [scored(pipeline, lambda: MAKERS[model](about["task"], arguments.jobs), data, split) for split in parts]
        scores = pd.DataFrame(found, columns=["score", "seconds"]).rename_axis("split").reset_index()
        print(f"{path.stem}, {model}, {name}: {scores['score'].mean():.4f}", flush=True)
        scores.assign(encoder=name, data=path.stem, model=model, ratio=ratio).to_csv(
            arguments.out, mode="a", header=not arguments.out.exists(), index=False
        )


def tables(scores):
    """The scores of each model, and of CatBoost beside them."""
    own = scores[scores["model"] == "CatBoost"]
    for model, others in scores[scores["model"] != "CatBoost"].groupby("model"):
        yield model, pd.concat([others, own[own["data"].isin(others["data"])]])


def summary(scores):
    """A row for each encoder: ranks, gaps to the best and gains over the peer, over data sets."""
    wide = scores.pivot_table(index="data", columns="encoder", values="score")
    wide = wide.loc[:, wide.notna().all()]
    gaps, gains = wide.rsub(wide.max(axis=1), axis=0), wide.sub(wide[PEER], axis=0)
    tests = {name: list(tested(scores, name)) for name in wide}
    table = pd.DataFrame(
        {
            "rank": wide.rank(axis=1, ascending=False).mean(),
            "gap": gaps.mean(),
            "worst gap": gaps.max(),
            "wins": (gaps == 0).sum(),
            "gain": gains.mean(),
            "worst": gains.min(),
            "better": (gains > 0).sum(),
            "significantly": [sum(gain > 0 and p < 0.05 for gain, p in tests[name]) for name in wide],
            "worse": [sum(gain < 0 and p < 0.05 for gain, p in tests[name]) for name in wide],
            "seconds": scores.groupby("encoder")["seconds"].mean(),
        }
    )
    return table.dropna().sort_values("rank")


def tested(scores, name):
    """For each data set the gain over the peer, and its p-value."""
    for _, own in scores.groupby("data"):
        wide = own.pivot_table(index="split", columns="encoder", values="score")
        difference = wide[name] - wide[PEER]
        yield difference.mean(), p_value(difference, own["ratio"].iloc[0])


def plot(scores, path):
    """Each encoder's gains over the peer, a point a data set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    parts = list(tables(scores))
    figure, axes = plt.subplots(1, len(parts), figsize=(5 * len(parts), 6), sharey=True, squeeze=False)
    for axis, (model, own) in zip(axes[0], parts, strict=True):
        wide = own.pivot_table(index="data", columns="encoder", values="score")
        gains = wide.sub(wide[PEER], axis=0)[wide.mean().sort_values().index]
        for position, name in enumerate(gains):
            axis.plot(gains[name], np.full(len(gains), position), "o", alpha=0.6)
            axis.plot(gains[name].mean(), position, "k|", markersize=14)
        axis.axvline(0, color="grey", linewidth=0.8)
        axis.set(
            yticks=range(gains.shape[1]), yticklabels=gains, title=model, xlabel=f"gain over {PEER}", xscale="symlog"
        )
        axis.set_xscale("symlog", linthresh=0.01)
    figure.tight_layout()
    figure.savefig(path)


def parsed(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", default=[], help="further folders of data sets")
    parser.add_argument("--sets", nargs="*", help="names of data sets; all by default")
    parser.add_argument("--models", nargs="*", default=MODELS, choices=MODELS)
    parser.add_argument("--encoders", nargs="*", help="names of pipelines; all by default")
    parser.add_argument("--cap", type=int, default=20_000, help="rows at most")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--out", type=Path, default=Path("accuracy.csv"))
    parser.add_argument("--plot", type=Path, help="a file for the picture")
    parser.add_argument("--summary", action="store_true", help="run nothing, read the CSV")
    return parser.parse_args(arguments)


def main(arguments):
    if not arguments.summary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of peers, for each fit
            run(arguments)
    scores = pd.read_csv(arguments.out)
    for model, own in tables(scores):
        print(f"\n{model}, {own['data'].nunique()} data sets\n{summary(own).round(4).to_string()}")
    if arguments.plot:
        plot(scores, arguments.plot)


if __name__ == "__main__":
    main(parsed())
