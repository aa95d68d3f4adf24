"""Conversion of fitted state to values that JSON can hold, and back, without executing code or losing a digit.

Numbers, strings, booleans, None and lists stand for themselves. Every other value is a dictionary with its `type`: an
array with its dtype and shape, a date, or one of catpool's dataclasses. A file can create only the classes that are
listed here. Their fields must have the types of their annotations, and their `verify` must find that they fit together,
so a file from a stranger can hold wrong numbers, but no code and nothing that an encoder cannot work with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.feature_table import FeatureTable, is_table
from catpool.data.plain import plain_array, plain_series
from catpool.data.verify import require
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.family import Family
from catpool.tables.array_codec import array_from_plain, array_to_plain
from catpool.tables.field_types import checked
from catpool.tables.scalars import READERS, WRITERS, Plain, float_to_plain, integer_to_plain

OWN = {  # the dataclasses that files hold, with their modules; their fields are part of the file format
    "AdditiveModel": "catpool.models.additive.additive_model",
    "AdditiveTable": "catpool.models.additive.additive_table",
    "BinnedColumn": "catpool.data.columns.binned_columns",
    "BinnedColumns": "catpool.data.columns.binned_columns",
    "Bins": "catpool.data.columns.binning",
    "Cells": "catpool.data.columns.crossed",
    "Choice": "catpool.models.additive.screening",
    "Contrasts": "catpool.models.mixed.contrasts",
    "Drifted": "catpool.tables.drifted",
    "EarlierRows": "catpool.crossfit.past.earlier_rows",
    "EffectOutput": "catpool.models.additive.additive_table",
    "EffectsTable": "catpool.models.mixed.effects_table",
    "FeaturedVocabulary": "catpool.data.columns.featured",
    "DesignScales": "catpool.models.mixed.design",
    "Encoding": "catpool.tables.encoding",
    "EncodingTable": "catpool.tables.encoding_table",
    "Factor": "catpool.models.additive.factors",
    "FeatureEffects": "catpool.models.features.feature_effects",
    "FeatureTable": "catpool.data.columns.feature_table",
    "Fingerprint": "catpool.data.fingerprint",
    "Fitted": "catpool.tables.fitted",
    "GroupStatistics": "catpool.tables.group_statistics",
    "GroupTable": "catpool.tables.group_table",
    "GroupTables": "catpool.tables.group_table",
    "Header": "catpool.data.frames.header",
    "JointPosterior": "catpool.models.mixed.joint_posterior",
    "LevelMixture": "catpool.models.nested.tree",
    "Levels": "catpool.models.nested.tree",
    "LinearBasis": "catpool.models.features.ready_made.linear",
    "LinearFeatures": "catpool.models.features.ready_made.linear",
    "LinearLevels": "catpool.models.features.ready_made.linear",
    "LinearNumbers": "catpool.models.features.ready_made.linear",
    "MixedModel": "catpool.models.mixed.fitted_model",
    "Moments": "catpool.moments.moments",
    "NameBasis": "catpool.models.features.ready_made.similar_names",
    "NameFeatures": "catpool.models.features.ready_made.similar_names",
    "NeighbourBasis": "catpool.models.features.ready_made.neighbours",
    "NeighbourFeatures": "catpool.models.features.ready_made.neighbours",
    "NeighbourGraph": "catpool.models.features.ready_made.neighbour_graph",
    "NestedEncoding": "catpool.models.nested.nested_learner",
    "NestedTable": "catpool.models.nested.nested_table",
    "Order": "catpool.models.features.ready_made.category_order",
    "OrderedBasis": "catpool.models.features.ready_made.ordered",
    "OrderedFeatures": "catpool.models.features.ready_made.ordered",
    "Paths": "catpool.data.columns.crossed",
    "PlaceBasis": "catpool.models.features.ready_made.coordinates",
    "PlaceFeatures": "catpool.models.features.ready_made.coordinates",
    "Policy": "catpool.tables.policy",
    "PooledVariance": "catpool.priors.within.pooled_variance",
    "Prior": "catpool.priors.prior",
    "Rounding": "catpool.data.columns.rounding",
    "Sums": "catpool.models.interactions.crossed_effects",
    "SizeBasis": "catpool.models.features.ready_made.size_features",
    "SizeFeatures": "catpool.models.features.ready_made.size_features",
    "Tally": "catpool.moments.grouped",
    "Target": "catpool.data.targets.target",
    "ValueRanks": "catpool.tables.value_ranks",
    "Vocabulary": "catpool.data.columns.categories",
}
RENAMED = {"Sums": "PartEffects"}  # those that files call by another name than the code, and the name in the code
RENAMED_FIELDS = {("Prior", "mains"): "regression"}  # of earlier files
IN_FILES = {name: old for old, name in RENAMED.items()}
SHARED = "FeatureTable", "NeighbourGraph"  # which a parameter and what is fitted both hold, and a file only once
DEEPEST = 100  # values within values; Python gives up at some thousand


def to_plain(value: Any, shared: dict[str, Plain] | None = None, depth: int = 0) -> Any:
    """Convert a value to one that JSON can hold; raise a TypeError if that is not possible.

    Parameters
    ----------
    value : Any
    shared : dict, optional
        Takes up what a file holds only once, by its text. The value has the number of its place there.
    depth : int, default=0
        How many values it lies within.
    """
    shared = {} if shared is None else shared

    def inner(item: Any) -> Any:
        return to_plain(item, shared, depth + 1)

    if depth > DEEPEST:
        raise TypeError(f"more than {DEEPEST} values within each other")
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return integer_to_plain(value)
    if kind is float:  # numpy's float64 is a subclass, and is kept as an array is
        number = float_to_plain(value)
        return {"type": "float", "value": number} if isinstance(number, str) else number
    if kind is list:
        return [inner(item) for item in value]
    if kind is tuple:
        return {"type": "tuple", "items": [inner(item) for item in value]}
    if kind is dict:
        return {"type": "dict", "items": [[inner(key), inner(item)] for key, item in value.items()]}
    return _object_to_plain(value, inner, shared)


def _object_to_plain(value: Any, inner: Callable[[Any], Any], shared: dict[str, Plain]) -> Any:
    kind = type(value)
    if kind in WRITERS:
        name, write = WRITERS[kind]
        return {"type": name, **write(value)}
    if kind is np.str_:
        return str(value)
    if isinstance(value, np.ndarray | np.generic):
        return array_to_plain(value, inner)
    if isinstance(value, pd.Series | pd.Index):
        return array_to_plain(plain_array(value), inner)
    if kind is pd.Interval:
        return {"type": "interval", "left": inner(value.left), "right": inner(value.right), "closed": value.closed}
    if isinstance(value, Family) and type(FAMILIES.get(value.name)) is kind:
        return {"type": "Family", "name": value.name}
    name = IN_FILES.get(kind.__name__, kind.__name__)
    if is_dataclass(value) and OWN.get(name) == kind.__module__:
        plain = {"type": name, **{each.name: inner(getattr(value, each.name)) for each in fields(value)}}
        return _share(plain, shared) if name in SHARED else plain
    if is_table(value):
        return {"type": "table", "of": inner(FeatureTable.read(value))}
    raise TypeError(f"{value!r}, a {kind.__name__}")


def _share(plain: Plain, shared: dict[str, Plain]) -> Plain:
    """The number of an object among those that a file holds only once."""
    text = json.dumps(plain)
    shared.setdefault(text, plain)
    return {"type": "shared", "number": list(shared).index(text)}


def from_plain(value: Any, shared: Sequence[Any] = (), depth: int = 0) -> Any:
    """Convert a value from `to_plain` back; raise an error of some kind if it is not one.

    Parameters
    ----------
    value : Any
    shared : sequence, default=()
        The objects that the file holds only once.
    depth : int, default=0
        How many values it lies within.
    """

    def inner(item: Any) -> Any:
        return from_plain(item, shared, depth + 1)

    if depth > DEEPEST:
        raise ValueError(f"it holds more than {DEEPEST} values within each other")
    if isinstance(value, list):
        return [inner(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value["type"]
    if kind == "shared":
        return shared[value["number"]]
    require(
        isinstance(kind, str) and (kind in READERS or kind in OWN or kind in COMPOSITE), f"a value of type {kind!r}"
    )
    if kind in READERS:
        return READERS[kind](value)
    return _own(kind, value, inner) if kind in OWN else COMPOSITE[kind](value, inner)


def _own(kind: str, value: Plain, inner: Callable[[Any], Any]) -> Any:
    """One of catpool's dataclasses, whose fields have the right types and fit together."""
    own = getattr(import_module(OWN[kind]), RENAMED.get(kind, kind))
    given = {RENAMED_FIELDS.get((kind, name), name): inner(item) for name, item in value.items() if name != "type"}
    unknown = given.keys() - {field.name for field in fields(own)}
    require(not unknown, f"a {kind} with {sorted(unknown)}, which it does not have")
    if kind in ("Vocabulary", "FeaturedVocabulary") and isinstance(given["categories"], np.ndarray):
        given["categories"] = plain_series(given["categories"])
    if kind == "Target" and isinstance(given["family"], Family):  # in version 1, the family itself
        given["family"] = given["family"].name
    return checked(own(**given))


