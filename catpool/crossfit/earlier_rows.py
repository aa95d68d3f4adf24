"""`EarlierRows`, the value of ``cv`` with which each row is encoded from strictly earlier rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catpool.crossfit.past import PastScheme
from catpool.crossfit.times import Times
from catpool.data.frames import Frame
from catpool.data.training import TrainingData


@dataclass(frozen=True)
class EarlierRows:
    """Encode each training row from strictly earlier rows only.

    Pass it as ``cv`` to an encoder of single columns: `MeanEncoder`, `SmoothedMeanEncoder` or `EmpiricalBayesEncoder`.
    In ``fit_transform``, a row at time t is encoded from the rows before t - gap, and never from other rows at time t.
    The prior is learned from earlier rows, too: anew each time that their number has doubled. ``transform`` encodes new
    rows from all training rows. With a half-life, a row of age a has the weight

        2^(-a / half_life).

    Parameters
    ----------
    by : str or int
        The column of X that holds the times, which are numbers or dates without missing values. It is not encoded and
        passes through.
    gap : number or timedelta, default=None
        The time that must lie between a row and the rows it is encoded from, for targets that become known late. A
        number if times are numbers, otherwise a timedelta. None is 0.
    half_life : number or timedelta, default=None
        The time in which a row loses half of its weight, a number or timedelta as `gap`. In ``transform`` the training
        rows lose weight by the time since the last of them, so encodings move towards the prior mean. None keeps all
        weights.
    first : float, default=NaN
        The encoding of rows that have no earlier rows.

    Raises
    ------
    ValueError
        In ``fit`` and ``fit_transform``: if X does not have the column or the column is to be encoded; if times are
        missing or infinite; if the gap or half-life does not match the type of the times; if the gap is negative or
        the half-life is not positive; with ``groups`` or ``key``; with ``crossfit="rare"``; and with ``output="size"``.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : Encodes a few blocks of rows, each from all blocks before it.

    References
    ----------
    L. Prokhorenkova, G. Gusev, A. Vorobev, A. V. Dorogush, A. Gulin (2018), CatBoost: unbiased boosting with
    categorical features, Advances in Neural Information Processing Systems 31.

    Examples
    --------
    The second row of shop "a" is encoded from the first, and the third from both:

    >>> import pandas as pd
    >>> from catpool import EarlierRows, MeanEncoder
    >>> X = pd.DataFrame({"shop": list("aabab"), "day": [1, 2, 2, 3, 4]})
    >>> encoder = MeanEncoder(["shop"], cv=EarlierRows(by="day"))
    >>> encoder.fit_transform(X, [1.0, 2.0, 4.0, 6.0, 9.0])["shop"].tolist()
    [nan, 1.0, 1.0, 1.5, 4.0]
    """

    by: Any
    gap: Any = None
    half_life: Any = None
    first: float = np.nan

    @property
    def reads(self) -> Sequence[Any]:
        """The columns of X that hold the times."""
        return [self.by]

    @property
    def past_only(self) -> bool:
        """True: later rows are outside a row's fold, and yet it is not encoded from them."""
        return True

    def scheme(self, data: TrainingData) -> PastScheme:
        """The fold scheme of these training rows."""
        if data.groups is not None:
            raise ValueError("`groups` does not go with EarlierRows, which has no folds. Leave `groups` out.")
        if data.key is not None:
            raise ValueError("`key` does not go with EarlierRows, which has no folds. Leave `key` out.")
        return PastScheme(self.times(data.X), data.targets, data.weights)

    def times(self, X: Frame) -> Times:
        """Read the times of the rows of X."""
        if self.by not in X.labels:
            raise ValueError(
                f"EarlierRows names the column {self.by!r}, which X does not have. Pass one of its columns, which are "
                f"{X.labels}."
            )
        return Times.read(X.column(self.by), self.by, gap=self.gap, half_life=self.half_life, first=self.first)

    def fade(self, X: Frame, last_time: Any) -> np.ndarray | None:
        """The share of the training rows' weight that is left at the time of each row of X, of shape (n,)."""
        return None if self.half_life is None else self.times(X).fade(last_time)
