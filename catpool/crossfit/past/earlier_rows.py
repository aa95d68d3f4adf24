"""`EarlierRows`, the value of ``cv`` with which each row is encoded from strictly earlier rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from numbers import Real
from typing import Any

import numpy as np

from catpool.crossfit.past.past_scheme import PastScheme
from catpool.crossfit.times import AUTO, Fade, Times
from catpool.data.frames.frame import Frame
from catpool.data.training import TrainingData
from catpool.tables.windows import window_names


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
        passes through. Dates are read by the nanosecond, and whole numbers of any size as they are.
    gap : number, timedelta or str, default=None
        The time that must lie between a row and the rows it is encoded from, for targets that become known late. A
        number if the times are numbers; a timedelta, or a string such as "7D", if they are dates. None is 0.
    half_life : number, timedelta, str or "auto", default=None
        The time in which a row loses half of its weight, of a type as `gap`. In ``transform`` the training rows lose
        weight by the time since the last of them, so encodings move towards the prior mean. None keeps all weights.
        "auto" learns it for each column, from earlier rows alone and as often as the prior. It is a power of two (of
        days, if times are dates) from a 64th of the span of the past to all of it: the one that best predicts the later
        half of the past, both from all rows before each and from the earlier half. It must explain a fifth more than no
        half-life does, and so must one in the earlier half of the past. Otherwise, and with fewer than 128 rows, there
        is none. ``transform`` uses that of all rows. `summary_` shows it, as missing if there is none.
    first : float, default=NaN
        The encoding of rows that have no earlier rows.
    windows : list of number, timedelta or str, default=None
        Lengths of time, such as ["30D", "180D"]. For each, the mean of the category's rows in that time before a row is
        a feature, called ``<column>_30D`` and so on. It is pooled towards that of the next longer window, and the
        longest towards the mean of all earlier rows. The differences ``<column>_30D_minus_180D`` and
        ``<column>_180D_minus_all`` are features, too, which are 0 without rows in the shorter window. Rows in windows
        keep their weight, whatever the half-life. In ``transform``, windows end with the last training row. `output`
        must have the mean.
    relative : bool, default=False
        Whether means are relative to the level, which is the mean of all earlier rows of any category. If the level
        drifts, means of two times cannot be compared, and a half-life that is learned follows the level rather than the
        categories. Means in windows are relative to the mean of all rows in the window. `summary_` and
        `encoding_table` stay in units of y. `output="trees"` rounds relative means, but not beside windows.
    drift : number or "auto", default=None
        How fast the effects of categories change: the standard deviation of the change in a unit of time, or in a day
        where times are dates, in units of y. None means that they do not change. "auto" learns it for each column and
        output of y. It needs `EmpiricalBayesEncoder` with the prior "reml" (or "auto") or "ml".

        The model is the local level model: a category's effect starts from the prior at its first row and walks at
        random. Rows of one category and time may share a shock that does not last. So two rows of a category at times s
        and t after its first have the covariance

            tau^2 + drift^2 min(s, t),     plus omega^2 if s = t,     plus sigma^2 / weight for a row itself.

        The encoding is the expectation of the effect given the rows before, by a Kalman filter. Its sd grows with the
        time since the last of them, and `reliability` is the weight of the category's own rows. In ``transform``, means
        are those after a category's last training row, and the sd is that at the time of the new row, or at that of the
        last training row if this is later. `summary_` shows `drift`, `shock_sd`, and as `half_life` how long it takes
        in the end until a row has lost half of its weight, in a category that has rows as often as the average.

        The variances are learned by the likelihood that `prior` names, from earlier rows as the prior is. A drift that
        is learned, and a shock, must each gain 4 in twice the log-likelihood; otherwise there is none. Nothing drifts
        with fewer than 64 rows or two categories, or where no category has rows of several times; encodings are then
        those without `drift`. Where all rows of a category and time have one y, they count as one row. For shares and
        counts, too, the model is normal on the scale of y. The classes of y share ratios of variances, so that their
        encodings add up to 1, and a number is the drift of the average class.

    Raises
    ------
    ValueError
        In ``fit`` and ``fit_transform``: if X does not have the column or the column is to be encoded; if times are
        missing or infinite; if the gap, the half-life or a window does not match the type of the times; if times are
        whole numbers that are too large for floats, and the gap or a window is no whole number; if the gap is negative
        or the half-life is not positive; if windows are no list of positive lengths that differ, or `output` has no
        mean beside them; if the drift is not positive, or comes with a half-life, windows or relative means; with
        ``groups`` or ``key``; with ``crossfit="rare"``; and with ``output="size"``.

    Warns
    -----
    ConvergenceWarning
        In ``fit`` and ``fit_transform``: if the search for the variances of effects that drift does not converge, once
        for each column, which it names.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : Encodes a few blocks of rows, each from all blocks before it.

    References
    ----------
    L. Prokhorenkova, G. Gusev, A. Vorobev, A. V. Dorogush, A. Gulin (2018), CatBoost: unbiased boosting with
    categorical features, Advances in Neural Information Processing Systems 31.
    A. C. Harvey (1989), Forecasting, structural time series models and the Kalman filter, Cambridge University Press.

    Examples
    --------
    The second row of shop "a" is encoded from the first, and the third from both:

    >>> import pandas as pd
    >>> from catpool import EarlierRows, MeanEncoder
    >>> X = pd.DataFrame({"shop": list("aabab"), "day": [1, 2, 2, 3, 4]})
    >>> encoder = MeanEncoder(["shop"], cv=EarlierRows(by="day"))
    >>> encoder.fit_transform(X, [1.0, 2.0, 4.0, 6.0, 9.0])["shop"].tolist()
    [nan, 1.0, 1.0, 1.5, 4.0]

    Relative to the mean of all earlier rows, which is 1, 1, 7 / 3 and 13 / 4:

    >>> relative = MeanEncoder(["shop"], cv=EarlierRows(by="day", relative=True))
    >>> relative.fit_transform(X, [1.0, 2.0, 4.0, 6.0, 9.0])["shop"].tolist()
    [nan, 0.0, 0.0, -0.83..., 0.75]

    Effects that drift: the standard deviation of the change in a day is 0.15. What is known of shop "a" right after its
    last row, and 50 days later, when the shop may have changed a lot:

    >>> import numpy as np
    >>> from catpool import EmpiricalBayesEncoder
    >>> day = np.arange(300)
    >>> X = pd.DataFrame({"shop": np.array(["a", "b"])[day % 2], "day": day})
    >>> y = np.sin(day / 20 + day % 2) + np.random.default_rng(0).normal(size=300) / 2
    >>> drifting = EmpiricalBayesEncoder(["shop"], cv=EarlierRows(by="day", drift="auto"), output=["mean", "sd"])
    >>> drifting.fit(X, y).summary_[["drift", "half_life"]].round(2)
       drift  half_life
    0   0.15       3.11
    >>> drifting.transform(pd.DataFrame({"shop": ["a", "a"], "day": [300, 350]}))["shop_sd"].round(2).tolist()
    [0.35, 1.11]
    """

    by: str | int
    gap: float | str | timedelta | np.timedelta64 | None = None
    half_life: float | str | timedelta | np.timedelta64 | None = None
    first: float = np.nan
    windows: Sequence[Any] | None = None
    relative: bool = False
    drift: float | str | None = None

    @property
    def reads(self) -> Sequence[str | int]:
        """The columns of X that the scheme reads: the one that holds the times."""
        return [self.by]

    @property
    def past_only(self) -> bool:
        """Whether a row is encoded from earlier rows only: always."""
        return True

    @property
    def window_names(self) -> list[str]:
        """The names of the windows, the shortest first."""
        return window_names(self.windows)

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
        if not isinstance(self.relative, bool):
            raise ValueError(f"`relative` must be True or False. Got {self.relative!r}.")
        self._check_drift()
        return PastScheme(
            self.times(data.X),
            data.targets,
            data.weights,
            relative=self.relative,
            names=self.window_names,
            drift=self.drift,
        )

    def _check_drift(self) -> None:
        """Raise an error for what is no drift, and for what does not go with one."""
        if self.drift is None:
            return
        number = isinstance(self.drift, Real) and not isinstance(self.drift, bool | np.timedelta64)
        if not (0 < float(self.drift) < np.inf if number else self.drift == AUTO):
            raise ValueError(
                '`drift` must be "auto", or a positive number, the standard deviation of the change in a unit of time '
                f"or a day. Got {self.drift!r}."
            )
        others = {"half_life": self.half_life, "windows": self.windows, "relative": self.relative or None}
        beside = [name for name, value in others.items() if value is not None]
        if beside:
            raise ValueError(
                f"`drift` does not go with `{beside[0]}`, as it says itself how much older rows tell. Leave one of "
                "them out."
            )

    def fade(self, X: Frame, last_time: float) -> Fade:
        """Compute the share of the training rows' weight that is left for new rows, of shape (n,); None is 1.

        With half-lives that are learned, or effects that drift, compute how long after the last training row
        the new rows are.

        Parameters
        ----------
        X : Frame
            With the column of the times.
        last_time : float
            The time of the last training row.
        """
        if self.half_life is None and self.drift is None:
            return None
        times = self.times(X)
        return times.ages(last_time) if times.learns or self.drift is not None else times.fade(last_time)

    def times(self, X: Frame) -> Times:
        """Read the times of rows, with the gap and the lengths of time in their unit.

        Parameters
        ----------
        X : Frame
            With the column of the times.

        Raises
        ------
        ValueError
            If X does not have the column, or if it does not hold times.
        """
        if self.by not in X.labels:
            raise ValueError(
                f"EarlierRows names the column {self.by!r}, which X does not have. Pass one of its columns, which are "
                f"{X.labels}."
            )
        window_names(self.windows)  # refuses what are no windows
        return Times.read(
            X.column(self.by),
            self.by,
            gap=self.gap,
            half_life=self.half_life,
            first=self.first,
            windows=self.windows or (),
        )
