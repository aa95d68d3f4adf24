"""Time order as a fold scheme: each row learns from strictly earlier rows."""

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
    """Encode each training row from strictly earlier rows only; pass it as ``cv``.

    A row at time t learns from the rows before t - gap, and never from other rows at time t. So does its prior, whose
    strength is learned again each time the past has doubled. ``transform`` encodes new rows from all training rows.
    With a half-life, a row of age a weighs

        2^(-a / half_life).

    Parameters
    ----------
    by : str or int
        The column of X that holds the times: numbers or dates, none missing. It passes through and is not encoded.
    gap : number or timedelta, default=None
        How long before t the past ends, for targets that become known late.
    half_life : number or timedelta, default=None
        The time in which a row loses half of its weight. In ``transform`` the training rows have aged by the time since
        the last of them, so encodings move towards the prior mean.
    first : float, default=NaN
        The encoding of rows without a past.

    Raises
    ------
    ValueError
        At ``fit``: if there is no such column or it is to be encoded, if times are missing or infinite, if a gap or
        half-life does not match the type of the times, if a gap is negative, or if a half-life is not positive.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : A few blocks instead, each learned from all blocks before it.

    References
    ----------
    L. Prokhorenkova, G. Gusev, A. Vorobev, A. V. Dorogush, A. Gulin (2018), CatBoost: unbiased boosting with
    categorical features, Advances in Neural Information Processing Systems 31.

    Examples
    --------
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
        return [self.by]

    @property
    def past_only(self) -> bool:
        return True

    def scheme(self, data: TrainingData) -> PastScheme:
        if data.groups is not None:
            raise ValueError("`groups` does not go with EarlierRows, which has no folds. Leave it out.")
        if data.key is not None:
            raise ValueError("`key` does not go with EarlierRows, which has no folds. Leave it out.")
        return PastScheme(self.times(data.X), data.targets, data.weights)

    def times(self, X: Frame) -> Times:
        """When the rows of X are."""
        if self.by not in X.labels:
            raise ValueError(f"EarlierRows names the column {self.by!r}, which X does not have: {X.labels}.")
        return Times.read(X.column(self.by), self.by, gap=self.gap, half_life=self.half_life, first=self.first)

    def fade(self, X: Frame, last_time: Any) -> np.ndarray | None:
        return None if self.half_life is None else self.times(X).after(last_time)
