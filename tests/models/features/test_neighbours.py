import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.described import of

from catpool import neighbours
from catpool.models.features import neighbour_graph
from catpool.models.features.neighbour_graph import NeighbourGraph, scaled_functions
from catpool.models.features.neighbours import NeighbourBasis


def grid(rows, columns):
    """The edges of a chessboard, whose squares are numbered by row."""
    square = np.arange(rows * columns).reshape(rows, columns)
    across = np.column_stack([square[:, :-1].ravel(), square[:, 1:].ravel()])
    return np.vstack([across, np.column_stack([square[:-1].ravel(), square[1:].ravel()])])


def dense(edges, size):
    """The pseudo-inverse of the precision of a connected graph, scaled to a usual variance of 1."""
    adjacency = np.zeros((size, size))
    adjacency[edges[:, 0], edges[:, 1]] = adjacency[edges[:, 1], edges[:, 0]] = 1
    inverse = np.linalg.pinv(np.diag(adjacency.sum(axis=0)) - adjacency)
    return inverse / np.exp(np.log(np.diag(inverse)).mean())


BOARD = grid(4, 5)


def functions_of(edges, categories, **options):
    return neighbours(edges, **options).fit(of(categories))(of(categories))


def test_all_functions_are_the_scaled_autoregression():
    functions = functions_of(BOARD, range(20), rank=1000)
    assert functions.shape == (20, 19)
    np.testing.assert_allclose(functions @ functions.T, dense(BOARD, 20), atol=1e-8)


def test_the_first_functions_are_those_of_most_variance():
    functions = functions_of(BOARD, range(20), rank=4)
    values, vectors = np.linalg.eigh(dense(BOARD, 20))
    np.testing.assert_allclose(functions @ functions.T, (vectors * values)[:, -4:] @ vectors[:, -4:].T, atol=1e-8)


def test_each_part_of_a_graph_has_a_usual_variance_of_1():
    edges = np.vstack([BOARD, [[20, 21], [21, 22]], [[23, 24]]])
    functions = functions_of(edges, range(25), rank=1000)
    covariance = functions @ functions.T
    expected = np.zeros((25, 25))
    for places, own in [
        (range(20), BOARD),
        (range(20, 23), np.array([[0, 1], [1, 2]])),
        ([23, 24], np.array([[0, 1]])),
    ]:
        expected[np.ix_(places, places)] = dense(own, len(places))
    np.testing.assert_allclose(covariance, expected, atol=1e-8)


def test_a_new_category_has_its_mean_given_the_others():
    known, new = list(range(19)), [19]
    fitted = neighbours(BOARD, rank=1000).fit(of(known))
    covariance = dense(BOARD, 20)
    weights = np.linalg.pinv(covariance[:19, :19]) @ covariance[:19, 19]
    np.testing.assert_allclose(fitted(of(new))[0], weights @ fitted(of(known)), atol=1e-8)  # as effects sum to zero
    np.testing.assert_allclose(fitted(of(new))[0], -fitted(of(known)).sum(axis=0), atol=1e-8)


def test_islands_have_no_features():
    functions = functions_of([("a", "b"), ("b", "c")], ["a", "island", "c", None])
    assert np.isnan(functions).all(axis=1).tolist() == [False, True, False, True]


@pytest.mark.parametrize(
    "kind",
    [
        lambda edges: edges,
        lambda edges: edges[::-1, ::-1],
        lambda edges: np.vstack([edges, edges[:, ::-1]]),
        lambda edges: list(map(tuple, edges)),
        lambda edges: edges.tolist(),
        lambda edges: pd.DataFrame(edges, columns=["from", "to"]),
        lambda edges: pytest.importorskip("polars").DataFrame(edges, schema=["from", "to"]),
        lambda edges: edges.astype(float),
    ],
)
def test_edges_in_any_form_and_order(kind):
    np.testing.assert_array_equal(functions_of(kind(BOARD), range(20)), functions_of(BOARD, range(20)))


def test_categories_of_several_types():
    functions = functions_of([("a", 1), (1, ("b", 2)), (("b", 2), "c")], ["a", 1, ("b", 2), "c"])
    np.testing.assert_allclose(functions @ functions.T, dense(np.array([[0, 1], [1, 2], [2, 3]]), 4), atol=1e-8)


def test_large_parts_have_the_same_functions(monkeypatch):
    graph = NeighbourGraph.of(grid(12, 17))
    exact = scaled_functions(graph, 30)
    monkeypatch.setattr(neighbour_graph, "MOST_KNOTS", 100)
    first = scaled_functions(graph, 30)
    covariance = first @ first.T
    np.testing.assert_allclose(np.exp(np.log(np.diag(covariance)).mean()), 1.0)
    expected = exact @ exact.T
    np.testing.assert_allclose(covariance, expected / np.exp(np.log(np.diag(expected)).mean()), atol=1e-8)
    assert scaled_functions(graph, 1000).shape == (204, 203)


def test_pickles_have_the_same_functions():
    fitted = neighbours(BOARD).fit(of(range(20)))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted))(of([3, 99])), fitted(of([3, 99])))


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([(1, 2), (3, 3)], "but 3 is its own neighbour"),
        ([(1, 2), (2, 3), (1, 2)], r"but \(1, 2\) is repeated. Leave out duplicates"),
        ([(1, 2), (2, 3), (2, 1)], r"all of which occur in both directions, but \(1, 2\) is repeated"),
        ([(1, 2), (2, 1), (2, 1)], r"\(2, 1\) is repeated"),
        ([(1, 2), (2, None)], r"but one of them is \(2, None\). Leave out missing values"),
        ([(1, 2), (2, float("nan"))], "Leave out missing values"),
        ([(1, 2), (2, pd.NA)], "Leave out missing values"),
        ([(1, 2), (1, 2, 3)], "must be pairs of categories, such as"),
        (["ab", "cd"], "must be pairs of categories, such as"),
        ([], "must be pairs of categories, such as"),
        ([1, 2], "must be pairs of categories, such as"),
        (None, "must be pairs of categories, such as .* but got a NoneType"),
        ([([1], 2)], "must be pairs of categories, such as .*unhashable"),
        (np.ones((3, 3)), "must be pairs of categories, such as"),
        (pd.DataFrame({"a": [1]}), "must be pairs of categories, such as"),
    ],
)
def test_wrong_edges_are_refused(edges, message):
    with pytest.raises(ValueError, match=message):
        neighbours(edges)


def test_edges_of_other_categories_are_refused():
    features = neighbours([("1", "2")])
    with pytest.raises(ValueError, match=r"column 'zip', but they name none of them: they have such as '1', .* as 1"):
        features.fit(of([1, 2]))


def test_a_rank_must_be_a_number():
    with pytest.raises(ValueError, match="`rank` must be a whole number from 1"):
        neighbours(BOARD, rank=-1)


def objects(*values):
    return np.fromiter(values, dtype=object, count=len(values))


@pytest.mark.parametrize(
    "damaged",
    [
        NeighbourGraph(objects(1, 1), np.array([[0, 1]])),
        NeighbourGraph(objects(1, 2), np.array([0, 1])),
        NeighbourGraph(objects(1, 2), np.array([[0, 2]])),
        NeighbourGraph(objects(1, 2), np.empty((0, 2), dtype=int)),
        NeighbourBasis(objects(1, 2), np.ones((3, 1))),
        NeighbourBasis(objects(1, 2), np.ones((2, 0))),
    ],
)
def test_damaged_graphs_are_refused(damaged):
    with pytest.raises(ValueError, match="it holds"):
        damaged.verify()
