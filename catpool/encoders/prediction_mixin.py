"""Predictions of rows with intervals, for encoders whose model predicts y."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from catpool.data.backends import to_backend
from catpool.data.frames import read_frame
from catpool.encoders.parameters import check_interval

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike

KINDS = ("mean", "row")


class PredictionMixin:
    """The method `predict` of an encoder."""

    def predict(
        self: Any, X: IntoFrame | ArrayLike, *, interval: float = 0.9, kind: str = "mean", backend: str = "pandas"
    ) -> Any:
        """Predict y, with posterior standard deviations and intervals.

        The uncertainty is that of coefficients and categories and, under full Bayes, of the variances. An unseen
        category has the uncertainty of a new one. Training rows are predicted from all training rows, themselves
        included.

        Parameters
        ----------
        X : frame or array of shape (n, p)
            With the columns of fit, or at least those of the model.
        interval : float, default=0.9
            The probability of the interval from `lower` to `upper`, whose tails have one probability.
        kind : {"mean", "row"}, default="mean"
            Of what: the expected value of a row, or a new row, whose own noise comes on top. A new row of classes is
            zero or one; one of counts has an exposure of one. Where weights are precisions, it has a weight of one. The
            dispersion of negative binomial, gamma and Tweedie rows counts as known.
        backend : {"pandas", "polars", "pyarrow"}, default="pandas"
            The library of the frame.

        Returns
        -------
        frame
            For each row the `mean` and `sd` of the posterior, and the ends `lower` and `upper` of the interval, on the
            scale of y. They are NaN where ``unknown`` or ``missing`` is "nan" and there is such a category.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If the arguments are none of these, if columns are missing, if ``unknown`` or ``missing`` is "error" and
            there are such rows, if the model was fitted by conjugate gradients, or if ``kind`` is "row" and the family
            comes from outside the package.
        """
        check_is_fitted(self)
        check_interval(interval)
        if kind not in KINDS:
            raise ValueError(f'`kind` must be "mean" or "row". Got {kind!r}.')
        structure, fitted = self._structure(), self._state
        required = self._settings().required(structure, fitted)
        frame = read_frame(X).drop(fitted.roles).align(fitted.header, required, strict=False)
        predictive, hidden = structure.predictive(fitted.tables, frame)
        summary = predictive.expected(interval) if kind == "mean" else predictive.new_row(interval)
        index = X.index if isinstance(X, pd.DataFrame) else None
        table = pd.DataFrame(summary, index=index)
        table.loc[hidden] = float("nan")
        return to_backend(table, backend)
