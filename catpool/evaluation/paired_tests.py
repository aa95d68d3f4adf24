"""Scores of the same splits set against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats


def summarize(scores: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """The table of `catpool.compare_encoders`.

    Parameters
    ----------
    scores : pandas.DataFrame
        With the columns encoder, split, score and seconds.
    ratio : float
        Rows in test over rows in training.
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


def p_value(differences: Any, ratio: float) -> float:
    """Two-sided, of a mean difference over splits; NaN where all differences are nought or there is one split."""
    d = np.asarray(differences, dtype=float)
    if len(d) < 2 or not d.any():
        return float("nan")
    error = np.sqrt((1 / len(d) + ratio) * d.var(ddof=1))
    return float(2 * stats.t.sf(abs(d.mean()) / error, len(d) - 1)) if error > 0 else 0.0
