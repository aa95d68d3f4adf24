import pickle
from datetime import date

import numpy as np
import pandas as pd
import pytest
from helpers.described import of

from catpool import ordered
from catpool.models.features.ready_made.category_order import Order

RNG = np.random.default_rng(0)
NUMBERS = RNG.permutation(1000)[:40].tolist()


def dense(x):
    """The covariance of a random walk at these places about its mean, with a mean variance of 1."""
    x = np.asarray(x, dtype=float)
    center = np.eye(len(x)) - 1 / len(x)
    covariance = center @ np.minimum(x[:, None] - x.min(), x - x.min()) @ center
    return covariance / np.trace(covariance) * len(x)


def test_all_functions_are_the_random_walk():
    functions = ordered(rank=1000).fit(of(NUMBERS))(of(NUMBERS))
    assert functions.shape == (40, 39)
    np.testing.assert_allclose(functions @ functions.T, dense(NUMBERS), atol=1e-8)


def test_the_first_functions_are_those_of_most_variance():
    functions = ordered(rank=5).fit(of(NUMBERS))(of(NUMBERS))
    values, vectors = np.linalg.eigh(dense(NUMBERS))
    np.testing.assert_allclose(functions @ functions.T, (vectors * values)[:, -5:] @ vectors[:, -5:].T, atol=1e-8)


