"""`names`: the effects of categories whose names are alike are alike."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers
from catpool.models.features.ready_made.expansion import MOST_KNOTS, check_rank, leading
from catpool.models.features.ready_made.name_parts import name_parts
from catpool.priors.numerics.blas import blas_threads

MOST_NAMES = 4 * MOST_KNOTS  # that the functions are computed from
FEW = 256  # names from which on it is faster to add up the weights of each part of a name first
ROUNDING = 1e-6  # of standard deviations, relative to the largest


def names(*, rank: int = 300) -> NameFeatures:
    r"""Prior features of categories with telling names, such as job titles: similar names have similar effects.

    The prior means of two categories are as similar as their names: their covariance is

    .. math:: \operatorname{Cov}(z_i'\gamma, z_j'\gamma) = s^2 (c_i'c_j + w_i'w_j) / 2

    where :math:`c` are the runs of one to five characters within words and :math:`w` the words of a name. How often
    each occurs is damped to 1 + log(times), and both are of length 1. Case and accents do not count. The features are
    the first `rank` functions of this covariance, its singular vectors; a category's own effect is added to them. A new
    category has its mean given the names that are known.

    Parameters
    ----------
    rank : int, default=300
        The largest number of functions. K categories need K for the exact covariance; above 1,024 categories, the
        functions are computed by a randomized algorithm, and above 4,096, from 4,096 of them. Each word is in few names
        only, so names need more functions than a map does. The time of a fit grows with the square of `rank`.

    Returns
    -------
    NameFeatures
        For ``prior_features``. Categories that are no strings are read as ``str`` writes them; those without a
        character have no features.

    Raises
    ------
    ValueError
        If `rank` is not a whole number from 1. On fit, if no name has a character.

    References
    ----------
    P. Cerda, G. Varoquaux (2022), Encoding high-cardinality string categorical variables, IEEE Transactions on
    Knowledge and Data Engineering 34, 1164-1176.

    N. Halko, P. G. Martinsson, J. A. Tropp (2011), Finding structure with randomness, SIAM Review 53, 217-288.

    Examples
    --------
    New titles get means that follow from similar ones:

    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder, names
    >>> X = pd.DataFrame({"title": ["Nurse I", "Nurse II", "Police Officer I", "Police Officer II"] * 2})
    >>> encoder = EmpiricalBayesEncoder(prior_features={"title": names()})
    >>> encoder = encoder.fit(X, [4.0, 5.0, 6.0, 7.1, 4.1, 5.2, 6.1, 6.9])
    >>> encoder.transform(pd.DataFrame({"title": ["Nurse III", "Police Officer III"]}))["title"].round(1).tolist()
    [4.6, 6.5]
    """
    return NameFeatures(check_rank(rank))


@frozen
class NameFeatures:
    """Similar effects of similar names.

    Parameters
    ----------
    rank : int
    """

    rank: int

    columns = ()

    def fit(self, categories: pd.DataFrame) -> NameBasis:
        """Learn the functions from the names of categories."""
        texts = np.sort(np.array(_texts(categories), dtype=object))  # so that their order does not matter
        if len(texts) > MOST_NAMES:
            texts = texts[np.linspace(0, len(texts) - 1, MOST_NAMES).round().astype(np.intp)]
        parts = name_parts(texts.tolist())
        if not parts.nnz:
            raise ValueError(
                f"names() must have names of at least one character, but the categories of column "
                f"{categories.index.name!r} have none. Leave them out."
            )
        sds, vectors = _singular(parts, self.rank)
        return NameBasis(texts, vectors / sds)


@frozen
class NameBasis:
    """The functions of names.

    Parameters
    ----------
    texts : ndarray of str of shape (m,)
        The names that the functions are computed from.
    weights : ndarray of shape (m, q)
        The weight of each of these names in each function.
    """

    texts: np.ndarray
    weights: np.ndarray

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be functions."""
        require(self.texts.ndim == 1 and all(isinstance(each, str) for each in self.texts), "names that are no strings")
        require(self.weights.ndim == 2 and self.weights.size > 0, "no functions")
        require_numbers((len(self.texts), self.weights.shape[1]), weights=self.weights)

    def __getstate__(self) -> dict[str, Any]:
        return {"texts": self.texts, "weights": self.weights}

    @cached_property
    def _known(self) -> tuple[csr_matrix, np.ndarray]:
        """The parts of the known names, and which parts these are."""
        parts = name_parts(self.texts.tolist())
        used = np.unique(parts.indices)
        return parts[:, used], used

    def __call__(self, categories: pd.DataFrame) -> np.ndarray:
        """The functions at categories, of shape (m, q)."""
        known, used = self._known
        own = name_parts(_texts(categories))
        without = np.diff(own.indptr) == 0
        own = own[:, used]
        few = own.shape[0] < FEW
        basis = own @ known.T @ self.weights if few else own @ (known.T @ self.weights)
        basis[without] = np.nan
        return basis

    def left(self, categories: pd.DataFrame) -> np.ndarray:
        """The variance of the effects of names that the functions leave, of shape (m,)."""
        return np.maximum(1 - (self(categories) ** 2).sum(axis=1), 0.0)

    def left_covariance(self, categories: pd.DataFrame) -> np.ndarray:
        """The covariance of the effects of names that the functions leave, of shape (m, m)."""
        own, functions = name_parts(_texts(categories)), self(categories)
        return (own @ own.T).toarray() - functions @ functions.T


def _texts(categories: pd.DataFrame) -> list[str]:
    """The names, in which a "?" stands for each half of a pair of surrogates, which has no bytes to be hashed."""
    return [str(each).encode(errors="replace").decode() for each in categories.index.tolist()]


def _singular(parts: csr_matrix, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest singular values of the parts of names, of shape (q,), and the vectors over names, of shape (m, q)."""
    if parts.shape[0] <= MOST_KNOTS:
        variances, vectors = leading((parts @ parts.T).toarray(), rank)
        return np.sqrt(variances), vectors
    from sklearn.utils.extmath import randomized_svd  # here, because its import is slow

    used = np.unique(parts.indices)
    with blas_threads(1):  # more of them disturb each other
        vectors, sds, _ = randomized_svd(parts[:, used], min(rank, *parts.shape), n_iter=4, random_state=0)
    some = sds > ROUNDING * sds[0]
    return sds[some], np.ascontiguousarray(vectors[:, some])
