"""Rules that learn the prior from the moments, by name: `PRIORS`.

A rule of your own is a function with the signature of `LearningRule`, put into `PRIORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np

from catpool.data.frozen import frozen
from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.method_of_moments import moments_prior
from catpool.priors.prior import Prior, given_strength
from catpool.priors.uncertainty import FEW_CATEGORIES, MANY_CATEGORIES
from catpool.priors.views import fit_each_view

PriorRule = Callable[[Sequence[Moments], Family], Sequence[Prior]]  # one prior for each class of a target


@frozen
class ColumnRule:
    """A prior rule to which categories without rows do not matter, so that tables of several columns have one shape.

    Parameters
    ----------
    learn : callable
    bounds : tuple of int, default=()
        Numbers of categories between which columns take alike long, so that they are learned together.
    scatters : bool, default=False
        Whether it needs the scatter within each category.
    restricted : bool, optional
        Whether the prior maximizes the restricted likelihood, or the likelihood; None for other rules.
    """

    learn: PriorRule
    bounds: tuple[int, ...] = ()
    scatters: bool = False
    restricted: bool | None = None

    def __call__(self, moments: Sequence[Moments], family: Family) -> Sequence[Prior]:
        return self.learn(moments, family)


@runtime_checkable
class CellRule(Protocol):
    """A prior rule for the cells of an interaction, or for categories with features, which have their own means."""

    def __call__(self, moments: Sequence[Moments], family: Family) -> Sequence[Prior]: ...

    def subset(self, slots: np.ndarray) -> CellRule:
        """The rule for moments of some slots, in the order given."""
        ...

    def expand(self, prior: Prior, slots: np.ndarray, moments: Moments) -> Prior:
        """A prior that was learned from moments of some slots, which are given, for all slots."""
        ...


class LearningRule(Protocol):
    """A way to learn the prior from data."""

    def __call__(self, moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
        """Learn the prior of each class.

        Parameters
        ----------
        moments : sequence of Moments of shape (..., K)
            One for each class of the target. The leading axes run over tables (folds, say), each with its own prior.
            Categories without rows must not matter: tables are filled up with them.
        family : Family
        scale : float
            The parameter ``prior_scale`` of the encoder.

        Returns
        -------
        sequence of Prior of shape (...)
            One for each class.
        """
        ...


def averaged_below(prior: str) -> float:
    """The number of categories, levels or nodes below which full Bayes averages over their variance."""
    return {"auto": FEW_CATEGORIES, "full_bayes": np.inf}.get(prior, 0.0)


def _reml(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    return family.likelihood_prior(moments, reml=True)


def _ml(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    return family.likelihood_prior(moments, reml=False)


def _moments(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    return moments_prior(moments, family)


def _paule_mandel(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    from catpool.priors.heterogeneity import paule_mandel_prior  # here, as few need it

    return paule_mandel_prior(moments, family)


def _hedges(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    from catpool.priors.heterogeneity import hedges_prior  # here, as few need it

    return hedges_prior(moments, family)


def _full_bayes(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    return family.full_bayes_prior(moments, scale=scale)


def _auto(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    """Full Bayes for tables whose prior is uncertain, and otherwise REML."""
    many = (moments[0].categories > family.most_uncertain).all()
    if many or type(family).full_bayes_prior is Family.full_bayes_prior:  # a family of a user may have none
        return family.likelihood_prior(moments, reml=True)
    return family.full_bayes_prior(moments, scale=scale, if_uncertain=True)


def _scale_mixture(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    from catpool.priors.mixtures.robust import SCALE_MIXTURE  # here, as few need it

    return SCALE_MIXTURE.learn(moments, family)


def _npmle(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
    from catpool.priors.mixtures.robust import NPMLE  # here, as few need it

    return NPMLE.learn(moments, family)


PRIORS: dict[str, LearningRule] = {
    "auto": _auto,
    "reml": _reml,
    "ml": _ml,
    "moments": _moments,
    "paule_mandel": _paule_mandel,
    "hedges": _hedges,
    "full_bayes": _full_bayes,
    "scale_mixture": _scale_mixture,
    "npmle": _npmle,
}
ROBUST = ("scale_mixture", "npmle")


def fixed_strength(strength: float) -> PriorRule:
    """The rule of a prior of a given strength about the mean of all rows."""

    def rule(moments: Sequence[Moments], family: Family) -> list[Prior]:
        return [given_strength(each, strength) for each in moments]

    return ColumnRule(rule)


def prior_rule(prior: str | Callable[[Moments], tuple[float, float]], *, scale: float) -> PriorRule:
    """The rule that the parameters ``prior`` and ``prior_scale`` of an encoder stand for.

    Parameters
    ----------
    prior : str or callable
        A name in `PRIORS`, or a function from moments of shape (K,) to the prior's mean and strength.
    scale : float
    """
    if callable(prior):
        return partial(callable_rule(prior), scale=scale)

    def rule(moments: Sequence[Moments], family: Family) -> Sequence[Prior]:
        if prior not in PRIORS:  # looked up only where a prior is learned, because look-ups do without
            raise ValueError(f"The prior {prior!r} is not registered. The priors are {list(PRIORS)}.")
        priors = PRIORS[prior](moments, family, scale=scale)
        _check_priors(f"The prior {prior!r}", priors, len(moments))
        return priors

    bounds = (FEW_CATEGORIES, MANY_CATEGORIES) if prior == "auto" else ()
    return ColumnRule(rule, bounds, restricted={"reml": True, "ml": False}.get(prior))


def prior_of_past(prior: Any) -> Any:
    """The prior that is learned anew at many times, for which mixtures would take too long."""
    if prior == "full_bayes" or prior in ROBUST:
        names = '"full_bayes" does' if prior == "full_bayes" else '"scale_mixture" and "npmle" do'
        raise ValueError(f'prior={names} not go with EarlierRows, which learns many priors. Pass prior="reml".')
    return "reml" if prior == "auto" else prior


def refuse_callable(moments: Sequence[Moments], family: Family) -> Sequence[Prior]:
    """The rule of what a user's function cannot give the prior of."""
    raise ValueError(
        '`prior` is a function, which gives the prior of means alone, but output="skew", "histogram" and shares have '
        'priors of their own. Pass a prior by name, such as prior="reml".'
    )


