"""Whether trees gain from the codes of a column, beside the means of its categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.data.columns.categories import MISSING, Vocabulary
from catpool.data.columns.crossed import Cells
from catpool.data.columns.sorted_categories import sort_categories
from catpool.priors.posterior import posterior_mean
from catpool.tables.encoding import Encoding

FREQUENT = 100  # rows of a category, on average, with which trees can tell categories apart by their codes
RELIABLE = 0.85  # of a column whose means are mostly signal
ALIKE = 0.1  # the least correlation of neighbours whose order says something
CERTAIN = 3.0  # its least value in units of its standard deviation if the order says nothing


def codes_are_useful(vocabulary: Vocabulary | Cells, encodings: Sequence[Encoding]) -> bool:
    """Whether a column's categories have many rows, or reliable means that are alike where categories are in order.

    Job titles are alike in order, numbers of customers are not. Codes of rare categories whose means are unreliable, or
    whose order says nothing, only give trees chances to overfit.
    """
    count = encodings[0].moments.count
    if count.sum() >= FREQUENT * np.count_nonzero(count):
        return True
    order = sort_categories(vocabulary.categories) + MISSING + 1
    order = order[count[order] > 0]
    reliable = [each for each in map(_without_features, encodings) if each.reliability >= RELIABLE]
    return any(_neighbors_are_alike(_means(each)[order]) for each in reliable)


def _means(encoding: Encoding) -> np.ndarray:
    if encoding.drifted is not None:
        return encoding.drifted.mean
    return posterior_mean(encoding.moments, encoding.prior, encoding.family)


def _without_features(encoding: Encoding) -> Encoding:
    """The encoding under a prior that knows nothing of the categories, as codes do not."""
    if encoding.explained is None:
        return encoding
    return replace(encoding, prior=encoding.family.likelihood_prior([encoding.moments], reml=True)[0])


def _neighbors_are_alike(means: np.ndarray) -> bool:
    if not len(means):
        return False
    apart = means - means.mean()
    squares = (apart**2).sum()
    correlation = (apart[1:] * apart[:-1]).sum() / squares if squares > 0 else 0.0
    return bool(correlation >= max(ALIKE, CERTAIN / np.sqrt(len(means))))
