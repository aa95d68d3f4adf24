"""Random folds, dealt to the rows like cards.

Each block of `k` consecutive rows gets the `k` labels in a random order. So the sizes of folds differ by at most one
row, and it is far faster than a permutation of all rows.
"""

from __future__ import annotations

import numpy as np

DECKS = 1024  # random orders of the labels, from which each block draws one


class Dealer:
    """Deals the labels 0 to k - 1 to rows, classes or groups.

    Parameters
    ----------
    k : int
    rng : numpy.random.Generator
    """

    def __init__(self, k: int, rng: np.random.Generator) -> None:
        self.k, self.rng = k, rng
        self.decks = rng.permuted(np.tile(np.arange(k, dtype=np.uint8), (DECKS, 1)), axis=1)

    def deal(self, n: int) -> np.ndarray:
        """Deal labels to n items, so that the numbers of items per label differ by at most 1."""
        hands = self.rng.integers(DECKS, size=-(-n // self.k), dtype=np.uint16)
        return self.decks.take(hands, axis=0).ravel()[:n]

    def deal_classes(self, classes: np.ndarray) -> np.ndarray:
        """Deal labels to rows, so that the numbers of rows per label differ by at most 1, overall and in each class.

        With the rows sorted by class, the labels 0, 1, ..., k - 1, 0, 1, ... have this property. Then each class
        shuffles its labels among its rows, and the labels are renamed at random.
        """
        small = classes.astype(np.min_scalar_type(int(classes.max())), copy=False)
        order = np.argsort(small, kind="stable")
        labels = np.empty(len(classes), dtype=np.uint8)
        start = 0
        for size in np.bincount(classes):
            rest = self.rng.permutation(np.arange(start + size - size % self.k, start + size) % self.k)
            shuffled = np.concatenate([self.deal(size - size % self.k), rest])
            labels[order[start : start + size]] = shuffled
            start += size
        return self.rng.permutation(self.k).astype(np.uint8)[labels]

    def deal_groups(self, groups: np.ndarray, number: int) -> np.ndarray:
        """Deal labels to the groups 0 to number - 1, from the largest group to the smallest; return those of rows."""
        shuffled = self.rng.permutation(number)
        by_size = shuffled[np.argsort(-np.bincount(groups)[shuffled], kind="stable")]
        labels = np.empty(number, dtype=np.uint8)
        labels[by_size] = self.deal(number)
        return labels[groups]
