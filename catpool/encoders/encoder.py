"""What all encoders share: fit, transform, names, files and look-ups, for any structure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._set_output import _get_output_config

from catpool.crossfit.scheme import is_past_only, make_scheme, reads
from catpool.data.fingerprint import warn_of_training_rows
from catpool.data.frames.frame import read_frame
from catpool.data.progress import showing_progress
from catpool.data.targets.target_family import TargetFamily
from catpool.data.training import Reading, read_training
from catpool.encoders.explain_mixin import ExplainMixin
from catpool.encoders.fitted_mixin import FittedMixin
from catpool.encoders.lazy_tables import fit_lazy_table, request_of, transform_lazy_table
from catpool.encoders.parameters import documented
from catpool.encoders.records import Settings, output, record
from catpool.engines.dispatch import lazy_frame
from catpool.priors.families.by_name import FAMILIES
from catpool.tables.fitted import Fitted

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike


@documented
class Encoder(FittedMixin, ExplainMixin, TransformerMixin, BaseEstimator):
    """Replaces columns by features that are learned from the target.

    A subclass has its parameters and one method, `_structure`, which says how columns become categories and how their
    effects are learned. What is learned is in `_fitted`, which is set once, after a fit has succeeded.
    """

    _families: ClassVar[Mapping[str, TargetFamily]] = FAMILIES  # what `family` may be
    __metadata_request__fit: ClassVar[dict[str, Any]] = {"groups": True}  # as scikit-learn's group splitters

    cv: Any
    random_state: Any
    target_type: str
    missing: str
    remainder: str
    output: str | Sequence[str]
    weight_type: str
    verbose: bool

    def fit(
        self,
        X: IntoFrame | ArrayLike,
        y: ArrayLike | str,
        *,
        groups: ArrayLike | None = None,
        key: ArrayLike | IntoFrame | str | None = None,
        sample_weight: ArrayLike | str | None = None,
        exposure: ArrayLike | str | None = None,
    ) -> Self:
        """Learn each category's encoding from all rows.

        Parameters
        ----------
        <X>
        <y>
        groups : array of shape (n,), optional
            Accepted for pipelines, and checked. Only ``fit_transform`` has folds that keep groups together.
        key : array of shape (n,), frame of shape (n, columns), or names of columns of X, optional
            Accepted for pipelines, so that it can be routed: ``encoder.set_fit_request(key=True)``. Only
            ``fit_transform`` has folds. Columns that are named here pass through.
        <sample_weight>
        <exposure>

        Returns
        -------
        self

        Raises
        ------
        <fit_errors>
        """
        rows = {"groups": groups, "key": key, "sample_weight": sample_weight, "exposure": exposure}
        self._fitted = self._learn(X, y, **rows)  # last, so that a fit that fails leaves the encoder as it was
        return self

    def fit_transform(
        self,
        X: IntoFrame | ArrayLike,
        y: ArrayLike | str,
        *,
        groups: ArrayLike | None = None,
        key: ArrayLike | IntoFrame | str | None = None,
        sample_weight: ArrayLike | str | None = None,
        exposure: ArrayLike | str | None = None,
    ) -> Any:
        """Learn as ``fit`` does, and encode the same rows out of fold.

        Parameters
        ----------
        <X>
        <y>
        groups : array of shape (n,), optional
            Rows of one group are in one fold.
        <key>
        <sample_weight>
        <exposure>

        Returns
        -------
        frame of the library that X came from, ndarray for an array, or a lazy table for one
            Of n rows. Rows in no test fold of ``cv`` are NaN, with a UserWarning that counts them.

        Raises
        ------
        <fit_errors>
        """
        rows = {"groups": groups, "key": key, "sample_weight": sample_weight, "exposure": exposure}
        self._fitted, encoded = self._learn_and_encode(X, y, **rows)
        return encoded

    def transform(self, X: IntoFrame | ArrayLike) -> Any:
        """Encode rows by what was learned from all training rows.

        Parameters
        ----------
        X : frame, array of shape (n, p), or lazy table
            With the columns of fit, in any order if they have names.

        Returns
        -------
        frame of the library that X came from, ndarray for an array, or a lazy table for one

        Warns
        -----
        TrainingRowsWarning
            If these are the rows that the encoder was fitted to, which ``fit_transform`` encodes out of fold.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If columns are missing or new, or if ``unknown`` or ``missing`` is "error" and there are such rows.
        """
        structure, settings, fitted = self._structure(), self._settings(), self._state
        # columns that pass through must all be there; without them, a table may leave out what is not used
        required = fitted.header.labels if settings.keep else settings.required(structure, fitted)
        if (lazy := lazy_frame(X)) is not None:
            return transform_lazy_table(settings, structure, fitted, lazy, required)
        frame = read_frame(X).drop(fitted.roles).align(fitted.header, required, strict=settings.keep)
        features = structure.transform(fitted.tables, frame, settings.fade(frame, fitted))
        # the encoding of training rows holds their own targets, and a model that learns from it overfits
        if fitted.fingerprint.matches(frame, fitted.header.labels):
            warn_of_training_rows()
        return output(settings, structure, fitted, frame, features)

    def _learn(self, X: Any, y: Any, **rows: Any) -> Fitted:
        """What `fit` learns, from its named arguments and those that a subclass adds."""
        self._check_parameters()
        structure, settings, reading = self._structure(), self._settings(), self._reading()
        # lazy tables are summed by their engine, and their rows never come into memory
        if (lazy := lazy_frame(X)) is not None:
            request = request_of(y, self.cv, **rows)
            with self._showing_progress():
                fitted, _ = fit_lazy_table(settings, structure, lazy, reading, request, out_of_fold=False)
            return fitted
        data = structure.add_targets(read_training(X, y, reading, structure.check, **rows))
        scheme = make_scheme(self._splits(), data, self.random_state)  # folds are made only when they are asked for
        with self._showing_progress():
            tables = structure.learn(data, scheme)
        return record(settings, structure, data, scheme, tables)

    def _learn_and_encode(self, X: Any, y: Any, **rows: Any) -> tuple[Fitted, Any]:
        """What `fit_transform` learns, and the encoded rows."""
        self._check_parameters()
        structure, settings, reading = self._structure(), self._settings(), self._reading()
        if (lazy := lazy_frame(X)) is not None:
            request = request_of(y, self.cv, **rows)
            with self._showing_progress():
                return fit_lazy_table(settings, structure, lazy, reading, request, out_of_fold=True)
        data = structure.add_targets(read_training(X, y, reading, structure.check, **rows))
        scheme = make_scheme(self._splits(), data, self.random_state)
        with self._showing_progress():
            fit = structure.fit(data, scheme)
        scheme.finish()  # warns of rows that no fold tests, once all is well
        fitted = record(settings, structure, data, scheme, fit.tables)
        return fitted, output(settings, structure, fitted, data.X, fit.features)

    def _check_parameters(self) -> None:
        """Refuse parameters that are not legal."""
        self._validate_params()
        if is_past_only(self.cv) and not self._structure().takes_past_only:
            raise ValueError(
                f"{type(self.cv).__name__} works only with encoders of single columns, not with "
                f"{type(self).__name__}. Pass for example cv=TimeSeriesSplit()."
            )

    def _showing_progress(self) -> AbstractContextManager[None]:
        """A context in which a fit shows its progress, if `verbose` asks for it."""
        return showing_progress(type(self).__name__, verbose=self.verbose)

    def _reading(self) -> Reading:
        """How the parameters say that training rows are read."""
        family = self._families.get(getattr(self, "family", "auto"))  # not every encoder lets the user choose one
        fold_column = self.cv if isinstance(self.cv, str) else None
        gaps = self._structure().takes_gaps
        return Reading(self.target_type, family, self._families, self.weight_type, fold_column, reads(self.cv), gaps)

    def _settings(self) -> Settings:
        """The parameters that shape the output: `remainder`, `set_output` and `cv`."""
        library = _get_output_config("transform", self)["dense"]
        return Settings(type(self).__name__, self.cv, self.remainder == "passthrough", library)

    def _splits(self) -> Any:
        """`cv`; for a generator, which can be read only once, what it gave the first time."""
        if not isinstance(self.cv, Iterator):
            return self.cv
        if getattr(self, "_splits_of", (None, None))[0] is not self.cv:
            self._splits_of = self.cv, list(self.cv)
        return self._splits_of[1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = self.missing != "error"
        tags.transformer_tags.preserves_dtype = []
        return tags
