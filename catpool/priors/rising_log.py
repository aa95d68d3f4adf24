"""Logarithms of rising factorials, summed over categories: what conjugate likelihoods are made of.

    R(a) = sum over k of log Gamma(a + x_k) - log Gamma(a) = sum over k of log a + log(a + 1) + ... + log(a + x_k - 1)

For whole numbers only the number of categories with x_k > 0, > 1, ... matters (Minka 2000).

References
----------
T. Minka (2000), Estimating a Dirichlet distribution, technical report, MIT.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import betaln, gammaln, polygamma, psi

FEW_STEPS = 32  # as STEPS, of a category with an argument of its own
CELLS = 1 << 16  # strengths times terms that are computed at a time
STEPS = 2048  # terms of R added one by one; beyond them the gamma function is cheaper


class RisingLog:
    """R as a function of a, with its first two derivatives, for T tables, none of which enters the numbers of another.

    Parameters
    ----------
    tables : sequence of ndarray of shape (K,)
        The x_k of each table, not negative.
    """

    def __init__(self, tables: Sequence[np.ndarray]) -> None:
        mores, rests, starts = zip(*map(_terms, tables), strict=True)
        self.more, self.rest, self.start = np.concatenate(mores), np.concatenate(rests), np.array(starts)
        self.step = np.concatenate([np.arange(len(each)) for each in mores])
        self.table, self.table_of_rest = (
            np.repeat(np.arange(len(starts)), [len(each) for each in parts]) for parts in (mores, rests)
        )

    def __call__(self, a: np.ndarray) -> np.ndarray:
        """R, its first and its second derivative, of shape (3, T), at an a of each table."""
        terms = a[self.table] + self.step
        inverse = self.more / terms
        each_term = self.more * np.log(terms), inverse, -inverse / terms
        value = np.array([self._sum(each) for each in each_term], dtype=float)  # numpy counts no terms as integers
        if len(self.rest):
            own = a[self.table_of_rest]
            ends, start = own + self.rest, own + self.start[self.table_of_rest]
            steps = self.rest - self.start[self.table_of_rest]
            logs = gammaln(steps) - betaln(start, steps)  # a difference of gammaln would lose the digits of a large a
            beyond = logs, psi(ends) - psi(start), polygamma(1, ends) - polygamma(1, start)
            value += [self._sum(each, self.table_of_rest) for each in beyond]
        return value

    def _sum(self, values: np.ndarray, table: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(self.table if table is None else table, values, minlength=len(self.start))


class RisingLogAbout:
    """The sum of R(strength * mean_k), where each category has a mean of its own, as a function of the strength.

    Parameters
    ----------
    means, values : ndarray of shape (K,)
        The means, positive, and the x_k.
    number : ndarray of shape (K,)
        How often each of them counts.
    """

    def __init__(self, means: np.ndarray, values: np.ndarray, number: np.ndarray) -> None:
        counts = values.astype(np.intp)
        terms = np.minimum(counts, FEW_STEPS) if (counts == values).all() else np.zeros_like(counts)
        self.means, self.number = np.repeat(means, terms), np.repeat(number, terms)
        self.step = np.arange(len(self.means)) - np.repeat(np.cumsum(terms) - terms, terms)
        more = values > terms
        self.rest, self.start = values[more], terms[more]
        self.rest_means, self.rest_number = means[more], number[more]

    def value(self, strength: float) -> float:
        steps = self.rest - self.start
        # as a difference of gammaln would lose digits
        rest = gammaln(steps) - betaln(strength * self.rest_means + self.start, steps)
        return float(self.number @ np.log(strength * self.means + self.step) + self.rest_number @ rest)

    def slopes(self, strengths: np.ndarray) -> np.ndarray:
        """The first and the second derivative at S strengths, of shape (2, S)."""
        step = max(1, CELLS // (len(self.means) + len(self.rest) + 1))
        each = [self._slopes(strengths[at : at + step, None]) for at in range(0, len(strengths), step)]
        return np.concatenate(each, axis=1)

    def _slopes(self, strengths: np.ndarray) -> np.ndarray:
        each = self.means / (strengths * self.means + self.step)
        slopes = np.array([each @ self.number, -(each * each) @ self.number])
        if len(self.rest):
            own, means = strengths * self.rest_means, self.rest_means
            ends, start = own + self.rest, own + self.start
            slopes[0] += (psi(ends) - psi(start)) @ (self.rest_number * means)
            slopes[1] += (polygamma(1, ends) - polygamma(1, start)) @ (self.rest_number * means**2)
        return slopes


def _terms(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """How many categories have x_k > 0, > 1, ...; the x_k beyond these, and how many terms each of them has had."""
    counts = values.astype(np.intp)
    if (counts == values).all():
        reached = np.bincount(np.minimum(counts, STEPS), minlength=1)
        return reached[:0:-1].cumsum()[::-1].astype(float), values[counts > STEPS], float(STEPS)
    return np.zeros(0), values[values > 0], 0.0
