"""`CategoryProducts`: sums over categories of products of their features and means, by the size of the category.

The weight of a category in the equations of a mixed model depends on its size alone. So where many categories share a
size, the sum of their products is taken once, and weighted in each evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen

SHARED = 8  # categories of one size from which on their sum is taken: fewer cost less than to add it up
SHORT = np.iinfo(np.uint16).max
MOST = 1 << 24  # numbers in all sums


@frozen
class CategoryProducts:
    """The categories of one table: sums of products of those that share their size, and the others.

    Parameters
    ----------
    sizes, numbers : ndarray of shape (D + A,)
        The sizes of groups of categories, and then those of single categories; and how many these are.
    sums : ndarray of shape (D, W * W)
        The sum of the outer products of the W numbers of each category, by group.
    alone : ndarray of shape (A, W)
        The numbers of each single category.
    """

    sizes: np.ndarray
    numbers: np.ndarray
    sums: np.ndarray
    alone: np.ndarray

    @classmethod
    def of(cls, count: np.ndarray, features: np.ndarray, means: np.ndarray) -> CategoryProducts:
        """The products of features and means, which is the last of the W numbers, of the categories with rows.

        Parameters
        ----------
        count, means : ndarray of shape (K,)
        features : ndarray of shape (K, W - 1)
            In single precision, if products are to be.
        """
        order, starts = _by_size(count)
        sizes, numbers = count[order[starts[:-1]]], np.diff(starts)
        width = features.shape[1] + 1
        grouped = numbers >= SHARED
        grouped[np.argsort(-numbers, kind="stable")[MOST // width**2 :]] = False
        single = np.sort(order[np.repeat(~grouped, numbers)])
        groups = np.flatnonzero(grouped)
        return cls(
            np.concatenate([sizes[grouped], count[single]]).astype(float),
            np.concatenate([numbers[grouped], np.ones(len(single))]),
            _sums(features, means, [order[starts[group] : starts[group + 1]] for group in groups]),
            np.column_stack([features[single], means[single]]),
        )

    @property
    def width(self) -> int:
        return self.alone.shape[1]

    def select(self, kept: np.ndarray) -> CategoryProducts:
        """The products of some of the W numbers, which are marked."""
        if kept.all():
            return self
        sums = self.sums.reshape(-1, self.width, self.width)[:, kept][:, :, kept]
        return replace(self, sums=sums.reshape(len(sums), np.count_nonzero(kept) ** 2), alone=self.alone[:, kept])

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """The sums over all categories of their outer products times a weight, of shape (P, W, W).

        Parameters
        ----------
        weights : ndarray of shape (P, D + A)
        """
        groups = len(self.sums)
        found = (weights[:, :groups] @ self.sums).reshape(len(weights), self.width, self.width)
        if len(self.alone):
            found += np.stack([(self.alone * own[:, None]).T @ self.alone for own in weights[:, groups:]])
        return found


def _by_size(count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The categories with rows, sorted by size, and where each size starts, and the last ends."""
    seen = np.flatnonzero(count)
    sizes = count[seen]
    short = sizes.astype(np.uint16) if sizes.max(initial=0.0) <= SHORT else sizes
    order = np.argsort(short if (short == sizes).all() else sizes, kind="stable")  # which is fast for short integers
    ordered = sizes[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1.0, append=np.inf))
    return seen[order], starts


def _sums(features: np.ndarray, means: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
    """The sums of the outer products of features and means of the categories of each group, of shape (D, W * W)."""
    width = features.shape[1]
    sums = np.empty((len(groups), width + 1, width + 1))
    rows = np.empty((max(map(len, groups), default=0), width), features.dtype)  # which stay in the processor's cache
    for into, places in zip(sums, groups, strict=True):
        own, mean = rows[: len(places)], means[places]
        np.take(features, places, axis=0, out=own, mode="clip")
        into[:width, :width] = own.T @ own
        into[width, :width] = into[:width, width] = mean.astype(own.dtype) @ own
        into[width, width] = mean @ mean
    return sums.reshape(len(sums), (width + 1) ** 2)
