"""`ResidualDisplay`: whether rows are distributed about their encodings as the model says."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri
from scipy.stats import beta, nbinom, norm
from sklearn.base import clone

from catpool.encoders.parameters import documented
from catpool.encoders.prediction_mixin import PredictionMixin
from catpool.explain.canvas import BLUE, DARK, GREY, finish
from catpool.explain.category_frame import summary_name
from catpool.explain.display import Display
from catpool.explain.encoded_rows import encode_out_of_fold
from catpool.explain.row_distributions import require_one_target, row_distributions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike

MOST = 1_000  # points; more rows are drawn by so many quantiles
CONFIDENCE = 0.95


@documented
class ResidualDisplay(Display):
    """Randomised quantile residuals against a normal distribution, with a band.

    If rows are distributed about their out-of-fold encodings as the model says, the distribution function F of each at
    its own y is uniform, and

        residual = Phi^-1(u),    u uniform between F(y-) and F(y),

    is standard normal, for counts and classes too, where F has jumps. Each point of the band holds its quantile with a
    probability of 95 %. Points above the line at the right, or below it at the left, are rows farther out than the
    model expects.

    Parameters
    ----------
    residuals : ndarray of shape (n,)
    column : str
        Its name, or that of the encoder whose columns predict y together.

    Attributes
    ----------
    <drawn>

    References
    ----------
    P. K. Dunn, G. K. Smyth (1996), Randomized quantile residuals, Journal of Computational and Graphical Statistics 5,
    236-244.
    F. Hartig (2016), DHARMa: residual diagnostics for hierarchical (multi-level/mixed) regression models.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder
    >>> from catpool.explain import ResidualDisplay
    >>> rng = np.random.default_rng(0)
    >>> shop = rng.integers(0, 50, size=1000)
    >>> X, y = pd.DataFrame({"shop": shop.astype(str)}), rng.normal(size=50)[shop] + rng.normal(size=1000)
    >>> display = ResidualDisplay.from_encoder(EmpiricalBayesEncoder(random_state=0), X, y, "shop")
    >>> bool(abs(display.residuals.std() - 1) < 0.1)
    True
    """

    def __init__(self, residuals: np.ndarray, *, column: str) -> None:
        self.residuals, self.column = residuals, column

    @classmethod
    def from_encoder(
        cls,
        encoder: Any,
        X: IntoFrame | ArrayLike,
        y: ArrayLike,
        column: Hashable | None = None,
        *,
        random_state: int | None = 0,
        ax: Axes | None = None,
    ) -> ResidualDisplay:
        """Fit clones of an encoder, and draw the residuals of the training rows, each out of its fold.

        Parameters
        ----------
        encoder : MeanEncoder, SmoothedMeanEncoder, EmpiricalBayesEncoder, NestedEncoder or MixedModelEncoder
            It is cloned, and not changed. The last two are fitted once for each fold.
        X : frame or array of shape (n, p)
            The training rows.
        y : array of shape (n,)
            Their target: continuous, of two classes, or counts.
        column : str, int or tuple, default=None
            The encoded column that rows are compared with. None for NestedEncoder and MixedModelEncoder, whose columns
            predict y together.
        random_state : int or None, default=0
            The seed of the uniform numbers.
        <ax>

        Raises
        ------
        TypeError
            If the encoder is none of these.
        ValueError
            If the column is not encoded, or one is named where all belong together, if y has several columns or more
            than two classes, or if ``predict`` of the encoder cannot tell how rows are distributed.
        <no_matplotlib>
        """
        joint = isinstance(encoder, PredictionMixin)
        _check(encoder, column, joint=joint)
        low, high = row_distributions(encoder, X, y) if joint else _of_column(encoder, X, y, column)
        low, high = (each[~np.isnan(low)] for each in (low, high))  # without rows in no fold, and hidden ones
        uniform = low + np.random.default_rng(random_state).random(len(low)) * (high - low)
        name = type(encoder).__name__ if joint else str(column)
        return cls(ndtri(np.clip(uniform, 1e-16, 1 - 1e-16)), column=name).plot(ax=ax)

    def _draw(self) -> None:
        ordered, number = np.sort(self.residuals), len(self.residuals)
        rank = np.unique(np.linspace(1, number, min(number, MOST)).astype(int))
        theory, tail = ndtri((rank - 0.5) / number), (1 - CONFIDENCE) / 2
        band = [ndtri(beta.ppf(share, rank, number + 1 - rank)) for share in (tail, 1 - tail)]
        self.ax_.fill_between(theory, *band, color=GREY, alpha=0.5, linewidth=0, label="95 % band")
        self.ax_.plot(theory, theory, color=DARK, linewidth=1)
        self.ax_.scatter(theory, ordered[rank - 1], s=8, color=BLUE, linewidths=0, label="residuals")
        self.ax_.legend(frameon=False, loc="upper left")
        title = f"{self.column}: randomised quantile residuals of {number:,} rows"
        finish(self.ax_, title=title, x="quantiles of a normal distribution", y="residuals")


def _check(encoder: Any, column: Hashable | None, *, joint: bool) -> None:
    """Refuse encoders whose rows have no distribution, and columns that do not go with them."""
    name = type(encoder).__name__
    if not joint and ("output" not in encoder.get_params() or not hasattr(encoder, "columns")):
        raise TypeError(
            f"ResidualDisplay takes encoders of single columns, nested or mixed models, but not {name}. Pass one of "
            "these."
        )
    if joint != (column is None):
        expected = f"None, as the columns of {name} predict y together" if joint else f"one of the columns of {name}"
        raise ValueError(f"`column` must be {expected}. Got {column!r}.")


def _of_column(encoder: Any, X: Any, y: Any, column: Hashable | None) -> tuple[np.ndarray, np.ndarray]:
    """The distribution function of each row about the encodings of a column, just below its y and at it."""
    own = clone(encoder).set_params(output=["mean", "sd"])
    mean, sd = encode_out_of_fold(own, X, y, column, 2)
    require_one_target(own)
    return _distribution(own, y, column, mean, sd)


def _distribution(
    encoder: Any, y: Any, column: Hashable, mean: np.ndarray, sd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    kind, summary = encoder.target_type_, encoder.summary_
    if kind == "binary":
        success = np.asarray(y) == encoder.classes_[1]
        return np.where(success, 1 - mean, 0.0), np.where(success, 1.0, 1 - mean)
    values, learned = np.asarray(y, dtype=float), summary[summary["column"] == summary_name(encoder, column)].iloc[0]
    if learned["family"] != "normal":  # with a gamma posterior of the rate, rows are negative binomial
        dispersion = learned.get("dispersion", 0.0)  # by which rows of one rate vary more than Poisson counts
        size = mean**2 / (dispersion * (mean**2 + sd**2) + np.maximum(sd, 1e-9 * (1 + mean)) ** 2)
        chance = size / (size + mean)
        return nbinom.cdf(values - 1, size, chance), nbinom.cdf(values, size, chance)
    at = norm.cdf(values, mean, np.hypot(learned["within_sd"], sd))
    return at, at
