"""The scikit-learn classes: parameters, docstrings and wiring."""

from catpool.encoders.empirical_bayes import EmpiricalBayesEncoder
from catpool.encoders.mean import MeanEncoder
from catpool.encoders.smoothed_mean import SmoothedMeanEncoder

__all__ = ["EmpiricalBayesEncoder", "MeanEncoder", "SmoothedMeanEncoder"]