def callable_rule(prior: Callable[[Moments], tuple[float, float]]) -> LearningRule:
    """The rule that calls a user's function for each table and class."""

    def rule(moments: Sequence[Moments], family: Family, *, scale: float) -> Sequence[Prior]:
        return fit_each_view(moments, lambda classes: [_check_answer(prior(each)) for each in classes])

    return rule


def _check_answer(answer: Any) -> Prior:
    """The mean and the strength that a user's function returned as a prior."""
    try:
        mean, strength = (float(value) for value in answer)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`prior` must return two numbers, the prior's mean and strength. It returned {answer!r}."
        ) from error
    result = Prior(np.array(mean), np.array(strength))
    _check_numbers("`prior`", result)
    return result


def _check_priors(name: str, priors: Any, classes: int) -> None:
    """Raise an error unless there is a prior for each class, and its numbers are such as a prior has."""
    listed = isinstance(priors, Sequence) and all(isinstance(each, Prior) for each in priors)
    if not listed or len(priors) != classes:
        raise TypeError(
            f"{name} must return a list of Prior objects, one for each class of the target, of which there are "
            f"{classes}. It returned {priors!r}."
        )
    for each in priors:
        _check_numbers(name, each)
        _check_variances(name, each)


def _check_variances(name: str, prior: Prior) -> None:
    """Raise an error if only one variance is given, or if one is NaN or negative."""
    given = [each for each in (prior.between, prior.within) if each is not None]
    if len(given) == 1 or not all((np.asarray(each) >= 0).all() for each in given):
        raise ValueError(
            f"{name} must return both `between` and `within`, or neither, and no variance that is NaN or negative. "
            f"It returned between={prior.between} and within={prior.within}."
        )


def _check_numbers(name: str, prior: Prior) -> None:
    """Raise an error if a mean is not finite or a strength is not from 0 to infinity; neither may be NaN."""
    if not (np.isfinite(prior.mean).all() and (np.asarray(prior.strength) >= 0).all()):
        raise ValueError(
            f"{name} must return a finite mean and a strength from 0 to infinity. "
            f"It returned the mean {prior.mean} and the strength {prior.strength}."
        )
