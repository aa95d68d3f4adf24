"""Logarithms of rising factorials, summed over categories: what conjugate likelihoods are made of.

    R(a) = sum over k of log Gamma(a + x_k) - log Gamma(a) = sum over k of log a + log(a + 1) + ... + log(a + x_k - 1)

For whole numbers only the number of categories with x_k > 0, > 1, ... matters (Minka 2000).

References
----------
T. Minka (2000), Estimating a Dirichlet distribution, technical report, MIT.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, gammaln, polygamma, psi

CELLS = 1 << 16  # strengths times terms that are computed at a time
STEPS = 2048  # terms of R added one by one; beyond them the gamma function is cheaper
WIDTH = 1 / 16  # of the logarithms of means that are near each other
ALIKE = 1e-20  # their variance, up to which they are equal but for rounding
FEW_STEPS = 32  # the same for a category with a mean of its own, whose terms no other category shares


class RisingLog:
    """R as a function of a, with its first two derivatives, for T tables, none of which enters the numbers of another.

    Parameters
    ----------
    tables : ndarray of shape (T, K)
        The x_k of each table, not negative.
    """

    def __init__(self, tables: np.ndarray) -> None:
        self.number = len(tables)
        counts = tables.astype(np.intp)
        whole = (counts == tables).all(axis=1)
        reached = _count_reached(np.where(whole[:, None], np.minimum(counts, STEPS), 0))
        table, self.step = reached.nonzero()
        self.more = reached[table, self.step].astype(float)
        self.first = np.flatnonzero(np.diff(table, prepend=-1))  # of the terms of each table that has some
        self.tables, self.terms = table[self.first], np.diff(self.first, append=len(table))
        start = np.where(whole, float(STEPS), 0.0)
        self.table_of_rest, places = (tables > start[:, None]).nonzero()
        self.rest, self.start = tables[self.table_of_rest, places], start[self.table_of_rest]

    def __call__(self, a: np.ndarray) -> np.ndarray:
        """R, its first and its second derivative, of shape (3, T), at an a of each table."""
        value = np.zeros((3, self.number))
        if len(self.step):
            value[:, self.tables] = np.add.reduceat(self._each_term(a), self.first, axis=1)
        if len(self.rest):
            own = a[self.table_of_rest]
            ends, start = own + self.rest, own + self.start
            steps = self.rest - self.start
            logs = gammaln(steps) - betaln(start, steps)  # a difference of gammaln would lose the digits of a large a
            beyond = logs, psi(ends) - psi(start), polygamma(1, ends) - polygamma(1, start)
            value += [np.bincount(self.table_of_rest, each, minlength=self.number) for each in beyond]
        return value

    def _each_term(self, a: np.ndarray) -> np.ndarray:
        """The logarithms that add up to R, and their derivatives, of shape (3, terms)."""
        at = np.repeat(a[self.tables], self.terms)
        at += self.step
        result = np.empty((3, len(at)))
        np.log(at, out=result[0])
        np.divide(self.more, at, out=result[1])
        np.divide(result[1], at, out=result[2])
        result[0] *= self.more
        np.negative(result[2], out=result[2])
        return result


def _count_reached(counts: np.ndarray) -> np.ndarray:
    """How many categories of each table have x_k > 0, > 1, ..., from whole numbers of shape (T, K)."""
    bins = int(counts.max(initial=0)) + 1
    cells = counts + np.arange(0, len(counts) * bins, bins)[:, None]
    number = np.bincount(cells.ravel(), minlength=len(counts) * bins).reshape(len(counts), bins)
    return number[:, :0:-1].cumsum(axis=1)[:, ::-1]


class RisingLogAbout:
    """The sum of R(strength * mean_k), where each category has a mean of its own, as a function of the strength.

    Parameters
    ----------
    means, values : ndarray of shape (K,)
        The means, positive, and the x_k.
    weight : ndarray of shape (K,)
        How often each of them counts.
    """

    def __init__(self, means: np.ndarray, values: np.ndarray, weight: np.ndarray) -> None:
        counts = values.astype(np.intp)
        terms = np.minimum(counts, FEW_STEPS) if (counts == values).all() else np.zeros_like(counts)
        self.means, self.weight = np.repeat(means, terms), np.repeat(weight, terms)
        self.step = np.arange(len(self.means)) - np.repeat(np.cumsum(terms) - terms, terms)
        more = values > terms
        self.rest, self.start = values[more], terms[more]
        self.rest_means, self.rest_weight = means[more], weight[more]

    def value(self, strength: float) -> float:
        steps = self.rest - self.start
        # as a difference of gammaln would lose digits
        rest = gammaln(steps) - betaln(strength * self.rest_means + self.start, steps)
        return float(self.weight @ np.log(strength * self.means + self.step) + self.rest_weight @ rest)

    def slopes(self, strengths: np.ndarray) -> np.ndarray:
        """The first and the second derivative at S strengths, of shape (2, S)."""
        step = max(1, CELLS // (len(self.means) + len(self.rest) + 1))
        each = [self._slopes(strengths[at : at + step, None]) for at in range(0, len(strengths), step)]
        return np.concatenate(each, axis=1)

    def _slopes(self, strengths: np.ndarray) -> np.ndarray:
        each = self.means / (strengths * self.means + self.step)
        slopes = np.array([each @ self.weight, -(each * each) @ self.weight])
        if len(self.rest):
            own, means = strengths * self.rest_means, self.rest_means
            ends, start = own + self.rest, own + self.start
            slopes[0] += (psi(ends) - psi(start)) @ (self.rest_weight * means)
            slopes[1] += (polygamma(1, ends) - polygamma(1, start)) @ (self.rest_weight * means**2)
        return slopes


def rising_log_about(means: np.ndarray, values: np.ndarray, many: bool) -> RisingLogAbout:
    """`RisingLogAbout` where each category counts once; if `many`, from few that stand for all."""
    return RisingLogAbout(
        *(
            _condense(means, values)
            if many and (values == np.floor(values)).all()
            else (means, values, np.ones(len(values)))
        )
    )


def _condense(means: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, values and weights of few categories in the place of many.

    Those of one value and of means near each other become two, whose logarithms have the same first three moments: the
    nodes of Gauss's quadrature. What is left of a smooth function is of the fourth order in their distance.
    """
    logs = np.log(means)
    cells = np.column_stack([np.floor(logs / WIDTH), values])
    distinct, group, number = np.unique(cells[:, 0] + 1j * cells[:, 1], return_inverse=True, return_counts=True)
    center = np.bincount(group, logs) / number
    apart = logs - center[group]
    square, cube = (np.bincount(group, each) / number for each in (apart * apart, apart * apart * apart))
    sd = np.sqrt(np.where(square > ALIKE, square, 0.0))
    skew = np.where(sd > 0, cube, 0.0) / np.where(sd > 0, sd, 1.0) ** 3 / 2
    root = np.sqrt(1 + skew**2)
    nodes = np.concatenate([center + sd * (skew + root), center + sd * (skew - root)])
    weights = np.concatenate([number * (1 - skew / root), number * (1 + skew / root)]) / 2
    return np.exp(nodes), np.tile(distinct.imag, 2), weights
