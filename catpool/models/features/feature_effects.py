"""`FeatureEffects`: effects of what is known of categories, whose sum is the prior mean of each.

A category without features of a block has their average effect, and the variance that the effect has over categories.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers, require_one_of
from catpool.models.effects_on_link import EffectsOnLink
from catpool.models.features.feature_blocks import FeatureDesign
from catpool.priors.families.by_name import FAMILIES
from catpool.tables.places import JointPlaces

Places = np.ndarray | FeatureDesign | JointPlaces
BLOCK = 1 << 9  # categories at a time, so that their features stay in the processor's cache
IDENTITY = "normal"  # the family whose link is the identity


@frozen
class FeatureEffects(EffectsOnLink):
    """The effects of the features of one class, for one table.

    Parameters
    ----------
    intercept : float
        The sum of a category of average features.
    effects : ndarray of shape (Q,)
    covariance : ndarray of shape (1 + Q, 1 + Q)
        Of the errors of the intercept and the effects.
    center : ndarray of shape (Q,)
        The average features.
    widths : list of int
        The number of features of each block.
    unknown : ndarray of shape (B,)
        The variance of a category's sum that is due to a block, if its features are not known.
    share : float
        The share of the variance between categories that features explain, on the scale of the link.
    link : str
        The name of the family whose link is the scale of the effects.
    beside : tuple of FeatureEffects, default=()
        The effects of the other classes of the target.
    """

    intercept: float
    effects: np.ndarray
    covariance: np.ndarray
    center: np.ndarray
    widths: list[int]
    unknown: np.ndarray
    share: float
    link: str
    beside: tuple[FeatureEffects, ...] = ()

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be effects."""
        require_one_of(FAMILIES, link=self.link)
        size = sum(self.widths)
        require_numbers((), intercept=self.intercept, share=self.share)
        require_numbers((size,), effects=self.effects, center=self.center)
        require_numbers((1 + size, 1 + size), covariance=self.covariance)
        require_numbers((len(self.widths),), least=0.0, unknown=self.unknown)
        require(all(each.widths == self.widths for each in self.beside), "effects of classes that do not match")

    def _read(self, places: Places) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A one and the features, (m, 1 + Q), which blocks are missing, (m, B), and the units of the features."""
        if isinstance(places, FeatureDesign):
            return places.values, places.missing, np.append(1.0, places.unit)
        if isinstance(places, JointPlaces):
            places = places.basis
        starts = np.cumsum([0, *self.widths])
        blocks = [places[:, start:stop] for start, stop in pairwise(starts)]
        missing = np.column_stack([np.isnan(each).any(axis=1) for each in blocks])
        values = np.column_stack([np.ones(len(places)), places - self.center])
        values[:, 1:][np.repeat(missing, self.widths, axis=1)] = 0.0
        return values, missing, np.ones(values.shape[1])

    def predictor(self, places: Places) -> np.ndarray:
        """The sums of categories, from their features, of shape (m, Q), in which those of a missing block are NaN."""
        values, _, unit = self._read(places)
        return values @ (unit * np.append(self.intercept, self.effects))

    def predictor_variance(self, places: Places) -> np.ndarray:
        """The variances of the sums."""
        values, missing, unit = self._read(places)
        covariance = unit[:, None] * self.covariance * unit
        found = missing @ self.unknown
        for start in range(0, len(values), BLOCK):
            own = values[start : start + BLOCK]
            found[start : start + BLOCK] += np.einsum("kq,kq->k", own @ covariance, own)
        return found

    def central_places(self) -> np.ndarray:
        """A category of average features."""
        return self.center[None]

    def draw_predictor(self, places: Places, rng: np.random.Generator) -> np.ndarray:
        """The sums of categories, with a joint draw of all errors, and one of the effects of features not known.

        What functions leave of the effects of new categories is drawn with the covariance that it has between them.
        """
        values, axes = np.linalg.eigh(self.covariance)
        errors = axes @ (np.sqrt(np.maximum(values, 0.0)) * rng.normal(size=len(values)))
        features, missing, unit = self._read(places)
        drawn = unit * (np.append(self.intercept, self.effects) + errors)
        roots = places.roots if isinstance(places, JointPlaces) else {}
        drawn[[1 + place for place in roots]] = 0.0
        found = features @ drawn + np.sqrt(missing @ self.unknown) * rng.normal(size=len(features))
        for place, own in roots.items():
            left = np.sqrt(self.covariance[1 + place, 1 + place]) * np.concatenate([_draw(each, rng) for each in own])
            found[-len(left) :] += left
        return found


def _draw(root: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A draw from a normal distribution, from a root of its covariance, or from standard deviations."""
    normal = rng.normal(size=len(root))
    return root * normal if root.ndim == 1 else root @ normal


def no_effects(design: FeatureDesign, mean: float, variance: float, link: str) -> FeatureEffects:
    """Effects of a table in which all categories have one prior mean, from the mean on the link, and its variance."""
    size = len(design.center)
    covariance = np.zeros((1 + size, 1 + size))
    covariance[0, 0] = variance
    nothing = np.zeros(size), covariance, design.center, design.widths, np.zeros(len(design.widths))
    return FeatureEffects(mean, *nothing, 0.0, link)


def effects_of(
    design: FeatureDesign, effects: np.ndarray, covariance: np.ndarray, between: float, link: str
) -> FeatureEffects:
    """The effects in the units of the features.

    Parameters
    ----------
    design : FeatureDesign
    effects : ndarray of shape (1 + Q,)
        In the units of the design, first the intercept.
    covariance : ndarray of shape (1 + Q, 1 + Q)
    between : float
        The variance between categories of the same features.
    link : str
    """
    squares = design.spread * np.outer(effects[1:], effects[1:])
    errors = design.spread * covariance[1:, 1:]
    starts = np.cumsum([0, *design.widths])
    own = [slice(*ends) for ends in pairwise(starts)]
    unsure = design.unknown * np.outer(effects[1:], effects[1:]) + design.unknown * covariance[1:, 1:]
    unknown = np.array([unsure[each, each].sum() for each in own])
    # errors of random effects are missing from the products of their estimates, and those of free ones are in them
    sign = np.where(design.kinds[1:] >= 0, 1.0, -1.0)
    explained = max(float((squares + (sign[:, None] + sign) / 2 * errors).sum()), 0.0)
    unit = np.append(1.0, design.unit)
    return FeatureEffects(
        float(effects[0]),
        effects[1:] / design.unit,
        covariance / unit[:, None] / unit,
        design.center,
        design.widths,
        unknown,
        float(explained / (explained + between)) if explained > 0 else 0.0,
        link,
    )
