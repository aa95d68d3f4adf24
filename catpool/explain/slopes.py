"""`SlopeDisplay`: the lines of the categories of a factor whose slope varies."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.encoders.parameters import documented
from catpool.explain.canvas import BLUE, DARK, GREY, PALE, finish
from catpool.explain.category_frame import category_frame
from catpool.explain.display import Display
from catpool.explain.variance import unit_of_effects

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

MOST_LINES = 500  # categories that have a line each
SHOWN = 20  # lines of more categories


@documented
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
    unit : str, default="y"
        What the lines are of.

    Attributes
    ----------
    <drawn>

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
        self,
        lines: pd.DataFrame,
        *,
        values: tuple[float, float],
        names: tuple[str, str],
        common: tuple[float, float],
        unit: str = "y",
    ) -> None:
        self.lines, self.values, self.names, self.common, self.unit = lines, values, names, common, unit

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
        <ax>

        Raises
        ------
        ValueError
            If there is no such factor, or it has no slope of the covariate.
        <no_matplotlib>
        """
        intercepts = category_frame(encoder, factor)
        slopes = category_frame(encoder, factor, term=str(covariate))
        summary = encoder.summary_
        fixed = summary[summary["kind"] == "fixed"].set_index("term")["value"]
        common = float(fixed.get("intercept", 0.0)), float(fixed.get(str(covariate), 0.0))
        lines = pd.DataFrame({"intercept": common[0] + intercepts["value"], "slope": common[1] + slopes["value"]})
        names = str(factor), str(covariate)
        return cls(lines, values=values, names=names, common=common, unit=unit_of_effects(encoder)).plot(ax=ax)

    def _draw(self) -> None:
        x, number = np.asarray(self.values, dtype=float), len(self.lines)
        (self._draw_lines if number <= MOST_LINES else self._draw_bands)()
        self.ax_.plot(x, self.common[0] + self.common[1] * x, color=DARK, linewidth=2.5, label="all together")
        self.ax_.legend(frameon=False)
        title = f"{self.names[0]}: the lines of {number:,} categories"
        finish(self.ax_, title=title, x=self.names[1], y=self.unit)

    def _draw_lines(self) -> None:
        alpha = float(np.clip(20 / len(self.lines), 0.1, 0.7))
        lines = self.ax_.plot(self.values, self._at(self.values).T, color=BLUE, linewidth=0.8, alpha=alpha)
        lines[0].set_label("a category each")

    def _draw_bands(self) -> None:
        """So many lines would hide each other."""
        x = np.linspace(*self.values, 50)
        between = np.quantile(self._at(x), [0.05, 0.25, 0.75, 0.95], axis=0)
        for lower, upper, color, share in ((0, 3, PALE, 90), (1, 2, GREY, 50)):
            self.ax_.fill_between(x, between[lower], between[upper], color=color, label=f"{share} % of the categories")
        order = np.argsort(self.lines["slope"].to_numpy())[np.linspace(0, len(self.lines) - 1, SHOWN).astype(int)]
        lines = self.ax_.plot(x, self._at(x)[order].T, color=BLUE, linewidth=0.6)
        lines[0].set_label(f"{SHOWN} of them, by their slopes")

    def _at(self, x: ArrayLike) -> np.ndarray:
        """The lines at some values of the covariate, shape (categories, len(x))."""
        intercept, slope = (self.lines[name].to_numpy(dtype=float) for name in ("intercept", "slope"))
        return intercept[:, None] + slope[:, None] * np.asarray(x, dtype=float)