@pytest.mark.parametrize(
    ("values", "places"),
    [
        (["01067", "1069", " 2000 ", "-3.5"], [1067, 1069, 2000, -3.5]),
        (["b", "aa", "c", "a"], [2, 1, 3, 0]),
        (["A10", "V5", "A9", "250.1", "A9-2", "38", "250.01"], [5, 6, 3, 2, 4, 0, 1]),
        ([("b", 1), ("a", 2), ("a", 1)], [2, 1, 0]),
        ([True, 3.5, 2], [1, 3.5, 2]),
        ([date(2020, 1, 5), pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02", tz="UTC")], [4, 0, 1]),
    ],
    ids=["digits", "strings", "strings with numbers", "tuples", "numbers", "times"],
)
def test_categories_are_read_as_what_they_are(values, places):
    functions = ordered().fit(of(values))(of(values))
    np.testing.assert_allclose(functions @ functions.T, dense(places), atol=1e-8)


def test_a_new_category_has_the_mean_of_the_walk_at_its_place():
    known, new = [0, 10, 30], [10, 25, 20.0, 99, -1]
    fitted = ordered().fit(of(known))
    low, middle, high = fitted(of(known))
    np.testing.assert_allclose(fitted(of(new)), [middle, (middle + 3 * high) / 4, (middle + high) / 2, high, low])


def test_the_mean_of_the_walk_is_that_of_the_dense_formula():
    known, new = NUMBERS[:30], NUMBERS[30:]
    fitted = ordered(rank=1000).fit(of(known))
    x, z = np.array(known, dtype=float), np.array(new, dtype=float)
    start = min(NUMBERS) - 1e7  # where the walk starts from a level of any size
    weights = np.linalg.solve(np.minimum(x[:, None], x) - start, np.minimum(x[:, None], z) - start)
    effects = RNG.normal(size=29)
    np.testing.assert_allclose(fitted(of(new)) @ effects, weights.T @ (fitted(of(known)) @ effects), atol=1e-4)


def test_a_new_string_is_half_way_between_its_neighbours():
    fitted = ordered().fit(of(["a", "c", "e"]))
    first, second, _ = fitted(of(["a", "c", "e"]))
    np.testing.assert_allclose(fitted(of(["b"])), [(first + second) / 2])


def test_a_new_string_with_a_number_is_between_its_neighbours():
    fitted = ordered().fit(of(["A9", "A10", "B1"]))
    first, second, third = fitted(of(["A9", "A10", "B1"]))
    np.testing.assert_allclose(fitted(of(["A9.5", "A100"])), [(first + second) / 2, (second + third) / 2])


@pytest.mark.parametrize(
    "values",
    [
        ["v1.2.3", "v1.9.0", "v1.10.1"],  # numbers of versions are whole
        ["a1.25", "a1.5", "a1.75"],
        ["x" + "2" * 400, "x" + "3" * 400, "x" + "1" * 401],  # beyond floats
        ["x9", "x9007199254740992", "x9007199254740993"],
        ["1e-05", "0.001", "5.0", "1e+16"],  # as floats are written
        ["1E9", "1E10", "2E3"],  # codes
        ["", "A", "A\u0663", "A9"],  # an Arabic 3
    ],
)
def test_numbers_in_strings_are_compared_exactly(values):
    places = Order.of(values[::-1], "zip").places(values)
    assert (np.diff(places) > 0).all()


def test_strings_of_equal_numbers_have_places_of_their_own():
    for values in (["a1", "a01", "b"], ["b", "a01", "a1"]):
        assert Order.of(values, "zip").values == ("a01", "a1", "b")


@pytest.mark.parametrize(
    ("known", "new"),
    [([1, 2], ["a", np.inf]), (["a", "b"], [1, ("a",)]), (["1", "2"], ["x", 1]), ([("a", 1), ("b", 1)], ["a"])],
)
def test_what_cannot_be_compared_has_no_features(known, new):
    assert np.isnan(ordered().fit(of(known))(of(new))).all()


def test_the_order_of_categories_does_not_matter():
    fitted, other = ordered(rank=9).fit(of(NUMBERS)), ordered(rank=9).fit(of(NUMBERS[::-1]))
    np.testing.assert_array_equal(fitted(of(NUMBERS)), other(of(NUMBERS)))


def test_categories_are_sorted_by_a_column():
    frame = of(["x", "y", "z", "w"]).assign(size=[5.0, 1.0, np.nan, 9.0])
    functions = ordered("size").fit(frame)(frame)
    assert np.isnan(functions[2]).all()
    functions = functions[[0, 1, 3]]
    np.testing.assert_allclose(functions @ functions.T, dense([5, 1, 9]), atol=1e-8)
    assert ordered("size").columns == ("size",)
    assert ordered().columns == ()


def test_equal_places_have_equal_functions():
    functions = ordered().fit(of(["1", "01", "2"]))(of(["1", "01", "2"]))
    np.testing.assert_array_equal(functions[0], functions[1])
    assert (functions[0] != functions[2]).all()


def test_one_category_has_a_function_of_zeros():
    np.testing.assert_array_equal(ordered().fit(of(["a"]))(of(["a", "b"])), np.zeros((2, 1)))


def test_two_categories_have_one_function():
    np.testing.assert_allclose(ordered().fit(of([3, 4]))(of([3, 4])) ** 2, np.ones((2, 1)))


def test_many_categories_share_knots():
    many = np.cumsum(RNG.exponential(size=5000))
    functions = ordered(rank=20).fit(of(many.tolist()))(of(many.tolist()))
    covariance = functions[::100] @ functions[::100].T
    values, vectors = np.linalg.eigh(dense(many[::10]))  # of 500 of them, which is as good
    expected = ((vectors * values)[:, -20:] @ vectors[:, -20:].T)[::10, ::10]
    np.testing.assert_allclose(covariance, expected, atol=0.05)


def test_pickles_have_the_same_functions():
    fitted = ordered().fit(of(["a", "b", "c"]))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted))(of(["a", "bb"])), fitted(of(["a", "bb"])))


@pytest.mark.parametrize(
    ("frame", "by", "error", "message"),
    [
        (of([1, "a"]), None, TypeError, "ordered.* must have categories that can be sorted, but those of column 'zip'"),
        (of([1j, 2j]), None, TypeError, "that can be sorted"),
        (of([1.0, np.inf]), None, ValueError, "finite places, but column 'zip' holds inf"),
        (of(["a", "b"]).assign(size=1), "size", ValueError, "different places, but column 'size' is 1 in all"),
        (of(["a", "b"]).assign(size=np.nan), "size", ValueError, "column 'size' is missing in all"),
    ],
)
def test_categories_without_an_order_are_refused(frame, by, error, message):
    with pytest.raises(error, match=message):
        ordered(by).fit(frame)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ([date(9990, 1, 2), date(9990, 1, 1), date(1, 1, 1)], [2929246, 2929245, -719162]),
        ([2**53 + 2, 2**53 + 4, 2**53], [2, 4, 0]),
        (["0" * 20 + "2", "003", "1"], [2, 3, 1]),
    ],
    ids=["years", "large", "zeros"],
)
def test_places_far_from_zero(values, place):
    functions = ordered().fit(of(values))(of(values))
    np.testing.assert_allclose(functions @ functions.T, dense(place), atol=1e-8)


