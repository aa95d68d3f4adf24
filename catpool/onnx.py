"""Converters that let skl2onnx write fitted encoders as parts of ONNX graphs."""

from __future__ import annotations

from typing import Any

from catpool.crossfit.past.earlier_rows import EarlierRows
from catpool.encoders.additive_encoder import AdditiveEncoder
from catpool.encoders.empirical_bayes import EmpiricalBayesEncoder
from catpool.encoders.mean import MeanEncoder
from catpool.encoders.mixed_model import MixedModelEncoder
from catpool.encoders.nested import NestedEncoder
from catpool.encoders.smoothed_mean import SmoothedMeanEncoder
from catpool.encoders.tree_encoder import TreeEncoder
from catpool.engines.onnx_graph import Graph, read_columns
from catpool.engines.onnx_tables import add_table

OF_SEVERAL_COLUMNS = (MixedModelEncoder, AdditiveEncoder, TreeEncoder)
ENCODERS = (MeanEncoder, SmoothedMeanEncoder, EmpiricalBayesEncoder, NestedEncoder, *OF_SEVERAL_COLUMNS)


def register_converters() -> None:
    """Register converters with skl2onnx for the encoders and, if it is installed, for LightGBM.

    Afterwards ``skl2onnx.to_onnx`` and ``convert_sklearn`` write a pipeline of an encoder and an estimator as one
    graph, which takes the columns of X and encodes them as ``transform`` does:

    - A column of strings is an input of strings. onnxruntime passes missing objects as the strings "nan", "None",
      "<NA>" and "NaT"; the graph reads these as missing values, unless they were categories at fit.
    - A column of numbers is an input of numbers, with NaN for missing values.

    Raises
    ------
    ImportError
        If skl2onnx is not installed: ``pip install "catpool[onnx]"``.

    Notes
    -----
    The features are 32-bit floats, as the trees of ONNX need them. A category whose encoding is within a few 1e-8 of a
    threshold of LightGBM may therefore take the other branch. With ``output="trees"`` this cannot happen, because means
    are rounded.

    skl2onnx converts random forests that were fitted to NaN into graphs that may send NaN down the wrong branch. Fill
    the missing values of columns that pass through before fitting such a forest.

    The conversion raises a TypeError for what a graph cannot do: `MixedModelEncoder`, `AdditiveEncoder` and
    `TreeEncoder`; policies that raise errors; `EarlierRows` with a half-life; columns of strings that pass through;
    categories other than strings and numbers.

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
        raise ImportError('`register_converters` needs skl2onnx: pip install "catpool[onnx]".') from error
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

    # Names and options are those of the documentation of skl2onnx on converting LightGBM.

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


# skl2onnx calls a parser, a shape calculator and a converter of each operator, in this order.
def _parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare the encoder as one operator with an output of floats, whatever the types of its inputs are."""
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
        blocks |= add_table(graph, table, columns)
    kept = [label for label in header.labels if label in blocks or encoder.remainder == "passthrough"]
    placed = [blocks.pop(label) if label in blocks else columns[label].cast_to_float() for label in kept]
    features = [part for part in [*placed, *blocks.values()] if part is not None]
    graph.node("Concat", *features, output=operator.outputs[0].full_name, axis=1)


def _refuse(encoder: Any) -> None:
    """Refuse encoders that a graph cannot represent."""
    if isinstance(encoder, OF_SEVERAL_COLUMNS):
        raise TypeError(
            f"{type(encoder).__name__} has no ONNX graph. Export the estimator alone, and pass it encoded rows."
        )
    if "error" in (encoder.unknown, encoder.missing):
        raise TypeError('An ONNX graph cannot raise errors. Use other values of `unknown` and `missing` than "error".')
    if isinstance(encoder.cv, EarlierRows) and encoder._fitted.last_time is not None:
        raise TypeError(
            "An ONNX graph cannot forget training rows over time. Use EarlierRows without `half_life`, and `drift` "
            'without output="sd".'
        )
    if not len(encoder.get_feature_names_out()):
        raise TypeError("The encoder has no features, so there is nothing to export. Set drop_noise=False.")
