"""What all encoders share: the reading of X, y and folds, what is kept of them, and the way features come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from catpool.crossfit.earlier_rows import EarlierRows
from catpool.crossfit.folds import (
    Folds,
    check_cv,
    check_groups,
    make_folds,
    refuse_weightless,
    warn_of_rows_in_no_fold,
)
from catpool.crossfit.hashed_keys import folds_of_keys
from catpool.data.categories import Vocabulary, encode
from catpool.data.crossed import Cells, encode_cells
from catpool.data.fingerprint import Fingerprint, warn_of_training_rows
from catpool.data.frames import Frame, read_frame
from catpool.data.targets import Target, read_targets
from catpool.data.weights import Weights, read_exposure, read_weights
from catpool.encoders.serving import Serving
from catpool.engines.dispatch import lazy_frame
from catpool.priors.family import FAMILIES
from catpool.tables.policy import refuse_missing

SEPARATOR = "_x_"  # between the names of columns that are taken together


def name_of(label: Any, names: Mapping[Any, str]) -> str:
    """What a column is called, or several that are taken together, where columns are called so."""
    return names[label] if label in names else SEPARATOR.join(names[part] for part in label)


def column_of(label: Any, X: Frame) -> Any:
    """A column, or a list of several that are taken together."""
    return X.column(label) if label in X.labels else [X.column(part) for part in label]


def encode_column(label: Any, X: Frame, *, missing: str) -> tuple[np.ndarray, Vocabulary | Cells]:
    """The codes and categories of a column, or of several that are taken together."""
    if label in X.labels:
        codes, categories = encode(X.column(label))
        vocabulary: Vocabulary | Cells = Vocabulary(categories)
    else:
        codes, vocabulary = encode_cells(column_of(label, X))
    if missing == "error":
        refuse_missing(codes, name_of(label, X.names_of))
    return codes, vocabulary


def labels_of(named: Any) -> list[Any]:
    """The columns that an argument names, which are encoded only where `columns` names them too."""
    if isinstance(named, list) and all(isinstance(label, str) for label in named):
        return named
    return [named] if isinstance(named, str | int) else []


class OutOfFoldEncoder(Serving, TransformerMixin, BaseEstimator):
    """Reads what is passed to it, and puts features in the place of columns.

    A subclass has the parameters ``cv``, ``random_state``, ``target_type``, ``remainder``, ``output`` and
    ``weight_type``, and says what its features are called.
    """

    __metadata_request__fit: ClassVar[dict[str, Any]] = {"groups": True}  # as scikit-learn's group splitters

    def _rising(self) -> set[str]:
        """The names of features that are means of an only target."""
        raise NotImplementedError

    def _named_features(self, names: Mapping[Any, str], tables: Sequence[Any]) -> dict[Any, list[str]]:
        """What the features are called that take a column's place, by its label, where columns are called so.

        Features under any other key come after all columns.
        """
        raise NotImplementedError

    def _learn(self, X: Frame, targets: list[Target], weights: Weights) -> list[Any]:
        """The tables that all rows teach."""
        raise NotImplementedError

    def _learn_out_of_fold(
        self, X: Frame, targets: list[Target], weights: Weights, folds: Folds
    ) -> tuple[list[Any], dict[Any, np.ndarray]]:
        """The tables, and the features of the training rows, by the label of the column whose place they take."""
        raise NotImplementedError

    def _learn_by_past(
        self, X: Frame, targets: list[Target], weights: Weights
    ) -> tuple[list[Any], dict[Any, np.ndarray]]:
        """The same where rows learn from earlier ones."""
        raise ValueError(
            f"EarlierRows goes with encoders of single columns, and {type(self).__name__} is none. "
            "Pass cv=TimeSeriesSplit(), say."
        )

    def _look_up(self, X: Frame) -> dict[Any, np.ndarray]:
        """The features of new rows, by the label of the column whose place they take."""
        raise NotImplementedError

    def _required(self) -> list[Any]:
        """The columns that features are made of."""
        raise NotImplementedError

    def _check_columns(self, X: Frame) -> None:
        """Refuse parameters that do not go with the columns of X."""
        raise NotImplementedError

    def fit(self, X: Any, y: Any, *, groups: Any = None, sample_weight: Any = None, exposure: Any = None) -> Any:
        """Learn each category's encoding from all rows.

        Parameters
        ----------
        X : frame, array of shape (n, p), or lazy table
        y : array of shape (n,) or (n, outputs), or name of a column of X
            A column that is named here is neither encoded nor passed on, now and in ``transform``.
        groups : array of shape (n,), optional
            For ``fit_transform``, which keeps groups together; a table of all rows has no folds.
        sample_weight : array of shape (n,) or name of a column of X, optional
            What each row weighs, as ``weight_type`` says. A column that is named is taken as y is.
        exposure : array of shape (n,) or label of a column of X, optional
            For counts: what each row's events are to be divided by (years, say), so that encodings are rates.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Where a parameter, X, y or a weight is not as described; nothing is fitted then. Whether the rows
            are enough for the folds, only ``fit_transform`` can tell.
        TypeError
            For categories that are not hashable, column names of which only some are strings, and lazy tables of
            engines that are not known, or where the encoder needs rows in memory.
        ImportError
            For lazy tables and frames that are not pandas', without pyarrow.
        """
        if (lazy := lazy_frame(X)) is not None:
            return self._fit_lazy(lazy, y, None, sample_weight, exposure, out_of_fold=False)
        X, y, sample_weight, _, roles = self._by_name(X, y, sample_weight)
        X, targets, weights = self._read(X, y, groups, sample_weight, exposure, None)
        self._remember(X, targets, self._learn(X, targets, weights), roles)
        return self

    def fit_transform(
        self,
        X: Any,
        y: Any = None,
        *,
        groups: Any = None,
        key: Any = None,
        sample_weight: Any = None,
        exposure: Any = None,
    ) -> Any:
        """Learn as ``fit`` does, and encode the same rows out of fold.

        Parameters
        ----------
        X : frame, array of shape (n, p), or lazy table
        y : array of shape (n,) or (n, outputs), or name of a column of X
            A column that is named here is neither encoded nor passed on, now and in ``transform``.
        groups : array of shape (n,), optional
            Rows of one group are in one fold.
        key : array of shape (n,), or names of columns of X, optional
            What rows are known by: folds are then a hash of it, the same whenever a row comes.
        sample_weight : array of shape (n,) or name of a column of X, optional
            What each row weighs, as ``weight_type`` says. A column that is named is taken as y is.
        exposure : array of shape (n,) or label of a column of X, optional
            For counts: what each row's events are to be divided by (years, say), so that encodings are rates.

        Returns
        -------
        ndarray of shape (n, features), a frame where columns of a frame pass through, or a lazy table for one
            A row that is in no test fold of ``cv`` is NaN, with a UserWarning that says how many there are.

        Raises
        ------
        ValueError
            Where a parameter, X, y, a weight or a fold is not as described; nothing is fitted then.
        TypeError
            For categories that are not hashable, column names of which only some are strings, and lazy tables of
            engines that are not known, or where the encoder needs rows in memory.
        ImportError
            For lazy tables and frames that are not pandas', without pyarrow.
        """
        if (lazy := lazy_frame(X)) is not None:
            if groups is not None:
                raise ValueError(
                    "`groups` needs rows in memory. Rows of one key stay together: pass key=..., or collect."
                )
            return self._fit_lazy(lazy, y, key, sample_weight, exposure, out_of_fold=True)
        X, y, sample_weight, cv, roles = self._by_name(X, y, sample_weight)
        original = X
        X, targets, weights = self._read(X, y, groups, sample_weight, exposure, key)
        if key is not None:
            cv = self._of_keys(key, X, groups)
        if isinstance(self.cv, EarlierRows):
            tables, blocks = self._learn_by_past(X, targets, weights)
            self._remember(X, targets, tables, roles)
            return self._output(X, blocks)
        folds = self._folds(cv, original, y, groups, targets, len(X))
        refuse_weightless(folds, weights.row)
        tables, blocks = self._learn_out_of_fold(X, targets, weights, folds)
        warn_of_rows_in_no_fold(folds)
        self._remember(X, targets, tables, roles)
        return self._output(X, blocks)

    def transform(self, X: Any) -> Any:
        """Encode rows by the tables learned from all training rows.

        Parameters
        ----------
        X : frame, array of shape (n, p), or lazy table
            With the columns that were there at fit, in any order where they have names.

        Returns
        -------
        ndarray of shape (n, features), a frame where columns of a frame pass through, or a lazy table for one

        Warns
        -----
        TrainingRowsWarning
            Where these are the very rows of ``fit``, which ``fit_transform`` encodes out of fold.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            Where columns are missing or unseen, or where ``unknown`` or ``missing`` is "error".
        """
        check_is_fitted(self)
        keep = self.remainder == "passthrough"
        required = self._header.labels if keep else self._required()
        if (lazy := lazy_frame(X)) is not None:
            return self._transform_lazy(lazy)
        X = read_frame(X).without(self._roles).aligned(self._header, required, strict=keep)
        features = self._look_up(X)
        if len(X) == self._fingerprint.rows > 1 and Fingerprint.of(X, self._required()) == self._fingerprint:
            warn_of_training_rows()
        return self._output(X, features)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the features that ``transform`` gives.

        Parameters
        ----------
        input_features : array of str, optional
            Names of the columns of an array; for a frame, its own names or nothing.

        Returns
        -------
        ndarray of str objects
            An encoded column keeps its name; where it gives several features they are called
            ``<column>_<class>`` or ``<column>_<output>``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            Where the names are not those of fit, or not as many.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        return np.array(self._names_out(names, self._header.labels, self.tables_), dtype=object)

    def _names_out(self, names: Any, labels: list[Any], tables: Sequence[Any]) -> list[str]:
        encoded = self._named_features(dict(zip(labels, names, strict=True)), tables)
        result: list[str] = []
        for name, label in zip(names, labels, strict=True):
            if label in encoded:
                result += encoded.pop(label)
            elif self.remainder == "passthrough":
                result.append(name)
        return result + [name for features in encoded.values() for name in features]

    def _read(
        self, X: Any, y: Any, groups: Any, sample_weight: Any, exposure: Any, key: Any
    ) -> tuple[Frame, list[Target], Weights]:
        self._validate_params()
        columns = replace(read_frame(X), aside=labels_of(exposure) + labels_of(key))
        targets = read_targets(y, self.target_type, FAMILIES.get(getattr(self, "family", "auto")))
        if len(targets[0].values) != len(columns):
            raise ValueError(
                f"X and y have inconsistent numbers of samples: "
                f"X has {len(columns)} rows and y has {len(targets[0].values)}. Pass one target a row."
            )
        self._check_columns(columns)
        if not isinstance(self.cv, str):  # which names a column
            check_cv(self.cv)
        if isinstance(self.cv, EarlierRows) and groups is not None:
            raise ValueError("`groups` does not go with EarlierRows, whose rows have no folds. Leave it out.")
        check_groups(groups, len(columns))
        if isinstance(exposure, str | int):
            columns.require([exposure])
            exposure = columns.column(exposure)
        if self.weight_type == "precision" and any(target.family != "normal" for target in targets):
            raise ValueError(
                'weight_type="precision" goes with the normal family alone. Pass weight_type="frequency", or '
                'target_type="continuous".'
            )
        row, exposed = read_weights(sample_weight, len(columns)), read_exposure(exposure, targets, len(columns))
        if exposed is not None and all(target.family == "normal" for target in targets):  # rates, so weighed
            targets = [replace(target, values=target.values / exposed) for target in targets]
            row, exposed = exposed if row is None else row * exposed, None
        return columns, targets, Weights(row, exposed, self.weight_type == "precision")

    def _folds(self, cv: Any, X: Any, y: Any, groups: Any, targets: list[Target], n_rows: int) -> Folds:
        only = targets[0] if len(targets) == 1 else None
        classes = only.values if only and only.classes is not None else None
        seed = self.random_state
        return make_folds(cv, X, y, n_rows=n_rows, groups=groups, classes=classes, random_state=seed)

    def _by_name(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any, Any, list[str]]:
        """X, y, weights and folds; where some of these are columns of X, X without them, and their names."""
        cv = self._splits()
        named = {"y": y, "sample_weight": sample_weight, "cv": cv}
        named = {role: label for role, label in named.items() if isinstance(label, str)}
        if not named:
            return X, y, sample_weight, cv, []
        frame, roles = read_frame(X), list(dict.fromkeys(named.values()))
        for role, label in named.items():
            if role == "cv" and label not in frame.labels:
                check_cv(label)
            frame.require([label], role)
        values = {role: frame.column(label) for role, label in named.items()}
        X = frame.without(roles).native
        return X, values.get("y", y), values.get("sample_weight", sample_weight), values.get("cv", cv), roles

    def _of_keys(self, key: Any, X: Frame, groups: Any) -> np.ndarray:
        """The fold of each row by its key, as a label."""
        if not isinstance(self.cv, Integral) or groups is not None:
            raise ValueError(
                f"Keys are hashed into a number of folds, without groups: rows of one key stay together. Got "
                f"cv={self.cv!r}. Pass cv=10, say."
            )
        return folds_of_keys(X.keyed(key), len(X), int(self.cv))

    def _fit_lazy(self, frame: Any, y: Any, key: Any, sample_weight: Any, exposure: Any, *, out_of_fold: bool) -> Any:
        raise TypeError(
            f"{type(self).__name__} learns from rows in memory. Collect the table to pandas, polars or arrow first."
        )

    def _transform_lazy(self, frame: Any) -> Any:
        raise TypeError(
            f"{type(self).__name__} encodes rows in memory. Collect the table to pandas, polars or arrow first."
        )

    def _splits(self) -> Any:
        """`cv`; where it can be read only once, what it gave the first time."""
        if not isinstance(self.cv, Iterator):
            return self.cv
        if getattr(self, "_read_from", None) is not self.cv:
            self._read_from, self._read_splits = self.cv, list(self.cv)
        return self._read_splits

    def _listed_outputs(self, known: Sequence[str]) -> tuple[str, ...]:
        """`output` as a tuple, refused where it is not of the outputs known."""
        outputs = (self.output,) if isinstance(self.output, str) else tuple(self.output)
        if not outputs or not set(outputs) <= set(known) or len(set(outputs)) < len(outputs):
            raise ValueError(f"`output` must be one or several of {tuple(known)}, each once. Got {self.output!r}.")
        return outputs

    def _remember(self, X: Frame, targets: list[Target], tables: Sequence[Any], roles: list[str]) -> None:
        names = self._names_out(X.names, X.labels, tables)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"Features must have different names, but {twice} would occur twice. Rename columns of X, or outputs "
                "or classes of y."
            )
        kinds = [target.kind for target in targets]
        self.tables_, self._header = list(tables), X.header(type(self).__name__)
        self.target_type_ = kinds[0] if len(kinds) == 1 else kinds
        self.n_features_in_, self._roles = len(X.labels), roles
        self._aside = [label for label in X.aside if label in X.labels]  # a list of strings may be keys themselves
        self._fingerprint = Fingerprint.of(X, self._required())
        self._keep("feature_names_in_", np.array(X.labels, dtype=object) if X.named else None)
        self._keep("classes_", targets[0].classes if len(targets) == 1 else None)

    def _keep(self, name: str, value: Any) -> None:
        """Set a fitted attribute, or forget what an earlier fit left of it."""
        self.__dict__.pop(name, None)
        if value is not None:
            setattr(self, name, value)

    def _output(self, X: Frame, blocks: Mapping[Any, np.ndarray]) -> Any:
        """X with blocks, of shape (n, features), in the place of the columns they encode."""
        named = self._named_features(X.names_of, self.tables_)
        features = {label: (names, blocks[label]) for label, names in named.items()}
        return X.replaced(features, keep=self.remainder == "passthrough")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags
