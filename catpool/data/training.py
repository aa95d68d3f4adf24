"""`TrainingData`: X, y, weights, groups and keys of the training rows, read and checked in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.listed import Unlisted
from catpool.data.frames.backends import unmask
from catpool.data.frames.frame import Frame, read_frame
from catpool.data.frames.header import Header
from catpool.data.frozen import frozen
from catpool.data.targets.gapped_targets import Gaps, read_gapped_targets, read_whole_targets
from catpool.data.targets.offsets import read_offset
from catpool.data.targets.target import Target
from catpool.data.targets.target_family import TargetFamily
from catpool.data.targets.weights import (
    INVERSE_VARIANCE,
    Weights,
    check_known_variances,
    check_precision,
    read_exposure,
    read_weights,
)


@frozen
class Reading:
    """How training rows are read, as the parameters of an encoder determine it.

    Parameters
    ----------
    target_type : str
    family : TargetFamily or None
        The family that the user has chosen.
    families : mapping of str to TargetFamily
        All families by name.
    weight_type : {"frequency", "precision", "inverse_variance"}
    fold_column : str, optional
        The column of X that holds the fold labels.
    set_aside : sequence, default=()
        The columns of X that the fold scheme reads. They are only encoded if the user names them.
    gaps : bool, default=False
        Whether some of several outputs of y may have missing values.
    """

    target_type: str
    family: TargetFamily | None
    families: Mapping[str, TargetFamily]
    weight_type: str
    fold_column: str | None = None
    set_aside: Sequence[Any] = ()
    gaps: bool = False

    def homoscedastic(self, targets: Sequence[Target]) -> bool:
        """Whether all rows of each target have one variance, whatever their mean."""
        unknown = [target.family for target in targets if target.family not in self.families]
        if unknown:
            raise ValueError(f"The family {unknown[0]!r} is not registered. The families are {list(self.families)}.")
        return all(self.families[target.family].homoscedastic for target in targets)

    @property
    def precision(self) -> bool:
        """Whether a row is one row, whatever its weight."""
        return self.weight_type != "frequency"

    def exposed(self, exposure: Any) -> Reading:
        """The same where rows may have an exposure, or known variances: such numbers are counts, or continuous."""
        if exposure is not None and self.family is not None and not self.family.takes_exposure:
            raise ValueError(
                f'family="{self.family.name}" takes no `exposure` here, because how much counts of unequal exposures '
                "are dispersed does not follow from sums by category. Use MixedModelEncoder, whose dispersion is "
                'estimated from rows, or pass family="poisson".'
            )
        counts = exposure is not None and self.target_type == "auto"
        known = self.weight_type == INVERSE_VARIANCE and self.family is None
        family = self.families["normal"] if known else self.family
        return replace(self, target_type="count" if counts else self.target_type, family=family)

    def like(self, target_type: str | list[str]) -> Reading:
        """The same for more rows, which must be of the kind of the first rows; several outputs keep their own kinds."""
        return replace(self, target_type=target_type) if isinstance(target_type, str) else self


@frozen
class TrainingData:
    """The training rows.

    Parameters
    ----------
    X : Frame
        The columns except those of `roles`.
    y : array of shape (n,) or (n, outputs)
        The target as the user passed it, for splitters.
    targets : list of Target
    weights : Weights
    groups : array of shape (n,) or None
    key : array of shape (n,), frame of shape (n, columns), or None
    folds : array of shape (n,) or None
        The fold labels, if `cv` names a column.
    roles : list of str
        The columns of X that hold the target, the weights, the offset or the folds.
    times : sequence, default=()
        The columns of X that the fold scheme reads.
    offset : ndarray of shape (n,), optional
        What the linear predictor of each row starts from.
    gaps : list, default=[]
        Whether each row lacks the target, for each target; None if no row does.
    """

    X: Frame
    y: Any
    targets: list[Target]
    weights: Weights
    groups: Any
    key: Any
    folds: Any
    roles: list[str]
    times: Sequence[Any] = ()
    offset: np.ndarray | None = None
    gaps: Gaps = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.X)

    def align(self, header: Header) -> TrainingData:
        """Put the columns into the order of an earlier fit."""
        return replace(self, X=self.X.align(header, header.labels, strict=True))

    def without(self, unlisted: Unlisted | None) -> TrainingData:
        """The same rows, of which a column must not learn from some."""
        return self if unlisted is None else replace(self, weights=self.weights.leave_out(unlisted.rows))

    def select(self, targets: list[Target], weights: Weights) -> TrainingData:
        """The same rows with some of the targets and other weights."""
        return replace(self, targets=targets, weights=weights, gaps=[])

    @property
    def has_gaps(self) -> bool:
        """Whether some rows lack a target."""
        return any(missing is not None for missing in self.gaps)

    @property
    def aside(self) -> list[Any]:
        """The columns of X that hold exposures or keys. They pass through, unlike those of `roles`."""
        labels = [label for label in self.X.aside if label in self.X.labels]
        return [label for label in labels if label not in self.times]

    @property
    def classes(self) -> np.ndarray | None:
        """The class of each row as an integer, if y is one column of classes."""
        only = self.targets[0]
        return only.values if len(self.targets) == 1 and only.classes is not None else None


def read_training(
    X: Any,
    y: Any,
    reading: Reading,
    check_columns: Callable[[Frame], None],
    *,
    groups: Any = None,
    key: Any = None,
    sample_weight: Any = None,
    exposure: Any = None,
    offset: Any = None,
) -> TrainingData:
    """Read the training rows, and raise an error if they are not as documented.

    Parameters
    ----------
    X : frame or array of shape (n, p)
    y : array of shape (n,) or (n, outputs), or name of a column of X
    reading : Reading
    check_columns : callable
        Raises an error if the columns do not fit the parameters of the encoder.
    groups : array of shape (n,), optional
    key : array of shape (n,), frame of shape (n, columns), or names of columns of X, optional
    sample_weight : array of shape (n,) or name of a column of X, optional
    exposure : array of shape (n,) or label of a column of X, optional
    offset : array of shape (n,) or name of a column of X, optional
    """
    # target, weights, offset and folds are taken out of X, because they are absent or meaningless in new rows
    roles = {"y": y, "sample_weight": sample_weight, "offset": offset, "cv": reading.fold_column}
    frame, named = take_named(read_frame(X), roles)
    columns = replace(frame, aside=[*_read_labels(exposure), *_read_labels(key), *reading.set_aside])
    y, sample_weight, offset = (named.values.get(role, roles[role]) for role in ("y", "sample_weight", "offset"))
    reading = reading.exposed(exposure)
    read = read_gapped_targets if reading.gaps and y is not None else read_whole_targets
    targets, gaps = read(y, reading.target_type, reading.family)
    if len(targets[0].values) != len(columns):
        raise ValueError(
            f"X and y have inconsistent numbers of samples: "
            f"X has {len(columns)} rows and y has {len(targets[0].values)}. Pass one target for each row."
        )
    check_columns(columns)
    groups = read_groups(groups, len(columns))
    targets, weights = _read_weights(columns, targets, reading, sample_weight, exposure)
    key = None if key is None else columns.key_columns(key)
    folds = named.values.get("cv")
    offset = read_offset(offset, targets, len(columns))
    return TrainingData(columns, y, targets, weights, groups, key, folds, named.labels, reading.set_aside, offset, gaps)


@frozen
class NamedColumns:
    """The columns of X that arguments name: their labels, and their values by argument."""

    labels: list[str]
    values: Mapping[str, Any]


def take_named(frame: Frame, arguments: Mapping[str, Any]) -> tuple[Frame, NamedColumns]:
    """Take the columns that arguments name out of X."""
    named = {role: label for role, label in arguments.items() if isinstance(label, str)}
    for role, label in named.items():
        if role == "cv" and label not in frame.labels:
            raise ValueError(
                f"`cv` names the column {label!r}, which X does not have. Pass one of its columns, which are "
                f"{frame.labels}, or a number of folds."
            )
        frame.require([label], role)
    labels = list(dict.fromkeys(named.values()))  # one column may have two roles
    values = {role: frame.column(label) for role, label in named.items()}
    return (frame.drop(labels) if named else frame), NamedColumns(labels, values)


def _read_labels(argument: Any) -> list[Any]:
    """The columns of X that an argument names, if it does not hold one value for each row."""
    if isinstance(argument, list) and all(isinstance(label, str) for label in argument):
        return argument
    return [argument] if isinstance(argument, str | int) else []


def _read_weights(
    columns: Frame, targets: list[Target], reading: Reading, sample_weight: Any, exposure: Any
) -> tuple[list[Target], Weights]:
    """Read the weights, and divide counts by their exposures if all rows have one variance."""
    if isinstance(exposure, str | int):
        columns.require([exposure], "exposure")
        exposure = columns.column(exposure)
    homoscedastic = reading.homoscedastic(targets)
    check_precision(reading.weight_type, homoscedastic=homoscedastic)
    check_known_variances(reading.weight_type, targets, weighted=sample_weight is not None)
    row, exposed = read_weights(sample_weight, len(columns)), read_exposure(exposure, targets, len(columns))
    # a count with exposure e is a rate of weight e, so a category's mean is its total count per exposure
    if exposed is not None and homoscedastic:
        targets = [replace(target, values=target.values / exposed) for target in targets]
        row, exposed = exposed if row is None else row * exposed, None
    return targets, Weights(row, exposed, reading.precision)


def read_groups(groups: Any, n_rows: int) -> Any:
    """Read the groups, of shape (n_rows,)."""
    return None if groups is None else read_labels(groups, n_rows, "groups")


def read_labels(values: Any, n_rows: int, name: str) -> Any:
    """Read labels of the rows, of shape (n_rows,), without missing values."""
    array = values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(unmask(values))
    if array.shape != (n_rows,):
        raise ValueError(
            f"`{name}` must hold one label for each of the {n_rows} rows of X, but it has the shape {array.shape}."
        )
    if pd.isna(array).any():
        raise ValueError(f"`{name}` must have no missing values, but it has some. Give each row a label.")
    return array
