"""What encoders are compared with: no categories at all, and the categories that a model takes itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

LEVELS = 254  # that scikit-learn's boosting takes at most, beside missing values


class LeftOut(TransformerMixin, BaseEstimator):
    """Leaves all columns out."""

    def fit(self, X: pd.DataFrame, y: Any = None) -> LeftOut:
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        return np.zeros((len(X), 0))


class OwnCategories(TransformerMixin, BaseEstimator):
    """Gives a model the categories themselves.

    Parameters
    ----------
    library : {"LightGBM", "XGBoost", "CatBoost", "HistGradientBoosting"}
        Whose model it is.
    """

    def __init__(self, library: str) -> None:
        self.library = library

    def fit(self, X: pd.DataFrame, y: Any = None) -> OwnCategories:
        limit = LEVELS if self.library == "HistGradientBoosting" else None
        self.levels_ = [X.iloc[:, place].astype(str)[X.iloc[:, place].notna()] for place in range(X.shape[1])]
        self.levels_ = [column.value_counts().index[:limit].sort_values() for column in self.levels_]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        columns = [self._convert(X.iloc[:, place], levels) for place, levels in enumerate(self.levels_)]
        return pd.DataFrame(dict(enumerate(columns)))

    def _convert(self, column: pd.Series, levels: pd.Index) -> pd.Categorical:
        strings = column.astype(str)
        known = pd.Categorical(strings.where(column.notna() & strings.isin(levels)), categories=levels)
        if self.library != "CatBoost":
            return known
        return known.add_categories("missing value").fillna("missing value")  # it refuses NaN among categories

    def prepare(self, model: Any, features: pd.DataFrame) -> None:
        """Tell a model, before it is fitted, that some of its features are categories."""
        if self.library == "XGBoost":
            model.set_params(enable_categorical=True)
        elif self.library == "HistGradientBoosting":
            model.set_params(categorical_features="from_dtype")
        elif self.library == "CatBoost":
            model.set_params(cat_features=list(features.select_dtypes("category")))


def own_categories(estimator: BaseEstimator | None) -> dict[str, OwnCategories]:
    """The categories themselves, by the name of the row in a comparison; none if the model does not take them."""
    libraries = {"lightgbm": "LightGBM", "xgboost": "XGBoost", "catboost": "CatBoost"}
    found = libraries.get(type(estimator).__module__.split(".")[0])
    if type(estimator).__name__.startswith("HistGradientBoosting"):
        found = "HistGradientBoosting"
    return {f"{found}'s own categories": OwnCategories(found)} if found else {}
