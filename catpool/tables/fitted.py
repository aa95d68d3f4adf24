"""What an encoder keeps of its training rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from catpool.data.fingerprint import Fingerprint
from catpool.data.frames import Header
from catpool.data.targets import Target
from catpool.data.training import TrainingData
from catpool.moments.grouped import Tally


@dataclass(frozen=True)
class Fitted:
    """The state of a fitted encoder; it is set once, after a fit has succeeded.

    Parameters
    ----------
    header : Header
        The columns of X.
    tables : list
        The fitted tables.
    targets : list of Target
        Without values.
    roles : list of str
        The columns of X that were target, weight or folds.
    aside : list
        The columns of X that were exposure or key.
    fingerprint : Fingerprint
    log_likelihood : float, default=0.0
        What precisions add to a log-likelihood.
    tallies : list of Tally, optional
        What the rows of a stream add up to, one for each table.
    last_time : int or float, optional
        The time of the last training row, where weights fade.
    """

    header: Header
    tables: list[Any]
    targets: list[Target]
    roles: list[str]
    aside: list[Any]
    fingerprint: Fingerprint
    log_likelihood: float = 0.0
    tallies: list[Tally] | None = None
    last_time: Any = None

    @classmethod
    def empty(cls, owner: str, data: TrainingData) -> Fitted:
        """Of an encoder of class `owner` that has seen the columns and learned nothing yet."""
        return cls(data.X.header(owner), [], without_values(data.targets), data.roles, data.aside, Fingerprint(0, ""))

    @property
    def target_type(self) -> str | list[str]:
        kinds = [target.kind for target in self.targets]
        return kinds[0] if len(kinds) == 1 else kinds

    @property
    def classes(self) -> np.ndarray | None:
        """The classes of y, where it is one column of classes."""
        return self.targets[0].classes if len(self.targets) == 1 else None

    @property
    def has_value_lookup(self) -> bool:
        """Whether the features of a row follow from the value of each column by itself."""
        return self.last_time is None and all(getattr(table, "has_value_lookup", False) for table in self.tables)

    @property
    def parts(self) -> int:
        """How many folds the rows of a stream are in; 1 where their keys are not known."""
        return 1 if self.tallies is None else self.tallies[0].parts


def without_values(targets: list[Target]) -> list[Target]:
    return [replace(target, values=np.empty(0)) for target in targets]
