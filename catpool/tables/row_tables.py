"""`RowStatistics`: outputs of each category that need the rows themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from catpool.data.columns.categories import MISSING
from catpool.data.frozen import frozen
from catpool.moments.sorted_rows import SortedRows
from catpool.priors.families.family import Family
from catpool.priors.rules import PriorRule
from catpool.priors.within.pooled_histogram import pooled_histogram
from catpool.priors.within.pooled_quantiles import PooledQuantiles
from catpool.priors.within.pooled_skew import pooled_skew
from catpool.tables.outputs import level_of
from catpool.tables.policy import Policy


@frozen
class RowStatistics:
    """How outputs of each category are computed from its rows.

    Parameters
    ----------
    outputs : tuple of str
    bins : int
        Of a histogram.
    rule : callable
        Learns the prior of the means.
    shape_rule : callable
        Learns the priors of skews and shares.
    policy : Policy
    """

    outputs: tuple[str, ...]
    bins: int
    rule: PriorRule
    shape_rule: PriorRule
    policy: Policy

    def tables(self, rows: SortedRows, family: Family) -> dict[str, np.ndarray]:
        """The values of each feature, of shape (size,), by its name."""
        found = dict(self._compute(rows, family))
        for values in found.values():
            if self.policy.missing == "prior":
                values[MISSING] = values[-1]  # that of a category without rows
            self.policy.hide(values, rows.moments)
        return found

    def names(self, output: str) -> Sequence[str]:
        """The features of an output."""
        return [f"{output}_{number}" for number in range(self.bins)] if output == "histogram" else [output]

    def _compute(self, rows: SortedRows, family: Family) -> Iterator[tuple[str, np.ndarray]]:
        (prior,) = self.rule([rows.moments], family)
        pooled = PooledQuantiles(rows, prior, family)
        levels = {name: level for name in self.outputs if (level := level_of(name)) is not None}
        yield from zip(levels, pooled.at(list(levels.values())), strict=True)
        if "skew" in self.outputs:
            yield "skew", pooled_skew(rows, pooled.spread, self.shape_rule)
        if "histogram" in self.outputs:
            yield from zip(self.names("histogram"), pooled_histogram(rows, self.bins, self.shape_rule), strict=True)
