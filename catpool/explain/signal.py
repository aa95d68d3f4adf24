"""`SignalDisplay`: which columns carry signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.encoders.parameters import documented
from catpool.explain.canvas import BLUE, DARK, GREY, finish, name_rows
from catpool.explain.category_frame import apart_from, category_frame, prior_mean, rows_of_target
from catpool.explain.display import Display
from catpool.explain.fitted_encoders import require_fitted
from catpool.priors.prior import NO_SPREAD

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOISE = 0.1  # the reliability below which categories cannot be told apart


@documented
class SignalDisplay(Display):
    """The share of the variance of a row that lies between the categories of each column, the largest first.

    The share is the intraclass correlation. With the standard deviations between and within categories, or a prior of
    the strength m,

        share = between^2 / (between^2 + within^2) = 1 / (1 + m).

    A ring shows how reliable the categories' own means are, on average over rows: far to the right, encodings are
    nearly raw means, and far to the left nearly the mean of all. Columns without signal are grey: their categories do
    not differ more than by chance, have a reliability below 0.1, or each have a 90 % interval that holds the mean of
    all. Of a column with prior features, the share is what these do not explain.

    Parameters
    ----------
    columns : pandas.DataFrame
        A row for each column, with `column`, `share`, `reliability` and whether it is `noise`.

    Attributes
    ----------
    <drawn>

    References
    ----------
    S. Nakagawa, H. Schielzeth (2010), Repeatability for Gaussian and non-Gaussian data: a practical guide for
    biologists, Biological Reviews 85, 935-956.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder
    >>> from catpool.explain import SignalDisplay
    >>> rng = np.random.default_rng(0)
    >>> codes = rng.integers(0, 50, size=(1000, 2))
    >>> X = pd.DataFrame(codes.astype(str), columns=["noise", "shop"])
    >>> encoder = EmpiricalBayesEncoder().fit(X, rng.normal(size=50)[codes[:, 1]] + rng.normal(size=1000))
    >>> display = SignalDisplay.from_encoder(encoder)
    >>> display.columns["column"].tolist()
    ['shop', 'noise']
    """

    def __init__(self, columns: pd.DataFrame) -> None:
        self.columns = columns

    @classmethod
    def from_encoder(cls, encoder: Any, *, target: str | None = None, ax: Axes | None = None) -> SignalDisplay:
        """Draw the columns of a fitted encoder.

        Parameters
        ----------
        encoder : encoder of single columns, NestedEncoder or TreeEncoder
        <target>
        <ax>

        Raises
        ------
        TypeError
            If the encoder's summary has no strengths, as that of a mixed model.
        ValueError
            If the target is not one of y.
        <no_matplotlib>
        """
        return cls(signal_frame(encoder, target)).plot(ax=ax)

    @property
    def _named_rows(self) -> int | None:
        return len(self.columns)

    def _draw(self) -> None:
        frame = self.columns
        rows = np.arange(len(frame))
        self.ax_.barh(rows, frame["share"], color=np.where(frame["noise"], GREY, BLUE), height=0.6)
        self.ax_.scatter(frame["reliability"], rows, facecolors="white", edgecolors=DARK, s=28, zorder=3)
        name_rows(self.ax_, frame["column"].tolist())
        self.ax_.set_xlim(0, 1.02)
        noise = int(frame["noise"].sum())
        title = f"{len(frame):,} columns, {noise:,} without signal"
        finish(self.ax_, title=title, x="share of variance between categories (bars), reliability of means (rings)")


def signal_frame(encoder: Any, target: str | None = None, *, noise: Mapping[str, bool] | None = None) -> pd.DataFrame:
    """A row for each column of a fitted encoder, with its `share`, `reliability` and whether it is `noise`.

    Parameters
    ----------
    encoder : encoder of catpool
    target : str, optional
        By default the first.
    noise : mapping of str to bool, optional
        Which columns say nothing, if that is known.
    """
    require_fitted(encoder)
    summary = encoder.summary_
    if "prior_strength" not in summary:
        raise TypeError(f"{type(encoder).__name__} has no strength for each column. Draw it by VarianceDisplay.")
    summary = rows_of_target(summary[summary["prior_strength"].notna()], target)
    share = _share(summary)
    none = (share == 0) | (summary["reliability"] < NOISE) | (summary.get("note") == NO_SPREAD)
    for apart in {"explained", "drift"} & set(
        summary
    ):  # features, and drift, tell categories apart whose starts do not
        none &= ~(summary[apart] > 0)
    names = summary["column"]
    none |= np.array([noise[name] if noise else not _any_apart(encoder, name, target) for name in names])
    frame = summary[["column", "categories", "reliability"]].assign(share=share, noise=none)
    return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def _any_apart(encoder: Any, column: str, target: str | None) -> bool:
    """Whether one of the categories of a column can be told from their mean."""
    frame = category_frame(encoder, column, target=target)
    return bool(apart_from(frame, prior_mean(encoder, column, target)).any())


def _share(summary: pd.DataFrame) -> pd.Series:
    """The intraclass correlation of each column."""
    if "between_sd" not in summary:
        return 1 / (1 + summary["prior_strength"])
    between, within = summary["between_sd"] ** 2, summary["within_sd"] ** 2
    return (between / (between + within).where(lambda total: total > 0, 1.0)).fillna(0.0)
