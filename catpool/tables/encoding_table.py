"""The fitted encoding of a column: the look-up from categories to features, and what was learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.categories import MISSING, Vocabulary
from catpool.data.crossed import Cells
from catpool.data.frames import Frame, column_name, select_columns
from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.method_of_moments import knowing_variances
from catpool.priors.posterior import posterior_mean, posterior_reliability, posterior_sd
from catpool.priors.prior import NO_SPREAD, Prior
from catpool.tables.outputs import column_output
from catpool.tables.policy import Policy, refuse_missing, refuse_unseen


@dataclass(frozen=True)
class Encoding:
    """What one target, or one of its classes, contributes to a column's table.

    Parameters
    ----------
    output : str or None
        The target's own name, which its classes share; None for an only target.
    target : str or None
        The name with the class's; None for an only target.
    family : Family
    moments : Moments of shape (size,)
    prior : Prior
    values : dict of ndarray of shape (size,)
        The features of each slot by output: "mean" is the posterior mean, unless the policy says otherwise.
    """

    output: str | None
    target: str | None
    family: Family
    moments: Moments
    prior: Prior
    values: dict[str, np.ndarray]

    @cached_property
    def full_prior(self) -> Prior:
        """The prior with its variances, estimated here where the strength was given."""
        return knowing_variances(self.prior, self.moments, self.family)

    @property
    def is_noise(self) -> bool:
        """Whether the categories do not differ more than by chance."""
        return self.full_prior.between is not None and float(self.full_prior.between) <= 0

    @property
    def reliability(self) -> float:
        """The mean reliability of the rows' categories."""
        return float(np.average(posterior_reliability(self.moments, self.prior), weights=self.moments.count))

    def summary(self) -> dict[str, Any]:
        prior = self.prior
        return {
            "target": "" if self.target is None else self.target,
            "family": self.family.name,
            "categories": int(self.moments.categories),
            "rows": float(self.moments.size),
            "prior_mean": float(prior.mean),
            "prior_strength": float(prior.strength),
            "between_sd": _root(self.full_prior.between),
            "within_sd": _root(self.full_prior.within),
            "reliability": self.reliability,
            "log_likelihood": np.nan if prior.log_likelihood is None else float(prior.log_likelihood),
            "note": self._note,
        }

    @property
    def _note(self) -> str:
        note = "" if self.prior.note is None else str(self.prior.note)
        return note or (NO_SPREAD if self.is_noise else "")

    def frame(self, categories: pd.Series, level: float) -> pd.DataFrame:
        """A row for each category, with an interval that holds its value with probability `level`."""
        mean = posterior_mean(self.moments, self.prior)[:-1]
        sd = posterior_sd(self.moments, self.prior, self.family)[:-1]
        lower, upper = self.family.interval(mean, sd, level)
        return pd.DataFrame(
            {
                "category": categories,
                "target": self.target,
                "count": self.moments.count[:-1],
                "mean": self.moments.category_means[:-1],
                "encoding": mean,
                "sd": sd,
                "lower": lower,
                "upper": upper,
                "reliability": posterior_reliability(self.moments, self.prior)[:-1],
            }
        )


def _root(variance: np.ndarray | None) -> float:
    return float(np.sqrt(variance)) if variance is not None else np.nan


