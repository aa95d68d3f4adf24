"""What a mixed model learned: the model, its summary, and tables of its levels."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from catpool.data.frames.backends import to_backend
from catpool.encoders.parameters import check_interval
from catpool.models.mixed.design import INTERCEPT
from catpool.models.mixed.fitted_model import MixedModel
from catpool.models.mixed.mixed_summary import summarize


class MixedResultsMixin:
    """The attributes `model_` and `summary_` and the method `encoding_table`."""

    @property
    def model_(self: Any) -> MixedModel:
        """The model of all rows: coefficients, covariances, likelihood."""
        model: MixedModel = self.tables_[0].model  # the tables share it
        return model

    @property
    def summary_(self: Any) -> pd.DataFrame:
        """What was learned.

        Returns
        -------
        pandas.DataFrame
            A row for each number: its `kind` ("fixed", "variance", "correlation", "dispersion", "icc", "model"), the
            `group` and `term` it belongs to, its `value` and, for coefficients, its standard error `se`, which takes
            the dispersion as known. A "size" is infinite if counts vary no more than Poisson counts. Variances are in
            units of y squared; "icc" is a factor's share of the variance of a row whose covariates are zero; "model"
            has the number of rows, the log-likelihood (restricted under REML), the AIC, and the factors whose
            covariance is singular. If some variances are averaged over (full Bayes, the default for factors with fewer
            than 30 levels), values are posterior means, and log-likelihood and AIC are NaN. `attrs` has the `method`
            ("REML", "ML", "Laplace", "PQL", the quadrature, or "full Bayes") and the `solver`.
        """
        structure, names = self._structure(), self._state.header.names_by_label
        covariates = structure.terms.covariate_names(structure.contrasts(self.tables_), names)
        return summarize(self.model_, self.tables_, [INTERCEPT, *covariates])

    def encoding_table(self: Any, column: Hashable, *, interval: float = 0.9, backend: str = "pandas") -> Any:
        """Show what was learned of each level of a factor.

        Parameters
        ----------
        column : str, int or tuple
            As in ``groups``.
        interval : float, default=0.9
            The probability of the posterior interval from `lower` to `upper`.
        backend : {"pandas", "polars", "pyarrow"}, default="pandas"
            The library of the frame.

        Returns
        -------
        frame
            A row for each level that has training rows, and a last row for an unseen level, with the count 0:
            `category` (None for missing values and in the last row), `count` of its rows or their weight, conditional
            `mode` (under full Bayes the posterior mean), posterior `sd`, the ends `lower` and `upper` of its interval,
            and the same for each slope, as `<slope>_mode`.

        Raises
        ------
        ValueError
            If there is no such factor, or `interval` is not between 0 and 1.
        """
        check_is_fitted(self)
        check_interval(interval)
        for position, table in enumerate(self.tables_):
            if column in (table.label, table.column):
                return to_backend(table.frame(position, interval), backend)
        raise ValueError(
            f"`column` must be one of the factors {[each.label for each in self.tables_]}, not {column!r}."
        )
