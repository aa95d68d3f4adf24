"""Full categories keep one value, even out of fold."""

import numpy as np
import pandas as pd
import pytest
from conftest import ENCODERS

from catpool import (
    EmpiricalBayesEncoder,
    MeanEncoder,
    NestedEncoder,
)


def test_the_count_is_of_all_rows_only_where_every_encoding_is():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.integers(0, 4, 400)})
    y = np.column_stack([X["a"] + 0.1 * rng.normal(size=400), rng.normal(size=400)])
    encoder = EmpiricalBayesEncoder(None, crossfit="rare", output=["mean", "count"], random_state=0)
    out, whole = encoder.fit_transform(X, y), encoder.transform(X)
    assert (np.asarray(out)[:, 0] == np.asarray(whole)[:, 0]).all()
    assert (np.asarray(out)[:, 1] != np.asarray(whole)[:, 1]).any()
    assert (np.asarray(out)[:, 2] < np.asarray(whole)[:, 2]).all()
    one = EmpiricalBayesEncoder(None, crossfit="rare", output=["mean", "count"], random_state=0)
    np.testing.assert_array_equal(one.fit_transform(X, y[:, 0]), one.transform(X))


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_full_categories_alone_keep_one_value(encoder):
    rng = np.random.default_rng(0)
    codes = np.concatenate([np.repeat([0, 1], 400), np.repeat(np.arange(2, 32), 4)])
    X, y = pd.DataFrame({"a": codes}), codes % 7 + rng.normal(size=len(codes))
    model = encoder(columns=None, crossfit="rare", random_state=0)
    some, every = (
        np.asarray(model.fit_transform(X, y))[:, 0],
        np.asarray(encoder(columns=None, random_state=0).fit_transform(X, y))[:, 0],
    )
    np.testing.assert_array_equal(some[:800], np.asarray(model.transform(X))[:800, 0])
    np.testing.assert_array_equal(some[800:], every[800:])
    assert (some[:800] != every[:800]).any()


def test_a_group_or_a_heavy_row_keeps_a_category_out_of_fold():
    rng = np.random.default_rng(0)
    X, y = pd.DataFrame({"a": np.repeat([0, 1, 2], 200)}), np.repeat([0.0, 1, 2], 200) + 0.1 * rng.normal(size=600)
    groups, weights = np.arange(600) % 50, np.ones(600)
    groups[:200], weights[200] = np.arange(200) % 10, 500.0
    encoder = EmpiricalBayesEncoder(None, crossfit="rare", random_state=0)
    by_group = np.asarray(encoder.fit_transform(X, y, groups=groups))[:, 0] == np.asarray(encoder.transform(X))[:, 0]
    assert not by_group[:200].any()
    assert by_group[200:].all()
    by_weight = (
        np.asarray(encoder.fit_transform(X, y, sample_weight=weights))[:, 0] == np.asarray(encoder.transform(X))[:, 0]
    )
    assert not by_weight[200:400].any()
    assert by_weight[:200].all()


def test_crossfit_of_full_categories_is_refused_where_rows_keep_to_the_past():
    from sklearn.model_selection import TimeSeriesSplit

    X = pd.DataFrame({"a": list("xyz") * 10})
    with pytest.raises(ValueError, match="crossfit"):
        MeanEncoder(cv=TimeSeriesSplit(3), crossfit="rare").fit_transform(X, np.arange(30.0))


@pytest.mark.parametrize("output", ["count", ["count", "code"], ["size", "count"]])
def test_counts_alone_are_crossfitted_too(output):
    X, y = pd.DataFrame({"a": list("xyz") * 100}), np.tile([0.0, 5.0, 9.0], 100) + np.sin(np.arange(300))
    encoder = EmpiricalBayesEncoder(output=output, crossfit="rare", random_state=0)
    out = np.asarray(encoder.fit_transform(X, y)).reshape(300, -1)
    assert (out[:, -1 if output == ["size", "count"] else 0] == 100).all()
    with pytest.raises(ValueError, match="output"):
        NestedEncoder(["a"], output="size").fit(X, y)
