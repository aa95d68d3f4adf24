"""Categories as partially pooled numeric features for tree ensembles."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from catpool.encoders.empirical_bayes import EmpiricalBayesEncoder
from catpool.encoders.mean import MeanEncoder
from catpool.encoders.smoothed_mean import SmoothedMeanEncoder
from catpool.leaks import TrainingRowsWarning
from catpool.schedule import EarlierRows

if TYPE_CHECKING:
    from catpool.comparison import compare_encoders
    from catpool.draws import sample_encodings
    from catpool.encoders.mixed_model import MixedModelEncoder
    from catpool.encoders.nested import NestedEncoder
    from catpool.leak_check import check_no_leak
    from catpool.monotone import monotone_constraints
    from catpool.recommend import recommended_encoder

__all__ = [
    "EarlierRows",
    "EmpiricalBayesEncoder",
    "MeanEncoder",
    "MixedModelEncoder",
    "NestedEncoder",
    "SmoothedMeanEncoder",
    "TrainingRowsWarning",
    "check_no_leak",
    "compare_encoders",
    "monotone_constraints",
    "recommended_encoder",
    "sample_encodings",
]
__version__ = "0.1.0"

_WHEN_ASKED_FOR = {  # imported then, as each import takes its time
    "MixedModelEncoder": "catpool.encoders.mixed_model",
    "NestedEncoder": "catpool.encoders.nested",
    "check_no_leak": "catpool.leak_check",
    "compare_encoders": "catpool.comparison",
    "monotone_constraints": "catpool.monotone",
    "recommended_encoder": "catpool.recommend",
    "sample_encodings": "catpool.draws",
}


def __getattr__(name: str) -> Any:
    if name in _WHEN_ASKED_FOR:
        return getattr(import_module(_WHEN_ASKED_FOR[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHEN_ASKED_FOR])
