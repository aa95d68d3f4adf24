"""`Ranges`: parts of the range of y, and the share of rows in each as a target of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.targets.target import Target


@frozen
class Ranges:
    """Parts of the range of y: up to the first edge, above it and up to the second, and so on.

    Parameters
    ----------
    name : str
        The output that these are the shares of.
    edges : ndarray of shape (ranges - 1,)
        Rising numbers. With one edge, only the share above it is wanted.
    """

    name: str
    edges: np.ndarray

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """The range of each number, 0, 1, and so on, of shape (n,)."""
        return np.searchsorted(self.edges, numbers, side="left")

    def target(self, of: Target, *, single: bool) -> Target:
        """Whether a row of a target is in each of the ranges; with `single`, in the last of two."""
        name = self.name if of.name is None else f"{of.name}_{self.name}"
        kind, classes = ("binary" if single else "multiclass"), np.arange(len(self.edges) + 1)
        return Target(name, kind, "binomial", self.places(of.values).astype(float), classes, shares=True)


def read_edges(bins: Any) -> np.ndarray | None:
    """The edges that the parameter `bins` holds; None if it is a number of bins."""
    if isinstance(bins, int | np.integer):
        return None
    try:
        edges = np.asarray(bins, dtype=float)
    except (TypeError, ValueError):
        edges = np.empty(0)
    if edges.ndim != 1 or not len(edges) or not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
        raise ValueError(
            f"`bins` must be a number of bins, or rising numbers as the edges between bins. Got {bins!r}. Pass "
            "bins=10, say, or bins=[0.0, 10.0, 100.0]."
        )
    return edges
