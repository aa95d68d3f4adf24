import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.described import of

from catpool import EmpiricalBayesEncoder, neighbours
from catpool.models.features.ready_made import neighbour_graph
from catpool.models.features.ready_made.graph_variances import graph_variances
from catpool.models.features.ready_made.neighbour_graph import NeighbourGraph, scaled_functions
from catpool.models.features.ready_made.neighbours import NeighbourBasis


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
    exact, left = scaled_functions(graph, 30)
    monkeypatch.setattr(neighbour_graph, "MOST_KNOTS", 100)
    first, rest = scaled_functions(graph, 30)
    np.testing.assert_allclose(first @ first.T, exact @ exact.T, atol=1e-8)
    np.testing.assert_allclose(rest, left, atol=1e-8)
    assert scaled_functions(graph, 1000)[0].shape == (204, 203)


@pytest.mark.parametrize("rank", [1, 4, 18, 19, 1000])
@pytest.mark.parametrize("most", [5, 1024])
def test_functions_and_what_they_leave_have_the_variance_of_the_process(rank, most, monkeypatch):
    monkeypatch.setattr(neighbour_graph, "MOST_KNOTS", most)
    edges = np.vstack([BOARD, [[20, 21], [21, 22]]])
    fitted = neighbours(edges, rank=rank).fit(of(range(3)))
    variances = np.append(np.diag(dense(BOARD, 20)), np.diag(dense(np.array([[0, 1], [1, 2]]), 3)))
    nodes = of(range(23))
    np.testing.assert_allclose(fitted.left(nodes) + (fitted(nodes) ** 2).sum(axis=1), variances, atol=1e-8)
    assert (fitted.left(nodes) > 0).any() == (rank < 21)
    assert np.isnan(fitted.left(of(["island"]))).all()


def random_edges(size, number):
    pairs = np.random.default_rng(0).permutation(np.column_stack(np.triu_indices(size, 1)))[:number]
    path = np.column_stack([np.arange(size - 1), np.arange(1, size)])
    return np.unique(np.vstack([pairs, path]), axis=0)


@pytest.mark.parametrize(
    "edges",
    [
        grid(7, 11),
        grid(1, 30),
        grid(1, 2),
        np.column_stack([np.zeros(20, dtype=int), np.arange(1, 21)]),
        np.column_stack([np.arange(20), np.full(20, 20)]),
        np.column_stack(np.triu_indices(12, 1)),
        random_edges(40, 20),
        random_edges(40, 300),
    ],
    ids=["grid", "path", "pair", "star", "star without its center", "complete", "random", "dense"],
)
def test_variances_of_a_graph_are_those_of_its_pseudo_inverse(edges):
    graph = NeighbourGraph.of(edges)
    expected = np.diag(np.linalg.pinv(graph.precision.toarray()))
    np.testing.assert_allclose(graph_variances(graph.precision), expected, rtol=1e-10, atol=1e-12)


def board_with_tails():
    """A board, and a path of three squares out of each square of its edge; which of them are in these paths."""
    square = np.arange(100).reshape(10, 10)
    border = np.concatenate([square[0], square[-1], square[1:-1, 0], square[1:-1, -1]])
    paths = np.column_stack([border, 100 + np.arange(3 * len(border)).reshape(-1, 3)])
    return np.vstack([grid(10, 10), *(paths[:, [k, k + 1]] for k in range(3))]), np.arange(100 + 3 * len(border)) >= 100


def test_what_few_functions_leave_is_in_the_intervals_of_new_categories():
    edges, outside = board_with_tails()
    size, inside = len(outside), np.flatnonzero(~outside)
    root = np.linalg.cholesky(dense(edges, size) + 1e-9 * np.eye(size))
    covered = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        effects = root @ rng.normal(size=size)
        X = pd.DataFrame({"square": np.repeat(inside, 10)})
        encoder = EmpiricalBayesEncoder(["square"], prior_features={"square": neighbours(edges, rank=10)})
        encoder.set_params(output=["mean", "sd"]).fit(X, effects[X["square"]] + rng.normal(size=len(X)))
        mean, sd = encoder.transform(pd.DataFrame({"square": np.flatnonzero(outside)})).to_numpy().T
        covered.append(np.abs(effects[outside] - mean) < 1.645 * sd)
    assert 0.8 < np.mean(covered) < 0.97


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
        NeighbourBasis(objects(1, 2), np.ones((2, 1)), np.ones(3)),
        NeighbourBasis(objects(1, 2), np.ones((2, 1)), -np.ones(2)),
    ],
)
def test_damaged_graphs_are_refused(damaged):
    with pytest.raises(ValueError, match="it holds"):
        damaged.verify()
