"""`Learner`: encodings of the categories of a column, learned from their moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.targets.target import Target
from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.family import Family
from catpool.priors.posterior import posterior_sd, rounded_by_sd
from catpool.priors.prior import Prior
from catpool.priors.rules import CellRule, ColumnRule, PriorRule
from catpool.tables.encoding import Encoding
from catpool.tables.outputs import MEAN, OUTPUTS, TargetOutput
from catpool.tables.policy import Policy

BLOCK = 1 << 14  # tables times categories


class ColumnLearner(Protocol):
    """The interface of learners: they turn the moments of a column's categories into encodings."""

    @property
    def outputs(self) -> Sequence[Any]:
        """The outputs of each class of a target."""
        ...

    @property
    def scatters(self) -> bool:
        """Whether the moments must have the scatter within each category."""
        ...

    def of(self, target: Target) -> ColumnLearner:
        """The learner of a target, which may have other outputs."""
        ...

    def encode(self, moments: Sequence[Moments], family: Family) -> list[list[np.ndarray]]:
        """Compute the outputs of each class, of shape (..., size), from moments of the same shape."""
        ...

    def encodings(self, target: Target, moments: Sequence[Moments], log_likelihood: float) -> list[Any]:
        """Make the encoding of each class of a target, which tables store, from the moments of all rows."""
        ...


@frozen
class Learned:
    """What is learned of one class: its prior, and its outputs, of the shape of its moments.

    Parameters
    ----------
    moments : Moments of shape (..., size)
    prior : Prior of shape (...)
    outputs : list of ndarray of shape (..., size)
    """

    moments: Moments
    prior: Prior
    outputs: list[np.ndarray]

    def table(self, index: int, size: int) -> Learned:
        """One table of those along the first of two axes, with its first `size` categories, as a copy."""
        outputs = [each[index, :size].copy() for each in self.outputs]
        return Learned(self.moments.table(index, size), self.prior.take(index), outputs)


