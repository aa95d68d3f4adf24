"""`TARGET_KINDS`: the values of the parameter ``target_type``, and what each says of y."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from catpool.data.frozen import frozen

MOST_EVENTS = 1e12  # of a count; likelihoods of larger ones are flat to all their digits


@frozen
class TargetKind:
    """A value of the parameter ``target_type``.

    Parameters
    ----------
    name : str
    family : str
        The family of distributions of the rows, unless the user passes another one.
    classes : bool, default=False
        Whether the values are classes instead of numbers.
    by_class : bool, default=False
        Whether each class is a column; otherwise there are two classes, and the second is the column.
    whole : bool, default=False
        Whether the numbers are integers, whose sums are exact.
    has_exposure : bool, default=False
        Whether rows may have an exposure.
    check : callable, optional
        Raises a ValueError if the numbers, of shape (n,), are not of this kind.
    """

    name: str
    family: str
    classes: bool = False
    by_class: bool = False
    whole: bool = False
    has_exposure: bool = False
    check: Callable[[np.ndarray], None] | None = None


def _check_counts(numbers: np.ndarray) -> None:
    if (numbers < 0).any() or (numbers != np.rint(numbers)).any():
        raise ValueError(
            'y must hold counts, the integers 0, 1, 2, ..., for target_type="count" and with an `exposure`. '
            'Pass target_type="continuous" for other numbers.'
        )
    if numbers.max(initial=0) > MOST_EVENTS:
        raise ValueError(
            f"Counts must be at most {MOST_EVENTS:g}, but the largest of y is {numbers.max():g}. Count in larger "
            'units, such as millions, or pass target_type="continuous".'
        )


TARGET_KINDS = {
    kind.name: kind
    for kind in (
        TargetKind("continuous", "normal"),
        TargetKind("binary", "binomial", classes=True, whole=True),
        TargetKind("multiclass", "binomial", classes=True, by_class=True, whole=True),
        TargetKind("count", "poisson", whole=True, has_exposure=True, check=_check_counts),
    )
}
