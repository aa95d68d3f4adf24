"""`ShrinkageDisplay`: what partial pooling did to each category."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.encoders.parameters import documented
from catpool.explain.canvas import BLUE, DARK, GREY, dots, finish
from catpool.explain.category_frame import category_frame, prior_mean
from catpool.explain.display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@documented
class ShrinkageDisplay(Display):
    """The raw mean of each category, and the encoding that it became.

    Each dot is a category, the larger the more rows it has. On the diagonal a category would keep its own mean (no
    pooling), on the horizontal line each would get the mean of all (complete pooling). Partial pooling is between: with
    n rows, a prior of mean mu and a strength m,

        encoding = n / (n + m) * raw mean + m / (n + m) * mu.

    Parameters
    ----------
    categories : pandas.DataFrame
        A row for each category, with its `count` of rows, its `raw` mean and its `value`.
    prior_mean : float
        In units of y.
    column : str
        The name of the column.

    Attributes
    ----------
    <drawn>

    See Also
    --------
    CaterpillarDisplay : Categories in order, with intervals.

    References
    ----------
    B. Efron, C. Morris (1977), Stein's paradox in statistics, Scientific American 236(5), 119-127.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder
    >>> from catpool.explain import ShrinkageDisplay
    >>> rng = np.random.default_rng(0)
    >>> shop = rng.integers(0, 100, size=1000)
    >>> X = pd.DataFrame({"shop": shop.astype(str)})
    >>> encoder = EmpiricalBayesEncoder().fit(X, rng.normal(size=100)[shop] + rng.normal(size=1000))
    >>> display = ShrinkageDisplay.from_encoder(encoder, "shop")
    >>> display.ax_.get_xlabel()
    'mean of y in the category'
    """

    def __init__(self, categories: pd.DataFrame, *, prior_mean: float, column: str) -> None:
        self.categories, self.prior_mean, self.column = categories, prior_mean, column

    @classmethod
    def from_encoder(
        cls, encoder: Any, column: Hashable, *, target: str | None = None, ax: Axes | None = None
    ) -> ShrinkageDisplay:
        """Draw the categories of a column of a fitted encoder.

        Parameters
        ----------
        encoder : MeanEncoder, SmoothedMeanEncoder, EmpiricalBayesEncoder or NestedEncoder
        <drawn_column>
        <target>
        <ax>

        Raises
        ------
        TypeError
            If the encoder has no means of categories, as additive and mixed models.
        ValueError
            If the column is not encoded, or the target is not one of y.
        <no_matplotlib>
        """
        frame = category_frame(encoder, column, target=target)
        if frame["raw"].isna().all():
            raise TypeError(
                f"The effects of {type(encoder).__name__} are adjusted for each other, so they do not come from the "
                "mean of each category. Draw them by CaterpillarDisplay."
            )
        mean = prior_mean(encoder, column, target)
        return cls(frame, prior_mean=mean, column=str(column)).plot(ax=ax)

    def _draw(self) -> None:
        frame = self.categories.sort_values("count", ascending=False)  # small dots on large ones
        raw, value, count = (frame[name].to_numpy(dtype=float) for name in ("raw", "value", "count"))
        ends = np.array([min(raw.min(), value.min()), max(raw.max(), value.max())])
        self.ax_.plot(ends, ends, color=DARK, linewidth=1, label="no pooling: its own mean")
        self.ax_.axhline(
            self.prior_mean, color=GREY, linestyle="--", linewidth=1.2, label="complete pooling: the mean of all"
        )
        sizes = 8 + 72 * np.sqrt(count / count.max())
        self.ax_.scatter(raw, value, s=sizes, color=BLUE, label="partial pooling: its encoding", **dots(len(frame)))
        self._name_scales(count)

    def _name_scales(self, count: np.ndarray) -> None:
        finish(
            self.ax_,
            title=f"{self.column}: {len(count):,} categories of {count.min():,.0f} to {count.max():,.0f} rows",
            x="mean of y in the category",
            y="encoding",
        )
        legend = self.ax_.legend(frameon=False, loc="upper left")
        for handle in legend.legend_handles:
            if handle is not None:
                handle.set_alpha(1.0)
