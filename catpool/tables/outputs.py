"""The outputs of encoders: the name of each, and how it is computed for a target or for a column."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from catpool.data.frozen import frozen
from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.posterior import posterior_mean, posterior_reliability, posterior_sd
from catpool.priors.prior import Prior
from catpool.priors.within.spread import spread


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
    scatters : bool, default=False
        Whether it needs the scatter within each category.
    """

    name: str
    compute: Callable[[Moments, Prior, Family], np.ndarray]
    hidden: bool = True
    is_mean: bool = False
    scatters: bool = False


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


@frozen
class RowsOutput:
    """An output for each category that needs the rows themselves, because no sums over rows give it.

    Parameters
    ----------
    name : str
        The feature is called ``<column>_<name>``, followed by ``_<number>`` if there are several.
    """

    name: str


@frozen
class ShareOutput:
    """The share of a category's rows that lie in a part of the range of y, or in each of several parts.

    Parameters
    ----------
    name : str
        The feature is called ``<column>_<name>``, followed by ``_<number>`` if there are several parts.
    above : float, optional
        What the rows lie above. By default they lie in the bins of the encoder.
    """

    name: str
    above: float | None = None


Output = TargetOutput | ColumnOutput | RowsOutput | ShareOutput
MEAN = TargetOutput("mean", posterior_mean, is_mean=True)
OUTPUTS: dict[str, Output] = {
    output.name: output
    for output in (
        MEAN,
        TargetOutput("sd", posterior_sd),
        TargetOutput("reliability", posterior_reliability, hidden=False),
        TargetOutput("spread", spread, scatters=True),
        RowsOutput("median"),
        RowsOutput("skew"),
        ShareOutput("histogram"),
        ColumnOutput("count", lambda table: table.counts, by_fold=True),
        ColumnOutput("size", lambda table: table.counts, counts_all=True),
        ColumnOutput("code", lambda table: table.codes),
    )
}
BIN = re.compile(r"histogram_\d+")
QUANTILE = re.compile(r"q(?!00)(\d\d)")
SHARE_ABOVE = re.compile(r"share_above_([+-]?[\d.]+(?:e[+-]?\d+)?)")
LEVEL_OUTPUTS = ("mean", "sd", "reliability", "count", "code")  # of nested levels
EFFECT_OUTPUTS = ("mode", "sd", "count")  # of a factor of a mixed model
ROW_OUTPUTS = ("fixed", "prediction")  # of a row of a mixed model, over all factors


def find_output(name: Any) -> Output | None:
    """The output of this name, or None if there is none."""
    if not isinstance(name, str) or name in OUTPUTS:
        return OUTPUTS.get(name) if isinstance(name, str) else None
    if QUANTILE.fullmatch(name):
        return RowsOutput(name)
    value = _number_in(name)
    return None if value is None else ShareOutput(name, value)


def _number_in(name: str) -> float | None:
    """The finite number that a share is above, by the name of its output; None if it is no such name."""
    found = SHARE_ABOVE.fullmatch(name)
    try:
        value = float(found[1]) if found else np.nan
    except ValueError:  # as "1.2.3" is no number
        return None
    return value if np.isfinite(value) else None


def level_of(name: str) -> float | None:
    """The probability of a quantile, by the name of its output; None if it is no quantile."""
    if name == "median":
        return 0.5
    found = QUANTILE.fullmatch(name)
    return int(found[1]) / 100 if found else None


def read_outputs(output: str | Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Read the parameter `output` as a tuple, and check that its outputs are known."""
    outputs = (output,) if isinstance(output, str) else tuple(output)
    if not outputs or not set(outputs) <= set(known) or len(set(outputs)) < len(outputs):
        raise _unknown_outputs(output, tuple(known))
    return outputs


def read_flat_outputs(output: str | Sequence[str]) -> tuple[str, ...]:
    """The same for encoders that have all outputs, those among them whose names have numbers."""
    outputs = (output,) if isinstance(output, str) else tuple(output)
    if not outputs or None in map(find_output, outputs) or len(set(outputs)) < len(outputs):
        raise _unknown_outputs(output, (*OUTPUTS, "q01", "...", "q99", "share_above_<number>"))
    return outputs


def _unknown_outputs(output: Any, known: tuple[str, ...]) -> ValueError:
    return ValueError(
        f"`output` must be one or several of {known}, without repetition. Got {output!r}. Pass some of them."
    )


def _of_kind(outputs: Sequence[str], kind: type) -> tuple[str, ...]:
    return tuple(name for name in outputs if isinstance(find_output(name), kind))


def target_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
    """Those of the outputs that each column of the target has, and that follow from its moments."""
    return _of_kind(outputs, TargetOutput)


def column_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
    """Those of the outputs that do not depend on the target."""
    return _of_kind(outputs, ColumnOutput)


def refuse_of_past(outputs: Sequence[str]) -> None:
    """Raise an error for outputs that a time-ordered `cv` does not have."""
    later = [name for name in column_outputs(outputs) if column_output(name).counts_all]
    if later:
        raise ValueError(
            f'output={later[0]!r} counts later rows too, which a time-ordered `cv` must not. Pass "count".'
        )
    shapes = [name for name in outputs if is_distribution(name)]
    if shapes:
        raise ValueError(
            f"output={shapes[0]!r} does not go with a time-ordered `cv`. Pass folds as `cv`, or another output."
        )


def is_distribution(name: str) -> bool:
    """Whether an output, or one of its features, describes how y is distributed in a category, beside its mean."""
    output = find_output(name)
    summed = isinstance(output, TargetOutput) and output.scatters
    return summed or isinstance(output, RowsOutput | ShareOutput) or BIN.fullmatch(name) is not None


def is_feature(name: str) -> bool:
    """Whether tables may hold values of this name: those of an output for each class of the target, or of one bin."""
    return isinstance(find_output(name), TargetOutput | RowsOutput) or BIN.fullmatch(name) is not None


def rows_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
    """Those of the outputs that need the rows themselves."""
    return _of_kind(outputs, RowsOutput)


def share_outputs(outputs: Sequence[str]) -> dict[str, float | None]:
    """Those of the outputs that are shares: by name, what rows lie above, or None for shares of bins."""
    found = {name: find_output(name) for name in outputs}
    return {name: each.above for name, each in found.items() if isinstance(each, ShareOutput)}


def column_output(name: str) -> ColumnOutput:
    """The output of this name, which must not depend on the target."""
    output = OUTPUTS[name]
    assert isinstance(output, ColumnOutput)
    return output
