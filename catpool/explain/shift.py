"""`ShiftDisplay`: the distribution of the encodings of training rows beside that of new rows."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from catpool.encoders.parameters import documented
from catpool.engines.dispatch import read_in_memory
from catpool.explain.canvas import BLUE, ORANGE, finish
from catpool.explain.display import Display
from catpool.explain.encoded_rows import category_codes, encode_both

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike

BINS = 40


@documented
class ShiftDisplay(Display):
    """The distribution of the encodings of training rows, out of fold, beside that of new rows.

    The two should look alike, or a model meets numbers that it was not trained on. New rows of categories that the
    training rows do not have get the prior mean, and their share is in the title:

        share unseen = rows of unseen categories / new rows.

    Parameters
    ----------
    train, new : ndarray
        The encodings of training and new rows.
    unseen : float
        The share of new rows whose category has no training rows.
    column : str

    Attributes
    ----------
    <drawn>

    See Also
    --------
    OutOfFoldDisplay : Why the encodings of training rows are not those of their category.

    References
    ----------
    J. Quionero-Candela, M. Sugiyama, A. Schwaighofer, N. D. Lawrence (2009), Dataset Shift in Machine Learning, MIT
    Press.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder
    >>> from catpool.explain import ShiftDisplay
    >>> rng = np.random.default_rng(0)
    >>> shop = rng.integers(0, 100, size=1000)
    >>> X, y = pd.DataFrame({"shop": shop.astype(str)}), rng.normal(size=100)[shop] + rng.normal(size=1000)
    >>> X_new = pd.DataFrame({"shop": rng.integers(50, 150, size=500).astype(str)})
    >>> display = ShiftDisplay.from_encoder(EmpiricalBayesEncoder(random_state=0), X, y, X_new, "shop")
    >>> 0.4 < display.unseen < 0.6
    True
    """

    def __init__(self, train: np.ndarray, new: np.ndarray, *, unseen: float, column: str) -> None:
        self.train, self.new, self.unseen, self.column = train, new, unseen, column

    @classmethod
    def from_encoder(
        cls,
        encoder: Any,
        X: IntoFrame | ArrayLike,
        y: ArrayLike,
        X_new: IntoFrame | ArrayLike,
        column: Hashable,
        *,
        ax: Axes | None = None,
    ) -> ShiftDisplay:
        """Fit a clone of an encoder, and draw the encodings of training and new rows of one column.

        Parameters
        ----------
        <cloned>
        <training>
        X_new : frame or array of shape (m, p)
            New rows.
        <trained_column>
        <ax>

        Raises
        ------
        ValueError
            If the column is not encoded.
        <no_matplotlib>
        """
        train, new, own = encode_both(encoder, X, y, X_new, column)
        known, later = category_codes(own, column, [read_in_memory(each, "ShiftDisplay") for each in (X, X_new)])
        unseen = float(1 - np.isin(later, known).mean())
        return cls(train, new, unseen=unseen, column=str(column)).plot(ax=ax)

    def _draw(self) -> None:
        both = np.concatenate([self.train, self.new])
        edges = np.histogram_bin_edges(both[np.isfinite(both)], BINS).tolist()
        for values, color, name in ((self.train, BLUE, "training rows"), (self.new, ORANGE, "new rows")):
            share = np.full(len(values), 1 / max(len(values), 1))
            label = f"{name} ({len(values):,})"
            style: dict[str, Any] = {
                "histtype": "step",
                "linewidth": 2,
                "color": color,
                "linestyle": "-" if color == BLUE else "--",
            }
            self.ax_.hist(values, edges, weights=share, label=label, **style)
        self.ax_.legend(frameon=False)
        title = f"{self.column}: {100 * self.unseen:.3g} % of new rows are of unseen categories"
        finish(self.ax_, title=title, x="encoding", y="share of rows")
