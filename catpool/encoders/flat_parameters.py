"""The parameters of the encoders of single columns, and the structure they describe."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from catpool.crossfit.columnwise import Crossfit
from catpool.crossfit.scheme import drifts, is_past_only, names_of_windows, reads
from catpool.data.columns.crossed import Cells
from catpool.models.flat.flat_structure import Flat
from catpool.priors.rules import PriorRule
from catpool.tables.policy import Policy

if TYPE_CHECKING:
    from catpool.models.features.prior_features import PriorFeatures


class FlatParameters(Protocol):
    """An encoder with these parameters."""

    columns: Sequence[Any] | str | Callable[[Any], Any] | None
    categories: Any
    interactions: Sequence[Sequence[Any]] | str | int | None
    cv: Any
    crossfit: str
    crossfit_reliability: float
    unknown: str
    missing: str
    output: str | Sequence[str]
    bins: int | Sequence[float]
    drop_noise: bool
    n_jobs: int | None


def flat(
    encoder: FlatParameters,
    rule: PriorRule,
    cell_rule: Callable[[Cells], PriorRule] | None = None,
    shape_rule: PriorRule | None = None,
    prior_features: PriorFeatures | None = None,
) -> Flat:
    """The structure that an encoder's parameters describe.

    Parameters
    ----------
    encoder : FlatParameters
    rule : callable
        How the prior of a column is learned.
    cell_rule : callable, optional
        From the cells of an interaction to how their prior is learned.
    shape_rule : callable, optional
        How the priors of skews and shares are learned; by default by `rule`.
    prior_features : PriorFeatures, optional
        What is known of the categories of some columns.
    """
    return Flat(
        rule=rule,
        policy=Policy(encoder.unknown, encoder.missing),
        columns=encoder.columns,
        interactions=_read_interactions(encoder.interactions),
        categories=encoder.categories,
        output=encoder.output,
        bins=encoder.bins,
        shape_rule=shape_rule,
        crossfit=Crossfit(encoder.crossfit, encoder.crossfit_reliability),
        drop_noise=encoder.drop_noise,
        cell_rule=cell_rule,
        reads=reads(encoder.cv),
        past_only=is_past_only(encoder.cv),
        windows=names_of_windows(encoder.cv),
        drifts=drifts(encoder.cv),
        n_jobs=encoder.n_jobs,
        prior_features=prior_features,
    )


def read_prior_features(prior_features: Mapping[Any, Any] | None, *, reml: bool) -> PriorFeatures | None:
    """What the parameter says of the categories of some columns; None if it says nothing."""
    if not prior_features:
        return None
    from catpool.models.features.prior_features import PriorFeatures  # here, as few need it

    return PriorFeatures(prior_features, reml)


def _read_interactions(interactions: Any) -> list[tuple[Any, ...]] | int:
    """Tuples of columns, because lists cannot be labels, or the largest number of columns that are combined."""
    if interactions is None:
        return []
    if isinstance(interactions, str):
        return 2  # the only legal string is "pairs"
    if isinstance(interactions, Integral):
        return int(interactions)
    return interaction_labels(interactions)


def interaction_labels(interactions: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Each interaction as a tuple, once whatever the order of its columns."""
    found: dict[frozenset[Any], tuple[Any, ...]] = {}
    for parts in interactions:
        if not isinstance(parts, list | tuple | np.ndarray):
            raise ValueError(f"`interactions` must hold tuples of columns, as [('a', 'b')]. Got {parts!r} in it.")
        if not all(isinstance(part, Hashable) for part in parts):
            raise ValueError(f"`interactions` must hold tuples of labels of columns, which lists are not. Got {parts}.")
        found.setdefault(frozenset(parts), tuple(parts))
    return list(found.values())
