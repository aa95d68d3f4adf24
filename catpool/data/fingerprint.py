"""Whether rows are the training rows, and the warning that says so."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frames import Frame

SAMPLE = 256  # rows that are hashed


class TrainingRowsWarning(UserWarning):
    """The rows that an encoder learned from were passed to ``transform``."""


@dataclass(frozen=True)
class Fingerprint:
    """What identifies training rows: their number, and the values and index of some of them.

    Parameters
    ----------
    rows : int
    sample : str
        A hash, the same in all processes.
    """

    rows: int
    sample: str

    def matches(self, X: Frame, labels: list[Any]) -> bool:
        """Whether these are the training rows, by the columns named; one row alone is not enough to tell."""
        return len(X) == self.rows > 1 and Fingerprint.of(X, labels) == self

    @classmethod
    def of(cls, X: Frame, labels: list[Any]) -> Fingerprint:
        """Of the columns named."""
        step = max(1, len(X) // SAMPLE)
        texts = [_written(X.column(label)[::step]) for label in labels]
        index = X.index()
        texts.append("" if index is None else _written(index[::step]))
        return cls(len(X), sha256("".join(texts).encode()).hexdigest())


def _written(values: Any) -> str:
    objects = np.array(values, dtype=object)
    objects[pd.isna(objects)] = None
    return repr(objects.tolist())


def warn_of_training_rows() -> None:
    warnings.warn(
        "transform was given the very rows that the encoder was fitted on, so that each row's own target is in its "
        "features. Where a model learns from these rows, call fit_transform(X, y), which encodes them out of fold. To "
        "look at them all the same, silence catpool.TrainingRowsWarning.",
        TrainingRowsWarning,
        stacklevel=4,
    )
