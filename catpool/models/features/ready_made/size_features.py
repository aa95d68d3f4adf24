"""`sizes`: the prior mean of a category follows from how many rows it has."""

from __future__ import annotations

import numpy as np
import pandas as pd

from catpool.data.frozen import frozen
from catpool.data.verify import require_one_of

SMALLEST, AVERAGE = "smallest", "average"
NEW = (SMALLEST, AVERAGE)


def sizes(*, new: str = SMALLEST) -> SizeFeatures:
    r"""Prior features of categories whose number of rows says something of the target.

    The size of a category is informative if small categories have other means than large ones. Examples are drugs that
    are rarely prescribed, and shops that soon close. The prior mean of category k is then linear, on the scale of the
    link, in the logarithm of its size:

    .. math:: \mu_k = \mu + \gamma \log n_k, \qquad \gamma \sim \operatorname{normal}(0, s^2)

    where :math:`n_k` is the number of its training rows, or their weight. Out of fold these are the rows of the other
    folds, and with ``EarlierRows`` the rows of the past. No target is in it. The row that is encoded counts as one more
    row of its category, because a training row is counted in the size of its own. So its prior mean is
    :math:`\mu + \gamma \log(n_k + 1)`. For counts with an exposure, the size is the sum of exposures, and
    the row that is encoded has an exposure of 1: choose the unit so that rows have about 1. The missing value has a
    size, too. What a category without rows gets depends on why it has none: see `new`.

    Parameters
    ----------
    new : {"smallest", "average"}, default="smallest"
        What a category without training rows counts as.

        "smallest" takes it for one of the smallest size, which is mostly one row. This is right if new rows are drawn
        as the training rows were: a category that none of these had is then rare.

        "average" takes it for the category of an average training row, with the mean of log n over rows. Its `sd`
        includes the variance of prior means between rows. This is right for categories that were left out, or that are
        new and will be of any size.

    Returns
    -------
    SizeFeatures
        For ``prior_features``. Alone, or in a list with others, as ``[names(), sizes()]``.

    Raises
    ------
    ValueError
        If `new` is neither of the two.

    References
    ----------
    S. R. Seaman, M. Pavlou, A. J. Copas (2014), Review of methods for handling confounding by cluster and informative
    cluster size in clustered data, Statistics in Medicine 33, 5371-5387.

    E. B. Hoffman, P. K. Sen, C. R. Weinberg (2001), Within-cluster resampling, Biometrika 88, 1121-1134.

    I. J. Good (1953), The population frequencies of species and the estimation of population parameters, Biometrika 40,
    237-264: the next row of a category of n rows is like the rows of categories of n + 1.

    Examples
    --------
    Brands with many rows are liked better. A new one is taken for a small one, or for the brand of an average row:

    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder, sizes
    >>> brand = np.repeat(["a", "b", "c", "d", "e", "f"], [1, 1, 2, 4, 8, 16])
    >>> liked = np.repeat([2.1, 1.8, 3.1, 3.9, 5.2, 5.9], [1, 1, 2, 4, 8, 16]) + np.arange(32) % 2 / 10
    >>> for new in ["smallest", "average"]:
    ...     encoder = EmpiricalBayesEncoder(prior_features={"brand": sizes(new=new)})
    ...     encoder = encoder.fit(pd.DataFrame({"brand": brand}), liked)
    ...     print(encoder.transform(pd.DataFrame({"brand": ["g"]}))["brand"].round(1).tolist())
    [2.0]
    [5.1]
    """
    if new not in NEW:
        raise ValueError(f"`new` must be one of {list(NEW)}, but it is {new!r}. Say what a new category counts as.")
    return SizeFeatures(new)


@frozen
class SizeFeatures:
    """Effects of sizes.

    Parameters
    ----------
    new : str
    """

    new: str

    columns = ()

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be sizes."""
        require_one_of(NEW, new=self.new)

    def fit(self, categories: pd.DataFrame) -> SizeBasis:
        """The basis. It learns nothing from the categories, because sizes are counted in the rows."""
        return SizeBasis(self.new)


@frozen
class SizeBasis:
    """The logarithm of the size of a category, which follows from its rows and not from the category itself.

    Parameters
    ----------
    new : str
        What a category without rows counts as.
    """

    new: str

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be sizes."""
        require_one_of(NEW, new=self.new)

    def __call__(self, categories: pd.DataFrame) -> np.ndarray:
        """A row of NaN for each category, as it counts as new unless it has rows."""
        return np.full((len(categories), 1), np.nan)

    def of_counts(self, count: np.ndarray, more: float | np.ndarray = 0.0) -> np.ndarray:
        """The features of slots, of shape (size, 1), from the weight of their rows; NaN for those without rows.

        Parameters
        ----------
        count : ndarray of shape (size,)
        more : float, default=0.0
            The weight of one more row, which those that have rows get.
        """
        logs = np.full((len(count), 1), np.nan)
        logs[count > 0, 0] = np.log(count[count > 0] + more)
        return logs

    def without_rows(self, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a slot without rows counts as, of shape (1,), and its second moment about this, of shape (1, 1)."""
        own = count[count > 0].astype(float)
        if not len(own) or self.new == SMALLEST:
            return np.log(own.min(initial=np.inf if len(own) else 1.0))[None], np.zeros((1, 1))
        logs, share = np.log(own), own / own.sum()
        center = share @ logs
        return center[None], np.array([[share @ (logs - center) ** 2]])
