"""Fitted encoders as parts of ONNX graphs, which skl2onnx puts together: from categories to slots, and to features."""

from __future__ import annotations

from typing import Any

from catpool.crossfit.earlier_rows import EarlierRows
from catpool.encoders.empirical_bayes import EmpiricalBayesEncoder
from catpool.encoders.mean import MeanEncoder
from catpool.encoders.mixed_model import MixedModelEncoder
from catpool.encoders.nested import NestedEncoder
from catpool.encoders.smoothed_mean import SmoothedMeanEncoder
from catpool.engines.onnx_graph import Graph, read_columns
from catpool.engines.onnx_tables import features_of

ENCODERS = (MeanEncoder, SmoothedMeanEncoder, EmpiricalBayesEncoder, NestedEncoder, MixedModelEncoder)


def register_converters() -> None:
    """Teach skl2onnx the encoders, and LightGBM's estimators where that is installed.

    After it, ``skl2onnx.to_onnx`` and ``convert_sklearn`` write a pipeline of an encoder and an estimator as one graph.
    A column of strings comes in as strings, where "nan", "None", "<NA>" and "NaT", which is what onnxruntime makes of
    missing objects, are missing values unless they are categories; columns of numbers, NaN for missing, as numbers.
    Features come out as 32-bit floats, as all trees of ONNX have them: a category whose encoding lies within a few
    1e-8 of a threshold that LightGBM found may take the other branch. It cannot with ``output="trees"``. Forests of
    scikit-learn that have learned from NaN are converted by skl2onnx to graphs that go other ways there.

    Raises
    ------
    ImportError
        Without skl2onnx: ``pip install "catpool[onnx]"``.

    Notes
    -----
    While it converts, skl2onnx raises a TypeError for what a graph cannot do: `MixedModelEncoder`, errors as policies,
    forgetting, columns that pass through and are no numbers, categories that are neither strings nor numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from catpool import EmpiricalBayesEncoder
    >>> from catpool.onnx import register_converters
    >>> register_converters()
    >>> from skl2onnx import to_onnx
    >>> X, y = pd.DataFrame({"city": list("aabbcc"), "rooms": [1.0, 2, 3, 4, 5, 6]}), [1.0, 2, 4, 5, 2, 3]
    >>> pipeline = make_pipeline(EmpiricalBayesEncoder(["city"], cv=2), RandomForestRegressor(5, random_state=0))
    >>> graph = to_onnx(pipeline.fit(X, y), X[:1])
    >>> [each.name for each in graph.graph.input]
    ['city', 'rooms']
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError('Converters are registered with skl2onnx: pip install "catpool[onnx]".') from error
    for encoder in ENCODERS:
        update_registered_converter(encoder, f"Catpool{encoder.__name__}", _set_shape, _convert, parser=_parse)
    _register_lightgbm()


def _register_lightgbm() -> None:
    try:
        from lightgbm import LGBMClassifier, LGBMRegressor
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    except ImportError:
        return
    from skl2onnx import update_registered_converter
    from skl2onnx.common import shape_calculator

    update_registered_converter(
        LGBMRegressor,
        "LightGbmLGBMRegressor",
        shape_calculator.calculate_linear_regressor_output_shapes,
        convert_lightgbm,
        options={"split": None},
    )
    update_registered_converter(
        LGBMClassifier,
        "LightGbmLGBMClassifier",
        shape_calculator.calculate_linear_classifier_output_shapes,
        convert_lightgbm,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"], "raw_scores": [True, False]},
    )


def _parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """The encoder as one operator, whose output is of floats whatever comes in."""
    from skl2onnx._supported_operators import _get_sklearn_operator_name
    from skl2onnx.common.data_types import FloatTensorType

    operator = scope.declare_local_operator(_get_sklearn_operator_name(type(model)), model)
    operator.inputs = list(inputs)
    operator.outputs.append(scope.declare_local_variable("encoded", FloatTensorType()))
    return operator.outputs


def _set_shape(operator: Any) -> None:
    from skl2onnx.common.data_types import FloatTensorType

    operator.outputs[0].type = FloatTensorType([None, len(operator.raw_operator.get_feature_names_out())])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    encoder, graph = operator.raw_operator, Graph(scope, container)
    _refuse(encoder)
    header = encoder._fitted.header
    columns = read_columns(graph, operator.inputs, header.labels)
    blocks: dict[Any, str | None] = {}
    for table in encoder.tables_:
        blocks |= features_of(graph, table, columns)
    kept = [label for label in header.labels if label in blocks or encoder.remainder == "passthrough"]
    parts = [blocks.pop(label) if label in blocks else columns[label].number() for label in kept] + [*blocks.values()]
    features = [part for part in parts if part is not None]
    graph.node("Concat", *features, output=operator.outputs[0].full_name, axis=1)


def _refuse(encoder: Any) -> None:
    """Refuse what a graph cannot do."""
    if isinstance(encoder, MixedModelEncoder):
        raise TypeError("MixedModelEncoder has no ONNX graph. Export what follows it, and encode before.")
    if "error" in (encoder.unknown, encoder.missing):
        raise TypeError('ONNX knows no errors. Fit with `unknown` and `missing` other than "error".')
    if isinstance(encoder.cv, EarlierRows) and encoder.cv.half_life is not None:
        raise TypeError("ONNX knows no forgetting. Fit without a half-life.")
    if not len(encoder.get_feature_names_out()):
        raise TypeError("No feature comes out, so there is nothing to export.")