def _series(value: Plain, inner: Callable[[Any], Any]) -> np.ndarray:
    """What is now written as an array: another array, or a list of values."""
    values = inner(value["values"])
    return values if isinstance(values, np.ndarray) else np.fromiter(values, dtype=object, count=len(values))


def _table(value: Plain, inner: Callable[[Any], Any]) -> pd.DataFrame:
    if "of" in value:
        table = inner(value["of"])
        require(isinstance(table, FeatureTable), "a table of something else")
        return table.frame()
    columns = {inner(label): plain_series(inner(column)) for label, column in value["columns"]}
    return pd.DataFrame(columns).set_axis(pd.Index(plain_series(inner(value["index"])), tupleize_cols=False))


def _family(value: Plain, inner: Callable[[Any], Any]) -> Family:
    return FAMILIES[value["name"]]


COMPOSITE: dict[str, Callable[[Plain, Callable[[Any], Any]], Any]] = {
    "Family": _family,
    "array": array_from_plain,
    "dict": lambda value, inner: {inner(key): inner(item) for key, item in value["items"]},
    "interval": lambda value, inner: pd.Interval(inner(value["left"]), inner(value["right"]), value["closed"]),
    "series": _series,
    "table": _table,
    "tuple": lambda value, inner: tuple(inner(item) for item in value["items"]),
}
