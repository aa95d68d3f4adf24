"""Ways from a raw frame to the features of a model, for the benchmark of accuracy.

A pipeline is a function of training rows, their y, test rows, and what is told of the data set. It returns the features
of both. Add one to `PIPELINES` to compare it, or to `PEERS` if it needs a package. Where encoders get columns one by
one, those of fewer than 10 levels are ordinal codes, and numbers stay as they are.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OrdinalEncoder, TargetEncoder

from catpool import EmpiricalBayesEncoder, MeanEncoder, NestedEncoder, SmoothedMeanEncoder, TreeEncoder
from catpool.evaluation.baselines import LeftOut, OwnCategories

FEW = 10
PEER = "TargetEncoder"
KIND = {"regression": "continuous", "binary": "binary", "count": "count", "multiclass": "multiclass"}
PLAIN = KIND | {"count": "continuous"}  # for encoders that know no counts


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


def parts(train, about):
    """The columns of many levels, those of few, and numbers."""
    many = [name for name in about["categorical"] if train[name].nunique() >= FEW]
    few = [name for name in about["categorical"] if name not in many]
    return many, few, [name for name in train if name not in about["categorical"]]


def codes(train, test, columns):
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    if not columns:
        return np.zeros((len(train), 0)), np.zeros((len(test), 0))
    return encoder.fit_transform(train[columns]), encoder.transform(test[columns])


def of_columns(make, *, every=False):
    """The pipeline of an encoder, made from what is told of the data set, for columns of many levels or every one."""

    def pipeline(train, y, test, about):
        many, few, numbers = parts(train, about)
        encoder, named = make(about), many + few if every else many
        own = (
            [encoder.fit_transform(train[named], y), encoder.transform(test[named])]
            if named
            else codes(train, test, [])
        )
        sides = zip((train, test), codes(train, test, few), own, strict=True)
        return [np.hstack([rows[numbers].to_numpy(float), a, np.asarray(b, dtype=float)]) for rows, a, b in sides]

    return pipeline


def options_of(about):
    return {"target_type": KIND[about["task"]], "random_state": 0}


def of_frames(make):
    """The pipeline that a user types: all columns in, all features out."""

    def pipeline(train, y, test, about):
        encoder = make(about)
        return [np.asarray(encoder.fit_transform(train, y), float), np.asarray(encoder.transform(test), float)]

    return pipeline


def for_trees(about):
    """Rounded means, sizes and codes of the categorical columns alone."""
    return EmpiricalBayesEncoder(about["categorical"], output="trees", **options_of(about))


def catpool(encoder, **options):
    return of_columns(lambda about: encoder(**options_of(about), **options))


def shapes(*outputs):
    """Mean, size and code with outputs that describe the distribution of y, which classes do not have."""

    def make(about):
        numbers = KIND[about["task"]] in ("continuous", "count")
        return EmpiricalBayesEncoder(
            output=["mean", "size", "code", *(outputs if numbers else [])], **options_of(about)
        )

    return of_columns(make)


def nested(about):
    levels, options = about["many_levels"], options_of(about)
    if len(levels) < 2:
        return EmpiricalBayesEncoder(**options)
    return ColumnTransformer(
        [("levels", NestedEncoder(levels, emit="all", **options), levels)], remainder=EmpiricalBayesEncoder(**options)
    )


def catstat(about):
    from catstat import TargetEncoder as Encoder

    return Encoder(cv=5, target_type=PLAIN[about["task"]], random_state=0)


class AutoGluon(TransformerMixin, BaseEstimator):
    """AutoGluon's out-of-fold target encoder, with combinations of columns or without."""

    def __init__(self, task, *, crosses=False):
        self.task, self.crosses = task, crosses

    def fit(self, X, y):
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X, y):
        from autogluon.features.generators import (
            CategoricalInteractionFeatureGenerator,
            OOFTargetEncodingFeatureGenerator,
        )

        task = self.task if self.task in ("binary", "multiclass") else "regression"
        self.encoder_ = OOFTargetEncodingFeatureGenerator(target_type=task, verbosity=0)
        self.crossing_ = CategoricalInteractionFeatureGenerator(max_order=2, verbosity=0)
        columns = X.astype("category")
        if self.crosses:
            columns = pd.concat([columns, self.crossing_.fit_transform(columns)], axis=1)
        return self.encoder_.fit_transform(columns, pd.Series(y, index=X.index)).to_numpy(float)

    def transform(self, X):
        columns = X.astype("category")
        if self.crosses:
            columns = pd.concat([columns, self.crossing_.transform(columns)], axis=1)
        return self.encoder_.transform(columns).to_numpy(float)


