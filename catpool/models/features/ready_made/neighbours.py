"""`neighbours`: the effects of categories that are neighbours on a graph are alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers
from catpool.models.features.ready_made.expansion import check_rank
from catpool.models.features.ready_made.neighbour_graph import NeighbourGraph, scaled_functions

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame


def neighbours(
    edges: IntoDataFrame | np.ndarray | Sequence[tuple[Hashable, Hashable]], *, rank: int = 100
) -> NeighbourFeatures:
    r"""Prior features of categories that are connected, such as regions with a common border: neighbours are alike.

    The prior means of the categories are an intrinsic conditional autoregression on the graph: the effect of a category
    given all others is normal about the mean of its neighbours. With the category's own effect that is added to them,
    it is the model of Besag, York and Mollié in the form of Riebler and others (BYM2): the covariance is

    .. math:: \operatorname{Var}(Z\gamma) = s^2 (D - A)^{-} / c

    with the numbers of neighbours :math:`D`, the adjacency :math:`A`, and :math:`c` such that the geometric mean of the
    variances is 1 in each connected part of the graph. The effects of each part sum to zero. The features are the
    functions of the largest variances. A new category that has neighbours has its mean given the others; one
    that no edge names, an island, has no features.

    Parameters
    ----------
    edges : frame of two columns, array of shape (m, 2), or sequence of pairs
        The pairs of categories that are neighbours, with the values of the column that is encoded. Each pair occurs
        once, or all occur in both directions. They may name categories that are not among the training rows.
    rank : int, default=100
        The largest number of functions. N categories with neighbours, in P connected parts, need N - P for the exact
        covariance. With fewer, the variance of a new category grows by what they leave of it, beyond what they leave of
        the known ones on average.

    Returns
    -------
    NeighbourFeatures
        For ``prior_features``.

    Raises
    ------
    ValueError
        If `edges` are no pairs, or none; if one of them is missing, or has the same category at both ends; if only
        some are repeated; if `rank` is not a whole number from 1. On fit, if no category has neighbours.

    References
    ----------
    J. Besag, J. York, A. Mollié (1991), Bayesian image restoration, with two applications in spatial statistics, Annals
    of the Institute of Statistical Mathematics 43, 1-59.

    A. Riebler, S. H. Sørbye, D. Simpson, H. Rue (2016), An intuitive Bayesian spatial model for disease mapping that
    accounts for scaling, Statistical Methods in Medical Research 25, 1145-1165.

    A. Freni-Sterrantino, M. Ventrucci, H. Rue (2018), A note on intrinsic conditional autoregressive models for
    disconnected graphs, Spatial and Spatio-temporal Epidemiology 26, 25-34.

    Examples
    --------
    Portugal and Hungary have no rows, but a neighbour. Iceland has no neighbour, and gets the average:

    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder, neighbours
    >>> pairs = [("Portugal", "Spain"), ("Spain", "France"), ("France", "Italy"), ("Italy", "Austria")]
    >>> borders = neighbours([*pairs, ("Austria", "Hungary")])
    >>> X = pd.DataFrame({"country": ["Spain", "France", "Italy", "Austria"] * 2})
    >>> encoder = EmpiricalBayesEncoder(prior_features={"country": borders})
    >>> encoder = encoder.fit(X, [1.0, 2.0, 3.1, 4.1, 1.2, 2.2, 2.9, 3.9])
    >>> encoder.transform(pd.DataFrame({"country": ["Portugal", "Hungary", "Iceland"]}))["country"].round(1).tolist()
    [1.1, 4.0, 2.6]
    """
    return NeighbourFeatures(NeighbourGraph.of(edges), check_rank(rank))


@frozen
class NeighbourFeatures:
    """A conditional autoregression on a graph.

    Parameters
    ----------
    graph : NeighbourGraph
    rank : int
    """

    graph: NeighbourGraph
    rank: int

    columns = ()

    def fit(self, categories: pd.DataFrame) -> NeighbourBasis:
        """Compute the functions, if some of the categories have neighbours."""
        if not any(map(self.graph.position.__contains__, categories.index.tolist())):
            raise ValueError(
                f"neighbours() must have edges between categories of column {categories.index.name!r}, but they name "
                f"none of them: they have such as {self.graph.nodes[0]!r}, the column such as {categories.index[0]!r}. "
                "Compare the types: 1 and '1' are two categories."
            )
        return NeighbourBasis(self.graph.nodes, *scaled_functions(self.graph, self.rank))


@frozen
class NeighbourBasis:
    """The functions of a graph.

    Parameters
    ----------
    nodes : ndarray of shape (N,)
    functions : ndarray of shape (N, q)
    rest : ndarray of shape (N,), optional
        The variance of each node that the functions leave. None if it counts as 0, as in files of before.
    """

    nodes: np.ndarray
    functions: np.ndarray
    rest: np.ndarray | None = None

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be functions."""
        require(self.nodes.ndim == 1 and self.functions.ndim == 2 and self.functions.size > 0, "no functions")
        require_numbers((len(self.nodes), self.functions.shape[1]), functions=self.functions)
        require_numbers((len(self.nodes),), least=0.0, rest=self.rest)
        _ = self._position  # refuses what is not hashable

    @cached_property
    def _position(self) -> dict[Any, int]:
        return {node: position for position, node in enumerate(self.nodes.tolist())}

    def __call__(self, categories: pd.DataFrame) -> np.ndarray:
        """The functions at categories, of shape (m, q)."""
        return self._at(categories, self.functions)

    @property
    def left(self) -> Callable[[pd.DataFrame], np.ndarray] | None:
        """From categories to the variance of their effects that the functions leave, of shape (m,)."""
        rest = self.rest
        return None if rest is None else lambda categories: self._at(categories, rest[:, None])[:, 0]

    def _at(self, categories: pd.DataFrame, numbers: np.ndarray) -> np.ndarray:
        """The numbers of the nodes that categories are, of shape (m, q); NaN for islands."""
        found = np.array([self._position.get(each, -1) for each in categories.index.tolist()], dtype=np.intp)
        return np.where((found >= 0)[:, None], numbers[found], np.nan)
