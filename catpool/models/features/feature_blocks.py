"""`Block` and `FeatureDesign`: what is known of the categories of a column, as numbers whose effects are estimated.

A category without features counts as one of average features: its numbers are those of the center.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from catpool.data.frozen import frozen
from catpool.models.features.ready_made.size_features import SizeBasis
from catpool.moments.sums import sum_rows

MANY = 1 << 25  # multiplications of double precision that take some time


@frozen
class Block:
    """Features of the slots of a column whose effects have one variance, or are free.

    Parameters
    ----------
    basis : ndarray of shape (size, q)
        The features of each slot. Those of a slot without features are NaN throughout.
    penalized : bool, default=True
        Whether the effects are normal with a common variance, which is estimated, or free.
    name : str, default="features"
        The name of the block, for warnings.
    columns : tuple of str, default=()
        The names of the features, for warnings.
    sizes : SizeBasis, optional
        What the features follow from the weight of the rows of each slot by, if they do.
    """

    basis: np.ndarray
    penalized: bool = True
    name: str = "features"
    columns: tuple[str, ...] = ()
    sizes: SizeBasis | None = None

    @property
    def missing(self) -> np.ndarray:
        """Whether a slot has no features, of shape (size,)."""
        return np.isnan(self.basis[:, 0])

    def label(self, place: int) -> str:
        """The name of one of the features."""
        return repr(self.columns[place]) if self.columns else f"number {place + 1} of {self.name!r}"


@frozen
class FeatureDesign:
    """The features of the slots of a column, about their center and in units in which they are of usual size.

    Parameters
    ----------
    values : ndarray of shape (size, 1 + Q)
        A one, and the features of all blocks.
    summed : ndarray of shape (size, 1 + Q)
        The values of which products are summed: the same, or in single precision.
    missing : ndarray of bool of shape (size, B)
        Whether a slot has no features of a block.
    center, unit : ndarray of shape (Q,)
    average : ndarray of shape (Q,)
        The mean of the features over the slots that have them: zero, but for those whose center is another.
    spread, unknown : ndarray of shape (Q, Q)
        The second moments of the features over the slots that have them, about the average; and those of what a slot
        without features counts as, about the center, of which only the blocks on the diagonal are used.
    blocks : tuple of Block
        Without features of slots.
    """

    values: np.ndarray
    summed: np.ndarray
    missing: np.ndarray
    center: np.ndarray
    unit: np.ndarray
    average: np.ndarray
    spread: np.ndarray
    unknown: np.ndarray
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> FeatureDesign:
        """The features of some blocks, of one size."""
        missing = np.column_stack([block.missing for block in blocks])
        values = np.empty((len(missing), 1 + sum(block.basis.shape[1] for block in blocks)))
        values[:, 0] = 1.0
        centers, units, stop = [], [], 1
        for block, without in zip(blocks, missing.T, strict=True):
            start, stop = stop, stop + block.basis.shape[1]
            own = values[:, start:stop]
            center, unit = _standardize(block, without, own)
            centers.append(center)
            units.append(unit)
        numbers = np.repeat(np.maximum((~missing).sum(axis=0), 1), [block.basis.shape[1] for block in blocks])
        summed = _for_sums(values, blocks)
        spread = (summed.T @ summed)[1:, 1:] / np.sqrt(np.multiply.outer(numbers, numbers))
        bare = tuple(replace(block, basis=block.basis[:0]) for block in blocks)
        center, unit, average = np.concatenate(centers), np.concatenate(units), np.zeros(len(spread))
        return cls(values, summed, missing, center, unit, average, spread, spread, bare)

    def at(self, count: np.ndarray) -> FeatureDesign:
        """The design with the features that follow from the weight of the rows of each slot, of shape (size,)."""
        found = self
        for number, (block, own) in enumerate(zip(self.blocks, self._spans, strict=True)):
            if block.sizes is not None:
                found = found._with_sizes(block.sizes, count, number, own)
        return found

    def with_next_row(self, count: np.ndarray, row: float | np.ndarray) -> FeatureDesign:
        """The design in which each slot with rows has one more, of this weight: the row that is encoded."""
        if all(block.sizes is None for block in self.blocks):
            return self
        values = self.values.copy()
        for block, own in zip(self.blocks, self._spans, strict=True):
            if block.sizes is not None:
                features = (block.sizes.of_counts(count, row) - self.center[own]) / self.unit[own]
                values[:, 1:][:, own] = np.where(count[:, None] > 0, features, 0.0)
        return replace(self, values=values)

    def _with_sizes(self, sizes: SizeBasis, count: np.ndarray, number: int, own: slice) -> FeatureDesign:
        """The design with the features of one block, whose center is what a slot without rows counts as."""
        center, moments = sizes.without_rows(count)
        features = sizes.of_counts(count) - center
        rows = ~np.isnan(features[:, 0])
        size = float(np.sqrt(np.square(features[rows]).sum() / max(np.count_nonzero(rows), 1)))
        unit = size if size > 0 else 1.0
        copies = self.values, self.missing, self.center, self.unit, self.average, self.spread, self.unknown
        values, missing, centers, units, average, spread, unknown = (each.copy() for each in copies)
        values[:, 1:][:, own] = np.where(rows[:, None], features / unit, 0.0)
        missing[:, number], centers[own], units[own] = ~rows, center, unit
        average[own] = values[:, 1:][:, own].sum(axis=0) / max(np.count_nonzero(rows), 1)
        spread[own] = _products(values[:, 1:], missing, number, own, self.widths)
        spread[:, own] = spread[own].T
        unknown[own, own] = moments / unit**2
        some = replace(self, values=values, missing=missing, center=centers, unit=units, average=average)
        return replace(some, summed=_for_sums(values, self.blocks), spread=spread, unknown=unknown)

    @property
    def widths(self) -> list[int]:
        """The number of features of each block."""
        return [block.basis.shape[1] for block in self.blocks]

    @property
    def _spans(self) -> list[slice]:
        """Where the features of each block are among the Q."""
        return [slice(*ends) for ends in pairwise(np.cumsum([0, *self.widths]))]

    @property
    def kinds(self) -> np.ndarray:
        """The block of the one and of each feature, -1 where effects are free, of shape (1 + Q,)."""
        own = [number if block.penalized else -1 for number, block in enumerate(self.blocks)]
        return np.concatenate([[-1], np.repeat(own, self.widths)])

    def label(self, place: int) -> str:
        """The name of one of the Q features."""
        starts = np.cumsum([0, *self.widths])
        number = int(np.searchsorted(starts, place, side="right")) - 1
        return self.blocks[number].label(place - int(starts[number]))

    def subset(self, slots: np.ndarray | slice) -> FeatureDesign:
        """The design of some slots, about the same center."""
        values = self.values[slots]
        return replace(self, values=values, summed=_for_sums(values, self.blocks), missing=self.missing[slots])


def _for_sums(values: np.ndarray, blocks: Sequence[Block]) -> np.ndarray:
    """The values of which products are summed: where they are many, in single precision, which is much faster.

    Effects are then solved for once more, from what they leave of the means. Free effects need all digits, as some may
    follow from others.
    """
    many = len(values) * values.shape[1] ** 2 > MANY
    return values.astype(np.float32) if many and all(block.penalized for block in blocks) else values


def _products(values: np.ndarray, missing: np.ndarray, number: int, own: slice, widths: Sequence[int]) -> np.ndarray:
    """The second moments of the features of one block, about their mean, with all features, of shape (q, Q)."""
    known = np.maximum(np.count_nonzero(~missing, axis=0), 1)
    rest = values[:, own] - values[:, own].sum(axis=0) / known[number]
    rest[missing[:, number]] = 0.0
    products = rest.T @ values / np.sqrt(known[number] * np.repeat(known, widths))
    products[:, own] = rest.T @ rest / known[number]
    return products


def _standardize(block: Block, missing: np.ndarray, into: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write the features of a block into an array, about their center; return the center and the units."""
    gaps = np.flatnonzero(missing)
    number, width = max(1, len(missing) - len(gaps)), into.shape[1]
    into[...] = block.basis
    into[gaps] = 0.0
    center = sum_rows(into) / number
    into -= center
    into[gaps] = 0.0
    square = np.einsum("kq,kq->q", into, into) / number
    size = np.sqrt(np.full(width, square.sum()) if block.penalized else square)
    unit = np.where(size > 0, size, 1.0)
    into *= 1 / unit
    return center, unit
