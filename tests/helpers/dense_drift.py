"""The local level model by dense matrices: one row and column for each row of data."""

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """Rows with a category, a time, a target and a precision each, in any order."""

    category: np.ndarray
    time: np.ndarray
    y: np.ndarray
    precision: np.ndarray

    def some(self, chosen):
        return Rows(*(each[chosen] for each in self))

    @property
    def age(self):
        """The time of each row since the first of its category."""
        begins = {each: self.time[self.category == each].min() for each in np.unique(self.category)}
        return self.time - np.array([begins[each] for each in self.category])


class Variances(NamedTuple):
    """The variances of the start, of the change in a unit of time, of a row of precision one, and of shocks."""

    start: float
    rate: float
    noise: float
    shock: float = 0.0


def covariance(rows, variances):
    same = rows.category[:, None] == rows.category
    effects = variances.start + variances.rate * np.minimum.outer(rows.age, rows.age)
    effects += variances.shock * (rows.time[:, None] == rows.time)
    return same * effects + np.diag(variances.noise / rows.precision)


def prior_mean(rows, variances):
    """The generalized least squares mean, and its variance."""
    solved = np.linalg.solve(covariance(rows, variances), np.column_stack([rows.y, np.ones(len(rows.y))]))
    information = solved[:, 1].sum()
    return solved[:, 0].sum() / information, 1 / information


def log_likelihood(rows, variances, restricted):
    own = covariance(rows, variances)
    mean, uncertain = prior_mean(rows, variances)
    apart = rows.y - mean
    value = np.linalg.slogdet(2 * np.pi * own)[1] + apart @ np.linalg.solve(own, apart)
    return -(value - restricted * np.log(2 * np.pi * uncertain)) / 2


def expected(rows, variances, mean, uncertain, category, time):
    """Mean, standard deviation and reliability of a category's level at a time after its rows, which may be none."""
    own = rows.some(rows.category == category)
    if not len(own.y):
        return mean, np.sqrt(variances.start + uncertain), 0.0
    age = time - own.time.min()
    shared = variances.start + variances.rate * np.minimum(own.age, age)
    weights = np.linalg.solve(covariance(own, variances), shared)
    variance = variances.start + variances.rate * age - weights @ shared
    left = 1 - weights.sum()
    return mean + weights @ (own.y - mean), np.sqrt(variance + left**2 * uncertain), weights.sum()
