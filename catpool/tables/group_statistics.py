"""`GroupStatistics`: what is known of a column within each category of others, and its features."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.row_values import RowValues
from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers, require_one_of
from catpool.moments.moments import EPS, Moments
from catpool.priors.families.normal import NORMAL
from catpool.priors.posterior import posterior_mean, posterior_reliability
from catpool.priors.prior import Prior
from catpool.priors.within.pooled_variance import PooledVariance
from catpool.tables.value_ranks import ValueRanks

NEAR_ZERO = 1e-9  # of the root mean square, below which nothing is divided by a mean
ROUNDING = 8 * EPS


@frozen
class GroupStatistics:
    """A column of numbers within the categories of others, or how many different categories it has there.

    Parameters
    ----------
    label : Any
        The label of the column.
    outputs : tuple of str
        Names in `GROUP_OUTPUTS`.
    moments : Moments of shape (size,), optional
        Of a column of numbers, with the scatter within each category.
    prior : Prior, optional
        Of its means.
    variance : PooledVariance, optional
    distinct : ndarray of shape (size,), optional
        How many different values there are in each slot, for "nunique".
    ranks : ValueRanks, optional
        For "rank".
    """

    label: Any
    outputs: tuple[str, ...]
    moments: Moments | None = None
    prior: Prior | None = None
    variance: PooledVariance | None = None
    distinct: np.ndarray | None = None
    ranks: ValueRanks | None = None

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be statistics."""
        require_one_of(GROUP_OUTPUTS, outputs=self.outputs)
        require((self.moments is None) == (self.prior is None), "sums without a prior, or the other way round")
        summed = self.moments is not None and self.moments.scatters is not None
        require(summed == (self.variance is not None), "a variance without scatters, or the other way round")
        require(summed or set(OF_VARIANCES).isdisjoint(self.outputs), "standard deviations without scatters")
        require(self.moments is not None or set(self.outputs) <= {"nunique"}, "statistics of numbers without sums")
        require(("nunique" in self.outputs) == (self.distinct is not None), "statistics without numbers of values")
        require(("rank" in self.outputs) == (self.ranks is not None), "statistics without ranks")
        if self.moments is not None and self.prior is not None:
            require(self.moments.size > 0, "sums of no rows")
            require(self.moments.count.ndim == 1 and np.shape(self.prior.mean) == (), "several tables in one")
            require(self.prior.offset is None and self.prior.within_freedom is None, "a prior of another kind")

    def verify_size(self, size: int) -> None:
        """Raise an error if these are not the statistics of so many slots."""
        require(self.moments is None or self.moments.count.shape == (size,), "sums of other categories")
        require_numbers((size,), least=0.0, distinct=self.distinct)
        require(self.ranks is None or self.ranks.size == size, "ranks in other categories")

    @property
    def reads_values(self) -> bool:
        """Whether features depend on the row's own value."""
        return not ROW_OUTPUTS.keys().isdisjoint(self.outputs)

    def fill(self, slots: np.ndarray, values: RowValues | None, out: np.ndarray) -> None:
        """Write the features of rows into columns of `out`, of shape (n, features).

        Parameters
        ----------
        slots : ndarray of shape (n,)
            Of each row's category.
        values : RowValues or None
            The rows' own values.
        out : ndarray of shape (n, features)
        """
        for position, output in enumerate(self.outputs):
            if output in TABLE_OUTPUTS:
                TABLE_OUTPUTS[output](self).take(slots, out=out[:, position], mode="clip")
            else:
                assert values is not None
                ROW_OUTPUTS[output](self, slots, values, out[:, position])

    @cached_property
    def means(self) -> np.ndarray:
        """The pooled mean of each slot."""
        assert self.moments is not None
        assert self.prior is not None
        return posterior_mean(self.moments, self.prior, NORMAL)

    @cached_property
    def sds(self) -> np.ndarray:
        """The pooled standard deviation of the rows of each slot."""
        assert self.moments is not None
        assert self.variance is not None
        return np.sqrt(self.variance.variances(self.moments))

    @cached_property
    def reliability(self) -> np.ndarray:
        """The weight of each category's own rows in its pooled mean."""
        assert self.moments is not None
        assert self.prior is not None
        return posterior_reliability(self.moments, self.prior, NORMAL)

    @cached_property
    def divisors(self) -> np.ndarray:
        """The pooled means, with NaN where they are too near zero to divide by."""
        assert self.moments is not None
        scale = np.sqrt(self.moments.scatter / self.moments.size + self.moments.mean**2)
        return np.where(np.abs(self.means) > NEAR_ZERO * scale, self.means, np.nan)

    @property
    def categories_without_spread(self) -> int:
        """The number of categories whose rows have one value, a standard deviation of 0, and another pooled mean."""
        assert self.moments is not None
        own = self.moments.category_means
        apart = np.abs(own - self.means) > ROUNDING * np.abs(own)
        return int(np.count_nonzero((self.moments.count > 0) & (self.sds == 0) & apart))

    def frame(self, categories: pd.Series) -> pd.DataFrame:
        """Make a frame with a row for each slot except that of unseen categories."""
        columns: dict[str, Any] = {"category": categories, "of": self.label}
        if self.moments is not None:
            columns |= {
                "count": self.moments.count[:-1],
                "mean": self.moments.category_means[:-1],
                "encoding": self.means[:-1],
                **({} if self.variance is None else {"within_sd": self.sds[:-1]}),
                "reliability": self.reliability[:-1],
            }
        if self.distinct is not None:
            columns["nunique"] = self.distinct[:-1]
        return pd.DataFrame(columns)

    def summary(self) -> dict[str, Any]:
        """The row of ``summary_``, without the name of the grouping column."""
        if self.moments is None or self.prior is None:
            return {"of": self.label}
        prior, variance = self.prior, self.variance
        return {
            "of": self.label,
            "rows": float(self.moments.size),
            "prior_mean": float(prior.mean),
            "prior_strength": float(prior.strength),
            "typical_sd": np.nan if variance is None else float(np.sqrt(variance.typical)),
            "sd_strength": np.nan if variance is None else variance.strength,
            "reliability": float(np.average(self.reliability, weights=self.moments.count)),
            "note": "" if prior.note is None else str(prior.note),
        }


