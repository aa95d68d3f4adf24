"""`Distributions`: the outputs of a flat structure that describe the distribution of y in each category."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.crossfit.row_statistics import CodedRows, add_row_statistics, with_row_statistics
from catpool.crossfit.scheme import Scheme
from catpool.data.frozen import frozen
from catpool.data.targets.ranges import Ranges, read_edges
from catpool.data.targets.target import Target
from catpool.data.targets.target_kinds import TARGET_KINDS
from catpool.data.training import TrainingData
from catpool.priors.rules import PriorRule
from catpool.tables.outputs import is_distribution, rows_outputs, share_outputs, target_outputs
from catpool.tables.policy import Policy
from catpool.tables.row_tables import RowStatistics

HISTOGRAM = "histogram"


@frozen
class Distributions:
    """The outputs that describe the distribution of y in each category, and how they are learned.

    Parameters
    ----------
    outputs : tuple of str
        All outputs of the encoder.
    bins : int or array of edges
        Of a histogram.
    shape_rule : callable
        How the priors of skews and shares are learned.
    policy : Policy
    """

    outputs: tuple[str, ...]
    bins: Any
    shape_rule: PriorRule
    policy: Policy

    @cached_property
    def wanted(self) -> list[str]:
        """Those of the outputs that describe a distribution."""
        return [name for name in self.outputs if is_distribution(name)]

    @cached_property
    def edges(self) -> np.ndarray | None:
        """The edges of bins that the user gives; None if they are learned."""
        return read_edges(self.bins)

    @cached_property
    def rows_outputs(self) -> tuple[str, ...]:
        """The outputs that need the rows themselves."""
        learned = HISTOGRAM in self.outputs and self.edges is None
        return (*rows_outputs(self.outputs), *([HISTOGRAM] if learned else []))

    @cached_property
    def ranges(self) -> list[Ranges]:
        """The parts of the range of y whose shares are outputs."""
        found = share_outputs(self.outputs)
        edges = {name: self.edges if above is None else np.array([above]) for name, above in found.items()}
        return [Ranges(name, own) for name, own in edges.items() if own is not None]

    def _statistics(self, rule: PriorRule) -> RowStatistics:
        """How outputs are computed from rows, given how the prior of the means is learned."""
        bins = int(self.bins) if self.edges is None else 0
        return RowStatistics(self.rows_outputs, bins, rule, self.shape_rule, self.policy)

    @cached_property
    def order(self) -> list[str]:
        """The features of a column of y in the order of the outputs."""
        own, statistics = {*target_outputs(self.outputs), *self.rows_outputs}, self._statistics(self.shape_rule)
        return list(chain.from_iterable(statistics.names(name) for name in self.outputs if name in own))

    def add_targets(self, data: TrainingData) -> TrainingData:
        """The training rows with a target for each share, if y and weights are such as have distributions."""
        if not self.wanted:
            return data
        if data.has_gaps:
            raise ValueError(
                f"output={self.wanted[0]!r} needs a value of y in each row, but some outputs of y have missing values. "
                "Fit an encoder for each output, without the rows that lack it."
            )
        weights = {"precision": data.weights.precision, "exposed": data.weights.exposure is not None}
        targets: list[Target] = []
        for target in data.targets:
            targets += [target, *(share for _, share in self.shares(target, **weights))]
        return replace(data, targets=targets)

    def shares(self, target: Target, *, precision: bool, exposed: bool) -> list[tuple[Ranges, Target]]:
        """The ranges of a target whose shares are outputs, each with the target that these are.

        Parameters
        ----------
        target : Target
        precision, exposed : bool
            Whether weights are precisions, and whether rows have exposures, neither of which may be.
        """
        self._check_target(target)
        self._check_weights(precision=precision, exposed=exposed)
        return [(ranges, ranges.target(target, single=ranges.name != HISTOGRAM)) for ranges in self.ranges]

    def _check_target(self, target: Target) -> None:
        """Raise an error for classes, whose mean says all of their distribution."""
        if self.wanted and TARGET_KINDS[target.kind].classes:
            raise ValueError(
                f"output={self.wanted[0]!r} describes the distribution of numbers, but y is read as {target.kind}, "
                'and the mean is the whole distribution of classes. Pass output="mean", or target_type="continuous".'
            )

    def _check_weights(self, *, precision: bool, exposed: bool) -> None:
        """Raise an error for weights that are no numbers of rows, and for exposures."""
        if self.wanted and precision:
            raise ValueError(
                f"output={self.wanted[0]!r} needs weights that are numbers of rows, but `weight_type` says that they "
                'are precisions. Pass weight_type="frequency", or output="mean".'
            )
        if self.wanted and exposed:
            raise ValueError(
                f"output={self.wanted[0]!r} does not go with `exposure`, because counts of different exposures have no "
                'common distribution. Leave it out, or pass output="mean".'
            )

    def refuse_rows(self, where: str) -> None:
        """Raise an error if outputs need the rows themselves, which are not there."""
        if self.rows_outputs:
            name = self.rows_outputs[0]
            given = "edges as `bins`" if name == HISTOGRAM else 'output="share_above_<number>"'
            raise ValueError(
                f"output={name!r} needs all rows in memory, because no sums over rows give it, but {where}. Pass "
                f"{given}, or call fit_transform with all rows."
            )

    def complete(self, encodings: list[Any], rows: CodedRows) -> list[Any]:
        """The encodings of a column with the outputs that need its rows."""
        if not self.rows_outputs:
            return encodings
        return with_row_statistics(encodings, rows, self._statistics(rows.rule()), self.order)

    def complete_column(self, column: OutOfFoldColumn, rows: CodedRows, scheme: Scheme) -> OutOfFoldColumn:
        """The same for a column that is encoded out of fold."""
        if not self.rows_outputs:
            return column
        return add_row_statistics(column, rows, self._statistics(rows.rule()), self.order, scheme.folds())
