"""`CaterpillarDisplay`: the categories in order, with intervals."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.encoders.parameters import documented
from catpool.explain.canvas import BLUE, DARK, GREY, finish, name_rows
from catpool.explain.category_frame import apart_from, category_frame, prior_mean
from catpool.explain.display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMED = 40  # categories that have names beside the axes
MOST_LINES = 500  # categories that have an interval each; more have one band


@documented
class CaterpillarDisplay(Display):
    """The categories of a column in the order of their encodings, with their intervals.

    Categories whose interval does not hold the mean of all are drawn dark: these differ beyond doubt. The interval of a
    category with the posterior mean m and the standard deviation s has, if it is normal, the ends

        m - z s  and  m + z s,    z = 1.64 for an interval of 90 %.

    Parameters
    ----------
    categories : pandas.DataFrame
        A row for each category, with `label`, `value`, `lower` and `upper`.
    prior_mean : float
        The mean of all categories.
    column : str
        The name of the column.
    interval : float
        The probability of the intervals.
    total : int, optional
        The number of categories before most of them were left out.

    Attributes
    ----------
    <drawn>

    See Also
    --------
    ShrinkageDisplay : Raw means beside encodings.

    References
    ----------
    A. Gelman, J. Hill (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models, Cambridge, chapter 12.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder
    >>> from catpool.explain import CaterpillarDisplay
    >>> X = pd.DataFrame({"city": ["Bonn", "Bonn", "Kiel", "Kiel", "Ulm", "Ulm"]})
    >>> encoder = EmpiricalBayesEncoder().fit(X, [1.0, 3.0, 4.0, 8.0, 9.0, 11.0])
    >>> display = CaterpillarDisplay.from_encoder(encoder, "city")
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['Ulm', 'Kiel', 'Bonn']
    """

    def __init__(
        self, categories: pd.DataFrame, *, prior_mean: float, column: str, interval: float, total: int | None = None
    ) -> None:
        self.categories, self.prior_mean, self.column = categories, prior_mean, column
        self.interval, self.total = interval, total

    @classmethod
    def from_encoder(
        cls,
        encoder: Any,
        column: Hashable,
        *,
        interval: float = 0.9,
        most: int | None = None,
        target: str | None = None,
        ax: Axes | None = None,
    ) -> CaterpillarDisplay:
        """Draw the categories of a column of a fitted encoder.

        Parameters
        ----------
        encoder : encoder of catpool
        <drawn_column>
        interval : float, default=0.9
            The probability of the intervals.
        most : int, default=None
            The number of categories to draw: the highest half and the lowest half of so many. None draws all.
        <target>
        <ax>

        Raises
        ------
        ValueError
            If the column is not encoded, the target is not one of y, the probability is not between 0 and 1, or `most`
            is not 2 or more.
        <no_matplotlib>
        """
        if most is not None and most < 2:
            raise ValueError(f"`most` must be 2 or more, or None for all categories. Got {most!r}.")
        frame = category_frame(encoder, column, interval=interval, target=target)
        frame, total = frame.sort_values("value", ascending=False, kind="stable"), len(frame)
        if most is not None and most < total:
            frame = pd.concat([frame.head(most - most // 2), frame.tail(most // 2)])
        mean = prior_mean(encoder, column, target)
        return cls(frame, prior_mean=mean, column=str(column), interval=interval, total=total).plot(ax=ax)

    @property
    def _named_rows(self) -> int | None:
        number = len(self.categories)
        return number if number <= MOST_NAMED else None

    def _draw(self) -> None:
        number = len(self.categories)
        self.ax_.axvline(self.prior_mean, color=DARK, linestyle="--", linewidth=1, zorder=4)
        differs = apart_from(self.categories, self.prior_mean)
        (self._draw_lines if number <= MOST_LINES else self._draw_band)(differs)
        if number <= MOST_NAMED:
            name_rows(self.ax_, self.categories["label"].tolist())
        else:
            self.ax_.set_ylim(number - 0.5, -0.5)
            self.ax_.set_yticks([])
        total = number if self.total is None else self.total
        shown = f"{total:,} categories" if total == number else f"{number:,} of {total:,} categories"
        title = f"{self.column}: {shown}, {differs.sum():,} of them apart from the mean"
        finish(self.ax_, title=title, x=f"encoding, with {100 * self.interval:.3g} % intervals")

    def _draw_lines(self, differs: np.ndarray) -> None:
        frame, rows = self.categories, np.arange(len(self.categories))
        width = min(1.4, 150 / len(frame))
        for some, color in ((~differs, GREY), (differs, BLUE)):
            own = frame[some]
            self.ax_.hlines(rows[some], own["lower"], own["upper"], color=color, linewidth=width)
            self.ax_.scatter(own["value"], rows[some], color=color, s=10 * width, linewidths=0, zorder=3)

    def _draw_band(self, differs: np.ndarray) -> None:
        frame, rows = self.categories, np.arange(len(self.categories))
        for some, color in ((~differs, GREY), (differs, BLUE)):
            own = frame[some]
            style: dict[str, Any] = {"color": color, "linewidth": 0.3, "alpha": 0.5, "rasterized": True}
            self.ax_.hlines(rows[some], own["lower"], own["upper"], **style)
        self.ax_.plot(frame["value"], rows, color="white", linewidth=2.4)
        self.ax_.plot(frame["value"], rows, color=DARK, linewidth=1.2)
