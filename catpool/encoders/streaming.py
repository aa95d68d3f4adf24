"""Learning from rows that come in parts: what encoders of single columns add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from catpool.crossfit.earlier_rows import EarlierRows
from catpool.crossfit.folds import check_cv
from catpool.crossfit.hashed_keys import folds_of_keys
from catpool.crossfit.out_of_fold import Rows
from catpool.data.fingerprint import Fingerprint
from catpool.data.frames import Frame, read_frame
from catpool.data.targets import Target
from catpool.encoders.base import OutOfFoldEncoder, column_of, labels_of
from catpool.engines.dispatch import lazy_frame
from catpool.moments.grouped import Categories, Tally, as_one_part, by_target, in_classes
from catpool.moments.partition import Parts
from catpool.priors.family import FAMILIES

STREAM = ("_tallies", "_targets", "_log_likelihood")


class StreamingEncoder(OutOfFoldEncoder):
    """Adds parts up. A subclass says how a column is learned, and what becomes of it."""

    def _chosen(self, X: Frame) -> list[Any]:
        """The label of each table: of a column, or of several in a tuple."""
        raise NotImplementedError

    def _encode(self, label: Any, X: Frame) -> tuple[np.ndarray, Categories]:
        """The rows' codes, of shape (n,), and what they stand for."""
        raise NotImplementedError

    def _learner(self, vocabulary: Any) -> Any:
        """What makes encodings of moments."""
        raise NotImplementedError

    def _table(self, label: Any, names: Mapping[Any, str], vocabulary: Any, encodings: list[Any]) -> Any:
        """A fitted table, where columns are called so."""
        raise NotImplementedError

    def _blocks(
        self, table: Any, learner: Any, values: np.ndarray, counts: np.ndarray, codes: np.ndarray
    ) -> dict[Any, np.ndarray]:
        """The features of rows, by column, from their values, of shape (n, outputs), their counts and their codes."""
        raise NotImplementedError

    def _remember(self, X: Frame, targets: list[Target], tables: Sequence[Any], roles: list[str]) -> None:
        super()._remember(X, targets, tables, roles)
        self._targets = [replace(target, values=np.empty(0)) for target in targets]
        self._keep("_tallies", None)

    def partial_fit(self, X: Any, y: Any, *, key: Any = None, sample_weight: Any = None, exposure: Any = None) -> Any:
        """Learn from more rows, beside those learned from before.

        Fitting in parts gives what fitting at once gives, but for rounding. What y is, is told by the first part;
        categories and classes may come later. With keys, the rows are in ``cv`` folds by a hash of their keys, and
        ``transform_out_of_fold`` finds each row's own fold again.

        Parameters
        ----------
        X : frame or array of shape (m, p)
        y : array of shape (m,) or (m, outputs), or name of a column of X
        key : array of shape (m,), frame of shape (m, columns), or names of columns of X, optional
            What a row is known by: whole numbers, strings or dates, none missing. Rows of one key are in one fold, so a
            customer's number serves as groups do.
        sample_weight : array of shape (m,) or name of a column of X, optional
        exposure : array of shape (m,) or label of a column of X, optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As ``fit`` does; where only some parts have keys; where keys come with a ``cv`` that is no number of folds;
            and for EarlierRows, which needs all rows in their order.
        TypeError
            For lazy tables, and as ``fit`` does.

        Examples
        --------
        >>> from catpool import MeanEncoder
        >>> encoder = MeanEncoder(cv=2).partial_fit([["a"], ["b"]], [1.0, 2.5], key=[1, 2])
        >>> encoder.partial_fit([["a"], ["c"]], [2.0, 7.0], key=[3, 4]).transform([["a"], ["c"]]).ravel()
        array([1.5, 7. ])
        """
        if lazy_frame(X) is not None:
            raise TypeError("`partial_fit` takes rows in memory. Fit an encoder to each lazy table, and merge them.")
        part, seen = clone(self), hasattr(self, "tables_")
        columns = read_frame(X)
        aside = [label for label in labels_of(exposure) + labels_of(key) if label in columns.labels]
        if seen and aside != self._aside:
            raise ValueError(
                f"`exposure` and `key` must name the same columns in each part. They name {aside} now, and "
                f"{self._aside} before."
            )
        X, y, sample_weight, _, roles = self._by_name(X, y, sample_weight)
        if seen:
            X = read_frame(X).aligned(self._header, self._header.labels, strict=True).native
        if seen and isinstance(self.target_type_, str):
            part.set_params(target_type=self.target_type_)
        part._add_up(X, y, key, sample_weight, exposure, roles)
        if seen:
            part = self._joined(part)
        part.target_type = self.target_type
        self.__dict__.update(vars(part))
        return self

    def merge(self, other: Any) -> Any:
        """Join what two encoders have learned from different rows.

        Parameters
        ----------
        other : encoder of the same class
            Fitted, with the same columns and targets and with parameters that are the same, but for ``cv`` where there
            are no keys, ``random_state`` and ``n_jobs``.

        Returns
        -------
        encoder
            A new one, as if it had been fitted to the rows of both.

        Raises
        ------
        TypeError
            For an encoder of another class.
        ValueError
            Where columns, targets or parameters differ, or only one of the two has keys.

        Examples
        --------
        >>> from catpool import MeanEncoder
        >>> monday, tuesday = MeanEncoder().fit([["a"]], [1.5]), MeanEncoder().fit([["a"], ["b"]], [2.5, 4.0])
        >>> monday.merge(tuesday).transform([["a"], ["b"]]).ravel()
        array([2., 4.])
        """
        check_is_fitted(self)
        if type(other) is not type(self):
            raise TypeError(f"`other` must be a {type(self).__name__}, as this is. Got {other!r}.")
        check_is_fitted(other)
        free = {"cv", "random_state", "n_jobs"}
        mine, theirs = ({k: v for k, v in each.get_params().items() if k not in free} for each in (self, other))
        differing = [name for name in mine if str(mine[name]) != str(theirs[name])]
        if differing:
            raise ValueError(f"Both encoders must have the same parameters, but {differing} differ. Set them alike.")
        return self._joined(other)

    def transform_out_of_fold(self, X: Any, key: Any) -> Any:
        """Encode training rows that came with keys, each from the rows of other folds.

        Parameters
        ----------
        X : frame or array of shape (m, p)
            Some of the training rows, or all.
        key : array of shape (m,), frame of shape (m, columns), or names of columns of X
            Their keys at ``partial_fit``.

        Returns
        -------
        ndarray of shape (m, features), or a frame where columns of a frame pass through
            What ``fit_transform`` of all rows gives with these folds.

        Raises
        ------
        NotFittedError
            Before ``partial_fit``.
        ValueError
            Where ``partial_fit`` had no keys, or was not called; with ``crossfit="unreliable"``, which needs the rows.
        """
        check_is_fitted(self)
        if getattr(self, "_tallies", None) is None or self._tallies[0].parts == 1:
            raise ValueError("Folds are kept by partial_fit(X, y, key=...) alone. Fit so, or call fit_transform.")
        if self.crossfit != "all":
            raise ValueError('`transform_out_of_fold` goes with crossfit="all" alone. Set it before partial_fit.')
        key = read_frame(X).keyed(key)
        X = read_frame(X).without(self._roles).aligned(self._header, self._header.labels, strict=True)
        folds = folds_of_keys(key, len(X), self._tallies[0].parts)
        blocks: dict[Any, np.ndarray] = {}
        for table, tally in zip(self.tables_, self._tallies, strict=True):
            slots = table.slots(column_of(table.label, X))
            blocks |= self._outside(table, tally, self._targets, folds, slots)
        return self._output(X, blocks)

    def _outside(
        self, table: Any, tally: Tally, targets: Sequence[Target], folds: np.ndarray, slots: np.ndarray
    ) -> dict[Any, np.ndarray]:
        """The features of rows, by column, from the rows of other folds."""
        outside, learner = tally.outside(), self._learner(tally.vocabulary)
        counts = outside[0].count[folds, slots]
        values: list[np.ndarray] = []
        for target, own in by_target(targets, outside):
            values += [output[folds, slots] for each in learner.encode(own, FAMILIES[target.family]) for output in each]
        rows = np.column_stack(values) if values else np.empty((len(slots), 0))
        return self._blocks(table, learner, rows, counts, slots)

    def _add_up(self, X: Any, y: Any, key: Any, sample_weight: Any, exposure: Any, roles: list[str]) -> None:
        """Learn from the first rows, and keep what they add up to."""
        X, targets, weights = self._read(X, y, None, sample_weight, exposure, key)
        if isinstance(self.cv, EarlierRows):
            raise ValueError("EarlierRows needs all rows in their order, so call fit_transform on all of them.")
        parts = Parts(None, 1)
        if key is not None:
            if not isinstance(self.cv, Integral):
                raise ValueError(f"Keys are hashed into a number of folds, but `cv` is {self.cv!r}. Pass cv=10, say.")
            check_cv(self.cv)
            parts = Parts(folds_of_keys(X.keyed(key), len(X), int(self.cv)), int(self.cv))
        rows, tallies = Rows(targets, weights, parts), []
        labels = self._chosen(X)
        for label in labels:
            codes, vocabulary = self._encode(label, X)
            column = rows.column(codes, vocabulary.size)
            moments = [column.moments(view) for _, views in rows.views() for view in views]
            tallies.append(Tally(vocabulary, [replace(each, count=each.count.astype(float)) for each in moments]))
        known = [replace(target, values=np.empty(0)) for target in targets]
        tables = self._relearned(labels, X.names_of, tallies, known, weights.log_likelihood)
        self._remember(X, targets, tables, roles)
        self._keep_stream(tallies, known, weights.log_likelihood)

    def _keep_stream(self, tallies: list[Tally], targets: list[Target], log_likelihood: float) -> None:
        self._tallies, self._targets, self._log_likelihood = tallies, targets, log_likelihood
        self._fingerprint = Fingerprint(0, "")  # of rows that are gone

    def _relearned(
        self,
        labels: Sequence[Any],
        names: Mapping[Any, str],
        tallies: Sequence[Tally],
        targets: Sequence[Target],
        log_likelihood: float,
    ) -> list[Any]:
        tables = []
        for label, tally in zip(labels, tallies, strict=True):
            learner, encodings = self._learner(tally.vocabulary), list[Any]()
            for target, own in by_target(targets, tally.whole()):
                encodings += learner.encodings(target, own, log_likelihood)
            tables.append(self._table(label, names, tally.vocabulary, encodings))
        return tables

    def _joined(self, other: Any) -> Any:
        """A new encoder of the rows of both."""
        if (self._header.labels, self.target_type_) != (other._header.labels, other.target_type_):
            raise ValueError(
                f"Both must have the same columns and targets, but they have {self._header.labels}, "
                f"{self.target_type_} and {other._header.labels}, {other.target_type_}."
            )
        mine, theirs = self._stream(), other._stream()
        outputs = [[target.name for target in known] for _, known, _ in (mine, theirs)]
        if outputs[0] != outputs[1]:
            raise ValueError(f"The outputs of y must be the same, in one order. Got {outputs[1]} after {outputs[0]}.")
        if mine[0][0].parts != theirs[0][0].parts:
            raise ValueError("Either all rows come with keys, and in the same number of folds, or none do.")
        targets = [_with_all_classes(*pair) for pair in zip(mine[1], theirs[1], strict=True)]
        sides = [[_in_targets(tally, known, targets) for tally in tallies] for tallies, known, _ in (mine, theirs)]
        tallies = [a + b for a, b in zip(*sides, strict=True)]
        log_likelihood = mine[2] + theirs[2]
        labels = [table.label for table in self.tables_]
        result = clone(self)
        result.__dict__.update({name: value for name, value in vars(self).items() if name not in STREAM})
        result.tables_ = self._relearned(labels, self._header.names_of, tallies, targets, log_likelihood)
        result._keep("classes_", targets[0].classes if len(targets) == 1 else None)
        result._keep_stream(tallies, targets, log_likelihood)
        return result

    def _stream(self) -> tuple[list[Tally], list[Target], float]:
        """What the rows add up to; where `fit` has seen them all at once, from what it has learned."""
        if isinstance(self.cv, EarlierRows):
            raise ValueError("Encoders with EarlierRows need all rows in their order, and do not merge.")
        if getattr(self, "_tallies", None) is not None:
            return self._tallies, self._targets, self._log_likelihood
        sums = [[as_one_part(each.moments) for each in table.encodings] for table in self.tables_]
        tallies = [Tally(table.vocabulary, own) for table, own in zip(self.tables_, sums, strict=True)]
        return tallies, self._targets, self._log_likelihood


def _with_all_classes(a: Target, b: Target) -> Target:
    if a.classes is None or b.classes is None:
        return a
    classes = np.asarray(pd.factorize(np.concatenate([a.classes, b.classes]), sort=True)[1])
    if a.kind == "binary" and len(classes) > 2:
        raise ValueError(f"A binary target has two classes, but together there are {classes.tolist()}.")
    return replace(a, classes=classes)


def _in_targets(tally: Tally, old: Sequence[Target], new: Sequence[Target]) -> Tally:
    """The same sums where targets have more classes."""
    pairs = zip(by_target(old, tally.moments), new, strict=True)
    return Tally(tally.vocabulary, [each for (before, own), now in pairs for each in in_classes(own, before, now)])