def category_encoders(name):
    def make(about):
        import category_encoders as peer

        return getattr(peer, name)()

    return of_columns(make)


def autogluon(*, crosses):
    return of_columns(lambda about: AutoGluon(about["task"], crosses=crosses), every=crosses)


def ordinal(train, y, test, about):
    numbers = [name for name in train if name not in about["categorical"]]
    both = zip((train, test), codes(train, test, about["categorical"]), strict=True)
    return [np.hstack([rows[numbers].to_numpy(float), own]) for rows, own in both]


def of_task(about):
    """Scikit-learn's encoder with its own folds and seed."""
    return TargetEncoder(target_type=PLAIN[about["task"]], random_state=0)


def own_categories(library):
    """The pipeline for models that take categories themselves: numbers, and the categories beside them."""

    def pipeline(train, y, test, about):
        encoder = OwnCategories(library).fit(train[about["categorical"]])
        return [_with_categories(rows, encoder, about["categorical"]) for rows in (train, test)]

    return pipeline


def _with_categories(rows, encoder, categorical):
    numbers = rows.drop(columns=categorical).astype(float)
    both = pd.concat([numbers, encoder.transform(rows[categorical])], axis=1)
    return both.set_axis([f"x{place}" for place in range(both.shape[1])], axis=1)


PIPELINES = {
    "without these columns": of_columns(lambda _: LeftOut()),
    "ordinal codes": ordinal,
    PEER: of_columns(of_task),
    "MeanEncoder": catpool(MeanEncoder),
    "SmoothedMeanEncoder": catpool(SmoothedMeanEncoder),
    "EmpiricalBayesEncoder": catpool(EmpiricalBayesEncoder),
    "mean, size, code": catpool(EmpiricalBayesEncoder, output=["mean", "size", "code"]),
    "mean, size, code, spread": shapes("spread"),
    "mean, size, code, quantiles": shapes("q10", "median", "q90"),
    "mean, size, code, histogram": shapes("histogram"),
    "NestedEncoder": of_columns(nested),
    "EmpiricalBayesEncoder, trees": of_frames(for_trees),
    "TreeEncoder": of_frames(lambda about: TreeEncoder(**options_of(about))),
    "TreeEncoder, rare": of_frames(lambda about: TreeEncoder(crossfit="rare", **options_of(about))),
    "mean in sample (leaks)": of_columns(lambda _: InSampleMean()),
}
PEERS = {  # and the module that each needs
    "AutoGluon's encoder": ("autogluon.features", autogluon(crosses=False)),
    "AutoGluon's encoder, crosses": ("autogluon.features", autogluon(crosses=True)),
    "catstat": ("catstat", of_columns(catstat)),
    "category_encoders M-estimate": ("category_encoders", category_encoders("MEstimateEncoder")),
    "category_encoders James-Stein": ("category_encoders", category_encoders("JamesSteinEncoder")),
    "category_encoders CatBoost": ("category_encoders", category_encoders("CatBoostEncoder")),
}


def is_here(module):
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the parent of a module is not there
        return False


def available():
    """The pipelines by name; peers that are not installed are named and left out."""
    absent = [name for name, (module, _) in PEERS.items() if not is_here(module)]
    if absent:
        print(f"not installed, left out: {', '.join(absent)}")
    return PIPELINES | {name: pipeline for name, (_, pipeline) in PEERS.items() if name not in absent}
