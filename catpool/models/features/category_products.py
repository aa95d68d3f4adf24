"""`CategoryProducts`: sums over categories of products of their features and means, by the size of the category.

The weight of a category in the equations of a mixed model depends on its size alone. So where many categories share a
size, the sum of their products is taken once, and weighted in each evaluation.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen

SHARED = 8  # categories of one size from which on their sum is taken: fewer cost less than to add it up
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
        """
        seen = np.flatnonzero(count)
        sizes, codes, numbers = np.unique(count[seen], return_inverse=True, return_counts=True)
        order, width = seen[np.argsort(codes, kind="stable")], features.shape[1] + 1
        grouped = numbers >= SHARED
        grouped[np.argsort(-numbers, kind="stable")[MOST // width**2 :]] = False
        ends = np.cumsum(numbers)
        sums = np.empty((np.count_nonzero(grouped), width * width))
        for into, group in zip(sums, np.flatnonzero(grouped), strict=True):
            rows = _beside(features, means, order[ends[group] - numbers[group] : ends[group]])
            into[:] = (rows.T @ rows).ravel()
        single = np.sort(order[np.repeat(~grouped, numbers)])
        return cls(
            np.concatenate([sizes[grouped], count[single]]).astype(float),
            np.concatenate([numbers[grouped], np.ones(len(single))]),
            sums,
            _beside(features, means, single),
        )

    @property
    def width(self) -> int:
        return self.alone.shape[1]

    def select(self, kept: np.ndarray) -> CategoryProducts:
        """The products of some of the W numbers, which are marked."""
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


def _beside(features: np.ndarray, means: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The features of some categories, and their mean beside them."""
    rows = np.empty((len(places), features.shape[1] + 1))
    rows[:, :-1], rows[:, -1] = features[places], means[places]
    return rows
