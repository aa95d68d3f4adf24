"""What needs rows in memory, and is refused of lazy tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catpool.crossfit.columnwise import Columnwise
from catpool.crossfit.scheme import is_rule
from catpool.crossfit.structure import Structure


def check_structure(structure: Structure, owner: str) -> Columnwise:
    if not isinstance(structure, Columnwise):
        raise TypeError(
            f"{owner} needs rows in memory, but X is a lazy table. Collect it to pandas, polars or arrow first."
        )
    return structure


def refuse_rows(structure: Columnwise, cv: Any, *, out_of_fold: bool) -> None:
    """Refuse what needs rows in memory."""
    if is_rule(cv) or (out_of_fold and structure.crossfit.only_rare):
        raise ValueError(
            'A lazy table needs crossfit="all" and a `cv` of folds, because the others need rows in memory. Got '
            f"cv={cv!r}, crossfit={structure.crossfit.which!r}. Collect the table to pandas, polars or arrow."
        )
    structure.refuse_rows("X is a lazy table")


def refuse_traits(label: Any, traits: Sequence[Any]) -> None:
    """Refuse features of categories that are columns of the table."""
    if traits:
        raise ValueError(
            f"`prior_features` of column {label!r} reads {traits} of X, which needs rows in memory, but X is a lazy "
            "table. Pass a table with one row per category, or collect X to pandas, polars or arrow."
        )
