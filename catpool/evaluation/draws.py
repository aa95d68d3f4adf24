"""Draws from the posterior: what the categories' values may be, rather than what they are on average."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from catpool.data.frames import columns_of, read_frame
from catpool.encoders.columnwise_encoder import ColumnwiseEncoder
from catpool.models.flat import Flat
from catpool.priors.family import NORMAL, POISSON
from catpool.priors.method_of_moments import by_moments
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
    frame = read_frame(X).aligned(fitted.header, required, strict=False)
    blocks = []
    for table in encoder.tables_:
        slots = table.slots(columns_of(table.label, frame))
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
    """A draw of each class, of shape (size,)."""
    first = encodings[0]
    uniform = float(rng.random())  # the classes of a target share the component of a mixture
    priors = [_drawn_component(encoding, uniform) for encoding in encodings]
    means = [_drawn_mean(encoding, prior, rng) for encoding, prior in zip(encodings, priors, strict=True)]
    if first.family is NORMAL:
        return [_normal(each, prior, mean, rng) for each, prior, mean in zip(encodings, priors, means, strict=True)]
    strength = float(priors[0].strength)
    if np.isinf(strength):
        most = np.inf if first.family is POISSON else 1.0
        return [np.full_like(first.moments.count, np.clip(mean, 0.0, most)) for mean in means]
    if first.family is POISSON:
        shape = np.maximum(first.moments.total + strength * means[0], 1e-300)
        return [rng.gamma(shape) / np.maximum(first.moments.count + strength, 1e-300)]
    return _shares(encodings, strength, np.clip(means, 1e-12, 1 - 1e-12), rng)


def _drawn_component(encoding: Encoding, uniform: float) -> Prior:
    prior = encoding.prior
    if prior.probability is None:
        return prior if prior.between is not None else _with_variances(encoding)
    index = min(int(np.searchsorted(np.cumsum(prior.probability), uniform)), len(prior.probability) - 1)
    return [component for _, component in prior.each_component()][index]


def _with_variances(encoding: Encoding) -> Prior:
    known = by_moments([encoding.moments], encoding.family)[0]
    return Prior(encoding.prior.mean, encoding.prior.strength, known.between, known.within)


def _drawn_mean(encoding: Encoding, prior: Prior, rng: np.random.Generator) -> float:
    assert prior.between is not None
    assert prior.within is not None
    weight = reliability(encoding.moments.count, prior.strength)
    variance = mean_variance(encoding.moments, prior.strength, weight, prior.between, prior.within)
    return float(rng.normal(prior.mean, np.sqrt(variance)))


def _normal(encoding: Encoding, prior: Prior, mean: float, rng: np.random.Generator) -> np.ndarray:
    assert prior.between is not None
    assert prior.within is not None
    count = encoding.moments.count
    weight, rows = reliability(count, prior.strength), count + prior.strength
    variance = np.where(rows > 0, prior.within / np.where(rows > 0, rows, 1.0), prior.between)
    center = weight * encoding.moments.category_means + (1 - weight) * mean
    return rng.normal(center, np.sqrt(variance))


def _shares(
    encodings: Sequence[Encoding], strength: float, means: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Dirichlet draws, by gamma ones; a single class has its complement beside it."""
    count = encodings[0].moments.count
    totals = [each.moments.total for each in encodings]
    means = means / means.sum() if len(totals) > 1 else np.append(means, 1 - means)
    totals = totals if len(totals) > 1 else [*totals, count - totals[0]]
    a = np.array([each + strength * mean for each, mean in zip(totals, means, strict=True)])
    a = np.maximum(a, 1e-9 * means[:, None])
    # the logarithm of a gamma draw: itself it would vanish where its shape is small
    draws = np.log(rng.gamma(a + 1)) + np.log(1 - rng.random(a.shape)) / a
    draws = np.exp(draws - draws.max(axis=0))
    return list((draws / draws.sum(axis=0))[: len(encodings)])
