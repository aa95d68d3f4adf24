"""How a column's encoding is learned from the moments of its categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from catpool.data.targets import Target
from catpool.moments.moments import Moments
from catpool.priors.families import FAMILIES
from catpool.priors.family import Family
from catpool.priors.posterior import posterior_sd, rounded_by_sd
from catpool.priors.prior import Prior
from catpool.priors.rules import PriorRule
from catpool.tables.encoding_table import Encoding
from catpool.tables.outputs import OUTPUTS, TargetOutput
from catpool.tables.policy import Policy


class ColumnLearner(Protocol):
    """What makes encodings of moments; each class of a target has as many outputs."""

    @property
    def outputs(self) -> Sequence[Any]: ...

    def encode(self, moments: Sequence[Moments], family: Family) -> list[list[np.ndarray]]:
        """The outputs of each class, of shape (..., size), from moments of that shape."""
        ...

    def encodings(self, target: Target, moments: Sequence[Moments], log_likelihood: float) -> list[Any]:
        """What all rows say of a target, for each of its classes."""
        ...


@dataclass(frozen=True)
class Learner:
    """How the categories of a column are encoded.

    Parameters
    ----------
    rule : callable
        How the prior is learned.
    policy : Policy
    outputs : tuple of str
        Names of target outputs.
    rounded : bool, default=False
        Whether means are rounded to half of their posterior standard deviation.
    """

    rule: PriorRule
    policy: Policy
    outputs: tuple[str, ...]
    rounded: bool = False

    def encode(self, moments: Sequence[Moments], family: Family) -> list[list[np.ndarray]]:
        """The outputs of each class, of shape (..., size), from moments of that shape."""
        priors = self.rule(moments, family)
        return [self._outputs(*each, family) for each in zip(moments, priors, strict=True)]

    def _outputs(self, moments: Moments, prior: Prior, family: Family) -> list[np.ndarray]:
        return [
            self.policy.apply(output, self._value(output, moments, prior, family), moments, prior)
            for output in self._listed()
        ]

    def _listed(self) -> list[TargetOutput]:
        outputs = [OUTPUTS[name] for name in self.outputs]
        return [output for output in outputs if isinstance(output, TargetOutput)]

    def _value(self, output: TargetOutput, moments: Moments, prior: Prior, family: Family) -> np.ndarray:
        value = output.compute(moments, prior, family)
        return rounded_by_sd(value, posterior_sd(moments, prior, family)) if output.is_mean and self.rounded else value

    def encode_rows(self, moments: Moments, prior: Prior, slots: np.ndarray, family: Family) -> list[np.ndarray]:
        """The outputs of rows, of shape (m,), from what each row sees of its category, whose slot is given."""
        return [
            self.policy.apply_to_rows(output, self._value(output, moments, prior, family), moments, prior, slots)
            for output in self._listed()
        ]

    def encodings(self, target: Target, moments: Sequence[Moments], log_likelihood: float) -> list[Encoding]:
        """What all rows say of a target, for each class; precisions add to the log-likelihood."""
        family = FAMILIES[target.family]
        # the rule and the outputs work on copies, so that arrays cached on them are not kept with the table
        moments = [replace(each, count=each.count.astype(float)) for each in moments]
        priors = [
            _with_likelihood(prior, log_likelihood) for prior in self.rule([replace(each) for each in moments], family)
        ]
        return [
            Encoding(target.name, name, family, each, prior, self._named(replace(each), prior, family))
            for name, each, prior in zip(target.names, moments, priors, strict=True)
        ]

    def _named(self, moments: Moments, prior: Prior, family: Family) -> dict[str, np.ndarray]:
        return dict(zip(self.outputs, self._outputs(moments, prior, family), strict=True))


def _with_likelihood(prior: Prior, log_likelihood: float) -> Prior:
    if prior.log_likelihood is None:
        return prior
    return replace(prior, log_likelihood=prior.log_likelihood + log_likelihood)
