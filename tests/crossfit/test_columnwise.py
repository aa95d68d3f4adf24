import threading
import time
import weakref

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from catpool import EmpiricalBayesEncoder, MeanEncoder, NestedEncoder
from catpool.crossfit import columnwise, threads
from catpool.crossfit.scheme import FoldScheme

X = pd.DataFrame({f"c{position}": np.tile(list("abcde"), 40) for position in range(4)})
Y = np.random.default_rng(0).normal(size=len(X))


def run_in_threads(function, n_jobs=2, rows=1_000_000):
    return MeanEncoder(n_jobs=n_jobs)._structure().parallel(function, range(4), rows)


def test_columns_in_threads_share_their_random_folds(monkeypatch):
    make = FoldScheme._make_folds

    def make_slowly(scheme):
        folds = make(scheme)
        time.sleep(0.05)  # in which another thread would make other folds
        return folds

    monkeypatch.setattr(FoldScheme, "_make_folds", make_slowly)
    monkeypatch.setattr(threads, "THREADED", 0)
    monkeypatch.setattr(columnwise, "HELD", 0)
    features = EmpiricalBayesEncoder(n_jobs=4).fit_transform(X, Y)
    for column in features:
        np.testing.assert_array_equal(features[column], features["c0"])


@pytest.mark.parametrize(("n_jobs", "most"), [(None, 1), (1, 1), (2, 2), (1000, 4)])
def test_there_are_as_many_threads_as_jobs_and_never_more_than_columns(n_jobs, most):
    together = threading.Barrier(most)

    def identify(_):
        together.wait(timeout=10)
        return threading.get_ident()

    threads = set(run_in_threads(identify, n_jobs))
    assert len(threads) == most
    assert (threading.get_ident() in threads) == (most == 1)


def test_few_rows_start_no_threads():
    assert set(run_in_threads(lambda _: threading.get_ident(), rows=1000)) == {threading.get_ident()}


def test_threads_do_with_overflow_what_the_caller_asked_for():
    with np.errstate(over="raise"):
        assert run_in_threads(lambda _: np.geterr()["over"]) == ["raise"] * 4


def test_results_come_in_order_and_the_first_error_is_raised():
    assert run_in_threads(lambda item: (time.sleep(0.01 * (4 - item)), item)[1]) == [0, 1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        run_in_threads(lambda item: 1 / item)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_codes_of_interactions_are_let_go_once_they_are_learned_from(method, n_jobs, monkeypatch):
    rng, alive, most = np.random.default_rng(0), [], []
    table = pd.DataFrame({f"c{position}": rng.integers(0, 3, 50_000) for position in range(8)})
    code = columnwise.Columnwise._code_checked

    def watch(structure, label, data, listed):
        coded = code(structure, label, data, listed)
        alive.append(weakref.ref(coded.codes))
        most.append(sum(each() is not None for each in alive))
        return coded

    monkeypatch.setattr(columnwise.Columnwise, "_code_checked", watch)
    encoder = MeanEncoder(None, interactions="pairs", cv=2, random_state=0, n_jobs=n_jobs)
    getattr(encoder, method)(table, rng.normal(size=len(table)))
    assert len(alive) == 36
    assert max(most) <= 2 * n_jobs  # one that is made while another is let go


@pytest.mark.parametrize("encoder", [EmpiricalBayesEncoder(prior="reml"), NestedEncoder(["city"], prior="reml")])
@pytest.mark.parametrize("weighted", [False, True])
def test_noise_out_of_fold_is_that_of_a_refit_where_effects_dwarf_it(encoder, weighted):
    rng = np.random.default_rng(0)
    city, folds = rng.integers(0, 6, 300), np.arange(300) % 4
    X, y = pd.DataFrame({"city": city.astype(str)}), 1e8 * rng.normal(size=6)[city] + rng.normal(size=300)
    weights = rng.integers(1, 4, 300).astype(float) if weighted else np.ones(300)
    encoder = clone(encoder).set_params(cv=folds, output=["mean", "sd"])
    out = encoder.fit_transform(X, y, sample_weight=weights).to_numpy()
    own = folds == 1
    again = encoder.fit(X[~own], y[~own], sample_weight=weights[~own]).transform(X[own]).to_numpy()
    np.testing.assert_allclose(out[own], again, rtol=1e-6)
    y[own] *= -3  # which changes no bit of its own rows
    np.testing.assert_array_equal(encoder.fit_transform(X, y, sample_weight=weights)[own], out[own])
