"""`Encoding`: the fitted values of a column for one target or class, with the moments and prior behind them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers, require_one_of
from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.method_of_moments import knowing_variances
from catpool.priors.own_variances import equalize_noise, variances
from catpool.priors.posterior import posterior_mean, posterior_reliability, posterior_sd
from catpool.priors.prior import NO_SPREAD, Prior
from catpool.tables.outputs import OUTPUTS


@frozen
class Encoding:
    """The part of a column's table that one target, or one class of it, contributes.

    Parameters
    ----------
    output : str or None
        The name of the target, which is the same for all its classes. None if y has only one output.
    target : str or None
        The name of the target and the class. None if there is only one.
    family : Family
    moments : Moments of shape (size,)
    prior : Prior
    values : dict of ndarray of shape (size,)
        The features of each slot by output. The policy has been applied to them.
    """

    output: str | None
    target: str | None
    family: Family
    moments: Moments
    prior: Prior
    values: dict[str, np.ndarray]

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be an encoding."""
        shape = np.shape(self.moments.count)
        require(len(shape) == 1 and self.moments.size > 0, "an encoding without rows")
        require(np.shape(self.prior.mean) == (), "several priors of one encoding")
        require(self.prior.offset is None or np.shape(self.prior.offset) == shape, "means of other categories")
        own = self.prior.within_freedom is None or (self.prior.within is not None and self.moments.scatters is not None)
        require(own, "variances of categories without their scatter")
        require_one_of(OUTPUTS, values=tuple(self.values))
        for values in self.values.values():
            require_numbers(shape, values=values)

    @cached_property
    def full_prior(self) -> Prior:
        """The prior with its variances, which are estimated if only a strength was given."""
        return knowing_variances(self.prior, self.moments, self.family)

    @cached_property
    def equalized_moments(self) -> Moments:
        """The moments in rows of one variance, also if each category has a variance of its own."""
        return equalize_noise(self.moments, self.prior)

    @property
    def is_noise(self) -> bool:
        """Whether the categories differ no more than by chance."""
        spread = self.full_prior.between
        # an average over priors has some spread, but the likeliest of them may have none
        return (spread is not None and float(spread) <= 0) or str(self.prior.note) == NO_SPREAD

    @property
    def reliability(self) -> float:
        """The reliability of the categories, averaged over the rows."""
        return float(
            np.average(posterior_reliability(self.moments, self.prior, self.family), weights=self.moments.count)
        )

    def summary(self) -> dict[str, Any]:
        """The row of ``summary_``, without the name of the column."""
        prior = self.prior
        return {
            "target": "" if self.target is None else self.target,
            "family": self.family.name,
            "categories": int(self.moments.categories),
            "rows": float(self.moments.size),
            "prior_mean": float(prior.mean),
            "prior_strength": float(prior.strength),
            "between_sd": _root(self.full_prior.between),
            "within_sd": _root(self.full_prior.within),
            "reliability": self.reliability,
            "log_likelihood": np.nan if prior.log_likelihood is None else float(prior.log_likelihood),
            "note": self._note,
        }

    @property
    def _note(self) -> str:
        note = "" if self.prior.note is None else str(self.prior.note)
        return note or (NO_SPREAD if self.is_noise else "")

    def frame(self, categories: pd.Series, prior: Prior, interval: float) -> pd.DataFrame:
        """Make a frame with a row for each category; `interval` is the probability of its interval."""
        mean = posterior_mean(self.moments, prior, self.family)[:-1]  # without the slot of unseen categories
        sd = posterior_sd(self.moments, prior, self.family)[:-1]
        lower, upper = self.family.interval(mean, sd, interval)
        own = {} if prior.within_freedom is None else {"within_sd": np.sqrt(variances(self.moments, prior)[:-1])}
        return pd.DataFrame(
            {
                "category": categories,
                "target": self.target,
                "count": self.moments.count[:-1],
                "mean": self.moments.category_means[:-1],
                **own,
                "encoding": mean,
                "sd": sd,
                "lower": lower,
                "upper": upper,
                "reliability": posterior_reliability(self.moments, self.prior, self.family)[:-1],
            }
        )


def _root(variance: np.ndarray | None) -> float:
    return float(np.sqrt(variance)) if variance is not None else np.nan
