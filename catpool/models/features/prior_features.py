"""`PriorFeatures`: what the user knows of the categories of some columns, and the rule of their priors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from catpool.data.columns.categories import Vocabulary
from catpool.data.columns.feature_bases import CategoryFeatures, all_columns, is_penalized
from catpool.data.columns.featured import FeaturedVocabulary, with_features
from catpool.data.columns.listed import Coded
from catpool.data.frames.frame import Frame
from catpool.data.frozen import frozen
from catpool.models.features.context_check import check_context
from catpool.models.features.feature_blocks import Block
from catpool.models.features.feature_prior import FeaturePrior
from catpool.models.features.read_features import read_features
from catpool.models.features.ready_made.ordered import OrderedFeatures
from catpool.models.features.ready_made.size_features import SizeBasis


@frozen
class PriorFeatures:
    """What is known of the categories of some columns.

    Parameters
    ----------
    specs : mapping
        What the user says of the categories of each column, by its label.
    reml : bool
        Whether priors are learned by restricted maximum likelihood.
    """

    specs: Mapping[Any, Any]
    reml: bool

    @cached_property
    def features(self) -> dict[Any, list[CategoryFeatures]]:
        """The features of each column, by its label."""
        return {label: read_features(spec, label) for label, spec in self.specs.items()}

    def check(self, labels: Sequence[Any], X: Frame) -> None:
        """Raise an error unless columns with features are encoded, and X has what the features read."""
        absent = [label for label in self.specs if label not in labels or label not in X]
        if absent:
            raise ValueError(
                f"`prior_features` must be a dict from encoded columns, as {{'shop': ...}}, but {absent} are none. The "
                f"encoded columns are {[label for label in labels if label in X]}."
            )
        for label in self.features:
            read = self.traits(label)
            if label in read:
                raise ValueError(
                    f"`prior_features` of column {label!r} must read other columns. Remove it from {read}."
                )
            if read:
                X.require(read, "prior_features")

    def traits(self, label: Any) -> list[Any]:
        """The columns of X that features of a column read."""
        return all_columns(self.features.get(label, []))

    def add_to(self, coded: Coded, label: Any, X: Frame) -> Coded:
        """The codes of a column, with the features of its categories if it has some."""
        if label not in self.features:
            return coded
        if coded.unlisted is not None:
            row = int(np.argmax(coded.unlisted.rows))
            raise ValueError(
                f"`categories` must list all categories of column {label!r}, which has `prior_features`, but does not "
                f"list that of row {row}. List it too: without rows of weight it has its prior mean."
            )
        assert isinstance(coded.vocabulary, Vocabulary)
        vocabulary = with_features(coded.codes, coded.vocabulary, label, X, self._typed(label, X))
        check_context(vocabulary)
        return coded._replace(vocabulary=vocabulary)

    def _typed(self, label: Any, X: Frame) -> list[CategoryFeatures]:
        """The features of a column, of which those in an order take it from the type of what they sort by."""
        return [
            each.of_dtype(X.every(len(X)).column((each.columns or (label,))[0]).dtype)
            if isinstance(each, OrderedFeatures)
            else each
            for each in self.features[label]
        ]

    def rule(self, vocabulary: FeaturedVocabulary) -> FeaturePrior:
        """How the prior of a column is learned."""
        named = zip(vocabulary.blocks, vocabulary.features, vocabulary.fitted, strict=True)
        return FeaturePrior(tuple(_block(*each) for each in named), self.reml)


def _block(basis: np.ndarray, features: CategoryFeatures, fitted: Any) -> Block:
    """The block of features, which may follow from the rows of the slots."""
    sizes = fitted if isinstance(fitted, SizeBasis) else None
    return Block(basis, is_penalized(features), type(features).__name__, sizes=sizes)
