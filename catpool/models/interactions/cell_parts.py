"""`CellParts`: which category of each part a cell has, and the parts whose effects the cells with rows identify.

The effects of two parts that group the cells alike cannot be told apart, nor can those of a part in which each cell is
a category of its own be told from the effects of the cells. The split is then a matter of definition:

- a part with a single category has no effect;
- parts that group the cells alike have equal shares of one effect;
- a part in which each cell is a category of its own has the whole effect, and the cells have none.

So a model never depends on rounding, nor on categories without rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from catpool.data.columns.crossed import Cells
from catpool.data.frozen import frozen
from catpool.models.interactions.crossed_factors import sum_by


class IdentifiedEffects(NamedTuple):
    """The effects that the cells of a table identify.

    Parameters
    ----------
    parts : tuple of tuple of int
        The parts that have each effect: one, or several that group the cells alike.
    with_cells : bool
        Whether cells have effects of their own.
    """

    parts: tuple[tuple[int, ...], ...]
    with_cells: bool


@frozen
class CellParts:
    """The category of each part, for some cells.

    Parameters
    ----------
    slots : ndarray of shape (cells, parts)
    sizes : tuple of int
        The number of slots of each part; the last one is for unseen categories.
    """

    slots: np.ndarray
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, cells: Cells) -> CellParts:
        return cls(cells.part_slots, tuple(part.size for part in cells.paths.parts))

    def subset(self, cells: np.ndarray | slice) -> CellParts:
        return CellParts(self.slots[cells], self.sizes)

    def identified(self, count: np.ndarray, several: np.ndarray) -> list[tuple[np.ndarray, IdentifiedEffects]]:
        """Group tables by the effects that their cells with rows identify.

        Parameters
        ----------
        count : ndarray of shape (V, cells)
        several : ndarray of bool of shape (V,)
            Whether any cell has several rows, without which the effect of a cell is that of its row.

        Returns
        -------
        list of (tables, effects)
            The numbers of some tables, and their effects.
        """
        groups: dict[IdentifiedEffects, list[int]] = {}
        every = tuple((part,) for part in range(len(self.sizes)))
        seen = count > 0
        for table, apart in enumerate(self._are_apart(seen)):
            own = IdentifiedEffects(every, True) if apart else self.subset(np.flatnonzero(seen[table]))._identified()
            groups.setdefault(own._replace(with_cells=own.with_cells and bool(several[table])), []).append(table)
        return [(np.array(tables), effects) for effects, tables in groups.items()]

    def _are_apart(self, seen: np.ndarray) -> np.ndarray:
        """Whether the numbers of levels alone show that each part has an effect, and that the cells differ within."""
        levels = [(sum_by(own, size, seen) > 0).sum(axis=1) for own, size in zip(self.slots.T, self.sizes, strict=True)]
        ordered = np.sort(levels, axis=0)
        differ = (np.diff(ordered, axis=0) > 0).all(axis=0)
        return differ & (ordered[0] >= 2) & (ordered[-1] < seen.sum(axis=1))

    def _identified(self) -> IdentifiedEffects:
        factors = self.factors()
        differ = all(each.levels < len(self.slots) for each in factors)
        return IdentifiedEffects(tuple(tuple(each.found) for each in factors), differ)

    def factors(self) -> list[PartFactor]:
        """The effects that are identified, if each of these cells has rows."""
        factors: list[PartFactor] = []
        for part, own in enumerate(self.slots.T):
            codes, found = pd.factorize(own)  # in order of appearance, so that equal groupings have equal codes
            if len(found) < 2:
                continue
            alike = next((each for each in factors if np.array_equal(each.codes, codes)), None)
            if alike is None:
                factors.append(PartFactor(codes, {part: found}))
            else:
                alike.found[part] = found
        return factors


@frozen
class PartFactor:
    """Effects that one part has, or several that group the cells alike.

    Parameters
    ----------
    codes : ndarray of shape (cells,)
        The level of each cell, numbered in order of appearance.
    found : dict of ndarray of shape (levels,)
        By part, the slot of each level.
    """

    codes: np.ndarray
    found: dict[int, np.ndarray]

    @property
    def levels(self) -> int:
        return len(next(iter(self.found.values())))
