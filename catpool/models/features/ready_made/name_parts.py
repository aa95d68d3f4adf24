"""`name_parts`: the words of names, and the runs of characters within them, as a sparse matrix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack

BUCKETS = 1 << 20  # that parts are hashed to, so many that hardly two share one
LONGEST_RUN = 5  # characters


def name_parts(texts: Sequence[str]) -> csr_matrix:
    """How often each part occurs in each name, damped, with rows of length 1.

    Parameters
    ----------
    texts : sequence of str of length m

    Returns
    -------
    csr_matrix of shape (m, 2 * BUCKETS)
        A row without numbers has no part. Runs of characters are in the first half, words in the second; where there
        are no words, the runs count for both.
    """
    from sklearn.preprocessing import normalize  # here, because its import is slow

    return normalize(hstack([_half(vectorizer.transform(texts)) for vectorizer in _vectorizers()], format="csr"))


def _half(counts: csr_matrix) -> csr_matrix:
    from sklearn.preprocessing import normalize

    counts.data = 1 + np.log(counts.data)
    return normalize(counts)


@cache
def _vectorizers() -> list[Any]:
    from sklearn.feature_extraction.text import HashingVectorizer

    shared: dict[str, Any] = {
        "n_features": BUCKETS,
        "alternate_sign": False,
        "norm": None,
        "strip_accents": "unicode",
    }
    runs = HashingVectorizer(analyzer="char_wb", ngram_range=(1, LONGEST_RUN), **shared)
    return [runs, HashingVectorizer(analyzer="word", token_pattern=r"\w+", **shared)]
