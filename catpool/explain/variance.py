"""`VarianceDisplay`: how much levels and factors vary, and the fan of a slope that varies by category."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.explain.canvas import BLUE, DARK, GREY, finish, name_rows
from catpool.explain.category_frame import category_frame, rows_of_target
from catpool.explain.display import Display
from catpool.explain.fitted_encoders import require_fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RESIDUAL = "residual"


class VarianceDisplay(Display):
    """The standard deviations between the categories of levels or factors, beside that of a row.

    With the standard deviation sigma_f of the effects of each factor f and sigma of a row, a row's variance is

        variance = sum over f of sigma_f^2 + sigma^2,

    so a bar twice as long explains four times as much. Slopes are in units of y for a unit of their column.

    Parameters
    ----------
    components : pandas.DataFrame
        A row for each component, with `component` and `sd`. The last may be the residual.
    unit : str
        What the standard deviations are of.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    References
    ----------
    D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
    Statistical Software 67(1).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import MixedModelEncoder
    >>> from catpool.explain import VarianceDisplay
    >>> rng = np.random.default_rng(0)
    >>> codes = rng.integers(0, 40, size=(1000, 2))
    >>> X = pd.DataFrame(codes.astype(str), columns=["shop", "item"])
    >>> y = rng.normal(size=40)[codes[:, 0]] + 2 * rng.normal(size=40)[codes[:, 1]] + rng.normal(size=1000)
    >>> display = VarianceDisplay.from_encoder(MixedModelEncoder(["shop", "item"]).fit(X, y))
    >>> display.components["component"].tolist()
    ['item', 'shop', 'residual']
    """

    def __init__(self, components: pd.DataFrame, *, unit: str = "y") -> None:
        self.components, self.unit = components, unit

    @classmethod
    def from_encoder(cls, encoder: Any, *, target: str | None = None, ax: Axes | None = None) -> VarianceDisplay:
        """Draw the components of a fitted model.

        Parameters
        ----------
        encoder : MixedModelEncoder, NestedEncoder or AdditiveEncoder
        target : str, default=None
            The output or class of y, if there are several. None is the first.
        ax : matplotlib.axes.Axes, default=None
            None makes new ones.

        Raises
        ------
        TypeError
            If the encoder has no joint model: columns by themselves each have a variance of their own.
        ImportError
            Without matplotlib.
        """
        require_fitted(encoder)
        unit = "y" if encoder.target_type_ == "continuous" else "the linear predictor"
        return cls(variance_frame(encoder, target), unit=unit).plot(ax=ax)

    @property
    def _named_rows(self) -> int | None:
        return len(self.components)

    def _draw(self) -> None:
        frame = self.components
        colors = np.where(frame["component"] == RESIDUAL, GREY, BLUE)
        self.ax_.barh(np.arange(len(frame)), frame["sd"], color=colors, height=0.6)
        name_rows(self.ax_, frame["component"].tolist())
        finish(self.ax_, title="How much categories differ", x=f"standard deviation, in units of {self.unit}")


def variance_frame(encoder: Any, target: str | None = None) -> pd.DataFrame:
    """A row for each component of a fitted model, with its `sd`, the largest first and the residual last."""
    require_fitted(encoder)
    summary = encoder.summary_
    if "kind" in summary:
        rows = summary[summary["kind"] == "variance"]
        names = [
            group if term in ("intercept", "") else f"{group}: {term}"
            for group, term in zip(rows["group"], rows["term"], strict=True)
        ]
        frame = pd.DataFrame({"component": names, "sd": np.sqrt(rows["value"].to_numpy(dtype=float))})
    else:
        frame = _of_levels(encoder, rows_of_target(summary, target))
    residual = frame["component"] == RESIDUAL
    return pd.concat([frame[~residual].sort_values("sd", ascending=False, kind="stable"), frame[residual]])


def _of_levels(encoder: Any, summary: pd.DataFrame) -> pd.DataFrame:
    if "adjusted_sd" in summary or "effect_sd" in summary:
        sd = summary["adjusted_sd" if "adjusted_sd" in summary else "effect_sd"]
        return pd.DataFrame({"component": summary["column"], "sd": sd})
    if not hasattr(encoder, "levels"):
        raise TypeError(
            f"The columns of {type(encoder).__name__} have a variance each, but no model together. Draw them by "
            "SignalDisplay."
        )
    rows = [*zip(summary["column"], summary["between_sd"], strict=True), (RESIDUAL, summary["within_sd"].iloc[0])]
    return pd.DataFrame(rows, columns=["component", "sd"])


class SlopeDisplay(Display):
    """The line of each category of a factor whose slope varies: a fan about the line of all categories.

    With the coefficients b of the covariate x and the effects u_k of category k, its line is

        y = (b_0 + u_k0) + (b_1 + u_k1) x.

    Parameters
    ----------
    lines : pandas.DataFrame
        A row for each category, with its `intercept` and its `slope`.
    values : (float, float)
        The values of the covariate between which lines are drawn.
    names : (str, str)
        Of the factor and of the covariate.
    common : (float, float)
        The intercept and slope of all categories.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    See Also
    --------
    VarianceDisplay : The standard deviations of intercepts and slopes.

    References
    ----------
    A. Gelman, J. Hill (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models, Cambridge, chapter 13.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import MixedModelEncoder
    >>> from catpool.explain import SlopeDisplay
    >>> rng = np.random.default_rng(0)
    >>> shop, price = rng.integers(0, 20, size=500), rng.normal(size=500)
    >>> X = pd.DataFrame({"shop": shop.astype(str), "price": price})
    >>> y = rng.normal(size=20)[shop] + rng.normal(size=20)[shop] * price + rng.normal(size=500)
    >>> encoder = MixedModelEncoder(["shop"], covariates=["price"], slopes={"shop": ["price"]}).fit(X, y)
    >>> display = SlopeDisplay.from_encoder(encoder, "shop", "price", values=(-2, 2))
    >>> len(display.lines)
    20
    """

    def __init__(
        self, lines: pd.DataFrame, *, values: tuple[float, float], names: tuple[str, str], common: tuple[float, float]
    ) -> None:
        self.lines, self.values, self.names, self.common = lines, values, names, common

    @classmethod
    def from_encoder(
        cls,
        encoder: Any,
        factor: Hashable,
        covariate: Hashable,
        *,
        values: tuple[float, float] = (0.0, 1.0),
        ax: Axes | None = None,
    ) -> SlopeDisplay:
        """Draw the lines of a factor of a fitted mixed model.

        Parameters
        ----------
        encoder : MixedModelEncoder
        factor, covariate : str or int
            The factor, and the column whose slope varies between its categories.
        values : (float, float), default=(0.0, 1.0)
            The values of the covariate between which lines are drawn, in its units.
        ax : matplotlib.axes.Axes, default=None
            None makes new ones.

        Raises
        ------
        ValueError
            If there is no such factor, or it has no slope of the covariate.
        ImportError
            Without matplotlib.
        """
        intercepts = category_frame(encoder, factor)
        slopes = category_frame(encoder, factor, term=str(covariate))
        summary = encoder.summary_
        fixed = summary[summary["kind"] == "fixed"].set_index("term")["value"]
        common = float(fixed.get("intercept", 0.0)), float(fixed.get(str(covariate), 0.0))
        lines = pd.DataFrame({"intercept": common[0] + intercepts["value"], "slope": common[1] + slopes["value"]})
        return cls(lines, values=values, names=(str(factor), str(covariate)), common=common).plot(ax=ax)

    def _draw(self) -> None:
        x, number = np.asarray(self.values, dtype=float), len(self.lines)
        ends = self.lines["intercept"].to_numpy()[:, None] + self.lines["slope"].to_numpy()[:, None] * x
        alpha, many = float(np.clip(20 / number, 0.02, 0.7)), number > 500
        self.ax_.plot(x, ends.T, color=BLUE, linewidth=0.8, alpha=alpha, rasterized=many)
        self.ax_.plot(x, self.common[0] + self.common[1] * x, color=DARK, linewidth=2.5)
        title = f"{self.names[0]}: the lines of {number:,} categories, and of all (dark)"
        finish(self.ax_, title=title, x=self.names[1], y="linear predictor")
