"""`Encoding`: the fitted values of a column for one target or class, with the moments and prior behind them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers
from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.method_of_moments import knowing_variances
from catpool.priors.own_variances import equalize_noise, own_interval, variances
from catpool.priors.posterior import posterior_mean, posterior_reliability, posterior_sd
from catpool.priors.prior import NO_SPREAD, Prior
from catpool.tables.drifted import Drifted, Posterior
from catpool.tables.outputs import MEAN, is_distribution, is_feature
from catpool.tables.policy import Policy
from catpool.tables.windows import window_outputs, window_values

Rounding = Callable[[np.ndarray], np.ndarray]


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
    shares : bool, default=False
        Whether the target is the shares of another target's rows in parts of its range.
    half_life : float or pandas.Timedelta, optional
        The half-life that was learned, infinite if rows keep their weight.
    level : float, optional
        The mean of all rows, where the means in `values` are relative to it.
    windows : dict of Moments of shape (size,), optional
        Of the last rows, by the name of the window of time, the shortest first.
    drift : float, optional
        The standard deviation of the change of effects in a unit of time, or a day where times are dates; 0 for none.
    drifted : Drifted, optional
        The effects that drift.
    """

    output: str | None
    target: str | None
    family: Family
    moments: Moments
    prior: Prior
    values: dict[str, np.ndarray]
    shares: bool = False
    half_life: float | pd.Timedelta | None = None
    level: float | None = None
    windows: dict[str, Moments] | None = None
    drift: float | None = None
    drifted: Drifted | None = None

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be an encoding."""
        shape = np.shape(self.moments.count)
        require(len(shape) == 1 and self.moments.size > 0, "an encoding without rows")
        require(np.shape(self.prior.mean) == (), "several priors of one encoding")
        require(self.prior.offset is None or np.shape(self.prior.offset) == shape, "means of other categories")
        own = self.prior.within_freedom is None or (self.prior.within is not None and self.moments.scatters is not None)
        require(own, "variances of categories without their scatter")
        require((self.prior.dispersion is not None) == self.family.dispersed, "a dispersion of another family")
        zero = pd.Timedelta(0) if isinstance(self.half_life, pd.Timedelta) else 0
        require(self.half_life is None or self.half_life > zero, "a half-life that is not positive")
        require(self.drift is None or self.drift >= 0, "a drift that is negative")
        require(bool(self.drift) == (self.drifted is not None), "a drift without effects that drift")
        require(self.drifted is None or np.shape(self.drifted.mean) == shape, "drifting effects of other categories")
        windows = self.windows or {}
        require(all(np.shape(each.count) == shape for each in windows.values()), "windows of other categories")
        outputs = window_outputs(list(windows))
        require(not outputs or {MEAN.name, *outputs} <= set(self.values), "windows without their means")
        require(all(name in outputs or is_feature(name) for name in self.values), f"outputs {tuple(self.values)}")
        for values in self.values.values():
            require_numbers(shape, values=values)

    @property
    def is_moved(self) -> bool:
        """Whether there are more values than those of the posterior: relative ones, or those of windows."""
        return self.level is not None or self.windows is not None

    def moved(
        self, values: dict[str, np.ndarray], policy: Policy, slots: np.ndarray, rounding: Rounding | None = None
    ) -> dict[str, np.ndarray]:
        """The outputs of rows or slots, with means relative to the level, and with those of the windows.

        Parameters
        ----------
        values : dict of ndarray of shape (m,)
            By output.
        policy : Policy
        slots : ndarray of shape (m,)
        rounding : callable, optional
            Of relative means.
        """
        if self.level is not None and MEAN.name in values:
            relative = values[MEAN.name] - self.level
            values = {**values, MEAN.name: relative if rounding is None else rounding(relative)}
        if self.windows is None:
            return values
        own = [Moments(each.count[slots], each.total[slots], each.scatter) for each in self.windows.values()]
        means = window_values(values[MEAN.name], own, self.prior, policy, slots)
        return values | dict(zip(window_outputs(list(self.windows)), means, strict=True))

    @cached_property
    def full_prior(self) -> Prior:
        """The prior with its variances, which are estimated if only a strength was given."""
        return knowing_variances(self.prior, self.moments, self.family)

    @cached_property
    def equalized_moments(self) -> Moments:
        """The moments in rows of one variance, also if each category has a variance of its own."""
        return equalize_noise(self.moments, self.prior)

    @property
    def explained(self) -> float | None:
        """The share of the variance between categories that their features explain; None if they have none."""
        return None if self.prior.regression is None else self.prior.regression.share

    @property
    def is_noise(self) -> bool:
        """Whether the categories differ no more than by chance."""
        if self.explained or self.drift:
            return False
        spread = self.full_prior.between
        # an average over priors has some spread, but the likeliest of them may have none
        return (spread is not None and float(spread) <= 0) or str(self.prior.note) == NO_SPREAD

    def posterior(self, prior: Prior) -> Posterior:
        """What is known of each slot, of shape (size,), under the prior with the means of its categories."""
        if self.drifted is not None:
            return self.drifted.posterior(self.family)
        mean, sd = posterior_mean(self.moments, prior, self.family), posterior_sd(self.moments, prior, self.family)
        return Posterior(mean, sd, posterior_reliability(self.moments, self.prior, self.family))

    @property
    def reliability(self) -> float:
        """The reliability of the categories, averaged over the rows."""
        if self.drifted is not None:
            return float(np.average(self.drifted.reliability, weights=self.moments.count))
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
            **({} if self.explained is None else {"explained": self.explained}),
            "log_likelihood": np.nan if prior.log_likelihood is None else float(prior.log_likelihood),
            **({} if self.half_life is None else {"half_life": self._shown_half_life}),
            **self._drift_summary(),
            **({} if prior.dispersion is None else {"dispersion": float(prior.dispersion)}),
            "note": self._note,
        }

    @property
    def _shown_half_life(self) -> Any:
        """The half-life as `summary_` shows it: missing if rows keep their weight."""
        return np.nan if self.half_life == np.inf else self.half_life

    def _drift_summary(self) -> dict[str, float]:
        if self.drift is None:
            return {}
        shock, half_life = (
            (0.0, np.nan) if self.drifted is None else (np.sqrt(self.drifted.shock), self.drifted.half_life)
        )
        return {"drift": self.drift, "shock_sd": float(shock), "half_life": half_life}

    @property
    def _note(self) -> str:
        note = "" if self.prior.note is None else str(self.prior.note)
        return note or (NO_SPREAD if self.is_noise else "")

    def frame(self, categories: pd.Series, prior: Prior, interval: float) -> pd.DataFrame:
        """Make a frame with a row for each slot; `interval` is the probability of its interval."""
        (mean, sd, trust), own = self.posterior(prior), {}
        lower, upper = self.family.knowing(prior).interval(mean, sd, interval)
        if prior.within_freedom is not None:
            lower, upper = own_interval(self.moments, prior, mean, sd, trust, interval)
            own = {"within_sd": np.sqrt(variances(self.moments, prior))}
        return pd.DataFrame(
            {
                "category": categories,
                "target": self.target or "",
                "count": self.moments.count,
                "mean": np.where(self.moments.count > 0, self.moments.category_means, np.nan),
                **({} if self.explained is None else {"prior_mean": prior.mean + prior.offset}),
                **own,
                "encoding": mean,
                "sd": sd,
                "lower": lower,
                "upper": upper,
                "reliability": trust,
                **{name: values for name, values in self.values.items() if is_distribution(name)},
            }
        )


def _root(variance: np.ndarray | None) -> float:
    return float(np.sqrt(variance)) if variance is not None else np.nan
