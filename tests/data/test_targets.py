import decimal

import numpy as np
import pandas as pd
import pytest

from catpool import MeanEncoder
from catpool.data.targets.target import read_targets


def names(y, target_type="auto"):
    return [name for target in read_targets(y, target_type) for name in target.names]


@pytest.mark.parametrize(
    ("y", "kind", "expected"),
    [
        ([0.5, 1.5, 2.5], "continuous", [None]),
        ([1.0, 2.0, 3.0], "continuous", [None]),
        ([0.25, 0.5], "continuous", [None]),
        ([3.4, 3.4], "continuous", [None]),
        ([0.0, 1.0, 1.0], "binary", [None]),
        ([0, 1, 1], "binary", [None]),
        ([1, 2, 1], "binary", [None]),
        ([True, False], "binary", [None]),
        (["no", "yes"], "binary", [None]),
        ([0, 1, 2], "multiclass", ["0", "1", "2"]),
        (["b", "c", "a"], "multiclass", ["a", "b", "c"]),
        (pd.Series(["b", "c", "a"], dtype="str"), "multiclass", ["a", "b", "c"]),
        (pd.Categorical(["b", "c", "a"], categories=["c", "b", "a", "z"], ordered=True), "multiclass", ["a", "b", "c"]),
        (pd.Series([1, 2, 3], dtype="Int64"), "multiclass", ["1", "2", "3"]),
        (pd.Series([1.5, 2, 3], dtype="Float64"), "continuous", [None]),
        (pd.Series([True, False], dtype="boolean"), "binary", [None]),
        (np.array([1.5, 2, 3], dtype=object), "continuous", [None]),
        (pd.DataFrame({"y": [1.5, 2, 3]}), "continuous", [None]),
        (np.array([1.5, 2, 3], dtype=np.float32), "continuous", [None]),
    ],
)
def test_the_kind_is_read_off_the_values(y, kind, expected):
    (target,) = read_targets(y, "auto")
    assert target.kind == kind
    assert target.names == expected


def test_classes_become_shares():
    (target,) = read_targets(["b", "c", "a", "b"], "auto")
    np.testing.assert_array_equal(list(target.columns()), [[0, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 0]])
    (target,) = read_targets(["yes", "no", "yes"], "auto")
    np.testing.assert_array_equal(list(target.columns()), [[1, 0, 1]])


def test_a_constant_one_is_all_ones_and_another_only_class_none():
    for y, share in ([1, 1], 1), ([True, True], 1), ([0, 0], 0), (["a", "a"], 0):
        (target,) = read_targets(y, "auto")
        np.testing.assert_array_equal(next(target.columns()), [share, share])


def test_several_outputs():
    assert names(np.array([[0.5, 1], [1.5, 0], [2.5, 1]])) == ["0", "1"]
    y = pd.DataFrame({"price": [0.5, 1.5, 2.5], "sold": [True, False, True], "kind": ["a", "b", "c"]})
    assert names(y) == ["price", "sold", "kind_a", "kind_b", "kind_c"]
    assert [target.kind for target in read_targets(y, "auto")] == ["continuous", "binary", "multiclass"]


@pytest.mark.parametrize(
    ("y", "target_type", "message"),
    [
        (None, "auto", "requires y to be passed"),
        (range(21), "auto", 'target_type="continuous", "count" or "multiclass"'),
        ([1.0, np.nan], "auto", "NaN"),
        ([1.0, np.nan, 2.5], "auto", "NaN"),
        ([1.0, np.inf, 2.5], "auto", "infinity"),
        ([1.0, -np.inf, 2.5], "auto", "infinity"),
        ([1.0, 1e200, 2.5], "auto", "rescale y"),
        (["a", None], "auto", "NaN"),
        (pd.Series([1, None], dtype="Int64"), "auto", "NaN"),
        (["a", "b"], "continuous", "must be numeric"),
        (pd.Series(["1", "2"], dtype="str"), "continuous", "must be numeric"),
        (["a", "b"], "count", "must be numeric"),
        ([0.5, 1], "count", "must hold counts"),
        ([-1, 1], "count", "must hold counts"),
        ([0, 1, 2], "binary", "must take two values"),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), "continuous", "must hold numbers or classes"),
        ([1 + 2j, 3j, 1j], "continuous", "Complex data not supported"),
        (np.array([1, "a", None, 2.5], dtype=object), "multiclass", "NaN"),
        (np.array([1, ("a",), {2}], dtype=object), "multiclass", "of one type"),
        ([0.0, np.nan, 1.0], "binary", "NaN"),
        ([0.0, np.nan, 1.0], "multiclass", "NaN"),
        ([0.0, np.inf, 1.0, 2.0], "multiclass", "infinity"),
        (["a", np.nan], "auto", "NaN"),
        (np.arange(30) + 1j, "auto", "Complex data not supported"),
        (pd.timedelta_range(0, periods=3), "auto", "must hold numbers or classes"),
        (pd.period_range("2020", periods=3, freq="D"), "auto", "must hold numbers or classes"),
        (pd.Series([[1, 2], [3]]), "auto", "hashable"),
        (np.array([(1, 2.0)], dtype="i4,f8"), "auto", "records"),
        ([1e-200, 2e-200, 3e-200], "auto", "rescale y"),
        (np.zeros((2, 2, 2)), "auto", "shape"),
        (np.zeros((2, 0)), "auto", "shape"),
    ],
)
def test_what_a_target_must_be(y, target_type, message):
    y = list(y) if isinstance(y, range) else y
    with pytest.raises(ValueError, match=message):
        read_targets(y, target_type)


def test_messages_name_the_output():
    y = pd.DataFrame({"price": np.arange(60) / 7, "stars": np.arange(60) % 5 + 1.0})
    with pytest.warns(UserWarning, match="The output 'stars' of y holds 5 different whole numbers"):
        read_targets(y, "auto")
    with pytest.raises(ValueError, match="In the output 'stars' of y: y must have no missing values"):
        read_targets(y.assign(stars=y["stars"].where(y["stars"] > 1)), "auto")


@pytest.mark.parametrize(("target_type", "columns"), [("continuous", 1), ("count", 1), ("multiclass", 21)])
def test_many_integers_are_what_they_are_said_to_be(target_type, columns):
    (target,) = read_targets(list(range(21)), target_type)
    assert target.kind == target_type
    assert len(list(target.columns())) == columns


def test_decimals_and_other_numbers_that_come_as_objects_are_numbers():
    for y in ([decimal.Decimal("1.5"), decimal.Decimal("2"), decimal.Decimal("3")], [1.5, 2, 3]):
        (target,) = read_targets(y, "auto")
        assert target.kind == "continuous"
        np.testing.assert_array_equal(target.values, [1.5, 2, 3])


def test_big_endian_targets_are_targets():
    (target,) = read_targets(np.array([1.5, 2.5, 3], dtype=">f8"), "auto")
    np.testing.assert_array_equal(target.values, [1.5, 2.5, 3])


def test_a_class_without_a_name_still_has_a_column_of_its_own():
    assert names(["", "b", "c"]) == ["", "b", "c"]
    assert MeanEncoder().fit([["x"]] * 3, ["", "b", "c"]).get_feature_names_out().tolist() == ["x0_", "x0_b", "x0_c"]
