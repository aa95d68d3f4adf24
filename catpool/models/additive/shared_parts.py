"""`SharedPart`: a part that several factors share, as a column and the interactions that it is part of.

Rounds of backfitting are slow to bring an effect from cells to their part, because each is fitted given the other. But
within a group of rows, numbers that add up to zero can be added to all effects of each factor without a change of any
row's predictor. The best such numbers have a closed form: the sum of the factors' mean effects in the group is divided
among them in proportion to

    tau_f^2 / K_f,

the variance of the mean of the K_f effects that factor f has in the group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from catpool.data.columns.categories import MISSING
from catpool.data.frozen import frozen
from catpool.models.additive.factors import Factor


@frozen
class SharedPart:
    """A part that several factors share.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        The group of each row, which is its category in the part.
    groups : dict of ndarray of shape (slots,)
        The group in which each slot of a factor lies, by the number of the factor; -1 for slots in none or several.
    size : int
        The number of groups.
    """

    codes: np.ndarray
    groups: dict[int, np.ndarray]
    size: int

    def subset(self, rows: np.ndarray) -> SharedPart:
        return replace(self, codes=self.codes[rows])

    def covered(self, slots: Sequence[np.ndarray]) -> SharedPart:
        """The part, with those groups alone of each factor whose rows all lie in slots of the group.

        Parameters
        ----------
        slots : sequence of ndarray of shape (n,)
            The slot of each row in each factor.
        """
        groups = {}
        for factor, own in self.groups.items():
            whole = np.ones(self.size + 1, dtype=bool)
            whole[self.codes[own.take(slots[factor]) != self.codes]] = False
            groups[factor] = np.where(whole[own], own, -1)
        return replace(self, groups=groups)

    def moves(
        self, effects: Sequence[np.ndarray], information: Sequence[np.ndarray], variances: np.ndarray
    ) -> dict[int, np.ndarray]:
        """What to add to the effects of each factor, of shape (size,); factors without variance are left alone."""
        alive = [factor for factor in self.groups if variances[factor] > 0]
        within = {factor: (information[factor] > 0) & (self.groups[factor] >= 0) for factor in alive}
        means, shares = {}, {}
        for factor in alive:
            group = self.groups[factor][within[factor]]
            number = np.bincount(group, minlength=self.size)
            total = np.bincount(group, effects[factor][within[factor]], self.size)
            means[factor] = total / np.maximum(number, 1)
            shares[factor] = np.where(number > 0, variances[factor] / np.maximum(number, 1), 0.0)
        mean, share = sum(means.values()), sum(shares.values())
        part = np.divide(mean, share, out=np.zeros(self.size), where=np.asarray(share) > 0) if alive else mean
        return {
            factor: np.where(within[factor], (part * shares[factor] - means[factor])[self.groups[factor]], 0.0)
            for factor in alive
        }


def shared_parts(
    numbered: Sequence[tuple[Factor, np.ndarray]], slots_of_part: Callable[[Any], np.ndarray]
) -> list[SharedPart]:
    """The parts that several factors share.

    Parameters
    ----------
    numbered : sequence of tuples
        The factors, and the slots of the rows in each.
    slots_of_part : callable
        The slots of the rows in a column that is part of an interaction, from its label.
    """
    crossed = [(factor.parts, codes) for factor, codes in numbered if len(factor.parts) > 1]
    singles = dict.fromkeys(label for parts, _ in crossed for label in parts)
    coarse = [((label,), slots_of_part(label)) for label in singles] + crossed
    shared = []
    for parts, codes in coarse:
        groups = {
            place: _groups(factor, own, codes)
            for place, (factor, own) in enumerate(numbered)
            if set(parts) <= set(factor.parts)
        }
        if len(groups) > 1:
            shared.append(SharedPart(codes, groups, int(codes.max()) + 1))
    return shared


def _groups(factor: Factor, own: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The group of each slot of a factor, from the slots and the groups of its rows."""
    groups = np.full(factor.vocabulary.size, -1)
    groups[own] = codes
    groups[own[groups.take(own) != codes]] = -1
    if len(factor.parts) > 1:
        groups[MISSING] = -1  # any cells of which one category is missing
    return groups
