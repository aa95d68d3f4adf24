"""Out of fold is a refit for each fold, and parts of the rows teach what all rows teach."""

import numpy as np
import pandas as pd
import pytest
from helpers.law import close, law, quick_rows
from helpers.public_encoders import PUBLIC, breaking, obeying
from hypothesis import strategies as st
from sklearn.base import clone

pytestmark = pytest.mark.usefixtures("few_points")


@law()
def test_fit_transform_is_a_refit_for_each_fold(public, table):
    X, y, folds, kind = table
    folds[3] = 0
    encoded = np.asarray(public.make(table.columns, cv=folds, target_type=kind).fit_transform(X, y))
    for fold in set(folds):
        test = folds == fold
        if kind in ("binary", "multiclass") and set(y[~test]) != set(y):
            assert fold != 0  # which has no class for itself
            continue
        refitted = public.make(table.columns, target_type=kind).fit(X[~test], y[~test])
        close(encoded[test], refitted.transform(X[test]), public, table.scale)


@law()
def test_fit_and_fit_transform_teach_the_same(public, table):
    X, y, folds, kind = table
    fitted = public.make(table.columns, cv=folds, target_type=kind).fit(X, y)
    transformed = clone(fitted)
    transformed.fit_transform(X, y)
    close(fitted.transform(X), transformed.transform(X), public, table.scale)
    pd.testing.assert_frame_equal(
        fitted.summary_, transformed.summary_, rtol=100 * public.tolerance, atol=100 * public.tolerance
    )
    for label in table.columns:
        one, other = (encoder.encoding_table(label) for encoder in (fitted, transformed))
        pd.testing.assert_frame_equal(one, other, rtol=1e-6, atol=1e-6)


@law(st.randoms(use_true_random=False))
def test_rows_in_parts_teach_what_all_rows_teach(public, table, random):
    X, y, _, kind = table
    if public in breaking("parts"):
        assert not hasattr(public.encoder, "partial_fit")
        assert not hasattr(public.encoder, "merge")
        return
    order = np.array(random.sample(range(len(y)), len(y)))
    at_once = public.make(table.columns, target_type=kind).fit(X, y)
    in_parts, merged = clone(at_once), None
    for part in np.array_split(order, 3):
        in_parts.partial_fit(X[part], y[part])
        own = clone(at_once).fit(X[part], y[part])
        merged = own if merged is None else merged.merge(own)
    for other in (in_parts, merged):
        close(other.transform(X), at_once.transform(X), public, table.scale)


@pytest.mark.parametrize("public", obeying("parts"), ids=str)
def test_rows_of_a_stream_find_their_folds_again(public):
    table = quick_rows(public)
    X, y, _, kind = table
    key = np.arange(len(y)) // 2
    encoder = public.make(table.columns, cv=3, target_type=kind)
    at_once, stream = clone(encoder).fit_transform(X, y, key=key), clone(encoder)
    for part in (slice(0, 15), slice(15, None)):
        stream.partial_fit(X[part], y[part], key=key[part])
    close(stream.transform_out_of_fold(X, key), at_once, public)
    assert not np.allclose(at_once, stream.transform(X))


@pytest.mark.parametrize("public", PUBLIC, ids=str)
def test_a_second_fit_forgets_the_first(public):
    table = quick_rows(public)
    X, y, folds, kind = table
    encoder = public.make(table.columns, cv=folds, target_type=kind)
    fresh = np.asarray(encoder.fit_transform(X, y))
    encoder.fit(X[::-1], 10 * y)
    np.testing.assert_array_equal(encoder.fit_transform(X, y), fresh)