@dataclass(frozen=True)
class EncodingTable:
    """A column's encoding, learned from all training rows.

    Parameters
    ----------
    label : Any
        What X calls the column; a tuple of labels for columns that are encoded together.
    column : str
        Its name as a feature.
    vocabulary : Vocabulary or Cells
    encodings : list of Encoding
        One for each target or class.
    policy : Policy
    extras : tuple of str
        The outputs that are the same whatever the target.
    dropped : bool
        Whether no feature comes out.
    """

    label: Any
    column: str
    vocabulary: Vocabulary | Cells
    encodings: list[Encoding]
    policy: Policy
    extras: tuple[str, ...] = ()
    dropped: bool = False

    @property
    def has_value_lookup(self) -> bool:
        """Whether the features of a row follow from one value."""
        return isinstance(self.vocabulary, Vocabulary)

    def feature_names(self, names: Mapping[Any, str]) -> dict[Any, list[str]]:
        """The names of the features, from the names of the columns."""
        return {self.label: self.names(column_name(self.label, names))}

    def names(self, column: str | None = None) -> list[str]:
        """The names of the features of a column of this name."""
        if self.dropped:
            return []
        column = column or self.column
        names = []
        for item in self.encodings:
            stem = column if item.target is None else f"{column}_{item.target}"
            names += [stem if output == "mean" else f"{stem}_{output}" for output in item.values]
        return [*names, *(f"{column}_{extra}" for extra in self.extras)]

    def features(self, X: Frame) -> dict[Any, np.ndarray]:
        """The features of new rows, of shape (n, features)."""
        return {self.label: self.transform(select_columns(self.label, X))}

    def transform(self, column: Any) -> np.ndarray:
        """Look up each row's category: from (n,) values, or several such arrays, to (n, features)."""
        codes, slots = self._look_up(column)
        if self.dropped:
            return np.empty((len(codes), 0))
        tables = self.tables
        result = np.empty((len(codes), len(tables)), order="F")
        for position, table in enumerate(tables):
            # by distinct value first: those are few, and the large table is read only once for each
            table.take(slots).take(codes, out=result[:, position], mode="clip")
        if isinstance(self.vocabulary, Cells):
            self.fill_unseen(column, slots, result)
        return result

    def arrange(self, values: np.ndarray, counts: np.ndarray | None, slots: np.ndarray) -> dict[Any, np.ndarray]:
        """The features of training rows, from their target outputs, of shape (n, outputs), counts and slots."""
        if self.dropped:
            return {self.label: np.empty((len(values), 0))}
        extras: list[Any] = [
            counts if column_output(extra).by_fold else self.extra(extra).take(slots) for extra in self.extras
        ]
        return {self.label: np.column_stack([values, *extras]) if extras else values}

    def look_up_value(self, value: Any) -> dict[str, float]:
        """The features of one value of the column, by their names."""
        assert isinstance(self.vocabulary, Vocabulary)
        slot = self.vocabulary.find_slot(value)
        if self.policy.raises:
            self.transform(pd.Series([value], dtype=object))
        return {name: table.item(slot) for name, table in self.named_tables}

    @property
    def tables(self) -> list[np.ndarray]:
        """The values of each feature by slot."""
        tables = [table for item in self.encodings for table in item.values.values()]
        return tables + [self.extra(extra) for extra in self.extras]

    @cached_property
    def named_tables(self) -> list[tuple[str, np.ndarray]]:
        """The features' names, and their values by slot."""
        return [] if self.dropped else list(zip(self.names(), self.tables, strict=True))

    @property
    def unseen(self) -> list[float]:
        """The features of a category that was never seen."""
        return [table.item(-1) for _, table in self.named_tables]

    def fill_unseen(self, columns: Any, slots: np.ndarray, result: np.ndarray) -> None:
        """Give cells that were never seen, in place, the sum of their parts' effects, where the prior has them."""
        cells = self.vocabulary
        if not isinstance(cells, Cells) or self.encodings[0].prior.mains is None or self.policy.unknown != "prior":
            return
        rows = np.flatnonzero(slots == cells.size - 1)
        places = np.column_stack([own[rows] for own in cells.row_part_slots(columns)])
        position = 0
        for item in self.encodings:
            assert item.prior.mains is not None
            unseen = item.prior.mains.unseen(places, item.prior, item.family)
            for output in item.values:
                if output in unseen:  # others keep the value of the slot of unseen cells
                    result[rows, position] = unseen[output]
                position += 1

    def slots(self, column: Any) -> np.ndarray:
        """The slot of each row's category, of shape (n,)."""
        codes, slots = self._look_up(column)
        return slots.take(codes)

    def _look_up(self, column: Any) -> tuple[np.ndarray, np.ndarray]:
        codes, slots, named = self.vocabulary.look_up(column)
        self._refuse(codes, slots, named)
        return codes, slots

    def extra(self, name: str) -> np.ndarray:
        """A column output by slot."""
        return column_output(name).compute(self)

    @property
    def counts(self) -> np.ndarray:
        """The weight of the training rows in each slot."""
        return self.encodings[0].moments.count

    @cached_property
    def codes(self) -> np.ndarray:
        """The integer code of each slot: 0, 1, ... in the categories' order, -1 if missing, -2 if unseen."""
        order = sort_categories(self.vocabulary.categories)
        codes = np.full(self.vocabulary.size, -2.0)  # a float, as all features are
        codes[MISSING] = -1
        codes[order + 1] = np.arange(len(order))
        return codes

    def _refuse(self, codes: np.ndarray, slots: np.ndarray, named: Callable[[np.ndarray], list[Any]]) -> None:
        if self.policy.missing == "error":
            refuse_missing(slots.take(codes), self.column)
        if self.policy.unknown == "error":
            refuse_unseen(self.column, (self.counts[slots] == 0) & (slots != MISSING), named)

    def summary(self) -> list[dict[str, Any]]:
        """A row for each target or class."""
        return [{"column": self.column, **encoding.summary()} for encoding in self.encodings]

    @property
    def accepted_labels(self) -> list[Any]:
        return [self.label]

    def find_frame(self, column: Any, level: float) -> pd.DataFrame | None:
        """The table as a frame, if the column is called so."""
        return self.frame(level) if column in (self.label, self.column) else None

    def frame(self, level: float) -> pd.DataFrame:
        """A row for each category that has training rows, in their order where they have one, and target."""
        categories = pd.Series([None, *self.vocabulary.categories.tolist()], dtype=object)
        rows = np.append(sort_categories(self.vocabulary.categories) + 1, MISSING)
        rows = rows[self.counts[rows] > 0]
        frames = [item.frame(categories, level).iloc[rows] for item in self.encodings]
        table = pd.concat(frames, ignore_index=True)
        if len(self.encodings) == 1:
            table = table.drop(columns="target")
        return table.assign(category=table["category"].infer_objects())


def sort_categories(categories: pd.Series) -> np.ndarray:
    """Positions of the categories in their order, or as they came where they have none."""
    try:
        return categories.argsort(kind="stable").to_numpy()
    except TypeError:  # strings and numbers, say, have no common order
        return np.arange(len(categories))
