"""Time order as a fold scheme: each row learns from strictly earlier rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

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

    by: str | int
    gap: float | str | timedelta | None = None
    half_life: float | str | timedelta | None = None
    first: float = np.nan

    @property
    def reads(self) -> Sequence[str | int]:
        """The columns of X that it reads: that of the times."""
        return [self.by]

    @property
    def past_only(self) -> bool:
        """Whether later rows are kept from a row: always."""
        return True

    def scheme(self, data: TrainingData) -> PastScheme:
        """Make the scheme of some training rows.

        Parameters
        ----------
        data : TrainingData
            With the column of the times, and without groups and keys.

        Raises
        ------
        ValueError
            If there are groups or keys, if there is no such column, or if it does not hold times.
        """
        for name, given in (("groups", data.groups), ("key", data.key)):
            if given is not None:
                raise ValueError(f"`{name}` does not go with EarlierRows, which has no folds. Leave it out.")
        return PastScheme(self._times(data.X), data.targets, data.weights)

    def fade(self, X: Frame, last_time: float) -> np.ndarray | None:
        """How much weight the training rows keep for new rows, of shape (n,); None without a half-life.

        Parameters
        ----------
        X : Frame
            With the column of the times.
        last_time : float
            The time of the last training row.
        """
        return None if self.half_life is None else self._times(X).after(last_time)

    def _times(self, X: Frame) -> Times:
        if self.by not in X.labels:
            raise ValueError(f"EarlierRows names the column {self.by!r}, which X does not have: {X.labels}.")
        return Times.read(X.column(self.by), self.by, gap=self.gap, half_life=self.half_life, first=self.first)
