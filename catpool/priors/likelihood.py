"""Prior strength by likelihood: REML or ML of the normal model, ML of the conjugate ones, and their boundaries.

Each function takes moments of shape (K,), one a class, and names what is odd about them: where the likelihood does not
depend on the strength, or is greatest at its end, there is no fit but there is an answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.conjugate import dirichlet_multinomial, gamma_poisson, maximize
from catpool.priors.family import Family
from catpool.priors.method_of_moments import by_moments
from catpool.priors.normal import fit_normal
from catpool.priors.prior import NO_SPREAD, Prior, each_view, mean_of_categories

ROUNDING = 1e-11  # of a log-likelihood, relative
FAR = 1e4  # a strength of so many times the largest category's rows is as good as infinite
FEW = 1000  # categories
NO_NOISE = "no noise within categories"
ONE_CATEGORY = "not identified: one category"
ONE_ROW_EACH = "not identified: every category has one row"


def by_likelihood(moments: Sequence[Moments], family: Family, *, reml: bool) -> list[Prior]:
    """Estimate the prior of each class, from moments of shape (..., K).

    Parameters
    ----------
    moments : sequence of Moments
        One a class; the classes share one strength in the binomial family.
    family : Family
    reml : bool
        Restricted maximum likelihood in the normal family; the others have the unrestricted.
    """
    fits = {"normal": _reml if reml else _ml, "binomial": _binomial, "poisson": _poisson}
    return each_view(moments, family, fits[family.name])


def _end(moments: Moments, strength: float, within: float, between: float, note: str, likelihood: float) -> Prior:
    """A prior at an end: complete pooling, or none."""
    mean = mean_of_categories(moments, np.array(strength))
    return _prior(float(mean), strength, between, within, likelihood, note)


def _prior(mean: float, strength: float, between: float, within: float, likelihood: float, note: str = "") -> Prior:
    mean_, strength_, between_, within_, likelihood_ = map(np.array, (mean, strength, between, within, likelihood))
    return Prior(mean_, strength_, between_, within_, likelihood_, np.array(note))


def _reml(classes: Sequence[Moments], family: Family) -> list[Prior]:
    return [_normal_of_one(moments, reml=True) for moments in classes]


def _ml(classes: Sequence[Moments], family: Family) -> list[Prior]:
    return [_normal_of_one(moments, reml=False) for moments in classes]


def _normal_of_one(moments: Moments, *, reml: bool) -> Prior:
    spare = moments.rows - moments.categories
    total = float(moments.scatter / max(moments.rows - 1, 1.0))
    if moments.categories == 1:
        return _end(moments, np.inf, total, 0.0, ONE_CATEGORY, np.nan)
    if spare <= 1e-12 * moments.rows:
        return _end(moments, np.inf, total, 0.0, ONE_ROW_EACH, np.nan)
    if moments.between == 0:
        return _end(moments, np.inf, total, 0.0, NO_SPREAD, _pooled(moments, reml))
    if moments.within == 0:
        means = moments.category_means[moments.count > 0]
        return _end(moments, 0.0, 0.0, float(means.var(ddof=int(reml))), NO_NOISE, np.inf)
    fit = fit_normal(moments, reml=reml)
    strength = 1 / fit.ratio if fit.ratio > 0 else np.inf
    return _prior(fit.mean, strength, fit.between, fit.within, -fit.criterion / 2, NO_SPREAD if fit.ratio == 0 else "")


def _pooled(moments: Moments, reml: bool) -> float:
    """The log-likelihood of no spread."""
    return np.inf if moments.within == 0 else -fit_normal(moments, reml=reml).criterion / 2


def _binomial(classes: Sequence[Moments], family: Family) -> list[Prior]:
    """Dirichlet-multinomial of all classes; of one, beta-binomial of it and its complement."""
    sizes = classes[0].count
    rows = [each.total for each in classes]
    rows = [*rows, sizes - rows[0]] if len(rows) == 1 else rows
    shares = np.array([float(each.sum() / sizes.sum()) for each in rows])
    present = [each for each, share in zip(rows, shares, strict=True) if share > 0]
    pooled = float(sum(each.sum() * np.log(each.sum() / sizes.sum()) for each in present))
    odd = _odd_shares(present, sizes)
    if odd is not None:
        return _ended_shares(classes, shares, *odd, pooled)
    start = _start(classes, family, _tarone(present, sizes))
    if start is not None:
        a, likelihood = maximize(dirichlet_multinomial(present, sizes), start * shares[shares > 0], FAR * sizes.max())
        if likelihood > pooled + ROUNDING * abs(pooled) and a.sum() < FAR * sizes.max():
            return _fitted_shares(shares, a, likelihood)[: len(classes)]
    return _ended_shares(classes, shares, np.inf, NO_SPREAD, pooled)


def _odd_shares(rows: list[np.ndarray], sizes: np.ndarray) -> tuple[float, str] | None:
    """The strength, and what it comes from, where there is nothing to fit."""
    if len(rows) == 1:
        return np.inf, NO_SPREAD
    if np.count_nonzero(sizes) == 1:
        return np.inf, ONE_CATEGORY
    if (sizes <= 1).all():
        return np.inf, ONE_ROW_EACH
    if all(((each == 0) | (each == sizes)).all() for each in rows):
        return 0.0, NO_NOISE
    return None


def _tarone(rows: list[np.ndarray], sizes: np.ndarray) -> float:
    """How the likelihood changes as the strength comes down from infinity: it rises where this is positive."""
    score = sum(float((each * (each - 1)).sum() * sizes.sum() / each.sum()) for each in rows)
    return score - float((sizes * (sizes - 1)).sum())


def _ended_shares(
    classes: Sequence[Moments], shares: np.ndarray, strength: float, note: str, pooled: float
) -> list[Prior]:
    variance = shares * (1 - shares)
    between = np.zeros_like(variance) if strength > 0 else variance
    likelihood = np.nan if note in (ONE_CATEGORY, ONE_ROW_EACH) else pooled
    return [
        _end(each, strength, own - apart, apart, note, likelihood)
        for each, own, apart in zip(classes, variance, between, strict=False)
    ]


def _fitted_shares(shares: np.ndarray, a: np.ndarray, likelihood: float) -> list[Prior]:
    """The priors of all classes from the parameters of those that occur."""
    strength, means = float(a.sum()), np.zeros_like(shares)
    means[shares > 0] = a / strength
    between = means * (1 - means) / (strength + 1)
    return [
        _prior(mean, strength, apart, strength * apart, likelihood) for mean, apart in zip(means, between, strict=True)
    ]


def _start(classes: Sequence[Moments], family: Family, score: float) -> float | None:
    """A strength to start from; none where neither moments nor the score see a spread.

    The score alone may miss one: where most rows are in one category, the likelihood can fall as the strength comes
    down from infinity and still be greater further on. Where categories are few, it is looked for in any case.
    """
    strength = float(by_moments(classes, family)[0].strength)
    if np.isfinite(strength):
        return max(strength, 1e-3)
    if score > 0:
        return 10 * float(classes[0].count.max())
    return 1.0 if classes[0].categories <= FEW else None


def _poisson(classes: Sequence[Moments], family: Family) -> list[Prior]:
    return [_poisson_of_one(moments, family) for moments in classes]


def _poisson_of_one(moments: Moments, family: Family) -> Prior:
    mean, seen = float(moments.mean), moments.count > 0
    events, exposure = moments.total[seen], moments.count[seen]
    if mean == 0:
        return _end(moments, np.inf, 0.0, 0.0, NO_SPREAD, 0.0)
    pooled = float(events.sum() * np.log(mean) - mean * exposure.sum())
    if moments.categories == 1:
        return _end(moments, np.inf, mean, 0.0, ONE_CATEGORY, np.nan)
    score = float(((events - mean * exposure) ** 2 - events).sum())
    start = _start([moments], family, score)
    if start is None:
        return _end(moments, np.inf, mean, 0.0, NO_SPREAD, pooled)
    far = FAR * float(exposure.max() * max(mean, 1.0))
    (shape, rate), likelihood = maximize(gamma_poisson(events, exposure), np.array([start * mean, start]), far)
    if likelihood <= pooled + ROUNDING * abs(pooled) or rate > far:
        return _end(moments, np.inf, mean, 0.0, NO_SPREAD, pooled)
    mean = shape / rate
    return _prior(mean, rate, mean / rate, mean, likelihood)
