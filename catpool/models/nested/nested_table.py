"""The fitted look-up table of nested levels: features of new rows, the summary and the encoding table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.categories import MISSING
from catpool.data.columns.crossed import Paths
from catpool.data.columns.sorted_categories import sort_categories
from catpool.data.frames.backends import infer_exactly
from catpool.data.frames.frame import Frame, select_columns
from catpool.data.frozen import frozen
from catpool.data.verify import require, require_labels, require_one_of
from catpool.models.nested.nested_learner import NUMBERS, NestedEncoding
from catpool.models.nested.nested_predictions import level_interval, predict_new_path
from catpool.models.nested.path_rows import PathRows
from catpool.models.nested.tree import Tree
from catpool.tables.outputs import LEVEL_OUTPUTS
from catpool.tables.policy import Policy, refuse_missing, refuse_unseen
from catpool.tables.unseen import warn_of_unseen


@frozen
class NestedTable:
    """The encoding of nested levels, learned from all training rows.

    Parameters
    ----------
    labels, columns : list
        The labels of the levels' columns in X, and their names.
    paths : Paths
    encodings : list of NestedEncoding
        One per target or class.
    policy : Policy
    emitted : tuple of int
        The levels that have features.
    outputs : tuple of str
    """

    labels: list[Any]
    columns: list[str]
    paths: Paths
    encodings: list[NestedEncoding]
    policy: Policy
    emitted: tuple[int, ...]
    outputs: tuple[str, ...]

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a table."""
        levels = range(len(self.paths.parts))
        require_labels(self.labels)
        require(len(self.labels) == len(self.columns) == len(levels), "levels without columns")
        require(self.encodings, "a table without encodings")
        sizes = [self.paths.level_size(level) for level in levels]
        for each in self.encodings:
            require([len(values) for values in each.levels.values] == sizes, "levels that do not match their paths")
        require(self.emitted and self.outputs, "levels without features")
        require_one_of(levels, emitted=self.emitted)
        require_one_of(LEVEL_OUTPUTS, outputs=self.outputs)

    @property
    def label(self) -> tuple[Any, ...]:
        return tuple(self.labels)

    @property
    def vocabulary(self) -> Paths:
        return self.paths

    has_value_lookup = False

    def feature_names(self, names: Mapping[Any, str]) -> dict[Any, list[str]]:
        """The names of the features by the column they replace, from the names of the columns."""
        named = self.names([names[label] for label in self.labels])
        return {label: named.get(level, []) for level, label in enumerate(self.labels)}

    def names(self, columns: Sequence[str]) -> dict[int, list[str]]:
        """The names of each emitted level's features, given the names of the columns."""
        return {level: self._level_names(columns[level]) for level in self.emitted}

    def _level_names(self, column: str) -> list[str]:
        names = []
        for item in self.encodings:
            stem = column if item.target is None else f"{column}_{item.target}"
            names += [stem if number == "mean" else f"{stem}_{number}" for number in self.outputs if number in NUMBERS]
        return names + [f"{column}_{extra}" for extra in self.outputs if extra not in NUMBERS]

    def transform(self, columns: Sequence[Any]) -> dict[int, np.ndarray]:
        """The features of new rows, shape (n, features), by emitted level."""
        rows = self.path_rows(columns)
        found = [rows.outputs(each.levels) for each in self.encodings]
        return {level: self.level_features(level, found, rows.steps) for level in self.emitted}

    def path_rows(self, columns: Sequence[Any]) -> PathRows:
        """New rows by their paths, as the policy allows them."""
        slots = []
        for level, (part, column) in enumerate(zip(self.paths.parts, columns, strict=True)):
            looked_up = codes, own, _ = part.look_up(column, self.labels[level])
            slots.append(own.take(codes))
            warn_of_unseen(self.columns[level], self.labels[level], part, column, looked_up)
            if self.policy.missing == "error":
                refuse_missing(slots[-1], self.columns[level])
        rows = PathRows.of_slots(self.paths, self.policy, slots, self.counts())
        if self.policy.unknown == "error":
            self._refuse_unseen(rows, columns)
        return rows

    def features(self, X: Frame) -> dict[Any, np.ndarray]:
        """The features of new rows, of shape (n, features), by the column they replace."""
        found = self.transform([select_columns(label, X) for label in self.labels])
        return {label: found.get(level, np.empty((len(X), 0))) for level, label in enumerate(self.labels)}

    def arrange(self, values: np.ndarray, counts: np.ndarray | None, codes: np.ndarray) -> dict[Any, np.ndarray]:
        """The features of training rows by column, from their outputs, of shape (n, outputs), and their paths."""
        numbers = [(level, output) for level in self.emitted for output in self.outputs if output != "code"]
        steps = self.paths.ancestors(len(self.labels) - 1)
        found = [
            _by_level(values[:, start : start + len(numbers)], numbers, len(self.labels))
            for start in range(0, len(self.encodings) * len(numbers), max(len(numbers), 1))
        ] or [[{} for _ in self.labels] for _ in self.encodings]
        blocks = {label: np.empty((len(values), 0)) for label in self.labels}
        for level in self.emitted:
            blocks[self.labels[level]] = self.level_features(level, found, [step.take(codes) for step in steps])
        return blocks

    def slots(self, columns: Sequence[Any]) -> np.ndarray:
        """The number of each training row's deepest path, shape (n,)."""
        slots = [part.slots(*own) for part, *own in zip(self.paths.parts, columns, self.labels, strict=True)]
        deepest = self.paths.follow(slots)[-1]
        unseen = int(np.count_nonzero(deepest >= self.paths.size))
        if unseen:
            raise ValueError(
                f"All rows must be training rows, but {unseen} rows have categories that were not there at fit. Pass "
                "the rows that the encoder was fitted to."
            )
        return deepest

    def level_features(
        self,
        level: int,
        found: Sequence[Sequence[dict[str, np.ndarray]]],
        steps: Sequence[np.ndarray],
    ) -> np.ndarray:
        """A level's features, shape (n, features).

        Parameters
        ----------
        level : int
        found : sequence of sequence of dict
            For each class, the outputs of rows by level and name, as from `PathRows.outputs`.
        steps : sequence of ndarray of shape (n,)
            The number of each row's path on each level.
        """
        columns = [each[level][number] for each in found for number in self.outputs if number in NUMBERS]
        for extra in self.outputs:
            if extra == "count":
                columns.append(found[0][level][extra])
            elif extra == "code":
                columns.append(self.codes(level).take(steps[level]))
        return np.column_stack(columns)

    def codes(self, level: int) -> np.ndarray:
        """The ranks of a level's paths in their order; -1 if the category is missing, -2 for an unseen path."""
        places, ranks = self.paths.part_slots(level), []
        for step in range(level, -1, -1):  # lexsort sorts by its last key first
            order = np.empty(self.paths.parts[step].size)
            order[[MISSING, -1]] = -1, len(order)
            order[sort_categories(self.paths.parts[step].categories) + 1] = np.arange(len(order) - 2)
            ranks.append(order[places[:, step]])
        missing = self.paths.slots(level) == MISSING
        codes = np.full(len(missing) + 1, -2.0)  # the last is for paths beyond the known ones
        codes[:-1][np.lexsort([*ranks, missing])] = np.arange(len(missing))
        codes[:-1][missing] = -1
        if level == 0:
            codes[-2] = -2.0
        return codes

    def _refuse_unseen(self, rows: PathRows, columns: Sequence[Any]) -> None:
        for level, column in enumerate(self.columns):

            def named(marked: np.ndarray, upto: int = level) -> list[Any]:
                cells = (np.asarray(each, dtype=object)[marked] for each in columns[: upto + 1])
                return list(dict.fromkeys(zip(*cells, strict=True)))

            refuse_unseen(column, rows.unseen(level), named)

    def counts(self) -> list[np.ndarray]:
        """The number of training rows of each level's paths."""
        return Tree.from_paths(self.paths).sum_levels(self.encodings[0].moments.count)

    def summary(self) -> list[dict[str, Any]]:
        """A row for each target and level."""
        counts = self.counts()
        return [
            {
                "column": column,
                "target": "" if item.target is None else item.target,
                "family": item.levels.family.name,
                "categories": int(np.count_nonzero(counts[level])),
                "rows": float(counts[level].sum()),
                "prior_mean": item.levels.mean,
                "prior_strength": item.levels.strengths[level],
                "between_sd": float(np.sqrt(item.levels.between[level])),
                "within_sd": float(np.sqrt(item.levels.within)),
                "reliability": float(np.average(item.levels.gains[level], weights=counts[level])),
                "log_likelihood": item.levels.log_likelihood,
                "note": item.levels.notes[level],
            }
            for item in self.encodings
            for level, column in enumerate(self.columns)
        ]

    @property
    def accepted_labels(self) -> list[Any]:
        return self.labels

    def find_frame(self, column: Any, interval: float) -> pd.DataFrame | None:
        """The table of the level whose label or name is `column`, as a frame; None if there is no such level."""
        for position, names in enumerate(zip(self.labels, self.columns, strict=True)):
            if column in names:
                return self.frame(position, interval)
        return None

    def frame(self, level: int, interval: float) -> pd.DataFrame:
        """A row for each target and each path of a level that has training rows, and a last one for a new path.

        Parameters
        ----------
        level : int
        interval : float
            The probability of the posterior interval.
        """
        counts = self.counts()
        rows = np.argsort(self.codes(level)[:-1], kind="stable")
        rows = rows[counts[level][rows] > 0]
        frames = [self._target_frame(item, level, rows, counts[level][rows], interval) for item in self.encodings]
        table = pd.concat(frames, ignore_index=True)
        return table.drop(columns="target") if len(self.encodings) == 1 else table

    def _target_frame(
        self, item: NestedEncoding, level: int, rows: np.ndarray, counts: np.ndarray, interval: float
    ) -> pd.DataFrame:
        places, columns = self.paths.part_slots(level)[rows], {}
        for step in range(level + 1):
            own = pd.Series([None, *self.paths.parts[step].categories.tolist(), None], dtype=object)
            named = own.iloc[np.append(places[:, step], MISSING)]
            columns[self.columns[step]] = infer_exactly(named).reset_index(drop=True)
        totals = Tree.from_paths(self.paths).sum_levels(item.moments.total)[level]
        lower, upper = level_interval(item, self.paths, level, interval)
        new = predict_new_path(item, self.paths, level, interval)
        return pd.DataFrame(
            {
                **columns,
                "target": item.target,
                "count": np.append(counts, 0.0),
                "mean": np.append(totals[rows] / counts, np.nan),
                "encoding": np.append(item.levels.values[level][rows], new["mean"]),
                "sd": np.append(np.sqrt(item.levels.variances[level][rows]), new["sd"]),
                "lower": np.append(lower[rows], new["lower"]),
                "upper": np.append(upper[rows], new["upper"]),
                "reliability": np.append(item.levels.gains[level][rows], 0.0),
            }
        )


def _by_level(values: np.ndarray, numbers: Sequence[tuple[int, str]], levels: int) -> list[dict[str, np.ndarray]]:
    """The outputs of one class, of shape (n, outputs), by level and name."""
    result: list[dict[str, np.ndarray]] = [{} for _ in range(levels)]
    for (level, number), column in zip(numbers, values.T, strict=True):
        result[level][number] = column
    return result
