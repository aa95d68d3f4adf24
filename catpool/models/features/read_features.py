"""Reading the parameter `prior_features`: what the user says of the categories of each column, as features."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from catpool.data.columns.feature_bases import CategoryFeatures
from catpool.data.columns.feature_table import is_table
from catpool.models.features.ready_made.linear import linear

KINDS = "a table, a list of columns of X, a function from categories to a table, or features such as `ordered()`"


def read_features(spec: Any, label: Any) -> list[CategoryFeatures]:
    """The features that one value of `prior_features` stands for; each of them is a block with a variance of its own.

    Parameters
    ----------
    spec : frame, list, callable or features
    label : Any
        The label of the column, for messages.
    """
    if is_features(spec):
        return [spec]
    if isinstance(spec, list | tuple):
        return _read_list(spec, label)
    if callable(spec) or is_table(spec):
        return [linear(spec)]
    raise ValueError(f"`prior_features` of column {label!r} must be {KINDS}. Got {spec!r}.")


def _read_list(items: Sequence[Any], label: Any) -> list[CategoryFeatures]:
    """Features, and the columns of X among them as one block."""
    features = [each for each in items if is_features(each)]
    columns = [each for each in items if not is_features(each)]
    strange = [each for each in columns if not isinstance(each, Hashable) or callable(each) or is_table(each)]
    if strange or not items:
        what = f"a {type(strange[0]).__name__} in a list" if strange else "an empty list"
        raise ValueError(
            f"`prior_features` of column {label!r} must be {KINDS}; a list holds labels of columns and features. Got "
            f"{what}. Name some columns, and pass linear(...) in the place of a table or a function."
        )
    return ([linear(columns)] if columns else []) + features


def is_features(value: Any) -> bool:
    """Whether a value makes features, as it has a method `fit` and is no class."""
    return callable(getattr(value, "fit", None)) and not isinstance(value, type)
