"""Pictures of fitted encoders. They need matplotlib, which is imported when the first is drawn."""

from catpool.explain.caterpillar import CaterpillarDisplay
from catpool.explain.fold_differences import OutOfFoldDisplay
from catpool.explain.residuals import ResidualDisplay
from catpool.explain.shift import ShiftDisplay
from catpool.explain.shrinkage import ShrinkageDisplay
from catpool.explain.signal import SignalDisplay
from catpool.explain.slopes import SlopeDisplay
from catpool.explain.table_pictures import ComparisonDisplay, LeakDisplay
from catpool.explain.variance import VarianceDisplay

__all__ = [
    "CaterpillarDisplay",
    "ComparisonDisplay",
    "LeakDisplay",
    "OutOfFoldDisplay",
    "ResidualDisplay",
    "ShiftDisplay",
    "ShrinkageDisplay",
    "SignalDisplay",
    "SlopeDisplay",
    "VarianceDisplay",
]
