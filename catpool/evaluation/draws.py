"""Draws of encodings from the posterior distribution of the categories' means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from catpool.data.frames.frame import read_frame
from catpool.encoders.encoder import Encoder
from catpool.models.flat.flat_structure import Flat
from catpool.models.mixed.mixed_structure import Mixed
from catpool.models.nested.nested_structure import Nested
from catpool.moments.moments import Moments
from catpool.priors.mixtures.responsibilities import weigh_components
from catpool.priors.posterior import posterior_reliability
from catpool.priors.prior import Prior, mean_variance, reliability
from catpool.tables.encoding import Encoding
from catpool.tables.encoding_table import EncodingTable
from catpool.tables.outputs import MEAN
from catpool.tables.places import JointPlaces, distinct_places, slot_places, with_roots

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike


def sample_encodings(
    encoder: Encoder,
    X: IntoFrame | ArrayLike,
    n_draws: int = 100,
    random_state: int | np.random.RandomState | None = None,
) -> np.ndarray:
    """Draw encodings of rows from the posterior of a fitted encoder.

    In each draw all rows of a category have the same value, and the shares of the classes of a target add up to 1. The
    spread over draws shows how uncertain the encodings are, and training a model once per draw shows what that means
    for its predictions. The draws come from all training rows: they are not out of fold.

    A draw has three steps:

    1. With ``prior="full_bayes"``, draw the strength k from its posterior. With "scale_mixture" and "npmle", draw one
       of the prior's components for each category, as probable as its rows make it. Otherwise k is the fitted strength.
    2. Draw the prior mean mu from a normal distribution with the variance of its estimate. For a cell of an interaction
       whose prior mean is the sum of its parts' effects, draw these effects, which cells share. For classes and counts
       they are drawn on the link, so draws of uncertain cells may have another mean than their encoding. With
       ``prior_features``, draw the effects of the features, and what these leave of the effects of new categories, with
       the covariance of those on a map, in an order and of names; 2,048 new categories at a time know of each other.
    3. Draw the value of each category from its conjugate posterior, which has the mean

           r * (mean of the category) + (1 - r) * mu,    r = count / (count + k),

       and the weight of count + k rows. It is normal for continuous targets, beta or Dirichlet for classes, and gamma
       for counts.

    Nested levels do this level by level, with the draw of the level above as the prior mean. A draw of a mixed model
    is one of all its effects together, from their joint posterior, on the scale of the linear predictor; under full
    Bayes its variances are drawn first.

    Parameters
    ----------
    encoder : MeanEncoder, SmoothedMeanEncoder, EmpiricalBayesEncoder, NestedEncoder or MixedModelEncoder
        A fitted encoder; a mixed model must have been fitted by exact equations.
    X : frame or array of shape (n, p)
        The rows, with the columns of fit.
    n_draws : int, default=100
        The number of draws.
    random_state : int, RandomState or None, default=None
        The seed of the draws. Pass an int for the same draws in each call.

    Returns
    -------
    ndarray of shape (n_draws, n, features)
        Draws in units of y, whatever the ``output`` of the encoder: one feature for each encoded column, interaction
        or emitted level, or for each of these and each class or output of y; of a mixed model one for each effect of a
        row (its intercepts and slopes, factor by factor). Missing and unknown categories follow
        ``missing`` and ``unknown``, so their draws may be the prior mean or NaN.

    Raises
    ------
    TypeError
        If the encoder is not one of these classes.
    NotFittedError
        If the encoder is not fitted.
    ValueError
        If X does not have the columns of fit, `n_draws` is not positive, or effects drift in time.

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
    3.3 +- 2.3
    """
    structure = encoder._structure() if isinstance(encoder, Encoder) else None
    if not isinstance(structure, Flat | Nested | Mixed):
        raise TypeError(
            "`encoder` must be a MeanEncoder, SmoothedMeanEncoder, EmpiricalBayesEncoder, NestedEncoder or "
            f"MixedModelEncoder, but it is a {type(encoder).__name__}."
        )
    check_is_fitted(encoder)
    if n_draws < 1:
        raise ValueError(f"`n_draws` must be at least 1. Got {n_draws}.")
    rng = np.random.default_rng(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    fitted = encoder._fitted
    required = encoder._settings().required(structure, fitted)
    frame = read_frame(X).drop(fitted.roles).align(fitted.header, required, strict=False)
    if not isinstance(structure, Flat):
        return structure.draw(encoder.tables_, frame, rng, n_draws)
    _refuse_drift(encoder.tables_)
    blocks = []
    for table in encoder.tables_:
        slots, places = _places(table, table.columns(frame))
        blocks.append(np.stack([_draw_table(table, places, rng)[slots] for _ in range(n_draws)]))
    return np.concatenate(blocks, axis=2)


def _refuse_drift(tables: Sequence[EncodingTable]) -> None:
    """Raise an error for effects that drift, whose posterior is not that of sums over rows."""
    drifting = [table.column for table in tables if any(each.drifted is not None for each in table.encodings)]
    if drifting:
        raise ValueError(
            f"`encoder` must have no effects that drift, but those of {drifting} do. Draw from normal distributions "
            'with the mean and sd of output=["mean", "sd"], or leave `drift` out of `cv`.'
        )


def _places(table: EncodingTable, columns: Any) -> tuple[np.ndarray, dict[Any, np.ndarray | JointPlaces] | None]:
    """The slots of the rows, and the places that prior means follow from, by output of y, if they follow from effects.

    Unseen categories have slots of their own, behind those of the table, unless they are encoded otherwise.
    """
    slots, size = table.slots(columns), table.vocabulary.size
    if table.encodings[0].prior.regression is None:
        return slots, None
    places = {each.output: slot_places(table.vocabulary, each.moments) for each in _of_y(table)}
    unseen = np.flatnonzero(slots == size - 1)
    if table.knows_unseen and len(unseen):
        new, own = distinct_places(table.vocabulary, columns, unseen)
        slots = slots.copy()
        slots[unseen] = size + own
        return slots, {
            output: with_roots(np.vstack([known, new]), table.vocabulary, columns, unseen)
            for output, known in places.items()
        }
    return slots, dict(places)


def _of_y(table: EncodingTable) -> list[Encoding]:
    """The encodings that are not of shares."""
    return [encoding for encoding in table.encodings if not encoding.shares]


def _draw_table(
    table: EncodingTable, places: dict[Any, np.ndarray | JointPlaces] | None, rng: np.random.Generator
) -> np.ndarray:
    """Draw the values of a column once, of shape (slots, classes of all targets)."""
    values, encodings = [], _of_y(table)
    for output, group in groupby(encodings, key=lambda encoding: encoding.output):
        values += _draw_target(list(group), None if places is None else places[output], rng)
    for value, encoding in zip(values, encodings, strict=True):
        table.policy.apply(MEAN, value[: table.vocabulary.size], encoding.moments, encoding.prior)
        value -= encoding.level or 0.0
    return np.column_stack(values)


def _draw_target(
    encodings: Sequence[Encoding], places: np.ndarray | JointPlaces | None, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw the values of each class, of shape (slots,)."""
    if encodings[0].prior.shares is not None:
        return [_draw_own(encoding, rng) for encoding in encodings]
    uniform = float(rng.random())  # the classes of a target share the component of a mixture
    priors = [_draw_component(encoding, uniform) for encoding in encodings]
    moments = [encoding.equalized_moments for encoding in encodings]
    if places is None:
        means = [_draw_mean(own, prior, rng) for own, prior in zip(moments, priors, strict=True)]
    else:
        regressions = [encoding.prior.regression for encoding in encodings]
        means = [each.draw_means(places, rng) for each in regressions if each is not None]
        moments = [_with_unseen(own, len(means[0])) for own in moments]
    return encodings[0].family.draw(moments, priors, means, rng)


