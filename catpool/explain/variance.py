"""`VarianceDisplay`: how much the categories of levels and factors vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.encoders.parameters import documented
from catpool.explain.canvas import BLUE, GREY, finish, name_rows
from catpool.explain.category_frame import rows_of_target
from catpool.explain.display import Display
from catpool.explain.fitted_encoders import require_fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RESIDUAL = "residual"


@documented
class VarianceDisplay(Display):
    """The standard deviations between the categories of levels or factors, beside that of a row.

    With the standard deviation sigma_f of the effects of each factor f and sigma of a row, a row's variance is

        variance = sum over f of sigma_f^2 + sigma^2,

    so a bar twice as long explains four times as much. Slopes are in units of y for a unit of their column.

    Parameters
    ----------
    components : pandas.DataFrame
        A row for each component, with `component` and `sd`. The last may be the residual.
    unit : str, default="y"
        What the standard deviations are of.

    Attributes
    ----------
    <drawn>

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
        <target>
        <ax>

        Raises
        ------
        TypeError
            If the encoder has no joint model: columns by themselves each have a variance of their own.
        <no_matplotlib>
        """
        require_fitted(encoder)
        return cls(variance_frame(encoder, target), unit=unit_of_effects(encoder)).plot(ax=ax)

    @property
    def _named_rows(self) -> int | None:
        return len(self.components)

    def _draw(self) -> None:
        frame = self.components
        colors = np.where(frame["component"] == RESIDUAL, GREY, BLUE)
        self.ax_.barh(np.arange(len(frame)), frame["sd"], color=colors, height=0.6)
        name_rows(self.ax_, frame["component"].tolist())
        finish(self.ax_, title="How much categories differ", x=f"standard deviation, in units of {self.unit}")


def unit_of_effects(encoder: Any) -> str:
    """What effects are added to: y, or its linear predictor where that has another scale."""
    normal = encoder.target_type_ == "continuous" and getattr(encoder, "family", "auto") in ("auto", "normal")
    return "y" if normal else "the linear predictor"


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
