"""Columns that are encoded alone and in interactions, or in several, are numbered once."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from catpool import EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, SmoothedMeanEncoder, TreeEncoder
from catpool.crossfit import threads
from catpool.data.columns import categories
from catpool.models import tree_features

RNG = np.random.default_rng(0)
N = 300
HALVES = [0.5, np.nan, 1.5]
X = pd.DataFrame({"x": RNG.choice(list("abcde"), N), "y": RNG.integers(0, 4, N), "z": RNG.choice(HALVES, N)})
NEW = pd.DataFrame({"x": RNG.choice(list("bcdef"), 40), "y": RNG.integers(1, 5, 40), "z": RNG.choice(HALVES, 40)})
Y = RNG.normal(size=N) + (X["x"] == "a") * (X["y"] == 1)
ALL = {"interactions": 3, "cv": 3, "random_state": 0}


@pytest.fixture
def numbered(monkeypatch):
    """The columns whose rows are numbered, by their first values."""
    found, encode = [], categories.encode

    def watch(column, **options):
        if len(column) in (N, len(NEW)):
            found.append(str(pd.Series(column).tolist()))
        return encode(column, **options)

    monkeypatch.setattr(categories, "encode", watch)
    return found


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("method", ["fit", "fit_transform", "partial_fit"])
def test_at_fit(method, n_jobs, numbered, monkeypatch):
    monkeypatch.setattr(threads, "THREADED", 0)
    getattr(MeanEncoder(None, n_jobs=n_jobs, **ALL), method)(X, Y)
    assert len(numbered) == len(set(numbered)) == 3


@pytest.mark.parametrize("columns", [["x"], ["z", "x"]])
def test_with_given_interactions_and_listed_categories(columns, numbered):
    listed = [["a", "b", "c", "d", "e"], [0.5, 1.5]][: len(columns)]
    listed = listed[::-1] if columns[0] == "z" else listed
    encoder = MeanEncoder(columns, interactions=[("x", "y"), ("z", "x")], categories=listed, cv=3, random_state=0)
    encoder.fit_transform(X, Y)
    assert len(numbered) == len(set(numbered)) == 3


def test_with_precisions(numbered):
    encoder = EmpiricalBayesEncoder(None, interactions="pairs", weight_type="precision", cv=3, random_state=0)
    encoder.fit_transform(X, Y, sample_weight=np.linspace(1, 2, N))
    assert len(numbered) == len(set(numbered)) == 3


def test_at_transform(numbered):
    encoder = MeanEncoder(None, **ALL).fit(X, Y)
    numbered.clear()
    encoder.transform(NEW)
    assert len(numbered) == len(set(numbered)) == 3


def test_factors_of_mixed_models(numbered):
    encoder = MixedModelEncoder(["x", ("x", "y")], cv=2, random_state=0).fit(X, Y)
    assert len(numbered) == len(set(numbered)) == 2
    numbered.clear()
    encoder.transform(NEW)
    assert len(numbered) == len(set(numbered)) == 2


@pytest.mark.parametrize("as_table", [lambda table: table, pl.from_pandas, lambda table: table.astype("category")])
@pytest.mark.parametrize("few", [3, len(NEW)])
@pytest.mark.parametrize("missing", ["category", "prior", "nan"])
def test_features_are_those_of_each_alone(as_table, few, missing):
    """With an encoder for each column and interaction, nothing is shared."""
    options = {"cv": 3, "random_state": 0, "missing": missing, "remainder": "drop", "output": ["mean", "count"]}
    encoder = SmoothedMeanEncoder(None, interactions=3, **options)
    train, new = encoder.fit_transform(as_table(X), Y), encoder.transform(as_table(NEW[:few]))
    for label in encoder.columns_:
        columns, crossed = ([], [label]) if isinstance(label, tuple) else ([label], None)
        alone = SmoothedMeanEncoder(columns, interactions=crossed, **options)
        for whole, own in ((train, alone.fit_transform(as_table(X), Y)), (new, alone.transform(as_table(NEW[:few])))):
            for name in alone.get_feature_names_out():
                np.testing.assert_allclose(np.asarray(whole[name]), np.asarray(own[name]), rtol=1e-12)


def test_errors_name_unseen_cells():
    encoder = MeanEncoder(unknown="error", interactions=[("x", "y"), ("x", "z")], columns=[], cv=3).fit(X, Y)
    new = X[:40].reset_index(drop=True)
    new.loc[5, "x"] = "never"
    with pytest.raises(ValueError, match=r"Column 'x_x_y' .* such as \[\('never', \d\)\]"):
        encoder.transform(new)


def test_columns_that_cannot_be_numbered_are_named():
    lists = X.assign(x=[[1]] * N)
    with pytest.raises(TypeError, match="categories of column 'x' must be hashable"):
        MeanEncoder(None, **ALL).fit(lists, Y)


@pytest.mark.parametrize("as_table", [lambda table: table, pl.from_pandas])
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_categories_of_trees(as_table, method, numbered, monkeypatch):
    monkeypatch.setattr(tree_features, "LEAST", 5)  # so that some columns have means, and others codes
    strings = X.assign(y=X["y"].astype(str), u=X["x"] + X["y"].astype(str)).drop(columns="z")
    encoder = TreeEncoder(nested=[["x", "u"]], interactions=[("x", "y")], drop_noise=False, cv=3, random_state=0)
    getattr(encoder, method)(as_table(strings), Y)
    assert len(numbered) == len(set(numbered)) == 3
    numbered.clear()
    encoder.transform(as_table(strings[:-1]).head(len(NEW)))
    assert len(numbered) == len(set(numbered)) == 3


def test_adjusted_effects_are_the_same_beside_one_level():
    """A model of one level overwrites its codes, which are not those of the additive model."""
    options = {"cv": 3, "random_state": 0, "drop_noise": False, "interactions": None}
    nested = TreeEncoder(nested=[["x"]], **options).fit_transform(X, Y)
    alone = TreeEncoder(**options).fit_transform(X, Y)
    for name in ("x_adjusted", "y_adjusted", "z_adjusted"):
        np.testing.assert_array_equal(nested[name], alone[name])
