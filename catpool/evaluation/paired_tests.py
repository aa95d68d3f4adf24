"""Paired tests of scores from the same splits, and the table that `catpool.compare_encoders` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

LEVEL = 0.05  # a higher p-value is a tie


def summarize(scores: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """Summarize scores by encoder, the best first.

    Parameters
    ----------
    scores : pandas.DataFrame
        With the columns encoder, split, score and seconds.
    ratio : float
        The number of test rows over the number of training rows.

    Returns
    -------
    pandas.DataFrame
        See `catpool.compare_encoders`.
    """
    wide = scores.pivot(index="split", columns="encoder", values="score")
    gaps = wide.rsub(wide.max(axis=1), axis=0)
    best = wide.mean().idxmax()
    table = pd.DataFrame(
        {
            "score": wide.mean(),
            "rank": wide.rank(axis=1, ascending=False).mean(),
            "gap": gaps.mean(),
            "worst_gap": gaps.max(),
            "wins": (gaps == 0).sum(),
            "p_value": [p_value(wide[name] - wide[best], ratio) for name in wide],
            "seconds": scores.groupby("encoder")["seconds"].mean(),
        }
    )
    return table.sort_values("score", ascending=False, kind="stable")


def conclude(table: pd.DataFrame, n_splits: int) -> str:
    """Say which encoder is best, which ones tie with it, and which of these is the cheapest.

    Parameters
    ----------
    table : pandas.DataFrame
        What `summarize` returns.
    n_splits : int
        With one there is no test.
    """
    best, others = table.index[0], table.iloc[1:]
    if others.empty:
        return f"{best!r} is the only encoder."
    if n_splits == 1:
        return f"{best!r} is best in the only split, which does not tell whether by chance."
    ties = others.index[~(others["p_value"] < LEVEL)]
    if ties.empty:
        return f"{best!r} is best, and significantly better than all others (p < .05)."
    seconds = table.loc[[best, *ties], "seconds"]
    cheapest = f"the cheapest of these is {seconds.idxmin()!r}, with {seconds.min():.2g} seconds to encode a split"
    return f"{best!r} is best, and ties with {_enumerate(ties)} (p >= .05); {cheapest}."


def _enumerate(names: pd.Index) -> str:
    *first, last = map(repr, names)
    return f"{', '.join(first)} and {last}" if first else last


def p_value(differences: ArrayLike, ratio: float) -> float:
    """The two-sided p-value of a mean difference over splits whose training rows overlap.

    Parameters
    ----------
    differences : array of shape (splits,)
    ratio : float
        The number of test rows over the number of training rows.

    Returns
    -------
    float
        NaN for a single split, or if all differences are zero.

    References
    ----------
    C. Nadeau, Y. Bengio (2003), Inference for the generalization error, Machine Learning 52, 239-281.
    """
    d = np.asarray(differences, dtype=float)
    if len(d) < 2 or not d.any():
        return float("nan")
    # Without `ratio` this is the usual t-test, which takes the splits to be independent.
    error = np.sqrt((1 / len(d) + ratio) * d.var(ddof=1))
    return float(2 * stats.t.sf(abs(d.mean()) / error, len(d) - 1)) if error > 0 else 0.0
