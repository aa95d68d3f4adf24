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


def is_joint(encoder: Any) -> bool:
    """Whether the columns of a fitted encoder are levels or factors of one model."""
    return "prior_strength" not in encoder.summary_ or hasattr(encoder, "levels")


def choose_display(encoder: Any, column: Hashable | None, target: str | None, ax: Axes | None) -> Any:
    """The picture of all columns of a fitted encoder, or of one."""
    require_fitted(encoder)
    summary = encoder.summary_
    if column is None:
        return (VarianceDisplay if is_joint(encoder) else SignalDisplay).from_encoder(encoder, target=target, ax=ax)
    adjusted = "kind" in summary or hasattr(encoder, "interactions_")
    kind = CaterpillarDisplay if adjusted else ShrinkageDisplay
    return kind.from_encoder(encoder, column, target=target, ax=ax)