def _counts(own: GroupStatistics) -> np.ndarray:
    assert own.moments is not None
    return own.moments.count


def _distinct(own: GroupStatistics) -> np.ndarray:
    assert own.distinct is not None
    return own.distinct


def _ratio(own: GroupStatistics, slots: np.ndarray, rows: RowValues, out: np.ndarray) -> None:
    own.divisors.take(slots, out=out, mode="clip")
    np.divide(rows.values, out, out=out)


def _zscore(own: GroupStatistics, slots: np.ndarray, rows: RowValues, out: np.ndarray) -> None:
    own.means.take(slots, out=out, mode="clip")
    sds = own.sds.take(slots)
    gap = rows.values - out
    if own.sds.all():
        np.divide(gap, sds, out=out)
        return
    # in a category whose values are all the same, only a value that is another one has no number of deviations
    same = np.where(np.abs(gap) <= ROUNDING * np.abs(out), 0.0, np.nan)
    out[:] = np.where(sds > 0, gap / np.where(sds > 0, sds, 1.0), same)


def _rank(own: GroupStatistics, slots: np.ndarray, rows: RowValues, out: np.ndarray) -> None:
    assert own.ranks is not None
    out[:] = own.ranks.ranks(slots, rows, own.reliability)


TABLE_OUTPUTS: dict[str, Callable[[GroupStatistics], np.ndarray]] = {  # of a category
    "mean": lambda own: own.means,
    "sd": lambda own: own.sds,
    "count": _counts,
    "nunique": _distinct,
}
ROW_OUTPUTS: dict[str, Callable[..., None]] = {  # of a row in its category
    "ratio": _ratio,
    "zscore": _zscore,
    "rank": _rank,
}
GROUP_OUTPUTS = (*TABLE_OUTPUTS, *ROW_OUTPUTS)
NEED_ROWS = ("rank", "nunique")  # which do not follow from sums
HELPERS = {"ratio": ("divisors",), "zscore": ("means", "sds")}  # what lazy tables join to compute these
OF_VARIANCES = ("sd", "zscore")  # which need the scatter within each category
OF_CATEGORIES = ("nunique",)  # which columns of categories have too
