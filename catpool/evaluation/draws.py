"""Draws from the posterior: what the categories' values may be, rather than what they are on average."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from catpool.data.frames import read_frame, select_columns
from catpool.encoders.columnwise_encoder import ColumnwiseEncoder
from catpool.models.flat import Flat
from catpool.moments.moments import Moments
from catpool.priors.prior import Prior, mean_variance, reliability
from catpool.tables.encoding_table import Encoding, EncodingTable
from catpool.tables.outputs import OUTPUTS, TargetOutput

MEAN = OUTPUTS["mean"]


def sample_encodings(encoder: ColumnwiseEncoder, X: Any, n_draws: int = 100, random_state: Any = None) -> np.ndarray:
    """Draw encodings of rows from the posterior that an encoder has learned from all training rows.

    A draw is one possible truth: all rows of a category have one value in it, and the classes of a target add to one.
    Values are drawn from the conjugate posterior, normal, beta (Dirichlet) or gamma, of

        count + strength rows and mean reliability * category mean + (1 - reliability) * prior mean,

    the prior mean being drawn first, from a normal distribution of its own variance, and before it the strength where
    the prior is "full_bayes". Where a missing or unknown value gets NaN, its draws are NaN.

    Parameters
    ----------
    encoder : MeanEncoder, SmoothedMeanEncoder or EmpiricalBayesEncoder
        Fitted.
    X : frame or array of shape (n, p)
        As for ``transform``.
    n_draws : int, default=100
    random_state : int, RandomState or None, default=None

    Returns
    -------
    ndarray of shape (n_draws, n, features)
        In units of y; a feature for each encoded column, and class or output.

    Raises
    ------
    ValueError
        Where X is not as it was at fit, or `n_draws` is not positive.

    References
    ----------
    A. Gelman, J. Hill (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models, Cambridge.

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
        raise TypeError(f"Draws are of encoders of single columns, and {type(encoder).__name__} is not one.")
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
    """One draw of a column's values, of shape (size, classes of all targets)."""
    values = []
    for _, group in groupby(table.encodings, key=lambda encoding: encoding.output):
        values += _draw_target(list(group), rng)
    for value, encoding in zip(values, table.encodings, strict=True):
        assert isinstance(MEAN, TargetOutput)
        table.policy.apply(MEAN, value, encoding.moments, encoding.prior)
    return np.column_stack(values)


def _draw_target(encodings: Sequence[Encoding], rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the values of each class, of shape (size,)."""
    uniform = float(rng.random())  # the classes of a target share the component of a mixture
    priors = [_draw_component(encoding, uniform) for encoding in encodings]
    means = [_draw_mean(encoding.moments, prior, rng) for encoding, prior in zip(encodings, priors, strict=True)]
    return encodings[0].family.draw([encoding.moments for encoding in encodings], priors, means, rng)


def _draw_component(encoding: Encoding, uniform: float) -> Prior:
    """Return the prior, or the component of a mixture at this quantile, with its variances."""
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
