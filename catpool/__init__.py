"""Categories as partially pooled numeric features for tree ensembles."""

from catpool.encoders import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder

__all__ = ["EmpiricalBayesEncoder", "MeanEncoder", "SmoothedMeanEncoder"]
__version__ = "0.1.0"
