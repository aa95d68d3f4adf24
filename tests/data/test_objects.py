"""Objects in columns: shared ones, large integers, cells that are lists."""

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

from catpool import EmpiricalBayesEncoder, MeanEncoder, NestedEncoder
from catpool.data.factorize import _share_objects

Y = np.array([1.5, 2.0, 4.0, 8.0, 16.0, 32.0])


def test_shared_objects_and_their_copies_are_the_same_categories():
    rng = np.random.default_rng(0)
    names = np.array([f"name {i}" for i in range(50)] + [None, float("nan"), ("a", 1)], dtype=object)
    shared = names[rng.integers(0, len(names), 20_000)]
    copies = np.array([name if not isinstance(name, str) else name[:3] + name[3:] for name in shared], dtype=object)
    half = np.where(rng.random(20_000) < 0.5, shared, copies)
    y = rng.normal(size=20_000)
    assert _share_objects(shared, np.frombuffer(shared, dtype=np.intp))
    assert not _share_objects(copies, np.frombuffer(copies, dtype=np.intp))
    results = [
        EmpiricalBayesEncoder(random_state=0).fit_transform(pd.DataFrame({"c": values}, dtype=object), y)
        for values in (shared, copies, half)
    ]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    with pytest.raises(ValueError, match="must have no missing values"):
        MeanEncoder(missing="error").fit(names[:50, None], y[:50]).transform(shared[:, None])
    encoder = EmpiricalBayesEncoder().fit(shared[:, None], y)
    np.testing.assert_array_equal(encoder.transform(shared[:, None]), encoder.transform(copies[:, None]))


def test_large_integers_beside_a_missing_value_stay_apart():
    ids = [2**53, 2**53 + 1, None, 5, 5, 5]
    expected = [1.5, 2, 4, 56 / 3, 56 / 3, 56 / 3]
    for X in (
        [[value] for value in ids],
        np.array(ids, dtype=object)[:, None],
        pd.DataFrame({"c": pd.Series(ids, dtype="Int64")}),
        polars.DataFrame({"c": ids}),
        pyarrow.table({"c": ids}),
    ):
        np.testing.assert_allclose(np.asarray(MeanEncoder(None).fit(X, Y).transform(X))[:, 0], expected)


def test_cells_of_lists_may_be_tuples():
    X = [[(1, 2)], [(1, 2)], [(3, 4)], [(3, 4)], [("a",)], [("a",)]]
    np.testing.assert_allclose(np.asarray(MeanEncoder().fit(X, Y).transform(X))[::2, 0], [1.75, 6, 24])
    with pytest.raises(ValueError, match="equally long"):
        MeanEncoder().fit([[1, 2], [1]], [1.5, 2.5])
    with pytest.raises(ValueError, match="records"):
        MeanEncoder().fit(np.zeros((6, 1), dtype="i4,f8"), Y)


def test_categories_must_be_hashable():
    lists = pd.DataFrame({"c": [["a"], ["b"]] * 3, "d": list("xyz") * 2})
    for refused in (MeanEncoder(), MeanEncoder([], interactions=[("d", "c")]), NestedEncoder(["d", "c"])):
        with pytest.raises(TypeError, match="The categories of column 'c' must be hashable"):
            refused.fit(lists, Y)
    encoder = MeanEncoder().fit(pd.DataFrame({"c": list("aabbcc")}), Y)
    with pytest.raises(TypeError, match="must be hashable"):
        encoder.transform(pd.DataFrame({"c": [["a"]] * 5000}))


@pytest.mark.parametrize("gap", [complex("nan"), complex(0, np.nan), np.complex64(np.nan), np.float32(np.nan)], ids=str)
def test_every_nan_in_a_tuple_is_the_same(gap):
    pairs = [("a", gap), ("b", 1j)] * 3
    X = pd.DataFrame({"c": pd.Series(pairs, dtype=object)})
    encoder = MeanEncoder().fit(X, Y)
    other = ("a", float("nan"))
    np.testing.assert_allclose(encoder.transform(X)["c"], np.tile([21.5 / 3, 14.0], 3))
    assert encoder.lookup({"c": other}) == {"c": pytest.approx(21.5 / 3)}
    X.loc[0] = [other]
    assert len(MeanEncoder().fit(X, Y).encoding_table("c")) == 3


def test_a_complex_nan_is_missing():
    X = pd.DataFrame({"c": pd.Series([1j, complex("nan"), 1j, complex(0, np.nan), 2j, None], dtype=object)})
    encoder = MeanEncoder(None, missing="nan").fit(X, Y)
    assert encoder.transform(X)["c"].isna().tolist() == [False, True, False, True, False, True]
