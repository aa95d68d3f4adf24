"""Which priors are uncertain enough to be averaged over: the rule of ``prior="auto"``.

Where the values of K categories are known exactly, their variance is known about as well as that of K rows. Of values
that are estimated with reliabilities r_k, it is known about as well as that of sum over k of r_k^2 rows, which is the
Fisher information of log(variance between categories), times two.
"""

from __future__ import annotations

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.prior import ONE_CATEGORY, ONE_ROW_EACH, Prior, reliability

FEW_CATEGORIES = 30  # below which the prior is averaged over
SOME_CATEGORIES, MANY_CATEGORIES = 40, 100  # between which it is, if their rows say little about their variance
LITTLE = 10.0  # exactly known categories that would say as much


def is_averaged(fitted: Prior, moments: Moments, *, if_uncertain: bool, most: float = MANY_CATEGORIES) -> np.ndarray:
    """Which of some tables full Bayes averages over: those that have spread to learn of.

    Parameters
    ----------
    fitted : Prior of shape (T,)
        By maximum likelihood.
    moments : Moments of shape (T, K)
    if_uncertain : bool
        Whether to leave out tables that tell their variance between categories well.
    most : float, default=100
        The number of categories up to which it is asked how well.
    """
    assert fitted.note is not None
    some = ~np.isin(fitted.note, [ONE_CATEGORY, ONE_ROW_EACH])
    return some & _is_uncertain(fitted, moments, most) if if_uncertain else some


def _is_uncertain(fitted: Prior, moments: Moments, most: float) -> np.ndarray:
    number = moments.categories
    some = (number >= SOME_CATEGORIES) & (number <= most)
    if not some.any():
        return number < FEW_CATEGORIES
    information = (reliability(moments.count, fitted.strength) ** 2).sum(axis=-1)
    return (number < FEW_CATEGORIES) | (some & (information < LITTLE))
