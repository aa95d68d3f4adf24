"""Categories as partially pooled numeric features for tree ensembles."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catpool.crossfit.past.earlier_rows import EarlierRows
    from catpool.data.fingerprint import TrainingRowsWarning
    from catpool.encoders.additive_encoder import AdditiveEncoder
    from catpool.encoders.empirical_bayes import EmpiricalBayesEncoder
    from catpool.encoders.group_features import GroupFeatures
    from catpool.encoders.mean import MeanEncoder
    from catpool.encoders.mixed_model import MixedModelEncoder
    from catpool.encoders.nested import NestedEncoder
    from catpool.encoders.number_binner import NumberBinner
    from catpool.encoders.smoothed_mean import SmoothedMeanEncoder
    from catpool.encoders.tree_encoder import TreeEncoder
    from catpool.evaluation.comparison import compare_encoders
    from catpool.evaluation.draws import sample_encodings
    from catpool.evaluation.encoded_folds import encoded_folds
    from catpool.evaluation.leak_check import check_no_leak
    from catpool.evaluation.monotone import monotone_constraints
    from catpool.explain.report import report
    from catpool.models.features.ready_made.coordinates import coordinates
    from catpool.models.features.ready_made.linear import linear
    from catpool.models.features.ready_made.neighbours import neighbours
    from catpool.models.features.ready_made.ordered import ordered
    from catpool.models.features.ready_made.similar_names import names
    from catpool.models.features.ready_made.size_features import sizes
    from catpool.tables.unseen import UnseenCategoriesWarning

__all__ = [
    "AdditiveEncoder",
    "EarlierRows",
    "EmpiricalBayesEncoder",
    "GroupFeatures",
    "MeanEncoder",
    "MixedModelEncoder",
    "NestedEncoder",
    "NumberBinner",
    "SmoothedMeanEncoder",
    "TrainingRowsWarning",
    "TreeEncoder",
    "UnseenCategoriesWarning",
    "check_no_leak",
    "compare_encoders",
    "coordinates",
    "encoded_folds",
    "linear",
    "monotone_constraints",
    "names",
    "neighbours",
    "ordered",
    "report",
    "sample_encodings",
    "sizes",
]
__version__ = "0.1.0"

_WHEN_ASKED_FOR = {  # imported only then, because each import takes time
    "AdditiveEncoder": "catpool.encoders.additive_encoder",
    "EarlierRows": "catpool.crossfit.past.earlier_rows",
    "EmpiricalBayesEncoder": "catpool.encoders.empirical_bayes",
    "GroupFeatures": "catpool.encoders.group_features",
    "MeanEncoder": "catpool.encoders.mean",
    "MixedModelEncoder": "catpool.encoders.mixed_model",
    "NestedEncoder": "catpool.encoders.nested",
    "NumberBinner": "catpool.encoders.number_binner",
    "SmoothedMeanEncoder": "catpool.encoders.smoothed_mean",
    "TrainingRowsWarning": "catpool.data.fingerprint",
    "TreeEncoder": "catpool.encoders.tree_encoder",
    "UnseenCategoriesWarning": "catpool.tables.unseen",
    "check_no_leak": "catpool.evaluation.leak_check",
    "compare_encoders": "catpool.evaluation.comparison",
    "coordinates": "catpool.models.features.ready_made.coordinates",
    "encoded_folds": "catpool.evaluation.encoded_folds",
    "linear": "catpool.models.features.ready_made.linear",
    "monotone_constraints": "catpool.evaluation.monotone",
    "names": "catpool.models.features.ready_made.similar_names",
    "neighbours": "catpool.models.features.ready_made.neighbours",
    "ordered": "catpool.models.features.ready_made.ordered",
    "report": "catpool.explain.report",
    "sample_encodings": "catpool.evaluation.draws",
    "sizes": "catpool.models.features.ready_made.size_features",
}


def __getattr__(name: str) -> Any:
    if name in _WHEN_ASKED_FOR:
        return getattr(import_module(_WHEN_ASKED_FOR[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
