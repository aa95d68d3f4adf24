"""`Stream`: sums over rows that come in parts, which can be added and turned into fitted tables at any time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.columnwise import Columnwise
from catpool.crossfit.folds import check_cv
from catpool.crossfit.gapped_rows import GappedRows, split_by_gaps
from catpool.crossfit.hashed_keys import folds_of_keys, has_several_columns, refuse_one_fold
from catpool.crossfit.scheme import is_rule
from catpool.crossfit.structure import Blocks, kinds_of
from catpool.data.columns.listed import refuse_no_rows
from catpool.data.columns.unions import check_same_types
from catpool.data.frames.frame import Frame, column_name, select_columns
from catpool.data.frozen import frozen
from catpool.data.progress import counted
from catpool.data.targets.target import Target
from catpool.data.training import TrainingData
from catpool.moments.grouped import Tally, add_part_axis, expand_classes, split_by_target
from catpool.moments.partition import Parts
from catpool.priors.families.by_name import FAMILIES
from catpool.tables.fitted import Fitted, drop_values
from catpool.tables.unseen import warn_of_unlisted


@frozen
class Stream:
    """The sums over some rows that the tables of a columnwise structure are learned from.

    Parameters
    ----------
    labels : list
        The labels of the encoded columns, and tuples of labels for interactions and paths.
    names : mapping
        The names of all columns by label.
    tallies : list of Tally
        One for each label.
    targets : list of Target
        Without values.
    log_likelihood : float, or ndarray of shape (tallies,)
        The term of the log-likelihood that depends on precisions alone.
    mixed_keys : bool, default=False
        As in `Fitted`.
    """

    labels: list[Any]
    names: Mapping[Any, str]
    tallies: list[Tally]
    targets: list[Target]
    log_likelihood: float | np.ndarray
    mixed_keys: bool = False

    def tables(self, structure: Columnwise) -> list[Any]:
        """Learn the tables from these sums."""
        structure.refuse_rows("only sums over them are left")
        structure.check_listed(self.labels, [tally.vocabulary for tally in self.tallies])
        likelihoods = np.broadcast_to(self.log_likelihood, len(self.labels)).tolist()
        columns = list(zip(self.labels, self.tallies, likelihoods, strict=True))
        return counted(lambda each: self._table(structure, *each), columns, kinds_of(self.labels, self.names))

    def _table(self, structure: Columnwise, label: Any, tally: Tally, likelihood: float) -> Any:
        learner, encodings = structure.learner(tally.vocabulary), list[Any]()
        moments = tally.merge()
        if not all(each.count.any() for each in moments):
            refuse_no_rows(column_name(label, self.names))
        for target, own in split_by_target(self.targets, moments):
            encodings += learner.of(target).encodings(target, own, likelihood)
        return structure.table(label, self.names, tally.vocabulary, encodings)

    @property
    def signature(self) -> tuple[list[Any], list[str]]:
        """The columns and the kinds of the targets, which must be equal for sums to be added."""
        return list(self.names), [target.kind for target in self.targets]

    def __add__(self, other: Stream) -> Stream:
        if self.signature != other.signature:
            (columns, kinds), (other_columns, other_kinds) = self.signature, other.signature
            raise ValueError(
                f"Both parts must have the same columns and targets, but they have the columns {columns} and "
                f"{other_columns}, and targets of the kinds {kinds} and {other_kinds}. Pass rows of one table."
            )
        mine, theirs = ([target.name for target in each.targets] for each in (self, other))
        if mine != theirs:
            raise ValueError(
                f"The outputs of y must be the same in each part. Got {theirs} after {mine}. Pass them in one order."
            )
        parts = [{tally.parts for tally in each.tallies} for each in (self, other)]
        if parts[0] != parts[1]:
            raise ValueError(
                "Either all rows must have keys, and the same number of folds, or none, but the parts have "
                f"{max(parts[0])} and {max(parts[1])} folds. Pass `cv` and `key` alike."
            )
        if self.mixed_keys != other.mixed_keys and parts[0] != {1}:
            raise ValueError(
                "Both parts must have keys of the same columns, but one has keys of several columns, and the other has "
                "keys of one, or comes from a file of an earlier version. Fit both again, with the same keys."
            )
        for label, *pair in zip(self.labels, self.tallies, other.tallies, strict=True):
            check_same_types(label, *(tally.vocabulary for tally in pair))
        targets = [_unite_classes(*pair) for pair in zip(self.targets, other.targets, strict=True)]
        sides = [[_expand_targets(tally, each.targets, targets) for tally in each.tallies] for each in (self, other)]
        tallies = [a + b for a, b in zip(*sides, strict=True)]
        likelihood = self.log_likelihood + other.log_likelihood
        return Stream(self.labels, self.names, tallies, targets, likelihood, self.mixed_keys)

    def decay(self, factor: float, *, precision: bool) -> Stream:
        """The sums over the same rows, whose weights are multiplied by a factor."""
        likelihood = self.log_likelihood
        if precision:
            rows = [sum(float(each.rows) for each in tally.moments[0].views()) for tally in self.tallies]
            likelihood = likelihood + np.array(rows) * np.log(factor) / 2
        tallies = [tally.decay(factor, precision=precision) for tally in self.tallies]
        return replace(self, tallies=tallies, log_likelihood=likelihood)

    def add_rows(self, data: TrainingData, structure: Columnwise, cv: Any) -> Stream:
        """Add the sums of more rows, whose folds are found as those of the rows before."""
        return self + sum_rows(data, structure, cv, mixed_keys=self.mixed_keys)


def takes_parts(encoder: Any) -> bool:
    """Whether an encoder learns from rows in parts, which a rule as its `cv` does not."""
    return not is_rule(encoder.cv)


def sum_rows(data: TrainingData, structure: Columnwise, cv: Any, *, mixed_keys: bool | None = None) -> Stream:
    """Sum the rows; by fold if they have keys, with `mixed_keys` as in `Fitted`, by default as the keys ask for."""
    structure.refuse_rows("they come in parts")
    mixed_keys = has_several_columns(data.key) if mixed_keys is None else mixed_keys
    rows = GappedRows(data.targets, split_by_gaps(data), _read_parts(data, cv, mixed_keys))
    labels = structure.labels(data.X)
    listed = structure.listed(labels)
    X = structure.number_shared(labels, data.X)

    def sum_column(label: Any) -> tuple[Tally, float]:
        codes, vocabulary, unlisted = structure.code(label, X, listed)
        if unlisted is not None:
            warn_of_unlisted(listed[label], data.X.column(label), unlisted)
        moments = rows.moments(codes, vocabulary.size, unlisted, structure.learner(vocabulary))
        # counts are 32-bit integers so far, which could overflow in sums of many parts
        sums = [replace(each, count=each.count.astype(float)) for each in moments]
        return Tally(vocabulary, sums), data.without(unlisted).weights.log_likelihood

    sums = counted(sum_column, labels, kinds_of(labels, data.X))
    tallies, likelihoods = [tally for tally, _ in sums], np.array([likelihood for _, likelihood in sums])
    targets = drop_values(data.targets)
    return Stream(labels, data.X.names_by_label, tallies, targets, likelihoods, mixed_keys)


def part_check(structure: Columnwise, before: Fitted | None) -> Callable[[Frame], None]:
    """Make the function that checks the columns of the next part of the rows, given the fit to the parts before."""

    def check(X: Frame) -> None:  # an exposure that is named in one part only would be a category in the others
        structure.check(X)
        aside = [label for label in X.aside if label in X.labels]
        if before is not None and aside != before.aside:
            raise ValueError(
                f"`exposure` and `key` must name the same columns in each part. They name {aside} now, and "
                f"{before.aside} before."
            )

    return check


def _read_parts(data: TrainingData, cv: Any, mixed_keys: bool) -> Parts:
    """The folds of rows with keys; rows without keys are one part."""
    if data.key is None:
        return Parts(None, 1)
    if not isinstance(cv, Integral):
        raise ValueError(f"`key` needs a number of folds, but `cv` is {cv!r}. Pass a number, such as cv=10.")
    check_cv(cv)
    return Parts(folds_of_keys(data.key, len(data), int(cv), mixed=mixed_keys), int(cv))


def restore_stream(fitted: Fitted) -> Stream:
    """The sums that a fit was learned from: those of its stream, or the moments in its tables."""
    tallies = fitted.tallies
    if tallies is None:
        sums = [[add_part_axis(each.moments) for each in table.encodings] for table in fitted.tables]
        tallies = [Tally(table.vocabulary, own) for table, own in zip(fitted.tables, sums, strict=True)]
    labels = [table.label for table in fitted.tables]
    names = fitted.header.names_by_label
    return Stream(labels, names, tallies, fitted.targets, fitted.log_likelihood, fitted.mixed_keys)


def encode_other_folds(
    structure: Columnwise, table: Any, tally: Tally, targets: Sequence[Target], folds: np.ndarray, slots: np.ndarray
) -> Blocks:
    """Encode training rows, each from the rows of other folds.

    Parameters
    ----------
    structure : Columnwise
    table : Any
        The fitted table of a column.
    tally : Tally
        The sums of this column by fold.
    targets : sequence of Target
    folds, slots : ndarray of shape (n,)
        The fold and the slot of each row.
    """
    outside, learner = tally.sum_others(), structure.learner(tally.vocabulary)
    counts = np.max([own[0].count for _, own in split_by_target(targets, outside)], axis=0)[folds, slots]
    values: list[np.ndarray] = []
    for target, own in split_by_target(targets, outside):
        encoded = learner.of(target).encode(own, FAMILIES[target.family])
        values += [output[folds, slots] for each in encoded for output in each]
    rows = np.column_stack(values) if values else np.empty((len(slots), 0))
    blocks: Blocks = table.arrange(rows, counts, slots)
    return blocks


def encode_parts(structure: Columnwise, fitted: Fitted, X: Frame, folds: np.ndarray) -> Blocks:
    """Encode training rows of a stream, each from the rows of other folds, one column after the other."""
    assert fitted.tallies is not None
    refuse_one_fold(int(np.count_nonzero(fitted.tallies[0].weight_by_part())), fitted.parts)
    blocks: Blocks = {}
    X = structure.number_shared([table.label for table in fitted.tables], X, distinct=False)
    for table, tally in zip(fitted.tables, fitted.tallies, strict=True):
        slots = table.slots(select_columns(table.label, X))
        blocks |= encode_other_folds(structure, table, tally, fitted.targets, folds, slots)
    return blocks


def _unite_classes(a: Target, b: Target) -> Target:
    """The target with the classes of both."""
    if a.classes is None or b.classes is None:
        return a
    classes = np.asarray(pd.factorize(np.concatenate([a.classes, b.classes]), sort=True)[1])
    if a.kind == "binary" and len(classes) > 2:
        raise ValueError(
            f"A binary target has two classes, but the parts together have {classes.tolist()}. Pass "
            'target_type="multiclass" from the first part on.'
        )
    return replace(a, classes=classes)


def _expand_targets(tally: Tally, old: Sequence[Target], new: Sequence[Target]) -> Tally:
    """The same sums after classes were added to targets."""
    pairs = zip(split_by_target(old, tally.moments), new, strict=True)
    return Tally(tally.vocabulary, [each for (before, own), now in pairs for each in expand_classes(own, before, now)])
