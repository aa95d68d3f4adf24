"""Nodes, constants and input columns of an ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from catpool.data.columns.categories import MISSING, Vocabulary
from catpool.data.frozen import frozen

MISSING_STRINGS = ("nan", "None", "<NA>", "NaT")  # onnxruntime passes missing objects as these strings
ML = "ai.onnx.ml"
OPSET = 13  # has all operators used here, except LabelEncoder


@frozen
class Graph:
    """The graph that skl2onnx is building.

    Methods add nodes and return the names of their results.

    Parameters
    ----------
    scope : skl2onnx.common._topology.Scope
        Makes unique names.
    container : skl2onnx.common._container.ModelComponentContainer
        Holds the nodes and the initializers.
    """

    scope: Any
    container: Any

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add an operator."""
        result = output or self.scope.get_unique_variable_name(f"catpool_{kind}")
        domain = {"op_domain": ML, "op_version": 2} if kind == "LabelEncoder" else {"op_version": OPSET}
        name = self.scope.get_unique_operator_name(f"catpool_{kind}")
        self.container.add_node(kind, list(inputs), [result], name=name, **domain, **attributes)
        return result

    def constant(self, values: Any) -> str:
        """Add an initializer of integers or of 32-bit floats."""
        from onnx import TensorProto

        array = np.asarray(values)
        whole = array.dtype.kind in "iu"
        name = str(self.scope.get_unique_variable_name("catpool_constant"))
        kind = TensorProto.INT64 if whole else TensorProto.FLOAT
        flat = array.astype(np.int64 if whole else np.float32).ravel()
        self.container.add_initializer(name, kind, array.shape, flat.tolist())
        return name

    def find_positions(self, values: str, known: np.ndarray) -> str:
        """Find the positions of integers in an array of known ones; the length of the array for all others."""
        return self.look_up(values, "int64s", known.tolist(), np.arange(len(known)), len(known))

    def look_up(self, name: str, kind: str, keys: list[Any], values: Any, default: int) -> str:
        """Map keys to integers, where the keys are "strings", "int64s" or "floats"."""
        if not keys:  # LabelEncoder must have a key
            keys, values = [0], [default]
        attributes: dict[str, Any] = {
            f"keys_{kind}": keys,
            "values_int64s": [int(value) for value in values],
            "default_int64": default,
        }
        return self.node("LabelEncoder", name, **attributes)

    def gather_rows(self, table: np.ndarray, positions: str) -> str:
        """Gather rows of a table, of shape (K, features), at positions of shape (n, 1)."""
        rows = self.node("Gather", self.constant(table), positions, axis=0)
        return self.node("Reshape", rows, self.constant([-1, table.shape[1]]))

    def equal(self, name: str, number: int) -> str:
        """Compare integers with a number."""
        return self.node("Equal", name, self.constant([[number]]))


@frozen
class Column:
    """An input column of the graph, of shape (n, 1).

    Parameters
    ----------
    graph : Graph
    name : str
        The name in the graph.
    kind : {"strings", "int64s", "floats"}
    label : Any
        The label of the column at fit.
    """

    graph: Graph
    name: str
    kind: str
    label: Any

    def slots(self, vocabulary: Vocabulary) -> str:
        """Look up the slots of the rows' categories."""
        categories, unseen = vocabulary.categories.tolist(), vocabulary.size - 1
        keys = [self._key(category) for category in categories]
        slots = [slot for slot, key in enumerate(keys, start=1) if key is not None]
        keys = [key for key in keys if key is not None]
        if len(set(keys)) < len(keys):
            raise TypeError(
                f"Some categories of {self.label!r} are the same as 32-bit floats. Turn them into strings before fit."
            )
        if self.kind == "strings":
            missing = [word for word in MISSING_STRINGS if word not in keys]
            keys, slots = [*keys, *missing], [*slots, *([MISSING] * len(missing))]
        found = self.graph.look_up(self.name, self.kind, keys, slots, unseen)
        if self.kind != "floats":
            return found
        return self.graph.node("Where", self.graph.node("IsNaN", self.name), self.graph.constant([[MISSING]]), found)

    def _key(self, category: Any) -> Any:
        """A category as a value of the column; None for a fraction, which a column of integers never has."""
        number = isinstance(category, Real | np.bool_)
        if number == (self.kind == "strings") or not (number or isinstance(category, str)):
            raise TypeError(
                f"The column {self.label!r} is an input of {self.kind}, but it has the category {category!r}. "
                "Categories must be strings throughout, or numbers throughout, at fit and in the inputs of the graph."
            )
        if self.kind == "int64s":
            return int(category) if float(category).is_integer() else None
        return float(np.float32(category)) if number else category

    def cast_to_float(self) -> str:
        """Cast the column itself to floats, to pass it through."""
        from onnx import TensorProto

        if self.kind == "strings":
            raise TypeError(
                f"The column {self.label!r} passes through, but it holds strings and ONNX features are numbers. "
                'Encode it, or pass remainder="drop".'
            )
        return self.graph.node("Cast", self.name, to=TensorProto.FLOAT)


def read_columns(graph: Graph, inputs: Sequence[Any], labels: Sequence[Any]) -> dict[Any, Column]:
    """The input columns by label: matched by name if the names of the inputs are the labels, else by position.

    Parameters
    ----------
    graph : Graph
    inputs : sequence of skl2onnx.common._topology.Variable
    labels : sequence
        The columns of fit.
    """
    names = [variable.raw_name for variable in inputs]
    if set(names) == set(labels):
        inputs = [inputs[names.index(label)] for label in labels]
    columns = [column for variable in inputs for column in _split_columns(graph, variable)]
    if len(columns) != len(labels):
        raise TypeError(
            f"The inputs of the graph must have the {len(labels)} columns of fit, {list(labels)}, but they have "
            f"{len(columns)}. Pass `initial_types` for the missing ones."
        )
    return {label: Column(graph, *column, label) for label, column in zip(labels, columns, strict=True)}


def _split_columns(graph: Graph, variable: Any) -> list[tuple[str, str]]:
    """The name and the kind of each column of an input."""
    from onnx import TensorProto
    from skl2onnx.common.data_types import (
        BooleanTensorType,
        DoubleTensorType,
        FloatTensorType,
        Int32TensorType,
        Int64TensorType,
        StringTensorType,
    )

    name, dtype = variable.full_name, variable.type
    if isinstance(dtype, StringTensorType):
        kind = "strings"
    elif isinstance(dtype, BooleanTensorType | Int32TensorType | Int64TensorType):
        name, kind = graph.node("Cast", name, to=TensorProto.INT64), "int64s"
    elif isinstance(dtype, FloatTensorType | DoubleTensorType):
        name, kind = graph.node("Cast", name, to=TensorProto.FLOAT), "floats"
    else:
        raise TypeError(
            f"Inputs must be strings, integers, truth values or floats, but {variable.raw_name!r} is {dtype}. "
            "Cast it before the encoder."
        )
    width = dtype.shape[1] if dtype.shape[1:] else 1
    if width == 1:
        return [(name, kind)]
    return [(graph.node("Gather", name, graph.constant([position]), axis=1), kind) for position in range(width)]
