"""What can come out of an encoder, each output once: its name, what it belongs to, and how it is computed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.posterior import posterior_mean, posterior_reliability, posterior_sd
from catpool.priors.prior import Prior


@dataclass(frozen=True)
class TargetOutput:
    """A number for each category and each column of the target, out of fold on training rows.

    Parameters
    ----------
    name : str
        The feature is called ``<column>_<name>``, and "mean" as the column.
    compute : callable
        From moments of shape (..., K), their prior and its family to values of that shape.
    hidden : bool, default=True
        Whether it is NaN where `unknown` or `missing` is "nan".
    is_mean : bool, default=False
        Whether ``missing="prior"`` gives the prior mean in its place.
    """

    name: str
    compute: Callable[[Moments, Prior, Family], np.ndarray]
    hidden: bool = True
    is_mean: bool = False


@dataclass(frozen=True)
class ColumnOutput:
    """A number for each category, whatever the target.

    Parameters
    ----------
    name : str
        The feature is called ``<column>_<name>``.
    compute : callable
        From a fitted table to the values of its slots, of shape (size,).
    by_fold : bool, default=False
        Whether a training row gets the count of the rows that its encoding rests on instead.
    counts_all : bool, default=False
        Whether it counts all training rows, later ones too.
    """

    name: str
    compute: Callable[[Any], np.ndarray]
    by_fold: bool = False
    counts_all: bool = False


Output = TargetOutput | ColumnOutput
MEAN = TargetOutput("mean", lambda moments, prior, family: posterior_mean(moments, prior), is_mean=True)
OUTPUTS: dict[str, Output] = {
    output.name: output
    for output in (
        MEAN,
        TargetOutput("sd", posterior_sd),
        TargetOutput("reliability", lambda moments, prior, family: posterior_reliability(moments, prior), hidden=False),
        ColumnOutput("count", lambda table: table.counts, by_fold=True),
        ColumnOutput("size", lambda table: table.counts, counts_all=True),
        ColumnOutput("code", lambda table: table.codes),
    )
}
LEVEL_OUTPUTS = ("mean", "sd", "reliability", "count", "code")  # of nested levels
EFFECT_OUTPUTS = ("mode", "sd", "count")  # of a factor of a mixed model
ROW_OUTPUTS = ("fixed", "prediction")  # of a row of a mixed model, whatever its factors


def read_outputs(output: str | Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """The parameter `output` as a tuple of known outputs."""
    outputs = (output,) if isinstance(output, str) else tuple(output)
    if not outputs or not set(outputs) <= set(known) or len(set(outputs)) < len(outputs):
        raise ValueError(f"`output` must be one or several of {tuple(known)}, each once. Got {output!r}.")
    return outputs


def target_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
    """The outputs that belong to each column of the target."""
    return tuple(output for output in outputs if isinstance(OUTPUTS[output], TargetOutput))


def column_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
    """The outputs that are the same whatever the target."""
    return tuple(output for output in outputs if isinstance(OUTPUTS[output], ColumnOutput))


def column_output(name: str) -> ColumnOutput:
    output = OUTPUTS[name]
    assert isinstance(output, ColumnOutput)
    return output
