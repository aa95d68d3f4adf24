"""How well models predict with each encoder: real data, outer cross-validation, paired tests.

Run ``python tests/benchmarks/accuracy.py --out accuracy.csv`` with the group ``bench``. The data sets in ``data/``
beside this script are free and small; ``--data DIRECTORY`` adds others, each a parquet file and a JSON file of the same
name that tells ``target``, ``task`` (regression, binary or count), ``categorical`` and ``numeric`` columns, ``group``
(whose rows are kept together, unless it is itself categorical), ``time`` and ``exposure``, and maybe ``levels`` that
lie within each other.

The rules are the same for all encoders. Columns of fewer than 10 levels are ordinal codes. A score is R squared, for
counts the share of Poisson deviance explained, for classes the area under the curve. Gains are over scikit-learn's
TargetEncoder; whether one is significant on a data set is told by the corrected test of Nadeau and Bengio (2003), at
5 %. Results are appended to the CSV, and ``--summary`` reads them without running anything.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import category_encoders
import lightgbm
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import d2_tweedie_score, get_scorer, make_scorer
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, StratifiedGroupKFold

from catpool import EmpiricalBayesEncoder, MixedModelEncoder, NestedEncoder
from catpool.evaluation.compared_rows import ComparedRows, score_encoders
from catpool.evaluation.default_encoders import default_encoders
from catpool.evaluation.paired_tests import p_value

HERE = Path(__file__).parent
PEER = "TargetEncoder"
FEW = 10
NATIVE = "LightGBM's own"
KIND = {"regression": "continuous", "binary": "binary", "count": "count"}


class InSampleMean(TransformerMixin, BaseEstimator):
    """The category's mean, a row's own target among it: the leak."""

    def fit(self, X, y):
        y = pd.Series(np.asarray(y, dtype=float))
        self.mean_ = y.mean()
        self.means_ = [y.groupby(X[name].to_numpy(), dropna=False).mean() for name in X]
        return self

    def transform(self, X):
        return np.column_stack(
            [X[name].map(mean).fillna(self.mean_) for name, mean in zip(X, self.means_, strict=True)]
        )


class Natively(TransformerMixin, BaseEstimator):
    """Categories as they are, for models that take them."""

    def fit(self, X, y=None):
        self.categories_ = {name: X[name].unique() for name in X}
        return self

    def transform(self, X):
        known = {name: X[name].where(X[name].isin(own)) for name, own in self.categories_.items()}
        return pd.DataFrame({name: pd.Categorical(known[name], own) for name, own in self.categories_.items()})


def deviance_explained(y, predicted):
    return d2_tweedie_score(y, np.clip(predicted, 1e-3, None), power=1)


SCORERS = {
    "regression": get_scorer("r2"),
    "binary": get_scorer("roc_auc"),
    "count": make_scorer(deviance_explained),
}


def models(task, jobs):
    """LightGBM, a random forest and scikit-learn's boosting."""
    boosted = {"n_estimators": 200, "learning_rate": 0.05, "n_jobs": jobs, "verbosity": -1, "random_state": 0}
    forest = {"n_estimators": 100, "min_samples_leaf": 2, "n_jobs": jobs, "random_state": 0}
    histogram = {"max_iter": 200, "learning_rate": 0.05, "random_state": 0}
    if task == "binary":
        return {
            "LightGBM": lightgbm.LGBMClassifier(**boosted),
            "RandomForest": RandomForestClassifier(**forest),
            "HistGradientBoosting": HistGradientBoostingClassifier(**histogram),
        }
    poisson = {"objective": "poisson"} if task == "count" else {}
    return {
        "LightGBM": lightgbm.LGBMRegressor(**boosted, **poisson),
        "RandomForest": RandomForestRegressor(max_features=1 / 3, **forest),
        "HistGradientBoosting": HistGradientBoostingRegressor(
            **histogram, loss="poisson" if task == "count" else "squared_error"
        ),
    }


