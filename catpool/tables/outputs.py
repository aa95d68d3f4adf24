"""The outputs of encoders: the name of each, and how it is computed for a target or for a column."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from catpool.data.frozen import frozen
from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.posterior import posterior_mean, posterior_reliability, posterior_sd
from catpool.priors.prior import Prior


@frozen
class TargetOutput:
    """An output for each category and each column of the target, which is out of fold on training rows.

    Parameters
    ----------
    name : str
        The feature is called ``<column>_<name>``, except that of "mean", which is called as the column.
    compute : callable
        From moments of shape (..., K), their prior and its family to values of the same shape.
    hidden : bool, default=True
        Whether it is NaN for the rows that ``unknown="nan"`` and ``missing="nan"`` concern.
    is_mean : bool, default=False
        Whether ``missing="prior"`` replaces it by the prior mean.
    """

    name: str
    compute: Callable[[Moments, Prior, Family], np.ndarray]
    hidden: bool = True
    is_mean: bool = False


@frozen
class ColumnOutput:
    """An output for each category that does not depend on the target.

    Parameters
    ----------
    name : str
        The feature is called ``<column>_<name>``.
    compute : callable
        From a fitted table to the values of its slots, of shape (size,).
    by_fold : bool, default=False
        Whether training rows get the weight of the rows that they are encoded from instead.
    counts_all : bool, default=False
        Whether it counts all training rows, which `EarlierRows` must not show to earlier ones.
    """

    name: str
    compute: Callable[[Any], np.ndarray]
    by_fold: bool = False
    counts_all: bool = False


Output = TargetOutput | ColumnOutput
MEAN = TargetOutput("mean", posterior_mean, is_mean=True)
OUTPUTS: dict[str, Output] = {
    output.name: output
    for output in (
        MEAN,
        TargetOutput("sd", posterior_sd),
        TargetOutput("reliability", posterior_reliability, hidden=False),
        ColumnOutput("count", lambda table: table.counts, by_fold=True),
        ColumnOutput("size", lambda table: table.counts, counts_all=True),
        ColumnOutput("code", lambda table: table.codes),
    )
}
LEVEL_OUTPUTS = ("mean", "sd", "reliability", "count", "code")  # of nested levels
EFFECT_OUTPUTS = ("mode", "sd", "count")  # of a factor of a mixed model
ROW_OUTPUTS = ("fixed", "prediction")  # of a row of a mixed model, over all factors


def read_outputs(output: str | Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Read the parameter `output` as a tuple, and check that its outputs are known."""
    outputs = (output,) if isinstance(output, str) else tuple(output)
    if not outputs or not set(outputs) <= set(known) or len(set(outputs)) < len(outputs):
        raise ValueError(
            f"`output` must be one or several of {tuple(known)}, without repetition. Got {output!r}. Pass some of them."
        )
    return outputs


def target_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
    """Those of the outputs that each column of the target has."""
    return tuple(output for output in outputs if isinstance(OUTPUTS[output], TargetOutput))


def column_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
    """Those of the outputs that do not depend on the target."""
    return tuple(output for output in outputs if isinstance(OUTPUTS[output], ColumnOutput))


def column_output(name: str) -> ColumnOutput:
    """The output of this name, which must not depend on the target."""
    output = OUTPUTS[name]
    assert isinstance(output, ColumnOutput)
    return output
