"""What is legal but doubtful warns, and says which parameter settles it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.public_encoders import obeying

from catpool import EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, NestedEncoder

N = 60
X = pd.DataFrame({"city": list("abc") * 20, "years": np.linspace(1, 3, N)})
RATINGS = np.arange(N) % 5 + 1


@pytest.mark.parametrize("public", obeying("multiclass"), ids=str)
def test_integer_ratings_say_that_they_are_taken_for_classes(public):
    with pytest.warns(UserWarning, match=r"5 different whole numbers from 1 to 5 .* classes.*\"multiclass\""):
        assert public.make(["city"]).fit(X, RATINGS).target_type_ == "multiclass"


def test_few_whole_floats_say_that_they_are_taken_for_numbers(encoder_class):
    with pytest.warns(UserWarning, match=r"taken for numbers. Pass target_type=\"continuous\""):
        assert encoder_class(["city"]).fit(X, RATINGS.astype(float)).target_type_ == "continuous"


@pytest.mark.parametrize(
    ("y", "parameters"),
    [
        (RATINGS, {"target_type": "continuous"}),
        (RATINGS.astype(float), {"target_type": "count"}),
        (RATINGS - 1, {}),
        (RATINGS % 2, {}),
        (RATINGS + 0.5, {}),
        (np.arange(N, dtype=float), {}),
        (RATINGS.astype(str), {}),
    ],
    ids=["said", "counts", "classes from 0", "two", "fractions", "many", "strings"],
)
def test_nothing_is_said_where_there_is_no_doubt(y, parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MeanEncoder(["city"], **parameters).fit(X, y)
        MeanEncoder(["city"]).fit(X[:40], RATINGS[:40])  # so few rows may have few values


@pytest.mark.parametrize("y", [RATINGS, RATINGS.astype(float), RATINGS % 2])
def test_what_has_an_exposure_is_a_count(encoder_class, y):
    encoder = encoder_class(["city"]).fit(X, y, exposure="years")
    assert encoder.target_type_ == "count"
    said = encoder_class(["city"], target_type="count").fit(X, y, exposure="years")
    np.testing.assert_array_equal(encoder.transform(X)["city"], said.transform(X)["city"])
    polars = pytest.importorskip("polars")
    lazy = encoder_class(["city"]).fit(polars.from_pandas(X.assign(y=y)).lazy(), "y", exposure="years")
    assert lazy.target_type_ == "count"


def test_fractions_with_an_exposure_are_no_counts():
    with pytest.raises(ValueError, match="y must hold counts"):
        EmpiricalBayesEncoder(["city"]).fit(X, RATINGS / 2, exposure="years")


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
def test_dates_as_strings_are_doubtful_categories(encoder_class, form):
    days = pd.date_range("2024-01-01", periods=N)
    dated = X.assign(day=days.strftime(form))
    with pytest.warns(UserWarning, match="Column 'day' holds dates as strings, such as '2024-01-01"):
        encoder_class(["day"]).fit(dated, np.arange(N) / 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder_class(["day"]).fit(X.assign(day=days.strftime("%B")), np.arange(N) / 7)
        encoder_class(["day"]).fit(X.assign(day=days.strftime("%Y-%m")), np.arange(N) / 7)


def fit_lazily(encoder, dated, y):
    lazy = pytest.importorskip("polars").from_pandas(dated.assign(y=y, row=range(N))).lazy()
    return encoder.fit_transform(lazy, "y", key="row")


def fit_in_parts(encoder, dated, y):
    return encoder.partial_fit(dated, y)


def fit_at_once(encoder, dated, y):
    return encoder.fit_transform(dated, y)


PAIR = [("day", "city")]


@pytest.mark.parametrize(
    ("encoder", "fit"),
    [
        (MeanEncoder([], interactions=PAIR), fit_at_once),
        (MeanEncoder(["city", "day"], interactions=PAIR, n_jobs=2), fit_at_once),
        (MeanEncoder(["day"], interactions=[*PAIR, ("city", "day")]), MeanEncoder.fit),
        (MeanEncoder(["day"], interactions=PAIR), fit_in_parts),
        (MeanEncoder(["day"], interactions=PAIR), fit_lazily),
        (NestedEncoder(["city", "day"], cv=2), fit_at_once),
        (MixedModelEncoder(PAIR), MixedModelEncoder.fit),
    ],
    ids=["interaction", "both", "all rows", "parts", "lazy", "nested", "mixed"],
)
def test_each_column_of_dates_is_named_once(encoder, fit):
    dated = X.assign(day=pd.date_range("2024-01-01", periods=N // 2).strftime("%Y-%m-%d").tolist() * 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(encoder, dated, np.sin(np.arange(N)))
    said = [str(each.message) for each in caught if "dates as strings" in str(each.message)]
    assert [each.startswith("Column 'day' holds dates as strings, such as '2024-01-") for each in said] == [True]
