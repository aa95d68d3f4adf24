"""Predictions of rows with intervals, for encoders whose model predicts y."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from catpool.data.frames.backends import to_backend
from catpool.data.frames.frame import read_frame
from catpool.encoders.parameters import check_interval

if TYPE_CHECKING:
    import numpy as np
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike

    from catpool.priors.predictive import Predictive

KINDS = ("mean", "row")


class PredictionMixin:
    """The method `predict` of an encoder."""

    def predict(
        self: Any, X: IntoFrame | ArrayLike, *, interval: float = 0.9, kind: str = "mean", backend: str = "pandas"
    ) -> Any:
        """Predict y, with posterior standard deviations and intervals.

        Standard deviations and intervals include that coefficients and effects of categories are estimated, and under
        full Bayes that variances are. For an unseen category they include the variance between categories. Training
        rows are predicted from all training rows, themselves included: there are no folds.

        Parameters
        ----------
        X : frame or array of shape (n, p)
            The columns of fit, or at least those of the model.
        interval : float, default=0.9
            The probability of the interval from `lower` to `upper`. Both tails have the same probability.
        kind : {"mean", "row"}, default="mean"
            What is predicted: the expected value of y in a row, or y itself, whose distribution also has the noise of
            single rows. Then y of two classes is zero or one, and counts have an exposure of one. If weights are
            precisions, the row has a weight of one. The dispersion of negative binomial, gamma and Tweedie rows counts
            as known.
        backend : {"pandas", "polars", "pyarrow"}, default="pandas"
            The library of the frame.

        Returns
        -------
        frame
            For each row the `mean` and `sd` of what is predicted, and the ends `lower` and `upper` of its interval, on
            the scale of y. All are NaN in rows with an unseen category if ``unknown="nan"``, and in rows with a missing
            one if ``missing="nan"``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If an argument is not as described, if columns are absent, if ``unknown`` or ``missing`` is "error" and
            there are such rows, if y has several outputs or more than two classes, if the model was fitted by conjugate
            gradients, or if ``kind="row"`` and the family comes from outside the package.

        Examples
        --------
        A new city has a wider interval than a known one.

        >>> import pandas as pd
        >>> from catpool import NestedEncoder
        >>> city = ["Ulm", "Ulm", "Bonn", "Bonn", "Ulm", "Ulm", "Kiel", "Kiel"]
        >>> X = pd.DataFrame({"state": list("aaaabbbb"), "city": city})
        >>> encoder = NestedEncoder(["state", "city"]).fit(X, [1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 9.0, 10.0])
        >>> encoder.predict(pd.DataFrame({"state": ["a", "a"], "city": ["Ulm", "Jena"]})).round(1)
           mean   sd  lower  upper
        0   2.0  1.0    0.6    3.7
        1   3.7  2.9   -0.3    8.7
        """
        check_is_fitted(self)
        check_interval(interval)
        if kind not in KINDS:
            raise ValueError(f'`kind` must be "mean" or "row". Got {kind!r}.')
        predictive, hidden = self._predictive(X)
        summary = predictive.expected(interval) if kind == "mean" else predictive.new_row(interval)
        index = X.index if isinstance(X, pd.DataFrame) else None
        table = pd.DataFrame(summary, index=index)
        table.loc[hidden] = float("nan")
        return to_backend(table, backend)

    def _predictive(self: Any, X: Any) -> tuple[Predictive, np.ndarray]:
        """The predictive distribution of rows, and for which of them it is hidden, shape (n,)."""
        structure, fitted = self._structure(), self._state
        required = self._settings().required(structure, fitted)
        frame = read_frame(X).drop(fitted.roles).align(fitted.header, required, strict=False)
        predictive, hidden = structure.predictive(fitted.tables, frame)
        return predictive, hidden
