"""`OutOfFoldDisplay`: how encodings of training rows differ from those that new rows of their category get."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.encoders.parameters import documented
from catpool.engines.dispatch import read_in_memory
from catpool.explain.canvas import BLUE, DARK, ORANGE, dots, finish
from catpool.explain.category_frame import summary_name
from catpool.explain.display import Display
from catpool.explain.encoded_rows import category_codes, encode_both

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike


@documented
class OutOfFoldDisplay(Display):
    """How far the encodings of training rows are from those that new rows of their category get.

    A training row is encoded without the rows of its own fold, so rows of one category have slightly different
    encodings, one for each fold. The differences are the larger the fewer rows the category has. Without pooling, with
    K folds, n rows and the standard deviation sigma within categories, theirs is

        sigma / sqrt(n (K - 1)),

    which the lines show. Partial pooling keeps those of small categories below it.

    Parameters
    ----------
    rows : pandas.DataFrame
        For each training row the `count` of its category's rows, and the `difference` of the two encodings.
    spread : float
        sigma / sqrt(K - 1), in units of y; NaN where it is unknown.
    column : str

    Attributes
    ----------
    <drawn>

    See Also
    --------
    ShiftDisplay : The distributions of the encodings of training and new rows.

    References
    ----------
    V. Chernozhukov and others (2018), Double/debiased machine learning for treatment and structural parameters, The
    Econometrics Journal 21, C1-C68: cross-fitting.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder
    >>> from catpool.explain import OutOfFoldDisplay
    >>> rng = np.random.default_rng(0)
    >>> shop = rng.integers(0, 100, size=1000)
    >>> X, y = pd.DataFrame({"shop": shop.astype(str)}), rng.normal(size=100)[shop] + rng.normal(size=1000)
    >>> display = OutOfFoldDisplay.from_encoder(EmpiricalBayesEncoder(random_state=0), X, y, "shop")
    >>> bool(display.rows["difference"].abs().max() > 0)
    True
    """

    def __init__(self, rows: pd.DataFrame, *, spread: float, column: str) -> None:
        self.rows, self.spread, self.column = rows, spread, column

    @classmethod
    def from_encoder(
        cls, encoder: Any, X: IntoFrame | ArrayLike, y: ArrayLike, column: Hashable, *, ax: Axes | None = None
    ) -> OutOfFoldDisplay:
        """Fit a clone of an encoder, and draw the differences for one column.

        Parameters
        ----------
        <cloned>
        <training>
        <trained_column>
        <ax>

        Raises
        ------
        ValueError
            If the column is not encoded.
        <no_matplotlib>
        """
        frame = read_in_memory(X, "OutOfFoldDisplay")
        train, new, own = encode_both(encoder, X, y, X, column)
        (codes,) = category_codes(own, column, [frame])
        count = pd.Series(codes).groupby(codes).transform("size")
        rows = pd.DataFrame({"count": count, "difference": train - new})
        return cls(rows, spread=_spread(own, column), column=str(column)).plot(ax=ax)

    def _draw(self) -> None:
        count, difference = self.rows["count"], self.rows["difference"]
        self.ax_.axhline(0.0, color=DARK, linewidth=1)
        self.ax_.scatter(count, difference, s=10, color=BLUE, **dots(len(self.rows)))
        if np.isfinite(self.spread):
            line = np.geomspace(max(count.min(), 1), max(count.max(), 2), 100)
            for sign in (-1, 1):
                label = r"without pooling: 1 / $\sqrt{n}$" if sign > 0 else None
                self.ax_.plot(line, sign * self.spread / np.sqrt(line), color=ORANGE, linewidth=1.5, label=label)
            self.ax_.legend(frameon=False)
        self.ax_.set_xscale("log")
        self.ax_.xaxis.set_major_formatter("{x:,g}")
        title = f"{self.column}: encodings of training rows, minus those of new rows"
        finish(self.ax_, title=title, x="rows of the category", y="difference, in units of y")


def _spread(encoder: Any, column: Hashable) -> float:
    """The standard deviation within categories over the root of the folds beside one; NaN where it is unknown."""
    summary, folds = encoder.summary_, encoder.cv
    rows = summary[summary["column"] == summary_name(encoder, column)] if "within_sd" in summary else summary[:0]
    if not len(rows) or not isinstance(folds, int) or folds < 2:
        return np.nan
    return float(rows["within_sd"].iloc[0] / np.sqrt(folds - 1))
