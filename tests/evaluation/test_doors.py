"""What comparisons and leak checks cannot take: errors say what was expected and what came."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from catpool import GroupFeatures, MeanEncoder, NumberBinner, check_no_leak, compare_encoders

N = 120
X = pd.DataFrame({"shop": np.arange(N) % 6, "area": np.linspace(0, 1, N)}).astype({"shop": str})
Y = np.random.default_rng(0).normal(size=N)
MINE = {"mine": MeanEncoder(cv=2, random_state=0)}


def compare(X=X, y=Y, estimator=None, encoders=None, **options):
    return compare_encoders(X, y, estimator or Ridge(), encoders or MINE, verbose=False, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"y": "area"}, ValueError, "`y` must have one value for each of the 120 rows"),
        ({"y": Y[:7]}, ValueError, r"`y` must have one value for each of the 120 rows of X, but its shape is \(7,\)"),
        ({"y": np.column_stack([Y, Y])}, ValueError, r"its shape is \(120, 2\)"),
        ({"groups": [1]}, ValueError, "`groups` must have one value for each of the 120 rows"),
        ({"columns": "shop"}, TypeError, r"`columns` must be a list of columns of X, as \['shop'\]"),
        ({"columns": 5}, TypeError, "`columns` must be a list"),
        ({"cv": []}, ValueError, "`cv` must have at least one split"),
        ({"encoders": {"a": "mean"}}, TypeError, "The encoder 'a' must be a transformer"),
        ({"encoders": {"a": MeanEncoder}}, TypeError, "The encoder 'a' must be a transformer"),
        ({"estimator": Ridge}, TypeError, "`estimator` must be a model"),
    ],
)
def test_comparisons_refuse(options, error, message):
    with pytest.raises(error, match=message):
        compare(**options)


def test_lazy_tables_are_refused():
    polars = pytest.importorskip("polars")
    lazy = polars.from_pandas(X).lazy()
    with pytest.raises(TypeError, match="`compare_encoders` takes rows in memory"):
        compare(lazy)
    with pytest.raises(TypeError, match="`check_no_leak` takes rows in memory"):
        check_no_leak(MeanEncoder(), lazy, Y)


@pytest.mark.parametrize("name", ["n_flips", "n_shuffles", "max_rows"])
@pytest.mark.parametrize("number", [0, 1.5, "a", None])
def test_leak_checks_need_whole_numbers(name, number):
    with pytest.raises(ValueError, match=f"`{name}` must be a whole number of 1 or more. Got {number!r}"):
        check_no_leak(MeanEncoder(), X, Y, **{name: number})


@pytest.mark.parametrize("encoder", [None, MeanEncoder])
def test_leak_checks_need_a_transformer(encoder):
    with pytest.raises(TypeError, match="`encoder` must be a transformer"):
        check_no_leak(encoder, X, Y)


def test_titles_and_tests_are_of_all_splits():
    growing = compare(cv=TimeSeriesSplit(4), encoders={**MINE, "other": MeanEncoder(cv=3, random_state=1)})
    assert growing.title == "Mean R squared of 4 splits of 120 rows; higher is better"


def test_pipelines_that_bin_numbers_get_them():
    pipeline = make_pipeline(NumberBinner(bins={"area": 4}), MeanEncoder(cv=2, random_state=0))
    table = compare(encoders={"binned": pipeline, **MINE})
    assert set(table.index) == {"binned", "mine"}


def test_pipelines_that_describe_numbers_get_them():
    pipeline = make_pipeline(GroupFeatures(["shop"], of=["area"]), MeanEncoder(cv=2, random_state=0))
    table = compare(encoders={"described": pipeline, **MINE})
    assert set(table.index) == {"described", "mine"}


@pytest.mark.parametrize("labels", [list, pd.Series, np.asarray])
@pytest.mark.parametrize("piped", [False, True])
def test_fold_labels_are_sampled_with_the_rows(labels, piped):
    encoder = MeanEncoder(cv=labels(np.arange(N) % 3))
    encoder = make_pipeline(encoder) if piped else encoder
    assert check_no_leak(encoder, X[["shop"]], Y, max_rows=90, n_flips=5)["passed"].notna().all()


def test_splits_cannot_be_sampled():
    rows = np.arange(N)
    encoder = MeanEncoder(cv=[(rows[60:], rows[:60]), (rows[:60], rows[60:])])
    with pytest.raises(ValueError, match="A sample of 90 of the 120 rows is checked, for which `cv` has no folds"):
        check_no_leak(encoder, X[["shop"]], Y, max_rows=90)
    assert len(check_no_leak(encoder, X[["shop"]], Y, n_flips=5)) == 6
