"""`Header`: the labels of the columns that an encoder was fitted on."""

from __future__ import annotations

from typing import Any

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_labels

MISMATCH = "The feature names should match those that were passed during fit. "


@frozen
class Header:
    """The columns that an encoder was fitted on, for comparison with those of new rows.

    Parameters
    ----------
    owner : str
        The class of the encoder, for messages.
    labels : list
    framed : bool
    named : bool
        As in `Frame`.
    """

    owner: str
    labels: list[Any]
    framed: bool
    named: bool

    @property
    def names_by_label(self) -> dict[Any, str]:
        """The names of the columns, for features, by label."""
        return name_columns(self.labels, named=self.named)

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be columns."""
        require(self.labels, "no columns")
        require_labels(self.labels)
        strings = [isinstance(label, str) for label in self.labels]
        require(self.named == (self.framed and all(strings)), "names of columns that are not strings")


def check_labels(labels: list[Any], like: Header, required: list[Any], *, strict: bool) -> None:
    """Raise an error if required columns are not among the labels or, with `strict`, columns are that fit had not."""
    here, known = set(labels), set(like.labels)
    absent = [label for label in required if label not in here]
    if absent:
        raise ValueError(f"{MISMATCH}Feature names seen at fit time, yet now missing: {absent}. Add them to X.")
    unseen = [label for label in labels if label not in known]
    if unseen and strict:
        raise ValueError(f"{MISMATCH}Feature names unseen at fit time: {unseen}. Drop them from X.")


def name_columns(labels: list[Any], *, named: bool) -> dict[Any, str]:
    """Name the columns by their labels if these are strings, otherwise x0, x1, ..."""
    return {label: label if named else f"x{position}" for position, label in enumerate(labels)}
