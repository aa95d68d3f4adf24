"""Random folds, dealt like cards.

Each run of `k` rows gets the `k` labels in an order of its own. That is balanced to one row, and far cheaper
than one permutation of all rows.
"""

from __future__ import annotations

import numpy as np

DECKS = 1024  # orders of the labels to draw from


class Dealer:
    """Deals the labels 0 to k - 1.

    Parameters
    ----------
    k : int
    rng : numpy.random.Generator
    """

    def __init__(self, k: int, rng: np.random.Generator) -> None:
        self.k, self.rng = k, rng
        self.decks = rng.permuted(np.tile(np.arange(k, dtype=np.uint8), (DECKS, 1)), axis=1)

    def deal(self, n: int) -> np.ndarray:
        """Labels for n items, balanced to one item."""
        hands = self.rng.integers(DECKS, size=-(-n // self.k), dtype=np.uint16)
        return self.decks.take(hands, axis=0).ravel()[:n]

    def deal_classes(self, classes: np.ndarray) -> np.ndarray:
        """Labels balanced to one row both overall and within each class.

        With the rows sorted by class, the labels 0, 1, ..., k - 1, 0, 1, ... do that; then each class
        shuffles its own among its rows.
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
        """Labels that groups 0 to number - 1 keep together, dealt from the largest group to the smallest."""
        shuffled = self.rng.permutation(number)
        by_size = shuffled[np.argsort(-np.bincount(groups)[shuffled], kind="stable")]
        labels = np.empty(number, dtype=np.uint8)
        labels[by_size] = self.deal(number)
        return labels[groups]