@frozen
class Learner:
    """Learns the encodings of the categories of one column.

    Parameters
    ----------
    rule : callable
        Learns the priors from moments.
    policy : Policy
    outputs : tuple of str
        The names of the target outputs.
    rounding : float, default=0.0
        What means are rounded to, about, in posterior standard deviations; 0 leaves them as they are.
    shares : callable, optional
        Learns the priors of the shares of rows in parts of the range of y; by default as that of y.
    """

    rule: PriorRule
    policy: Policy
    outputs: tuple[str, ...]
    rounding: float = 0.0
    shares: PriorRule | None = None

    @property
    def scatters(self) -> bool:
        summed = isinstance(self.rule, ColumnRule) and self.rule.scatters
        return summed or any(output.scatters for output in self._target_outputs())

    def of(self, target: Target) -> Learner:
        """The learner of a target; of one that is the shares of another's rows, their means are the only output."""
        return Learner(self.shares or self.rule, self.policy, (MEAN.name,)) if target.shares else self

    def joins(self, other: ColumnLearner) -> bool:
        """Whether another column may be learned together with one of this learner, filled up to one size."""
        if type(self) is not Learner or type(other) is not Learner or not isinstance(self.rule, ColumnRule):
            return False
        same = self.rule is other.rule and self.policy is other.policy and self.shares is other.shares
        return same and (self.outputs, self.rounding) == (other.outputs, other.rounding)

    def learn(self, moments: Sequence[Moments], family: Family) -> list[Learned]:
        """Learn the prior and the outputs of each class, from moments of shape (..., size)."""
        priors = self.rule(moments, family)
        blocks = moments[0].count.ndim == 2 and isinstance(self.rule, ColumnRule)
        compute = self._outputs_by_block if blocks else self._outputs
        return [Learned(each, prior, compute(each, prior, family)) for each, prior in zip(moments, priors, strict=True)]

    def _outputs_by_block(self, moments: Moments, prior: Prior, family: Family) -> list[np.ndarray]:
        """The outputs of some tables at a time, so that what they are computed from fits into the processor's cache."""
        number, size = moments.count.shape
        step = max(1, BLOCK // size)
        if number <= step:
            return self._outputs(moments, prior, family)
        results = [np.empty(moments.count.shape) for _ in self.outputs]
        for start in range(0, number, step):
            some = slice(start, start + step)
            for output, into in zip(self._outputs(moments.take(some), prior.take(some), family), results, strict=True):
                into[some] = output
        return results

    def encode(self, moments: Sequence[Moments], family: Family) -> list[list[np.ndarray]]:
        """Compute the outputs of each class, of shape (..., size), from moments of the same shape."""
        return [each.outputs for each in self.learn(moments, family)]

    def priors_from(self, slots: np.ndarray, moments: Sequence[Moments], family: Family) -> Sequence[Prior]:
        """Learn the prior of each class, with a mean for each slot of the column where slots have means of their own.

        Parameters
        ----------
        slots : ndarray of shape (k,)
            The slots that the moments are of.
        moments : sequence of Moments of shape (k,)
        family : Family
        """
        if not isinstance(self.rule, CellRule):
            return self.rule(moments, family)
        priors = self.rule.subset(slots)(moments, family)
        return [self.rule.expand(prior, slots, own) for prior, own in zip(priors, moments, strict=True)]

    def _outputs(self, moments: Moments, prior: Prior, family: Family) -> list[np.ndarray]:
        return [
            self.policy.apply(output, self._value(output, moments, prior, family), moments, prior)
            for output in self._target_outputs()
        ]

    def _target_outputs(self) -> list[TargetOutput]:
        outputs = [OUTPUTS[name] for name in self.outputs]
        return [output for output in outputs if isinstance(output, TargetOutput)]

    def _value(self, output: TargetOutput, moments: Moments, prior: Prior, family: Family) -> np.ndarray:
        value = output.compute(moments, prior, family)
        if not output.is_mean or not self.rounding:
            return value
        return rounded_by_sd(value, posterior_sd(moments, prior, family), self.rounding)

    def encode_rows(self, moments: Moments, prior: Prior, slots: np.ndarray, family: Family) -> list[np.ndarray]:
        """Compute the outputs of rows, of shape (m,), where each row has moments of its own.

        Parameters
        ----------
        moments : Moments of shape (m,)
            Those of the row's category, of the rows that it is encoded from.
        prior : Prior of shape (m,)
        slots : ndarray of shape (m,)
            The slot of each row's category.
        family : Family
        """
        return [
            self.policy.apply_to_rows(output, self._value(output, moments, prior, family), moments, prior, slots)
            for output in self._target_outputs()
        ]

    def encodings(self, target: Target, moments: Sequence[Moments], log_likelihood: float) -> list[Encoding]:
        """Make the encoding of each class of a target from the moments of all rows.

        Parameters
        ----------
        target : Target
        moments : sequence of Moments of shape (size,)
            One for each class.
        log_likelihood : float
            The term of the log-likelihood that depends on precisions alone.
        """
        moments = [replace(each, count=each.count.astype(float)) for each in moments]
        return self.name(target, self.learn(moments, FAMILIES[target.family]), log_likelihood)

    def name(self, target: Target, learned: Sequence[Learned], log_likelihood: float) -> list[Encoding]:
        """Make the encoding of each class of a target from what was learned of it from all rows."""
        return [
            Encoding(
                target.name,
                name,
                FAMILIES[target.family],
                replace(each.moments),  # without the arrays that are cached on it
                _add_log_likelihood(each.prior.stored(), log_likelihood),
                dict(zip(self.outputs, each.outputs, strict=True)),
                shares=target.shares,
            )
            for name, each in zip(target.names, learned, strict=True)
        ]


def _add_log_likelihood(prior: Prior, log_likelihood: float) -> Prior:
    if prior.log_likelihood is None:
        return prior
    return replace(prior, log_likelihood=prior.log_likelihood + log_likelihood)
