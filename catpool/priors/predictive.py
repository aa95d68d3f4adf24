"""Predictive distributions of rows: of their expected values, and of what a new row will be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from scipy.special import pdtr
from scipy.stats import nbinom, poisson

from catpool.data.frozen import frozen
from catpool.priors.families.dispersed import DispersedFamily
from catpool.priors.families.family import Family
from catpool.priors.mixtures.mixture_of_t import MixtureOfT
from catpool.priors.numerics.dispersed_quantiles import least_amount, least_count
from catpool.priors.numerics.normal_quadrature import NODES, WEIGHTS

Summary = dict[str, np.ndarray]
BINOMIAL, POISSON = "binomial", "poisson"


class Predictive(ABC):
    """The predictive distribution of n rows.

    Parameters
    ----------
    family : Family or DispersedFamily
    """

    family: Family | DispersedFamily

    @abstractmethod
    def expected(self, interval: float) -> Summary:
        """`mean`, `sd`, `lower` and `upper` of the rows' expected values, each of shape (n,)."""

    @abstractmethod
    def new_row(self, interval: float) -> Summary:
        """The same of a new row."""

    def distribution(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The probabilities that new rows are below some values, and that they are at most these, each of shape (n,).

        Parameters
        ----------
        values : ndarray of shape (n,)
            Of the second class, 1; of the first, 0.
        """
        if self.family.name == BINOMIAL:
            first = 1 - self.expected(0.5)["mean"]
            return np.where(values == 1, first, 0.0), np.where(values == 1, 1.0, first)
        return self._distribution(values)

    @abstractmethod
    def _distribution(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same for other families than the binomial."""

    def _of_classes(self, mean: np.ndarray, interval: float) -> Summary:
        """A row of one class or the other, from the probability of the second."""
        tail = (1 - interval) / 2
        lower, upper = (np.where(1 - mean >= quantile, 0.0, 1.0) for quantile in (tail, 1 - tail))
        return {"mean": mean, "sd": np.sqrt(mean * (1 - mean)), "lower": lower, "upper": upper}

    def _refuse(self) -> ValueError:
        return ValueError(
            f'The {self.family.name} family has no distribution of new rows here. Pass kind="mean" for the expected '
            "values."
        )


@frozen
class LinearPredictive(Predictive):
    """Rows with a linear predictor.

    Parameters
    ----------
    predictor : MixtureOfT
    noise : ndarray of shape (m,)
        The residual variance of each component, for the normal family.
    family : Family or DispersedFamily
    dispersion : float, default=0.0
        Of a family that has one, which counts as known.
    """

    predictor: MixtureOfT
    noise: np.ndarray
    family: Family | DispersedFamily
    dispersion: float = 0.0

    def expected(self, interval: float) -> Summary:
        link, own = self.family.link, self.predictor
        lower, upper = (link.mean(each) for each in _ends(own, interval))
        if self.family.homoscedastic:
            return {"mean": own.mean(), "sd": own.sd(), "lower": lower, "upper": upper}
        mean, square = self._averages([link.mean, lambda eta: link.mean(eta) ** 2])
        return {"mean": mean, "sd": np.sqrt(np.maximum(square - mean**2, 0.0)), "lower": lower, "upper": upper}

    def new_row(self, interval: float) -> Summary:
        if self.family.homoscedastic:
            wide = self.predictor.widened(self.noise)
            lower, upper = _ends(wide, interval)
            return {"mean": wide.mean(), "sd": wide.sd(), "lower": lower, "upper": upper}
        expected = self.expected(interval)
        if self.family.name == BINOMIAL:
            return self._of_classes(expected["mean"], interval)
        if isinstance(self.family, DispersedFamily):
            return self._of_dispersed(self.family, expected, interval)
        if self.family.name != POISSON:
            raise self._refuse()
        sd = np.sqrt(expected["mean"] + expected["sd"] ** 2)
        return self._between(pdtr, True, expected["mean"], sd, interval)

    def _distribution(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.family.homoscedastic:
            at = self.predictor.widened(self.noise).distribution(values)
            return at, at
        below = values - 1 if self._is_discrete() else np.where(values == 0, -1.0, values)  # zero may have an atom
        return self._at_most(below), self._at_most(values)

    def _is_discrete(self) -> bool:
        return self.family.is_discrete if isinstance(self.family, DispersedFamily) else self.family.name == POISSON

    def _at_most(self, values: np.ndarray) -> np.ndarray:
        """The probabilities that rows are at most some values."""
        if not isinstance(self.family, DispersedFamily) and self.family.name != POISSON:
            raise self._refuse()
        given, known = self._given_mean(), np.maximum(values, 0.0)[:, None]
        (averaged,) = self._averages([lambda eta: given(known, self.family.link.mean(eta))])
        return np.where(values < 0, 0.0, averaged)

    def _given_mean(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """The probability that a row of an expected value is at most some value."""
        family, dispersion = self.family, self.dispersion
        if not isinstance(family, DispersedFamily):
            return pdtr
        return lambda values, mean: family.distribution(values, mean, dispersion)

    def _of_dispersed(self, family: DispersedFamily, expected: Summary, interval: float) -> Summary:
        dispersion = self.dispersion
        (variance,) = self._averages([lambda eta: family.row_variance(family.link.mean(eta), dispersion)])
        sd = np.sqrt(variance + expected["sd"] ** 2)

        def distribution(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
            return family.distribution(values, mean, dispersion)

        return self._between(distribution, family.is_discrete, expected["mean"], sd, interval)

    def _between(
        self,
        distribution: Callable[[np.ndarray, np.ndarray], np.ndarray],
        discrete: bool,
        mean: np.ndarray,
        sd: np.ndarray,
        interval: float,
    ) -> Summary:
        """The summary of rows whose distribution given their expected value is known."""

        def averaged(values: np.ndarray) -> np.ndarray:
            return self._averages([lambda eta: distribution(values[:, None], self.family.link.mean(eta))])[0]

        search, tail = least_count if discrete else least_amount, (1 - interval) / 2
        # by Chebyshev's inequality, no quantile is larger
        lower, upper = (search(averaged, each, mean + sd / np.sqrt(1 - each)) for each in (tail, 1 - tail))
        return {"mean": mean, "sd": sd, "lower": lower, "upper": upper}

    def _averages(self, functions: list[Callable[[np.ndarray], np.ndarray]]) -> list[np.ndarray]:
        """The expectations of functions of the linear predictor, each of shape (n,)."""
        own, totals = self.predictor, [np.zeros(self.predictor.means.shape[1]) for _ in functions]
        for probability, mean, scale in zip(own.probability, own.means, own.scales, strict=True):
            eta = mean[:, None] + scale[:, None] * NODES
            for total, function in zip(totals, functions, strict=True):
                total += probability * (function(eta) @ WEIGHTS)
        return totals


@frozen
class ConjugatePredictive(Predictive):
    """Rows whose expected values have the distribution that their family gives to a mean and a standard deviation.

    Parameters
    ----------
    mean, sd : ndarray of shape (n,)
    family : Family
    """

    mean: np.ndarray
    sd: np.ndarray
    family: Family

    def expected(self, interval: float) -> Summary:
        lower, upper = self.family.interval(self.mean, self.sd, interval)
        return {"mean": self.mean, "sd": self.sd, "lower": lower, "upper": upper}

    def new_row(self, interval: float) -> Summary:
        if self.family.name == BINOMIAL:
            return self._of_classes(self.mean, interval)
        if self.family.name != POISSON:
            raise self._refuse()
        tail = (1 - interval) / 2
        lower, upper = self._count(tail), self._count(1 - tail)
        return {"mean": self.mean, "sd": np.sqrt(self.mean + self.sd**2), "lower": lower, "upper": upper}

    def _distribution(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.family.name != POISSON:
            raise self._refuse()
        certain, *gamma = self._gamma()
        below, at = (
            np.where(certain, poisson.cdf(each, self.mean), nbinom.cdf(each, *gamma)) for each in (values - 1, values)
        )
        return below, at

    def _count(self, quantile: float) -> np.ndarray:
        """The quantiles of counts."""
        certain, *gamma = self._gamma()
        return np.where(certain, poisson.ppf(quantile, self.mean), nbinom.ppf(quantile, *gamma))

    def _gamma(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where means are certain, and the negative binomial of the others: a Poisson variable of a gamma mean."""
        certain = self.sd == 0  # as where all rows are zero
        shape = np.where(certain, 1.0, (self.mean / np.where(certain, 1.0, self.sd)) ** 2)
        return certain, shape, shape / (shape + self.mean)


def _ends(values: MixtureOfT, interval: float) -> tuple[np.ndarray, np.ndarray]:
    tail = (1 - interval) / 2
    return values.quantile(tail), values.quantile(1 - tail)
