"""`Fitted`: the state of a fitted encoder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from catpool.data.fingerprint import Fingerprint
from catpool.data.frames.header import Header
from catpool.data.frozen import frozen
from catpool.data.targets.target import Target
from catpool.data.training import TrainingData
from catpool.data.verify import require, require_numbers
from catpool.moments.grouped import Tally


@frozen
class Fitted:
    """The state of a fitted encoder, which is set once, after a fit has succeeded.

    Parameters
    ----------
    header : Header
        The columns of X.
    tables : list
        The fitted tables.
    targets : list of Target
        Without values.
    roles : list of str
        The columns of X that hold the target, the weights, the offset or the folds.
    aside : list
        The columns of X that hold exposures or keys.
    fingerprint : Fingerprint
    log_likelihood : float, or ndarray of shape (tables,), default=0.0
        The term of the log-likelihood that depends on precisions alone.
    tallies : list of Tally, optional
        The sums over the rows of a stream, one for each table.
    last_time : int or float, optional
        The time of the last training row, if weights decay with time.
    mixed_keys : bool, default=False
        Whether the folds of a stream come from keys of several columns whose hashes are mixed, as in `folds_of_keys`.
    """

    header: Header
    tables: list[Any]
    targets: list[Target]
    roles: list[str]
    aside: list[Any]
    fingerprint: Fingerprint
    log_likelihood: float | np.ndarray = 0.0
    tallies: list[Tally] | None = None
    last_time: Any = None
    mixed_keys: bool = False

    @classmethod
    def empty(cls, owner: str, data: TrainingData) -> Fitted:
        """The state of an encoder of class `owner` that knows the columns and has learned nothing yet."""
        return cls(data.X.header(owner), [], drop_values(data.targets), data.roles, data.aside, Fingerprint(0, ""))

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be the state of an encoder."""
        require(self._outputs, "no targets")
        require(self.last_time is None or np.isreal(self.last_time), "a last time that is not a number")
        by_table = np.ndim(self.log_likelihood) > 0
        require_numbers((len(self.tables),) if by_table else (), log_likelihood=self.log_likelihood)
        columns = sum(len(target.names) for target in self.targets)
        tallies = [None] * len(self.tables) if self.tallies is None else self.tallies
        require(len(tallies) == len(self.tables), "sums of other columns")
        for table, tally in zip(self.tables, tallies, strict=True):
            require(len(getattr(table, "encodings", [None] * columns)) == columns, "encodings of other targets")
            if tally is not None:
                same = type(tally.vocabulary) is type(table.vocabulary)
                require(same and tally.vocabulary.size == table.vocabulary.size, "sums of other categories")
                require(len(tally.moments) == columns, "sums of other targets")

    @property
    def target_type(self) -> str | list[str]:
        """The kind of y, or a list of kinds if y has several outputs."""
        kinds = [target.kind for target in self._outputs]
        return kinds[0] if len(kinds) == 1 else kinds

    @property
    def classes(self) -> np.ndarray | None:
        """The sorted classes of y, if y is one column of classes."""
        return self._outputs[0].classes if len(self._outputs) == 1 else None

    @property
    def _outputs(self) -> list[Target]:
        """The targets that are columns of y."""
        return [target for target in self.targets if not target.shares]

    @property
    def has_value_lookup(self) -> bool:
        """Whether the features of a row are looked up by the value of one column each, so that no frame is needed."""
        return self.last_time is None and all(getattr(table, "has_value_lookup", False) for table in self.tables)

    @property
    def parts(self) -> int:
        """The number of folds of the rows of a stream; 1 if they have no keys."""
        return self.tallies[0].parts if self.tallies else 1


def drop_values(targets: list[Target]) -> list[Target]:
    """The targets without the values of the rows, which a fitted encoder does not keep."""
    return [replace(target, values=np.empty(0)) for target in targets]
