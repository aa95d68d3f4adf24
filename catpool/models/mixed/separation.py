"""Columns that tell rows apart so well that no finite estimate is the most likely one.

A coefficient or the variance of a slope has no bounds if its covariate never is larger where y is 0 than where y is 1,
or the other way round. The same holds for counts if the covariate has one value where there are any, and lies to one
side of it in all other rows, as an indicator of rows where y is 0 does. The variance of a factor has no bounds if all
of its levels are of one class.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.design import Design


def warn_of_separation(rows: AggregatedRows, design: Design, *, classes: bool) -> None:
    """Name the covariates, slopes and factors whose estimates have no bounds.

    Parameters
    ----------
    rows : AggregatedRows
    design : Design
        For the names.
    classes : bool
        Whether y is binary, rather than counts.
    """
    some = rows.total > 0
    others = rows.total < rows.count if classes else ~some
    separates = _separates_classes if classes else _separates_zeros
    found = [f"covariate {name!r}" for name, own in _numbers(rows, design).items() if separates(own[some], own[others])]
    if classes:
        factors = zip(design.groups, rows.factors, strict=True)
        found += [f"factor {name!r}" for name, own in factors if _is_pure(own.codes, rows.count, some, others)]
    if found:
        warnings.warn(
            f"By the {' and the '.join(found)}, {'the classes of y' if classes else 'rows where y is 0'} can be told "
            "apart, so that no finite estimates are the most likely ones, and those given are arbitrarily large. Leave "
            "it out, or combine values that occur with one outcome only.",
            ConvergenceWarning,
            stacklevel=2,
        )


def _numbers(rows: AggregatedRows, design: Design) -> dict[str, np.ndarray]:
    """The covariates and the columns with slopes, by name."""
    columns = dict(zip(design.names, rows.covariates[:, 1:].T, strict=True))
    for factor, terms in zip(rows.factors, design.terms, strict=True):
        columns |= dict(zip(terms[factor.intercept :], factor.slopes.T, strict=True))
    return columns


def _separates_classes(some: np.ndarray, others: np.ndarray) -> bool:
    return _is_aside(some, others) or _is_aside(others, some)


def _is_aside(low: np.ndarray, high: np.ndarray) -> bool:
    """Whether no value of one side is larger than any of the other, and not all are alike."""
    return bool(low.max() <= high.min() and low.min() < high.max())


def _separates_zeros(some: np.ndarray, others: np.ndarray) -> bool:
    return bool(len(others) and some.min() == some.max() and _separates_classes(some, others))


def _is_pure(codes: np.ndarray, count: np.ndarray, some: np.ndarray, others: np.ndarray) -> bool:
    """Whether all levels are of one class each, of which one has several rows at least."""
    mixed = np.bincount(codes, some) * np.bincount(codes, others)
    return bool(not mixed.any() and np.bincount(codes, count).max() > 1)
