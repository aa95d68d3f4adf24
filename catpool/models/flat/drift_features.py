"""Features of new rows for which the effects of categories have drifted since; and what does not go with drift."""

from __future__ import annotations

from typing import Any

import numpy as np

from catpool.crossfit.structure import Blocks
from catpool.priors.rules import PriorRule
from catpool.tables.encoding import Encoding
from catpool.tables.encoding_table import EncodingTable


def check_drift(rule: PriorRule, *, drifts: bool, has_parts: bool, has_features: bool) -> None:
    """Raise an error for priors that are not the likeliest, and for cells whose effects are sums of those of parts.

    Parameters
    ----------
    rule : callable
        How the prior of a column is learned.
    drifts : bool
        Whether effects drift at all.
    has_parts : bool
        Whether there are such cells.
    has_features : bool
        Whether prior means follow from features of categories.
    """
    if not drifts:
        return
    if getattr(rule, "restricted", None) is None:
        raise ValueError(
            "`cv` has `drift`, which is learned with the likeliest prior of rows of one variance. Use "
            'EmpiricalBayesEncoder with prior="reml" or "ml" and without `family`, `within` or `weight_type` that give '
            "rows other variances, or leave `drift` out."
        )
    if has_features:
        raise ValueError(
            "`cv` has `drift`, under which all categories of a column have one prior mean, but with `prior_features` "
            "each has its own. Leave one of the two out."
        )
    if has_parts:
        raise ValueError(
            "`cv` has `drift`, under which effects of `interactions` are no sums of their parts' effects. Pass "
            'interaction_prior="own", or leave `drift` out.'
        )


def drifted_features(table: EncodingTable, column: Any, ages: np.ndarray) -> Blocks:
    """The features of a column, by its label.

    Parameters
    ----------
    table : EncodingTable
    column : object
        Of new rows, as `EncodingTable.slots` takes it.
    ages : ndarray of shape (n,)
        The time of each row since the last training row, in the unit of drift.
    """
    slots = table.slots(column)
    values = np.column_stack([own for item in table.encodings for own in _values(item, slots, ages)])
    return table.arrange(values, table.counts[slots], slots)


def _values(encoding: Encoding, slots: np.ndarray, ages: np.ndarray) -> list[np.ndarray]:
    """The outputs of rows, of which the standard deviations grow with time."""
    values = {name: own[slots] for name, own in encoding.values.items()}
    if encoding.drifted is not None and "sd" in values:
        begun = encoding.moments.count[slots] > 0
        later = encoding.drifted.sd_later(slots, begun, ages, encoding.family)
        values["sd"] = np.where(np.isnan(values["sd"]), np.nan, later)
    return list(values.values())
