"""The parameters of EmpiricalBayesEncoder that do not go together in how a prior is learned."""

from __future__ import annotations

from typing import Any

from catpool.crossfit.scheme import is_past_only
from catpool.data.targets.weights import INVERSE_VARIANCE
from catpool.priors.families.overdispersed import OVERDISPERSED

LEARNED = ("auto", "reml", "ml")  # by likelihood, as effects are


def check_parts(encoder: Any) -> None:
    """Raise an error for parameters with which the effects of the parts of interactions cannot be fitted."""
    if encoder.prior not in LEARNED:
        raise ValueError(
            'The prior of an interaction is learned with the effects of its parts, by prior="reml" or "ml". '
            f'Got {encoder.prior!r}. Pass interaction_prior="own" for a prior that knows no parts.'
        )
    for parameter, reason in _reasons(encoder, "the effects of parts"):
        raise ValueError(
            f'{parameter} needs interaction_prior="own", {reason} Got interaction_prior={encoder.interaction_prior!r}.'
        )


def check_features(encoder: Any) -> None:
    """Raise an error for parameters with which the effects of features cannot be fitted."""
    if encoder.prior not in LEARNED:
        raise ValueError(
            'With `prior_features` the prior is learned with the effects of the features, by prior="reml" or "ml". '
            f"Got {encoder.prior!r}. Pass one of these, or leave `prior_features` out."
        )
    for parameter, reason in _reasons(encoder, "the effects of features"):
        raise ValueError(f"{parameter} does not go with `prior_features`, {reason} Leave one of the two out.")


def _reasons(encoder: Any, effects: str) -> list[tuple[str, str]]:
    """The parameters with which effects cannot be fitted, each with the reason."""
    reasons = [
        ("within", encoder.within, "moderated", f"because {effects} are fitted to rows of one variance."),
        ("weight_type", encoder.weight_type, INVERSE_VARIANCE, f"because with {effects} row variances are estimated."),
        ("family", encoder.family, OVERDISPERSED.name, f"because {effects} are fitted to rows without a dispersion."),
    ]
    return [(f'{name}="{refused}"', reason) for name, given, refused, reason in reasons if given == refused]


def check_moderated(encoder: Any) -> None:
    """Raise an error for parameters that variances of categories do not go with."""
    if encoder.weight_type != "frequency":
        raise ValueError(
            'within="moderated" needs the number of rows of each category, so that weights must be frequencies. '
            f"Got weight_type={encoder.weight_type!r}."
        )
    if callable(encoder.prior):
        raise ValueError('within="moderated" needs a prior by name. Pass prior="reml", or within="pooled".')
    if is_past_only(encoder.cv):
        raise ValueError('within="moderated" does not go with EarlierRows. Pass within="pooled", or folds as `cv`.')
