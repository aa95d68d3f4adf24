"""Columns that are not what they seem: most rows unlisted, dates in the parts of a stream, values without a hash."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.engine_tables import ENGINES, LAZY

from catpool import EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, NestedEncoder, UnseenCategoriesWarning

N = 60
ROW = np.arange(N)
X = pd.DataFrame({"zip": ROW % 6, "city": np.array(list("abc"))[ROW % 3]})
Y = np.sin(ROW)
TEXT = [["0", "1", 0]]  # one of six, and two of another type


def fit(encoder, X, y):
    return encoder.fit(X, y)


def fit_transform(encoder, X, y):
    return encoder.fit_transform(X, y)


def partial_fit(encoder, X, y):
    return encoder.partial_fit(X, y)


@pytest.mark.parametrize("run", [fit, fit_transform, partial_fit])
@pytest.mark.parametrize("weight_type", ["frequency", "precision"])
def test_most_rows_unlisted_say_so_once(run, weight_type, encoder_class):
    encoder = encoder_class(["zip"], categories=TEXT, weight_type=weight_type, target_type="continuous")
    with pytest.warns(UnseenCategoriesWarning) as caught:
        run(encoder, X, Y)
    assert [str(each.message) for each in caught] == [
        "50 of 60 rows of column 'zip' hold categories that `categories` does not list, such as 1 of type int, while "
        "'0' in the list has the type str: convert the column. The column does not learn from them. Check the column, "
        "or list these categories."
    ]


@pytest.mark.parametrize("listed", [[0, 1, 2], [*range(6)]], ids=["half", "all"])
@pytest.mark.parametrize("rows", [60, 19])
def test_few_unlisted_rows_are_no_fault(listed, rows, encoder_class):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnseenCategoriesWarning)
        encoder_class(["zip"], categories=[listed]).fit(X[:60], Y)
        encoder_class(["zip"], categories=[[0]]).fit(X[:rows] if rows < 20 else X[X["zip"] < 2], Y[: min(rows, 20)])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.filterwarnings("ignore:The 'future.infer_string'", "ignore:Dask support is moving out")
def test_lazy_tables_count_unlisted_rows(engine, place):
    """Each of the categories has many rows, and their weights are no rows."""
    table = X.assign(y=Y, weight=np.where(X["zip"] == 0, 100.0, 0.5), fold=ROW % 4)
    messages = []
    for own in (table, LAZY[engine](table, place)):
        encoder = MeanEncoder(["zip"], categories=[[0, 1]], cv="fold", target_type="continuous")
        with pytest.warns(UnseenCategoriesWarning) as caught:
            encoder.fit_transform(own, "y", sample_weight="weight")
        messages.append([str(each.message) for each in caught if each.category is UnseenCategoriesWarning])
    assert messages[0] == messages[1]
    assert len(messages[0]) == 1


def dated(rows, form="%Y-%m-%d"):
    return pd.DataFrame({"day": pd.date_range("2024-01-01", periods=N).strftime(form)[rows], "city": "a"})


@pytest.mark.parametrize(
    "encoder", [MeanEncoder(["day"]), NestedEncoder(["city", "day"], cv=2)], ids=["flat", "nested"]
)
def test_parts_of_a_stream_warn_of_dates_once(encoder):
    messages = []
    for part in (slice(0, 10), slice(10, 30), slice(30, 60), slice(0, 60)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            encoder.partial_fit(dated(part), Y[part])
        messages.append(sum("dates as strings" in str(each.message) for each in caught))
    assert messages == [0, 1, 0, 0]


ENCODERS = {
    "flat": MeanEncoder(["city", "zip"]),
    "interaction": EmpiricalBayesEncoder([], interactions=[("city", "zip")]),
    "levels": NestedEncoder(["city", "zip"], cv=2),
    "mixed": MixedModelEncoder(["city", ("city", "zip")], target_type="continuous"),
    "listed": MeanEncoder(["city", "zip"], categories=[list("abc"), [*range(6)]]),
}


@pytest.mark.parametrize("rows", [1, 16, 17, 60])
@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_values_without_a_hash_name_their_column(encoder, rows):
    encoder.fit(X, Y)
    values = np.fromiter([[1]] * rows, dtype=object, count=rows)
    new = X[:rows].assign(zip=pd.Series(values, dtype=object))
    with pytest.raises(TypeError, match="categories of column 'zip' must be hashable"):
        encoder.transform(new)
    with pytest.raises(TypeError, match="categories of column 'zip' must be hashable"):
        encoder.lookup({"city": "a", "zip": [1]})
    with pytest.raises(TypeError, match="column 'zip'"):
        encoder.fit(new, Y[:rows])
