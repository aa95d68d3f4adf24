"""`NeighbourGraph`: which categories are neighbours, and the functions in which effects on it mostly differ."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, identity
from scipy.sparse.csgraph import connected_components, laplacian
from scipy.sparse.linalg import LinearOperator, eigsh

from catpool.data.frozen import frozen
from catpool.data.verify import require
from catpool.models.features.ready_made.category_order import is_missing
from catpool.models.features.ready_made.expansion import MOST_KNOTS, leading
from catpool.models.features.ready_made.graph_variances import factorize, graph_variances

SHIFT = -1e-7  # near to the eigenvalues that are sought, the smallest, where the shifted matrix has an inverse
ROUNDING = 1e-9  # of variances, where the usual one is 1
MUST = "`edges` of neighbours() must be pairs of categories"


@frozen
class NeighbourGraph:
    """Categories, and which of them are neighbours.

    Parameters
    ----------
    nodes : ndarray of shape (N,)
        The categories, sorted.
    ends : ndarray of int of shape (m, 2)
        The positions of the two ends of each edge.
    """

    nodes: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, edges: Any) -> NeighbourGraph:
        """The graph of edges from a user."""
        pairs = _pairs(edges)
        _check(pairs)
        names = _sorted({node for pair in pairs for node in pair})
        nodes = np.fromiter(names, dtype=object, count=len(names))
        graph = cls(nodes, np.empty((0, 2), dtype=np.int64))
        ends = np.array([[graph.position[node] for node in pair] for pair in pairs], dtype=np.int64)
        return cls(nodes, _each_once(ends, nodes))

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a graph."""
        size = len(self.nodes)
        require(self.nodes.ndim == 1 and len(self.position) == size, "nodes that occur twice")
        ends = self.ends
        require(ends.ndim == 2 and ends.shape[1] == 2 and ends.dtype.kind == "i", "edges without two ends")
        require(len(ends) and ends.min() >= 0 and ends.max() < size, "edges of no nodes")

    @cached_property
    def position(self) -> dict[Any, int]:
        """The position of each category among the nodes."""
        return {node: position for position, node in enumerate(self.nodes.tolist())}

    @cached_property
    def precision(self) -> csr_matrix:
        """The number of neighbours of each node, less the adjacency, of shape (N, N)."""
        one, other = self.ends.T
        adjacency = csr_matrix((np.ones(len(one)), (one, other)), shape=(len(self.nodes),) * 2)
        return csr_matrix(laplacian(adjacency + adjacency.T))


def scaled_functions(graph: NeighbourGraph, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The functions of the largest variances, of shape (N, q), and the variance of each node that they leave.

    Each connected part of the graph has a usual variance of 1.
    """
    number, part = connected_components(graph.precision, directed=False)
    order = np.argsort(part, kind="stable")
    found, left = [], np.empty(len(graph.nodes))
    for places in np.split(order, np.cumsum(np.bincount(part, minlength=number))[:-1]):
        values, vectors, left[places] = _of_part(graph.precision[places][:, places], rank)
        found += [(value, places, vector) for value, vector in zip(values, vectors.T, strict=True)]
    largest = sorted(found, key=lambda each: -each[0])[:rank]
    functions = np.zeros((len(graph.nodes), len(largest)))
    for column, (value, places, vector) in enumerate(largest):
        functions[places, column] = np.sqrt(value) * vector
    left -= (functions**2).sum(axis=1)
    return functions, np.where(left > ROUNDING, left, 0.0)


def _of_part(precision: csr_matrix, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest variances in a connected part of a graph, their directions, and the variance of each node."""
    size = precision.shape[0]
    if size > MOST_KNOTS and rank < size - 1:
        values, vectors = _smallest(precision, rank + 1)
        values, vectors = 1 / values[1:], vectors[:, 1:]  # the first is the constant
        variances = graph_variances(precision)
    else:
        covariance = np.linalg.inv(precision.toarray() + 1 / size) - 1 / size
        values, vectors = leading(covariance, rank)
        variances = np.diag(covariance)
    usual = _geometric_mean(variances)
    return values / usual, vectors, variances / usual


def _smallest(precision: csr_matrix, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The smallest eigenvalues, in rising order, and their vectors, from a factor that keeps the matrix sparse."""
    size = precision.shape[0]
    factor = factorize(precision - SHIFT * identity(size))
    start = np.cos(np.arange(size))  # no sum of few of the vectors
    inverse = LinearOperator(precision.shape, matvec=factor.solve, dtype=float)
    return eigsh(precision, k=number, sigma=SHIFT, OPinv=inverse, v0=start)


def _geometric_mean(variances: np.ndarray) -> float:
    return float(np.exp(np.log(variances[variances > 0]).mean()))


def _pairs(edges: Any) -> list[tuple[Any, Any]]:
    """The edges as pairs of Python's own values."""
    import narwhals.stable.v2 as nw  # here, because its import is slow

    frame = nw.from_native(edges, eager_only=True, pass_through=True)
    rows = frame.rows() if isinstance(frame, nw.DataFrame) else getattr(edges, "tolist", lambda: edges)()
    try:
        pairs = [tuple(pair) for pair in rows if not isinstance(pair, str)]
        found = {len(pair) for pair in pairs}
        if found != {2} or len(pairs) < len(rows):
            raise ValueError(f"not all have two ends, of {len(rows)}")
        hash(tuple(pairs))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{MUST}, such as [(1067, 1069), (1069, 1097)], or a frame of two columns, but got a "
            f"{type(edges).__name__} ({error})."
        ) from error
    return pairs


def _check(pairs: list[tuple[Any, Any]]) -> None:
    for one, other in pairs:
        if is_missing(one) or is_missing(other):
            raise ValueError(f"{MUST}, but one of them is {(one, other)}. Leave out missing values.")
        if one == other:
            raise ValueError(f"{MUST}, but {one!r} is its own neighbour in one of them. Leave that out.")


def _sorted(nodes: set[Any]) -> list[Any]:
    try:
        return sorted(nodes)
    except TypeError:  # such as strings and numbers
        return sorted(nodes, key=lambda node: (type(node).__name__, repr(node)))


def _each_once(ends: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """The edges in one direction, sorted, if all edges have their reverse, or none has; none may be repeated."""
    directed = Counter(map(tuple, ends.tolist()))
    both = sum((other, one) in directed for one, other in directed)
    repeated = [edge for edge, times in directed.items() if times > 1]
    repeated += [edge for edge in directed if both < len(directed) and edge[::-1] in directed]
    if repeated:
        one, other = nodes[list(repeated[0])]
        raise ValueError(
            f"{MUST}, each of which occurs once, or all of which occur in both directions, but {(one, other)} is "
            "repeated. Leave out duplicates."
        )
    return np.unique(np.sort(ends, axis=1), axis=0)
