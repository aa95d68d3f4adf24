"""Numbers of linear features: standardized, with indicators of levels, and what they refuse."""

import numpy as np
import pandas as pd
import pytest

from catpool import linear


def frame_of(index, **columns):
    return pd.DataFrame(columns, index=pd.Index(list(index), dtype=object, name="shop"))


def basis_of(source, frame, **parameters):
    features = linear(source, **parameters)
    return features.fit(frame)(frame)


TABLE = pd.DataFrame({"area": [1.0, 3.0, np.nan, 5.0], "open": [True, False, True, True]}, index=list("abcd"))


def test_numbers_are_standardized_over_the_categories_of_fit_and_missing_ones_are_their_mean():
    frame = frame_of("abc")
    basis = basis_of(TABLE, frame)
    np.testing.assert_allclose(basis[:, 0], [-1, 1, 0])  # of which the third is missing
    np.testing.assert_allclose(basis.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose((basis[:, 1] ** 2).mean(), 1)


def test_new_categories_are_measured_by_the_same_centers():
    fitted = linear(TABLE).fit(frame_of("abc"))
    new = fitted(frame_of(["d", "e"]))
    np.testing.assert_allclose(new[0, 0], 3.0)
    assert np.isnan(new[1]).all()


@pytest.mark.parametrize("penalty", [True, False])
def test_levels_have_indicators_and_unknown_ones_count_as_the_average(penalty):
    frame = frame_of("abcd", kind=["x", "y", "y", None], area=[1.0, 2.0, 3.0, 4.0])
    fitted = linear(["kind", "area"], penalty=penalty).fit(frame)
    basis = fitted(frame)
    assert basis.shape == (4, 3 if penalty else 2)
    last = basis[:, -1]  # of "y", which two of three have
    np.testing.assert_allclose(last, [-2 / 3, 1 / 3, 1 / 3, 0])
    np.testing.assert_allclose(fitted(frame_of("e", kind=["z"], area=[2.5])), 0)
    for nothing in (None, "z"):
        assert np.isnan(fitted(frame_of("e", kind=[nothing], area=[np.nan]))).all()


def test_columns_of_one_value_are_left_out():
    frame = frame_of("abc", same=[0.1, 0.1, 0.1], area=[1.0, 2.0, 4.0], kind=["x", "x", "x"])
    assert basis_of(["same", "area", "kind"], frame).shape == (3, 1)
    with pytest.raises(ValueError, match=r"'same', 'kind'. make 0\. Leave out columns of one value throughout"):
        basis_of(["same", "kind"], frame)


def test_too_many_levels_are_refused(monkeypatch):
    monkeypatch.setattr("catpool.models.features.ready_made.linear.MOST", 3)
    with pytest.raises(ValueError, match=r"from 1 to 3 numbers of each category.* make 4\. Leave out columns of many"):
        basis_of(["kind"], frame_of("abcd", kind=list("wxyz")))


def test_what_is_neither_number_nor_category_is_refused():
    frame = frame_of("ab", day=pd.to_datetime(["2024-01-01", "2024-01-02"]))
    with pytest.raises(TypeError, match=r"'day' holds values of the kind 'time', such as Timestamp.*Convert it"):
        basis_of(["day"], frame)


def test_one_category_has_features_that_tell_nothing():
    frame = frame_of("a", area=[3.0], kind=["x"])
    for penalty in (True, False):
        np.testing.assert_array_equal(basis_of(["area", "kind"], frame, penalty=penalty), [[0, 0]])
        np.testing.assert_array_equal(basis_of(["kind"], frame, penalty=penalty), [[0]])


def test_levels_must_be_hashable():
    with pytest.raises(TypeError, match=r"but 'tags' holds such as \['new'\].*Convert lists"):
        linear(["tags"]).fit(frame_of("ab", tags=[["new"], ["old"]]))


def test_numbers_far_from_zero_keep_their_differences():
    day = np.arange(4.0)
    near, far = (basis_of(["day"], frame_of("abcd", day=start + day)) for start in (0, 1e13))
    np.testing.assert_allclose(near, far, rtol=1e-2)


@pytest.mark.parametrize("value", [0.1, 1e9 + 0.1, -1 / 3])
def test_rounding_is_no_difference(value):
    with pytest.raises(ValueError, match="make 0"):
        linear(["day"]).fit(frame_of(range(3000), day=[value] * 3000))


@pytest.mark.parametrize("source", ["area", 5, None, {"a": 1}])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(ValueError, match="`source` must be a table, a list of columns of X, or a function"):
        linear(source)


def test_a_penalty_is_a_truth_value():
    with pytest.raises(ValueError, match=r"`penalty` must be True or False\. Got 0\.5"):
        linear(["area"], penalty=0.5)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "category", "string"])
def test_columns_of_extension_types_are_read(dtype):
    values = {"boolean": [True, False, None], "category": ["a", "b", None], "string": ["a", "b", None]}
    table = pd.DataFrame({"value": pd.Series(values.get(dtype, [1, 2, None]), dtype=dtype, index=list("abc"))})
    basis = basis_of(table, frame_of("abc"))
    assert np.isnan(basis[2]).all()
    assert basis[0, 0] == pytest.approx(-basis[1, 0])


@pytest.mark.parametrize("dtype", [float, object])
def test_numbers_must_be_finite(dtype):
    table = pd.DataFrame({"area": [1.0, np.inf, 3.0], "size": [1.0, 2.0, 3.0]}, index=list("abc")).astype(dtype)
    with pytest.raises(ValueError, match="Column 'area' must be finite"):
        basis_of(table, frame_of("abc"))


@pytest.mark.parametrize("returned", [pd.Series([1.0, 2.0]), 3.0])
def test_a_function_must_return_a_table(returned):
    with pytest.raises(TypeError, match=r"must return a table with a row for each category\. It returned a"):
        linear(lambda categories: returned).fit(frame_of("ab"))


def test_tables_of_floats_with_gaps_are_read_as_other_numbers_are():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(5, 2, size=(3000, 4)).round(2), index=[f"shop {code}" for code in range(3000)])
    table.iloc[::3, 1], table.iloc[5, :], table[4] = np.nan, np.nan, np.nan
    frame = frame_of(rng.permutation(table.index))
    known = table.loc[frame.index].iloc[:, :4]
    expected = ((known - known.mean()) / known.std(ddof=0)).to_numpy()
    gaps = np.isnan(expected) & ~np.isnan(expected).all(axis=1, keepdims=True)
    with_integers = table.copy()
    with_integers[5] = 1  # which says nothing
    for source in (table, with_integers):
        np.testing.assert_allclose(basis_of(source, frame), np.where(gaps, 0.0, expected), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("number", "fits"), [(1e90, True), (1e-90, True), (1e101, False), (1e-101, False)])
def test_numbers_must_be_of_a_size_whose_square_is_a_number(number, fits):
    table = pd.DataFrame({"tiny": [0.0, number, 0.0, np.nan], "usual": [1.0, 2.0, 3.0, 5.0]}, index=list("abcd"))
    if fits:
        assert np.isfinite(basis_of(table, frame_of("abcd"))).all()
    else:
        with pytest.raises(ValueError, match=r"Column 'tiny' must be finite, and its largest magnitude between"):
            basis_of(table, frame_of("abcd"))
