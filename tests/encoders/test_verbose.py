import itertools
import json
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.json_mutations import forge
from helpers.public_encoders import PUBLIC
from sklearn.base import clone
from sklearn.model_selection import KFold

from catpool import EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, NestedEncoder
from catpool.crossfit import columnwise, threads
from catpool.data import progress

RNG = np.random.default_rng(0)
X = pd.DataFrame({name: RNG.choice(list("abcdef"), 400) for name in ("x", "y", "z")})
Y = RNG.normal(size=len(X)) + (X["x"] == "a")
LOUD = {"verbose": True, "cv": 3, "random_state": 0}


@pytest.fixture
def shown(monkeypatch):
    """What is counted: the steps done, their number, and what they are; each loop is shown from its first step on."""
    loops = []

    class Loop:
        def __init__(self, total, desc, **kwargs):
            self.done, self.total, self.desc, self.closed = 0, total, desc, False
            loops.append(self)

        def update(self, steps):
            self.done += steps

        def close(self):
            self.closed = True

    monkeypatch.setattr("tqdm.auto.tqdm", Loop)
    return lambda: [(loop.done, loop.total, loop.desc.split(": ")[1]) for loop in loops if loop.closed]


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
@pytest.mark.parametrize("held", [0, 1 << 20])
def test_columns_and_interactions_are_counted(method, held, shown, monkeypatch):
    monkeypatch.setattr(columnwise, "HELD", held)
    getattr(MeanEncoder(**LOUD), method)(X, Y)
    getattr(MeanEncoder(interactions="pairs", **LOUD), method)(X, Y)
    getattr(MeanEncoder([], interactions=[("x", "y"), ("y", "z")], **LOUD), method)(X, Y)
    assert shown() == [(3, 3, "columns"), (6, 6, "columns and interactions"), (2, 2, "interactions")]


def test_folds_within_a_column_are_counted(shown):
    EmpiricalBayesEncoder([], interactions=[("x", "y")], interaction_prior="exact", **LOUD).fit_transform(X, Y)
    EmpiricalBayesEncoder([], interactions=[("x", "y")], **LOUD).fit_transform(X, (Y > 0).astype(int))
    some = KFold(4).split(X)  # which learns from some of the other rows
    MeanEncoder(["x"], verbose=True, cv=[(train[::2], test) for train, test in some]).fit_transform(X[["x"]], Y)
    found = shown()
    assert {what for _, _, what in found} == {"folds"}
    assert all(done == total for done, total, _ in found)
    assert 4 in {total for _, total, _ in found}


@pytest.mark.parametrize("y", [Y, (Y > 0).astype(int)])
def test_folds_of_mixed_and_nested_models_are_counted(y, shown):
    MixedModelEncoder(["x"], **LOUD).fit_transform(X[["x"]], y)
    ((done, total, what),) = shown()
    assert (done, what) == (total, "folds")
    NestedEncoder(["x", "y"], **LOUD).fit_transform(X, y)
    found = shown()[1:]
    assert found
    assert all((done, what) == (total, "folds") for done, total, what in found)


def test_parts_of_a_stream_and_queries_of_lazy_tables_are_counted(shown):
    MeanEncoder(**LOUD).partial_fit(X, Y)
    assert shown() == [(3, 3, "columns")] * 2
    lazy = pl.LazyFrame(X.assign(target=Y, key=range(len(X))))
    MeanEncoder(["x", "y"], **LOUD).fit_transform(lazy, "target", key=["key"])
    assert shown()[2:] == [(2, 2, "queries of columns"), (2, 2, "columns"), (2, 2, "columns")]


def test_columns_in_threads_are_counted_and_encoded_alike(shown, monkeypatch):
    monkeypatch.setattr(threads, "THREADED", 0)
    monkeypatch.setattr(columnwise, "HELD", 0)
    encoder = EmpiricalBayesEncoder(interactions="pairs", interaction_prior="exact", n_jobs=3, **LOUD)
    quiet = clone(encoder).set_params(verbose=False, n_jobs=None)
    pd.testing.assert_frame_equal(encoder.fit_transform(X, Y), quiet.fit_transform(X, Y))
    found = shown()
    assert found.count((6, 6, "columns and interactions")) == 1
    assert found.count((3, 3, "folds")) == 3  # of the pairs


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_failed_fit_ends_what_it_shows(n_jobs, shown, monkeypatch):
    calls = itertools.count()

    def prior(moments):
        return 0.0, 1.0 if next(calls) != 6 else 1 / 0  # a column has four calls

    monkeypatch.setattr(threads, "THREADED", 0)
    monkeypatch.setattr(columnwise, "HELD", 0)
    encoder = EmpiricalBayesEncoder(prior=prior, n_jobs=n_jobs, **LOUD)
    with pytest.raises(ZeroDivisionError):
        encoder.fit_transform(X, Y)
    ((done, total, what),) = shown()
    assert (total, what) == (3, "columns")
    assert done < total
    assert progress._shown.get() is None


@pytest.fixture
def no_time_passes(monkeypatch):
    """A clock that stands still, so that a fit is quick on a busy machine, too."""
    now = time.time()
    monkeypatch.setattr("tqdm.std.time", lambda: now)


@pytest.mark.parametrize("public", PUBLIC, ids=repr)
@pytest.mark.usefixtures("no_time_passes")
def test_every_encoder_is_quiet_by_default_and_where_a_fit_is_quick(public, capsys):
    columns = ["x", "y"]
    quiet = public.make(columns, cv=3, random_state=0)
    loud = clone(quiet).set_params(verbose=True)
    assert quiet.get_params()["verbose"] is False
    assert clone(loud).verbose is True
    for encoder in (quiet, loud):
        encoder.fit_transform(X, Y)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("public", PUBLIC, ids=repr)
@pytest.mark.parametrize("value", ["yes", 2, None])
def test_other_values_are_refused(public, value):
    with pytest.raises(ValueError, match=r"The 'verbose' parameter of .* must be"):
        public.make(["x"], verbose=value).fit(X, Y)


@pytest.mark.parametrize("public", PUBLIC, ids=repr)
def test_files_keep_it_and_files_without_it_are_read(public):
    text = public.make(["x"], verbose=True).fit(X, Y).to_json()
    assert public.encoder.from_json(text).verbose is True
    plain = json.loads(text)
    del plain["parameters"]["verbose"]
    assert public.encoder.from_json(forge(plain)).verbose is False


def test_encoders_are_merged_whether_or_not_they_show_progress():
    loud, quiet = (MeanEncoder(["x"], verbose=verbose).fit(X, Y) for verbose in (True, False))
    assert loud.merge(quiet).transform(X).equals(quiet.merge(loud).transform(X))