def encoders(rows, about):
    """All that are compared on a data set, by their names."""
    options = {"target_type": KIND[about["task"]], "random_state": 0}
    peers = {
        "category_encoders M-estimate": category_encoders.MEstimateEncoder(),
        "category_encoders James-Stein": category_encoders.JamesSteinEncoder(),
        "category_encoders CatBoost": category_encoders.CatBoostEncoder(random_state=0),
        "mean in sample (leaks)": InSampleMean(),
        NATIVE: Natively(),
    }
    ours = {
        "mean, count": EmpiricalBayesEncoder(output=["mean", "count"], **options),
        "mean, size": EmpiricalBayesEncoder(output=["mean", "size"], **options),
        "mean, size, code": EmpiricalBayesEncoder(output=["mean", "size", "code"], **options),
        "5 folds": EmpiricalBayesEncoder(cv=5, **options),
        "rare": EmpiricalBayesEncoder(crossfit="rare", **options),
        "MixedModelEncoder": MixedModelEncoder(list(rows.categories), **options),
    }
    levels = [name for name in about.get("levels", []) if name in rows.categories]
    if len(levels) > 1:
        nested = ("levels", NestedEncoder(levels, emit="all", **options), levels)
        ours["NestedEncoder"] = ColumnTransformer([nested], remainder=EmpiricalBayesEncoder(**options))
    return default_encoders(rows.categories, rows.y, KIND[about["task"]]) | peers | ours


def load(path, cap):
    """A data set's rows, and what is told about it."""
    about = json.loads(path.read_text())
    table = pd.read_parquet(path.parent / about.get("file", f"{path.stem}.parquet"))
    table = table.sample(min(cap, len(table)), random_state=0).reset_index(drop=True)
    many = [name for name in about["categorical"] if table[name].nunique() >= FEW]
    few = [name for name in about["categorical"] if name not in many]
    numbers = about["numeric"] + [about[name] for name in ("exposure", "time") if about[name]]
    rest = table[[name for name in numbers if pd.api.types.is_numeric_dtype(table[name])]].astype(float)
    codes = {name: pd.factorize(table[name], sort=True)[0] for name in few}
    categories = table[many].astype(object).where(table[many].notna(), "missing").astype(str)
    grouped = about["group"] and about["group"] not in about["categorical"]
    groups = pd.factorize(table[about["group"]])[0] if grouped else None
    return ComparedRows(rest.assign(**codes), categories, table[about["target"]].to_numpy(), groups), about


def splits(rows, task, folds, repeats):
    if rows.groups is not None:
        makers = [StratifiedGroupKFold(folds, shuffle=True, random_state=seed) for seed in range(repeats)]
        strata = rows.y if task == "binary" else np.zeros(len(rows.y))
        return [split for maker in makers for split in maker.split(rows.categories, strata, rows.groups)]
    kind = RepeatedStratifiedKFold if task == "binary" else RepeatedKFold
    return list(kind(n_splits=folds, n_repeats=repeats, random_state=0).split(rows.categories, rows.y))


def run(arguments):
    paths = sorted(path for folder in [HERE / "data", *arguments.data] for path in Path(folder).glob("*.json"))
    chosen = {path.stem: path for path in paths if arguments.sets is None or path.stem in arguments.sets}
    for name, path in chosen.items():
        rows, about = load(path, arguments.cap)
        parts = splits(rows, about["task"], arguments.folds, arguments.repeats)
        candidates = encoders(rows, about)
        wanted = {each: candidates[each] for each in arguments.encoders or candidates if each in candidates}
        for model, estimator in models(about["task"], arguments.jobs).items():
            if model not in arguments.models:
                continue
            fair = {each: encoder for each, encoder in wanted.items() if each != NATIVE or model == "LightGBM"}
            print(f"{name}, {model}: {len(rows.y)} rows", flush=True)
            scores = score_encoders(rows, estimator, SCORERS[about["task"]], fair, parts, progress=True)
            ratio = len(parts[0][1]) / len(parts[0][0])
            scores.assign(data=name, model=model, ratio=ratio).to_csv(
                arguments.out, mode="a", header=not arguments.out.exists(), index=False
            )


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

    figure, axes = plt.subplots(
        1, scores["model"].nunique(), figsize=(5 * scores["model"].nunique(), 6), sharey=True, squeeze=False
    )
    for axis, (model, own) in zip(axes[0], scores.groupby("model"), strict=True):
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
    parser.add_argument("--models", nargs="*", default=list(models("binary", 1)))
    parser.add_argument("--encoders", nargs="*", help="names of encoders; all by default")
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
        run(arguments)
    scores = pd.read_csv(arguments.out)
    for model, own in scores.groupby("model"):
        print(f"\n{model}, {own['data'].nunique()} data sets\n{summary(own).round(4).to_string()}")
    if arguments.plot:
        plot(scores, arguments.plot)


if __name__ == "__main__":
    main(parsed())
