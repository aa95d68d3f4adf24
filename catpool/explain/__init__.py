"""Pictures of fitted encoders. They need matplotlib, which is imported when the first is drawn."""

from catpool.explain.caterpillar import CaterpillarDisplay
from catpool.explain.residuals import ResidualDisplay
from catpool.explain.shrinkage import ShrinkageDisplay
from catpool.explain.signal import SignalDisplay
from catpool.explain.table_pictures import ComparisonDisplay, LeakDisplay
from catpool.explain.training_and_new import OutOfFoldDisplay, ShiftDisplay
from catpool.explain.variance import SlopeDisplay, VarianceDisplay

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
