"""`EarlierRows`, the value of ``cv`` with which each row is encoded from strictly earlier rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from catpool.crossfit.past import PastScheme
from catpool.crossfit.times import Fade, Times
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
    gap : number, timedelta or str, default=None
        The time that must lie between a row and the rows it is encoded from, for targets that become known late. A
        number if the times are numbers; a timedelta, or a string such as "7D", if they are dates. None is 0.
    half_life : number, timedelta, str or "auto", default=None
        The time in which a row loses half of its weight, of a type as `gap`. In ``transform`` the training rows lose
        weight by the time since the last of them, so encodings move towards the prior mean. None keeps all weights.
        "auto" learns it for each column: of the powers of two (of days, where times are dates) from a 64th of the span
        of the past to all of it, the one by which past rows are best predicted from rows before them, or none, if none
        is better by more than chance or there are fewer than 64 rows. It is learned when the prior is, from earlier
        rows alone; ``transform`` has that of all rows, which `summary_` shows, missing where weights are kept.
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

    by: str | int
    gap: float | str | timedelta | np.timedelta64 | None = None
    half_life: float | str | timedelta | np.timedelta64 | None = None
    first: float = np.nan

    @property
    def reads(self) -> Sequence[str | int]:
        """The columns of X that the scheme reads: the one that holds the times."""
        return [self.by]

    @property
    def past_only(self) -> bool:
        """Whether a row is encoded from earlier rows only: always."""
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
            If there are groups or keys, if X does not have the column, or if it does not hold times.
        """
        for name, given in (("groups", data.groups), ("key", data.key)):
            if given is not None:
                raise ValueError(f"`{name}` does not go with EarlierRows, which has no folds. Leave `{name}` out.")
        return PastScheme(self._times(data.X), data.targets, data.weights)

    def fade(self, X: Frame, last_time: float) -> Fade:
        """Compute the share of the training rows' weight that is left for new rows, of shape (n,); None is 1.

        With half-lives that are learned, compute how long after the last training row the new rows are.

        Parameters
        ----------
        X : Frame
            With the column of the times.
        last_time : float
            The time of the last training row.
        """
        if self.half_life is None:
            return None
        times = self._times(X)
        return times.ages(last_time) if times.learns else times.fade(last_time)

    def _times(self, X: Frame) -> Times:
        if self.by not in X.labels:
            raise ValueError(
                f"EarlierRows names the column {self.by!r}, which X does not have. Pass one of its columns, which are "
                f"{X.labels}."
            )
        return Times.read(X.column(self.by), self.by, gap=self.gap, half_life=self.half_life, first=self.first)
