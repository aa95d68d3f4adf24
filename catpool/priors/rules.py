"""How a prior is learned: by name, given, or by a function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.likelihood import by_likelihood
from catpool.priors.method_of_moments import by_moments
from catpool.priors.prior import Prior, PriorRule, each_view, given_strength


class NamedRule(Protocol):
    """A rule that users ask for by its name."""

    def __call__(self, moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]: ...


def _reml(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    return by_likelihood(moments, family, reml=True)


def _ml(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    return by_likelihood(moments, family, reml=False)


def _moments(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    return by_moments(moments, family)


def _full_bayes(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    from catpool.priors.full_bayes import by_integration  # here, as few need it and each import takes its time

    return by_integration(moments, family, scale=scale)


PRIORS: dict[str, NamedRule] = {"reml": _reml, "ml": _ml, "moments": _moments, "full_bayes": _full_bayes}


def fixed_strength(strength: float) -> PriorRule:
    """The rule of a prior of a given strength about the mean of all rows."""
    return partial(_fixed, strength=strength)


def _fixed(moments: Sequence[Moments], family: Family, *, strength: float) -> list[Prior]:
    return [given_strength(each, strength) for each in moments]


def called_prior(function: Callable[[Moments], Any]) -> PriorRule:
    """The rule of a function that returns the prior's mean and strength."""

    def called(moments: Sequence[Moments], family: Family) -> list[Prior]:
        return [_checked(function(each)) for each in moments]

    return lambda moments, family: each_view(moments, family, called)


def _checked(answer: Any) -> Prior:
    try:
        mean, strength = (float(value) for value in answer)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`prior` must return two numbers, the prior's mean and strength. It returned {answer!r}."
        ) from error
    if not (np.isfinite(mean) and strength >= 0):
        raise ValueError(
            "`prior` must return a finite mean and a strength from 0 to infinity. "
            f"It returned the mean {mean} and the strength {strength}."
        )
    return Prior(np.array(mean), np.array(strength))
