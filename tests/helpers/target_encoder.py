"""scikit-learn's `TargetEncoder`, played by catpool."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils.multiclass import type_of_target

from catpool import EmpiricalBayesEncoder, SmoothedMeanEncoder


class TargetEncoder(TransformerMixin, BaseEstimator):
    """The parameters and attributes of scikit-learn's `TargetEncoder`, with an encoder of catpool behind them.

    Parameters
    ----------
    categories : "auto" or list of array, default="auto"
    target_type : str, default="auto"
    smooth : "auto" or float, default="auto"
        "auto" is `EmpiricalBayesEncoder`, a number is `SmoothedMeanEncoder`.
    cv : int, splitter or iterable, default=5
    shuffle : bool, default=True
    random_state : int, RandomState or None, default=None
    """

    def __init__(
        self, categories="auto", target_type="auto", smooth="auto", cv=5, shuffle=True, random_state=None
    ) -> None:
        self.categories = categories
        self.target_type = target_type
        self.smooth = smooth
        self.cv = cv
        self.shuffle = shuffle
        self.random_state = random_state

    def fit(self, X, y):
        self._make(X, y).fit(X, y)
        return self

    def fit_transform(self, X, y):
        return self._make(X, y).fit_transform(X, y)

    def transform(self, X):
        return self.encoder_.transform(X)

    def get_feature_names_out(self, input_features=None):
        return self.encoder_.get_feature_names_out(input_features)

    def _make(self, X, y):
        options = {
            "columns": None,
            "cv": self._folds(y),
            "target_type": self.target_type,
            "categories": self.categories,
        }
        if self.smooth == "auto":
            self.encoder_ = EmpiricalBayesEncoder(**options)
        else:
            self.encoder_ = SmoothedMeanEncoder(smoothing=self.smooth, **options)
        in_order = [column.sort_values().unique() for _, column in pd.DataFrame(X).items()]
        self.categories_ = in_order if isinstance(self.categories, str) else self.categories
        return self.encoder_

    def _folds(self, y):
        """The folds of scikit-learn, whose tests compute expected values from the same ones."""
        if not isinstance(self.cv, int):
            return self.cv
        continuous = "continuous" in (self.target_type, type_of_target(y))
        splitter = KFold if continuous else StratifiedKFold
        return splitter(self.cv, shuffle=self.shuffle, random_state=self.random_state if self.shuffle else None)

    @property
    def encodings_(self):
        result = []
        for table, categories in zip(self.encoder_.tables_, self.categories_, strict=True):
            by_category = [list(table.look_up_value(category).values()) for category in categories]
            result += list(np.transpose(by_category))
        return result

    @property
    def target_mean_(self):
        means = self.encoder_.summary_["prior_mean"].to_numpy()[: len(self.encoder_.tables_[0].encodings)]
        return means if len(means) > 1 else means.item()

    @property
    def target_type_(self):
        return self.encoder_.target_type_

    @property
    def classes_(self):
        return getattr(self.encoder_, "classes_", None)
