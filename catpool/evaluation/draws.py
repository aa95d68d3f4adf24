"""Draws of encodings from the posterior distribution of the categories' means."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from catpool.data.frames import read_frame, select_columns
from catpool.encoders.columnwise_encoder import ColumnwiseEncoder
from catpool.models.flat import Flat
from catpool.moments.moments import Moments
from catpool.priors.prior import Prior, mean_variance, reliability
from catpool.tables.encoding import Encoding
from catpool.tables.encoding_table import EncodingTable
from catpool.tables.outputs import MEAN

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike


def sample_encodings(
    encoder: ColumnwiseEncoder,
    X: IntoFrame | ArrayLike,
    n_draws: int = 100,
    random_state: int | np.random.RandomState | None = None,
) -> np.ndarray:
    """Draw encodings of rows from the posterior of a fitted encoder.

    In each draw all rows of a category have the same value, and the shares of the classes of a target add up to 1. The
    spread over draws shows how uncertain the encodings are, and training a model once per draw shows what that means
    for its predictions. The draws come from all training rows: they are not out of fold.

    A draw has three steps:

    1. With ``prior="full_bayes"``, draw the strength k from its posterior. Otherwise it is the fitted strength.
    2. Draw the prior mean mu from a normal distribution with the variance of its estimate.
    3. Draw the value of each category from its conjugate posterior, which has the mean

           r * (mean of the category) + (1 - r) * mu,    r = count / (count + k),

       and the weight of count + k rows. It is normal for continuous targets, beta or Dirichlet for classes, and gamma
       for counts.

    Parameters
    ----------
    encoder : MeanEncoder, SmoothedMeanEncoder or EmpiricalBayesEncoder
        A fitted encoder.
    X : frame or array of shape (n, p)
        The rows, with the columns of fit.
    n_draws : int, default=100
        The number of draws.
    random_state : int, RandomState or None, default=None
        The seed of the draws. Pass an int for the same draws in each call.

    Returns
    -------
    ndarray of shape (n_draws, n, features)
        Draws in units of y, whatever the ``output`` of the encoder: one feature for each encoded column and
        interaction, or for each of these and each class or output of y. Missing and unknown categories follow
        ``missing`` and ``unknown``, so their draws may be the prior mean or NaN.

    Raises
    ------
    TypeError
        If the encoder is not one of these classes.
    NotFittedError
        If the encoder is not fitted.
    ValueError
        If X does not have the columns of fit, or `n_draws` is not positive.

    References
    ----------
    A. Gelman, J. Hill (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models, Cambridge, chapters
    7 and 12.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder, sample_encodings
    >>> X = pd.DataFrame({"city": ["Bonn", "Bonn", "Kiel", "Kiel", "Ulm", "Ulm"]})
    >>> encoder = EmpiricalBayesEncoder().fit(X, [1.0, 3.0, 4.0, 8.0, 9.0, 11.0])
    >>> draws = sample_encodings(encoder, X, n_draws=1000, random_state=0)
    >>> draws.shape
    (1000, 6, 1)
    >>> print(f"{draws[:, 0, 0].mean():.1f} +- {draws[:, 0, 0].std():.1f}")
    2.4 +- 1.4
    """
    if not isinstance(encoder, ColumnwiseEncoder) or not isinstance(encoder._structure(), Flat):
        raise TypeError(
            "`encoder` must be a MeanEncoder, SmoothedMeanEncoder or EmpiricalBayesEncoder, "
            f"but it is a {type(encoder).__name__}."
        )
    check_is_fitted(encoder)
    if n_draws < 1:
        raise ValueError(f"`n_draws` must be at least 1. Got {n_draws}.")
    rng = np.random.default_rng(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    fitted = encoder._fitted
    required = encoder._settings().required(encoder._structure(), fitted)
    frame = read_frame(X).align(fitted.header, required, strict=False)
    blocks = []
    for table in encoder.tables_:
        slots = table.slots(select_columns(table.label, frame))
        blocks.append(np.stack([_draw_table(table, rng)[slots] for _ in range(n_draws)]))
    return np.concatenate(blocks, axis=2)


def _draw_table(table: EncodingTable, rng: np.random.Generator) -> np.ndarray:
    """Draw the values of a column once, of shape (size, classes of all targets)."""
    values = []
    for _, group in groupby(table.encodings, key=lambda encoding: encoding.output):
        values += _draw_target(list(group), rng)
    for value, encoding in zip(values, table.encodings, strict=True):
        table.policy.apply(MEAN, value, encoding.moments, encoding.prior)
    return np.column_stack(values)


def _draw_target(encodings: Sequence[Encoding], rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the values of each class, of shape (size,)."""
    uniform = float(rng.random())  # the classes of a target share the component of a mixture
    priors = [_draw_component(encoding, uniform) for encoding in encodings]
    means = [_draw_mean(encoding.moments, prior, rng) for encoding, prior in zip(encodings, priors, strict=True)]
    return encodings[0].family.draw([encoding.moments for encoding in encodings], priors, means, rng)


def _draw_component(encoding: Encoding, uniform: float) -> Prior:
    """The prior, or the component of a mixture at this quantile, with its variances."""
    prior = encoding.prior
    if prior.probability is None:
        known = encoding.full_prior
        return Prior(prior.mean, prior.strength, known.between, known.within)
    index = min(int(np.searchsorted(np.cumsum(prior.probability), uniform)), len(prior.probability) - 1)
    return [component for _, component in prior.each_component()][index]


def _draw_mean(moments: Moments, prior: Prior, rng: np.random.Generator) -> float:
    assert prior.between is not None
    assert prior.within is not None
    weight = reliability(moments.count, prior.strength)
    variance = mean_variance(moments, prior.strength, weight, prior.between, prior.within)
    return float(rng.normal(prior.mean, np.sqrt(variance)))
