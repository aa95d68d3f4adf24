"""Nodes of an ONNX graph, and the columns that come into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from catpool.data.categories import MISSING, Vocabulary

GONE = ("nan", "None", "<NA>", "NaT")  # onnxruntime's strings for missing objects
ML = "ai.onnx.ml"
OPSET = 13  # that of each operator used here, but for LabelEncoder's own


@dataclass(frozen=True)
class Graph:
    """What skl2onnx is building.

    Parameters
    ----------
    scope : skl2onnx.common._topology.Scope
        Which names things.
    container : skl2onnx.common._container.ModelComponentContainer
        Which holds them.
    """

    scope: Any
    container: Any

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add an operator; the name of what it gives."""
        name = output or self.scope.get_unique_variable_name(f"catpool_{kind}")
        domain = {"op_domain": ML, "op_version": 2} if kind == "LabelEncoder" else {"op_version": OPSET}
        own = self.scope.get_unique_operator_name(f"catpool_{kind}")
        self.container.add_node(kind, list(inputs), [name], name=own, **domain, **attributes)
        return name

    def constant(self, values: Any) -> str:
        """An array of integers or of 32-bit floats."""
        from onnx import TensorProto

        array = np.asarray(values)
        whole = array.dtype.kind in "iu"
        name = str(self.scope.get_unique_variable_name("catpool_constant"))
        kind = TensorProto.INT64 if whole else TensorProto.FLOAT
        flat = array.astype(np.int64 if whole else np.float32).ravel()
        self.container.add_initializer(name, kind, array.shape, flat.tolist())
        return name

    def numbered(self, keys: str, known: np.ndarray) -> str:
        """The places of integers among known ones; for others, how many these are."""
        return self.encoded(keys, "int64s", known.tolist(), np.arange(len(known)), len(known))

    def encoded(self, name: str, kind: str, keys: list[Any], values: Any, default: int) -> str:
        """Integers for keys of a kind, "strings", "int64s" or "floats"."""
        if not keys:  # which the operator must have
            keys, values = [0], [default]
        found: dict[str, Any] = {
            f"keys_{kind}": keys,
            "values_int64s": [int(value) for value in values],
            "default_int64": default,
        }
        return self.node("LabelEncoder", name, **found)

    def taken(self, table: np.ndarray, places: str) -> str:
        """Rows of a table, of shape (K, features), at places of shape (n, 1)."""
        rows = self.node("Gather", self.constant(table), places, axis=0)
        return self.node("Reshape", rows, self.constant([-1, table.shape[1]]))

    def equal(self, name: str, number: int) -> str:
        return self.node("Equal", name, self.constant([[number]]))


@dataclass(frozen=True)
class Column:
    """A column that comes in, of shape (n, 1).

    Parameters
    ----------
    graph : Graph
    name : str
    kind : {"strings", "int64s", "floats"}
    label : Any
        What the encoder calls it.
    """

    graph: Graph
    name: str
    kind: str
    label: Any

    def slots(self, vocabulary: Vocabulary) -> str:
        """The slots of its categories."""
        categories, unseen = vocabulary.categories.tolist(), vocabulary.size - 1
        keys = [self._key(category) for category in categories]
        slots = [slot for slot, key in enumerate(keys, start=1) if key is not None]
        keys = [key for key in keys if key is not None]
        if len(set(keys)) < len(keys):
            raise TypeError(f"Categories of {self.label!r} are the same as 32-bit floats. Make them strings.")
        if self.kind == "strings":
            gone = [word for word in GONE if word not in keys]
            keys, slots = [*keys, *gone], [*slots, *([MISSING] * len(gone))]
        found = self.graph.encoded(self.name, self.kind, keys, slots, unseen)
        if self.kind != "floats":
            return found
        return self.graph.node("Where", self.graph.node("IsNaN", self.name), self.graph.constant([[MISSING]]), found)

    def _key(self, category: Any) -> Any:
        """What a category is as a value of the column; None where it can be none."""
        number = isinstance(category, Real | np.bool_)
        if number == (self.kind == "strings") or not (number or isinstance(category, str)):
            raise TypeError(
                f"The column {self.label!r} comes into the graph as {self.kind}, but it has the category {category!r}. "
                "Categories must be strings throughout, or numbers throughout, at fit and in the graph's inputs."
            )
        if self.kind == "int64s":
            whole = float(category).is_integer()
            return int(category) if whole else None
        return float(np.float32(category)) if number else category

    def number(self) -> str:
        """The column itself, as floats."""
        from onnx import TensorProto

        if self.kind == "strings":
            raise TypeError(
                f'The column {self.label!r} is of strings, and passes through. Encode it, or pass remainder="drop".'
            )
        return self.graph.node("Cast", self.name, to=TensorProto.FLOAT)


def read_columns(graph: Graph, inputs: Sequence[Any], labels: Sequence[Any]) -> dict[Any, Column]:
    """The columns of a graph's inputs by their labels: by name where inputs are called so, else by position."""
    names = [each.raw_name for each in inputs]
    if set(names) == set(labels):
        inputs = [inputs[names.index(label)] for label in labels]
    columns = [column for each in inputs for column in _columns_of(graph, each)]
    if len(columns) != len(labels):
        raise TypeError(f"The inputs must have the {len(labels)} columns {list(labels)}, but have {len(columns)}.")
    return {label: Column(graph, *column, label) for label, column in zip(labels, columns, strict=True)}


def _columns_of(graph: Graph, variable: Any) -> list[tuple[str, str]]:
    """The name and kind of each column of an input."""
    from onnx import TensorProto
    from skl2onnx.common.data_types import (
        BooleanTensorType,
        DoubleTensorType,
        FloatTensorType,
        Int32TensorType,
        Int64TensorType,
        StringTensorType,
    )

    name, kind, width = variable.full_name, variable.type, variable.type.shape[1] if variable.type.shape[1:] else 1
    if isinstance(kind, StringTensorType):
        sort = "strings"
    elif isinstance(kind, BooleanTensorType | Int32TensorType | Int64TensorType):
        name, sort = graph.node("Cast", name, to=TensorProto.INT64), "int64s"
    elif isinstance(kind, FloatTensorType | DoubleTensorType):
        name, sort = graph.node("Cast", name, to=TensorProto.FLOAT), "floats"
    else:
        raise TypeError(f"Inputs must be strings, integers, truth values or floats. {variable.raw_name!r} is {kind}.")
    if width == 1:
        return [(name, sort)]
    return [(graph.node("Gather", name, graph.constant([place]), axis=1), sort) for place in range(width)]