def _draw_own(encoding: Encoding, rng: np.random.Generator) -> np.ndarray:
    """Draw values, of shape (slots,), where each category has a component of its own, which is drawn first."""
    moments, prior, family = encoding.equalized_moments, encoding.prior, encoding.family
    weighted = weigh_components(moments, prior, family)
    error = _draw_mean(moments, prior, rng) - prior.mean
    passed = 1 - posterior_reliability(encoding.moments, prior, family)
    quantile, values = rng.random(len(moments.count)), np.empty(len(moments.count))
    ends = np.cumsum([weight for weight, _ in weighted], axis=0)
    place = np.minimum((quantile > ends).sum(axis=0), len(weighted) - 1)
    for index, (_, component) in enumerate(weighted):
        own = np.flatnonzero(place == index)
        (drawn,) = family.draw([moments.subset(own)], [component], [component.mean], rng)
        values[own] = np.clip(drawn + passed[own] * error, *family.bounds)
    return values


def _with_unseen(moments: Moments, size: int) -> Moments:
    """The moments with slots without rows behind them."""
    more = np.zeros(size - len(moments.count))
    return replace(moments, count=np.append(moments.count, more), total=np.append(moments.total, more))


def _draw_component(encoding: Encoding, uniform: float) -> Prior:
    """The prior, or the component of a mixture at this quantile, with its variances."""
    prior = encoding.prior
    if prior.probability is None:
        known = encoding.full_prior
        return Prior(prior.mean, prior.strength, known.between, known.within, dispersion=prior.dispersion)
    index = min(int(np.searchsorted(np.cumsum(prior.probability), uniform)), len(prior.probability) - 1)
    return [component for _, component in prior.each_component()][index]


def _draw_mean(moments: Moments, prior: Prior, rng: np.random.Generator) -> np.ndarray:
    assert prior.between is not None
    assert prior.within is not None
    weight = reliability(moments.count, prior.strength)
    variance = mean_variance(moments, prior.strength, weight, prior.between, prior.within)
    return np.asarray(rng.normal(prior.mean, np.sqrt(variance)))
