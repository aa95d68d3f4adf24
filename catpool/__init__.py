"""Categories as partially pooled numeric features for tree ensembles."""

from catpool.draws import sample_encodings
from catpool.encoders import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder

__all__ = ["EmpiricalBayesEncoder", "MeanEncoder", "SmoothedMeanEncoder", "sample_encodings"]
__version__ = "0.1.0"
