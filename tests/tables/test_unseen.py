"""Columns of which most rows were not there at fit."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.public_encoders import PUBLIC

from catpool import EmpiricalBayesEncoder, UnseenCategoriesWarning

N = 40
TEXT = pd.DataFrame({"zip": [f"{17 + position % 4}" for position in range(N)], "shop": list("ab") * (N // 2)})
Y = np.arange(N) / 7


def encoder_of(public):
    return public.make(["zip", "shop"][: public.setup.few], target_type="continuous").fit(TEXT, Y)


@pytest.mark.parametrize("public", PUBLIC, ids=str)
def test_a_column_that_changed_its_type_is_named_with_both_types(public):
    encoder = encoder_of(public)
    changed = TEXT.assign(zip=TEXT["zip"].astype(int))
    with pytest.warns(UnseenCategoriesWarning, match=r"40 of 40 rows of column 'zip'.*17 of type int.* type str"):
        encoder.transform(changed)


@pytest.mark.parametrize("public", PUBLIC, ids=str)
def test_new_categories_of_the_same_type_are_named_without(public):
    with pytest.warns(UnseenCategoriesWarning, match=r"30 of 40 rows of column 'zip'.*such as 'new'\. They"):
        encoder_of(public).transform(TEXT.assign(zip=["new"] * 30 + ["17"] * 10))


@pytest.mark.parametrize("public", PUBLIC, ids=str)
@pytest.mark.parametrize("rows", [slice(19), slice(20, 60), slice(100, 140)], ids=["few", "half", "missing"])
def test_few_new_rows_and_missing_values_are_no_fault(public, rows):
    """Nineteen rows, or half of them, may be new."""
    zips = ["new"] * 40 + ["17"] * 20 + ["17"] * 40 + [None] * 40
    new = pd.DataFrame({"zip": pd.Series(zips, dtype=object), "shop": "a"}).iloc[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnseenCategoriesWarning)
        encoder_of(public).transform(new)


def test_the_part_of_an_interaction_that_changed_is_named():
    encoder = EmpiricalBayesEncoder([], interactions=[("shop", "zip")]).fit(TEXT, Y)
    with pytest.warns(UnseenCategoriesWarning, match=r"column 'zip' hold.*type int"):
        encoder.transform(TEXT.assign(zip=TEXT["zip"].astype(int)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnseenCategoriesWarning)
        encoder.transform(TEXT.assign(shop=TEXT["shop"].map({"a": "b", "b": "a"})))  # cells are new, their parts not
