"""The parameters of EmpiricalBayesEncoder that a prior of interactions with effects of their parts does not go with."""

from __future__ import annotations

from typing import Any

from catpool.data.weights import INVERSE_VARIANCE
from catpool.priors.overdispersed import OVERDISPERSED

LEARNED = ("auto", "reml", "ml")  # by likelihood, as the effects of parts are


def check_parts(encoder: Any) -> None:
    """Raise an error for parameters with which the effects of parts cannot be fitted."""
    if encoder.prior not in LEARNED:
        raise ValueError(
            'The prior of an interaction is learned with the effects of its parts, by prior="reml" or "ml". '
            f'Got {encoder.prior!r}. Pass interaction_prior="own" for a prior that knows no parts.'
        )
    reasons = {
        'within="moderated"': (
            encoder.within == "moderated",
            "because the effects of parts are fitted to rows of one variance.",
        ),
        f'weight_type="{INVERSE_VARIANCE}"': (
            encoder.weight_type == INVERSE_VARIANCE,
            "because with the effects of parts the variance of a row is estimated.",
        ),
        f'family="{OVERDISPERSED.name}"': (
            encoder.family == OVERDISPERSED.name,
            "because the effects of parts are fitted to rows without a dispersion.",
        ),
    }
    for parameter, (given, reason) in reasons.items():
        if given:
            raise ValueError(
                f'{parameter} needs interaction_prior="own", {reason} Got '
                f"interaction_prior={encoder.interaction_prior!r}."
            )
