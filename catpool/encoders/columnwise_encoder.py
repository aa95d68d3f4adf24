"""What the encoders of single columns and of nested levels share: streams, SQL and tables to look at."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from catpool.crossfit.columnwise import Columnwise
from catpool.crossfit.hashed_keys import folds_of_keys
from catpool.crossfit.scheme import is_rule
from catpool.crossfit.stream import Stream, encode_parts, part_check, restore_stream, sum_rows, takes_parts
from catpool.data.fingerprint import Fingerprint
from catpool.data.frames.backends import to_backend
from catpool.data.frames.frame import read_frame
from catpool.data.training import read_training
from catpool.encoders.decay_mixin import LEARNING, DecayMixin
from catpool.encoders.encoder import Encoder
from catpool.encoders.parameters import check_interval, documented
from catpool.encoders.records import check_names, output, warn_of_date_columns
from catpool.engines.dispatch import lazy_frame
from catpool.models.flat.flat_structure import Flat
from catpool.tables.fitted import Fitted

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike


@documented
class ColumnwiseEncoder(DecayMixin, Encoder):
    """Learns one column, interaction or path at a time, from sums over rows, which can be added up."""

    crossfit: str

    @abstractmethod
    def _structure(self) -> Columnwise: ...

    @property
    def summary_(self) -> pd.DataFrame:
        """What was learned of each column and target.

        Returns
        -------
        pandas.DataFrame
            A row for each encoded column or level, and target or share: `column` and `target` (empty if there is one);
            `categories`, with the missing value among them, and `rows`, or their weight; `prior_mean` in units of y
            and `prior_strength` in rows; `between_sd` and `within_sd`, the standard deviations between and within
            categories in units of y, by the method of moments where the strength is given; `reliability`, the mean over
            the rows of count / (count + strength); `log_likelihood`; `half_life`, if it is learned; `drift`, `shock_sd`
            and `half_life` of effects that drift; and `note`.
        """
        check_is_fitted(self)
        return pd.DataFrame([row for table in self.tables_ for row in table.summary()])

    def encoding_table(self, column: Hashable, *, interval: float = 0.9, backend: str = "pandas") -> Any:
        """Show what was learned of each category of a column.

        Parameters
        ----------
        column : str, int or tuple
            A column or interaction as in ``columns_``, or a level as in ``levels_``; or its name in `summary_`.
        interval : float, default=0.9
            The probability of the interval from `lower` to `upper`.
        backend : {"pandas", "polars", "pyarrow"}, default="pandas"
            The library of the frame.

        Returns
        -------
        frame
            A row for each category that has training rows, and a last one, of no rows, for a new category: `category`
            (None for the missing value and in the last row; for nested levels a column for each level), `target` (if
            there are several), `count` of its rows or their weight, `mean` of the target in it (and `prior_mean`, with
            prior features, or `within_sd`, if moderated), its `encoding`, the posterior mean, with its `sd`, the ends
            `lower` and `upper` of its interval and its `reliability`; then outputs such as "q10". Shares are targets.

        Raises
        ------
        ValueError, TypeError
            If the column is not encoded, the probability is not between 0 and 1, or polars and pyarrow have no type for
            categories of several types.
        """
        check_is_fitted(self)
        check_interval(interval)
        for table in self.tables_:
            frame = table.find_frame(column, interval)
            if frame is not None:
                return to_backend(frame, backend)
        known = [name for table in self.tables_ for name in table.accepted_labels]
        raise ValueError(f"`column` must be one of the encoded columns {known}, not {column!r}.")

    @available_if(takes_parts)
    def partial_fit(
        self,
        X: IntoFrame | ArrayLike,
        y: ArrayLike | str,
        *,
        key: ArrayLike | IntoFrame | str | Sequence[str] | None = None,
        sample_weight: ArrayLike | str | None = None,
        exposure: ArrayLike | str | None = None,
    ) -> Self:
        """Learn from more rows, in addition to those learned from before.

        Fitting in parts gives what fitting at once gives, except for rounding. The first part fixes the kind of y;
        categories and classes may come later. Threads take turns. With keys, the rows are in ``cv`` folds by a hash of
        their keys, and ``transform_out_of_fold`` finds each row's own fold again.

        Parameters
        ----------
        X : frame or array of shape (m, p)
        <y>
        <key>
        <sample_weight>
        <exposure>

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As ``fit`` does; if only some parts have keys; if keys come with a ``cv`` that is not a number of folds; and
            for EarlierRows, which needs all rows in their order. The encoder stays as it was.
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
        self._refuse_rules()
        self._check_parameters()
        with LEARNING:
            structure, before = self._structure(), vars(self).get("_fitted")
            reading = self._reading() if before is None else self._reading().like(before.target_type)
            check = part_check(structure, before)
            data = read_training(X, y, reading, check, key=key, sample_weight=sample_weight, exposure=exposure)
            data = structure.add_targets(data)
            with self._showing_progress():
                if before is None:
                    before, stream = Fitted.empty(type(self).__name__, data), sum_rows(data, structure, self.cv)
                else:
                    stream = restore_stream(before).add_rows(data.align(before.header), structure, self.cv)
                fitted = self._streamed(structure, before, stream)
            warn_of_date_columns(fitted.tables, before.tables)
            self._fitted = fitted
        return self

    def _refuse_rules(self) -> None:
        if is_rule(self.cv) or getattr(vars(self).get("_fitted"), "last_time", None) is not None:
            raise ValueError(f"cv={type(self.cv).__name__} needs all rows at once. Call fit_transform on all of them.")

    def merge(self, other: Self) -> Self:
        """Join what two encoders have learned from different rows.

        Parameters
        ----------
        other : encoder of the same class
            Fitted to the same columns and targets, with the same parameters except ``random_state``, ``n_jobs``,
            ``verbose`` and, where there are no keys, ``cv``.

        Returns
        -------
        encoder
            A new one, as if it had been fitted to the rows of both.

        Raises
        ------
        TypeError, ValueError
            If class, columns, targets or parameters differ, or if only one of the two has keys.

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
        free = {"cv", "random_state", "n_jobs", "verbose"}
        mine, theirs = ({k: v for k, v in each.get_params().items() if k not in free} for each in (self, other))
        # as text, because splitters and arrays have no equality that answers yes or no
        differing = [name for name in mine if str(mine[name]) != str(theirs[name])]
        if differing:
            raise ValueError(f"Both encoders must have the same parameters, but {differing} differ. Set them alike.")
        self._refuse_rules()
        other._refuse_rules()
        stream = restore_stream(self._fitted) + restore_stream(other._fitted)
        result = clone(self)
        result._fitted = self._streamed(self._structure(), self._fitted, stream)
        return result

    def _streamed(self, structure: Columnwise, before: Fitted, stream: Stream) -> Fitted:
        """The state after rows of a stream, whose columns are those from before."""
        fitted = replace(
            before,
            tables=stream.tables(structure),
            targets=stream.targets,
            log_likelihood=stream.log_likelihood,
            tallies=stream.tallies,
            mixed_keys=stream.mixed_keys,
            fingerprint=Fingerprint(0, ""),  # the rows are no longer available, so transform cannot recognize them
        )
        check_names(structure, fitted, keep=self.remainder == "passthrough")
        return fitted

    def transform_out_of_fold(self, X: IntoFrame | ArrayLike, key: ArrayLike | IntoFrame | str | Sequence[str]) -> Any:
        """Encode training rows that came with keys, each from the rows of other folds.

        Parameters
        ----------
        X : frame or array of shape (m, p)
            Some of the training rows, or all.
        key : array of shape (m,), frame of shape (m, columns), or names of columns of X
            Their keys at ``partial_fit``.

        Returns
        -------
        frame of the library that X came from, or ndarray for an array
            What ``fit_transform`` of all rows gives with these folds.

        Raises
        ------
        NotFittedError
            Before ``partial_fit``.
        ValueError
            If ``partial_fit`` had no keys, or was not called; with ``crossfit="rare"``, which needs the rows.
        """
        structure, fitted = self._structure(), self._state
        if fitted.tallies is None or fitted.parts == 1:
            raise ValueError("Only partial_fit(X, y, key=...) keeps folds. Call it with keys, or call fit_transform.")
        if structure.crossfit.only_rare:
            raise ValueError('`transform_out_of_fold` needs crossfit="all". Set it before partial_fit.')
        key = read_frame(X).key_columns(key)
        frame = read_frame(X).drop(fitted.roles).align(fitted.header, fitted.header.labels, strict=True)
        folds = folds_of_keys(key, len(frame), fitted.parts, mixed=fitted.mixed_keys)
        return output(self._settings(), structure, fitted, frame, encode_parts(structure, fitted, frame, folds))

    @available_if(lambda encoder: isinstance(encoder._structure(), Flat))
    def to_sql(
        self,
        table: str | Sequence[str],
        *,
        dialect: str | None = None,
        encodings: str = "inline",
        encodings_name: str | Sequence[str] = "catpool_encodings",
    ) -> str | list[str]:
        """Write ``transform`` as SQL: a SELECT that joins a table's rows with the encodings.

        Parameters
        ----------
        table : str, or sequence of str
            The name of the table with the columns of X, after its catalog and schema if needed. It is quoted.
        dialect : str, optional
            As sqlglot calls it: "duckdb", "sqlite", "postgres" and so on; by default standard SQL.
        encodings : {"inline", "table"}, default="inline"
            Whether the SELECT holds the encodings, or tables do, which suits thousands of categories.
        encodings_name : str, or sequence of str, default="catpool_encodings"
            The names of these tables, as for ``table``; "_0" follows for the first encoded column, and so on.

        Returns
        -------
        str, or list of str for ``encodings="table"``
            The SELECT comes last. NaN is NULL. A collation of the table that takes "a" for "A" doubles rows.

        Raises
        ------
        ImportError
            Without sqlglot: ``pip install "catpool[sql]"``.
        ValueError
            For interactions of empirical Bayes, "error" as ``unknown`` or ``missing``, a half-life, or X without names.
        TypeError
            If categories have no literal in SQL: infinities, times with a zone, and other objects.

        Examples
        --------
        >>> import pandas as pd
        >>> from catpool import MeanEncoder
        >>> MeanEncoder().fit(pd.DataFrame({"shop": ["a", "b"]}), [1.0, 2.5]).to_sql("orders")[:16]
        'WITH "catpool_0"'
        """
        from catpool.encoders.statements import write_sql

        return write_sql(self._structure(), self._settings(), self._state, table, dialect, encodings, encodings_name)
