"""`ColumnFacts`: what a report says of one encoded column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import f

from catpool.data.frames.frame import SEPARATOR
from catpool.data.frozen import frozen
from catpool.explain.category_frame import apart_from, category_frame, prior_mean
from catpool.explain.fitted_encoders import require_fitted
from catpool.explain.signal import NOISE
from catpool.priors.prior import NO_SPREAD

ENDS = 10  # categories at each end that are listed
INTERVAL = 0.9


@frozen
class ColumnFacts:
    """What was learned of a column.

    Parameters
    ----------
    column : str
        Its name.
    categories : int
        With training rows.
    rows : float
        Training rows with any category, or their weight.
    missing : float
        The share of them whose value is missing.
    singletons : int
        Categories of one row.
    share, share_lower, share_upper : float
        The share of the variance that lies between categories, with its 90 % interval; NaN where it is unknown.
    strength : float
        Of the prior, in rows; NaN where there is none.
    reliability : float
        The mean over rows of the weight of their own category's mean; NaN where it is unknown.
    apart : int
        Categories whose 90 % interval does not hold the mean of all.
    noise : bool
        Whether none of its categories can be told from their mean, or hardly any.
    highest, lowest : pandas.DataFrame
        Some categories at the ends, with `label`, `count`, `value`, `lower` and `upper`.
    """

    column: str
    categories: int
    rows: float
    missing: float
    singletons: int
    share: float
    share_lower: float
    share_upper: float
    strength: float
    reliability: float
    apart: int
    noise: bool
    highest: pd.DataFrame
    lowest: pd.DataFrame

    @property
    def verdict(self) -> str:
        """What to make of the column, in a sentence or two."""
        name = "`" + " ".join(self.column.replace("`", "'").split()) + "`"  # as code, which nothing in it ends
        if self.noise:
            return f"{name} says nothing: its {self.categories:,} categories cannot be told from their mean."
        same = self.categories - self.apart
        carried = "" if np.isnan(self.share) else f"carries {percent(self.share)} of the variance; "
        return f"{name} {carried}{same:,} of its {self.categories:,} categories cannot be told from the mean."


def percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.0995 else f"{100 * share:.0f} %"


def column_facts(encoder: Any) -> list[ColumnFacts]:
    """The facts of all columns of a fitted encoder, those with most signal first."""
    require_fitted(encoder)
    summary = encoder.summary_
    if "kind" in summary:
        found = [_of_factor(encoder, group, summary) for group in dict.fromkeys(summary["group"]) if _is_factor(group)]
    else:
        first = summary["target"] == summary["target"].iloc[0]
        total = _total_variance(encoder, summary[first])
        found = [_of_row(encoder, row, total) for row in summary[first].itertuples()]
    return sorted(found, key=lambda each: (each.noise, -np.nan_to_num(each.share, nan=-1.0)))


def _is_factor(group: str) -> bool:
    return group not in ("", "residual")


def _of_factor(encoder: Any, factor: str, summary: pd.DataFrame) -> ColumnFacts:
    """The facts of a factor of a mixed model."""
    own = summary[(summary["kind"] == "icc") & (summary["group"] == factor)]["value"]
    frame = category_frame(encoder, factor, interval=INTERVAL)
    share = float(own.iloc[0]) if len(own) else np.nan
    return _facts(factor, frame, 0.0, share=(share, np.nan, np.nan), noise=share == 0)


def _total_variance(encoder: Any, summary: pd.DataFrame) -> float | None:
    """The variance of a row in the model of nested levels, which is their sum; columns by themselves have none."""
    if not hasattr(encoder, "levels"):
        return None
    return float((summary["between_sd"] ** 2).sum() + summary["within_sd"].iloc[0] ** 2)


def _of_row(encoder: Any, row: Any, total: float | None) -> ColumnFacts:
    """The facts of a column from its row in the summary; `total` is the variance of a row, if levels share one."""
    target = row.target or None
    frame = category_frame(encoder, row.column, interval=INTERVAL, target=target)
    strength, reliability = getattr(row, "prior_strength", np.nan), getattr(row, "reliability", np.nan)
    noise = getattr(row, "note", "") == NO_SPREAD or reliability < NOISE or strength == np.inf
    # features tell categories apart whose rows do not, and effects that drift may all start from the prior mean
    noise = noise and not (getattr(row, "explained", 0.0) > 0 or getattr(row, "drift", 0.0) > 0)
    return _facts(
        row.column,
        frame,
        prior_mean(encoder, row.column, target),
        share=_share(row, frame, total),
        noise=bool(noise),
        strength=float(strength),
        reliability=float(reliability),
    )


def _facts(
    name: str,
    frame: pd.DataFrame,
    center: float,
    *,
    share: tuple[float, float, float],
    noise: bool,
    strength: float = np.nan,
    reliability: float = np.nan,
) -> ColumnFacts:
    ordered = frame.sort_values("value", ascending=False, kind="stable")
    ends = ordered[["label", "count", "value", "lower", "upper"]]
    count = frame["count"].astype(float)
    rows = float(count.sum()) if count.notna().all() else np.nan
    missing = float(count[frame["label"].isna()].sum() / rows) if rows > 0 else np.nan
    apart = apart_from(frame, center)
    top = min(ENDS, -(-len(ends) // 2))
    return ColumnFacts(
        column=str(name),
        categories=len(frame),
        rows=rows,
        missing=missing,
        singletons=int((count == 1).sum()),
        share=share[0],
        share_lower=share[1],
        share_upper=share[2],
        strength=strength,
        reliability=reliability,
        apart=int(apart.sum()),
        noise=noise or not apart.any(),
        highest=ends.head(top),
        lowest=ends.tail(min(ENDS, len(ends) - top))[::-1],
    )


def _share(row: Any, frame: pd.DataFrame, total: float | None) -> tuple[float, float, float]:
    """The intraclass correlation, and its interval by the F distribution of the variance of unweighted means.

    Levels, and cells about the sums of their parts, have no interval: their means do not vary about one mean.
    """
    if not hasattr(row, "between_sd"):
        strength = getattr(row, "prior_strength", np.nan)
        return (1 / (1 + strength) if strength >= 0 else np.nan), np.nan, np.nan
    between, within = row.between_sd**2, row.within_sd**2
    whole = between + within if total is None else total
    share = float(between / whole) if whole > 0 else 0.0
    if total is not None or SEPARATOR in str(row.column):
        return share, np.nan, np.nan
    return share, *_share_interval(frame, within, share)


def _share_interval(frame: pd.DataFrame, within: float, share: float) -> tuple[float, float]:
    """The interval of Thomas and Hultquist (1978), widened to hold the estimate."""
    count, raw = frame["count"].to_numpy(dtype=float), frame["raw"].to_numpy(dtype=float)
    groups, rows = len(count), count.sum()
    if groups < 2 or rows <= groups or not within > 0:
        return np.nan, np.nan
    size = groups / (1 / count).sum()
    ratio = size * raw.var(ddof=1) / within
    tail = (1 - INTERVAL) / 2
    ends = [ratio / f.ppf(level, groups - 1, rows - groups) for level in (1 - tail, tail)]
    lower, upper = (np.clip((end - 1) / (end - 1 + size), 0.0, 1.0) for end in ends)
    return min(float(lower), share), max(float(upper), share)
