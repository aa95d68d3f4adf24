"""The picture that `plot` of an encoder draws."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from catpool.explain.caterpillar import CaterpillarDisplay
from catpool.explain.fitted_encoders import require_fitted
from catpool.explain.shrinkage import ShrinkageDisplay
from catpool.explain.signal import SignalDisplay
from catpool.explain.variance import VarianceDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def choose_display(encoder: Any, column: Hashable | None, target: str | None, ax: Axes | None) -> Any:
    """The picture of all columns of a fitted encoder, or of one."""
    require_fitted(encoder)
    summary = encoder.summary_
    if column is None:
        joint = "prior_strength" not in summary or hasattr(encoder, "levels")
        return (VarianceDisplay if joint else SignalDisplay).from_encoder(encoder, target=target, ax=ax)
    adjusted = "kind" in summary or hasattr(encoder, "interactions_")
    kind = CaterpillarDisplay if adjusted else ShrinkageDisplay
    return kind.from_encoder(encoder, column, target=target, ax=ax)