@pytest.mark.parametrize(
    "values", [[10**25, 10**25 + 1, 10**26], ["9007199254740992", "9007199254740993", "1"]], ids=["numbers", "digits"]
)
def test_numbers_that_are_one_float_are_refused(values):
    with pytest.raises(ValueError, match="must have categories that differ as floats, but column 'zip' holds numbers"):
        ordered().fit(of(values))


def test_numbers_whose_distances_are_no_floats_are_refused():
    with pytest.raises(ValueError, match=r"finite places, but column 'zip' holds 1e\+307.* below 1e\+100"):
        ordered().fit(of([1e307, 2e307]))


def sized(values, levels="SML"):
    return ordered().of_dtype(pd.CategoricalDtype(list(levels), ordered=True)).fit(of(list(values)))


def test_levels_of_an_ordered_type_have_its_order():
    functions = sized("LSM")(of(["L", "S", "M"]))
    np.testing.assert_allclose(functions @ functions.T, dense([2, 0, 1]), atol=1e-8)
    assert np.isnan(sized("SML")(of(["XL"]))).all()


def test_a_new_level_is_between_those_next_to_it():
    functions = sized("SL")(of(["S", "M", "L"]))
    np.testing.assert_allclose(functions[1], (functions[0] + functions[2]) / 2, atol=1e-12)


def test_levels_that_are_numbers_keep_their_distances():
    functions = sized([1, 2, 9], [1, 2, 9])(of([1, 2, 9]))
    np.testing.assert_allclose(functions @ functions.T, dense([1, 2, 9]), atol=1e-8)


def test_types_without_an_order_leave_it_to_the_values():
    assert ordered().of_dtype(pd.CategoricalDtype(["b", "a"])).levels == ()


def test_categories_that_are_no_levels_are_refused():
    with pytest.raises(ValueError, match=r"the levels of the first rows, \['S', 'M', 'L'\], but column 'zip'"):
        sized(["S", "XL"])


def test_a_rank_must_be_a_number():
    with pytest.raises(ValueError, match="`rank` must be a whole number from 1"):
        ordered(rank=0)


@pytest.mark.parametrize(("kind", "values"), [("sorted", ()), ("listed", ()), ("numbers", (1,)), ("other", ())])
def test_a_damaged_order_is_refused(kind, values):
    with pytest.raises(ValueError, match="it holds"):
        Order(kind, values).verify()


def test_integers_too_large_for_floats_have_no_place():
    with pytest.raises(ValueError, match="finite places, but column 'zip' holds 1000"):
        ordered().fit(of([1, 10**400]))
    assert np.isnan(ordered().fit(of([1, 2]))(of([10**400, -(10**400)]))).all()


@pytest.mark.parametrize("rank", [3, 100])
def test_functions_and_what_they_leave_have_the_variance_of_the_walk(rank):
    known = [0.0, 1.0, 3.0, 7.0, 8.0]
    fitted = ordered(rank=rank).fit(of(known))
    new = np.array([-2.0, 0.0, 2.0, 7.5, 20.0])
    distance = np.abs(np.subtract.outer(known, known)).mean()
    own = (np.abs(np.subtract.outer(new, known)).mean(axis=1) - distance / 2) / (distance / 2)
    frame = of(new.tolist())
    np.testing.assert_allclose(fitted.left(frame) + (fitted(frame) ** 2).sum(axis=1), own)
    np.testing.assert_array_equal(ordered().fit(of([1.0])).left(frame), 0)
