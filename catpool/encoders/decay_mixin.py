"""`decay`: rows that came in parts lose weight as time goes on."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Real
from threading import RLock
from typing import Any, Self

from sklearn.utils.metaestimators import available_if

from catpool.crossfit.columnwise import Columnwise
from catpool.crossfit.stream import Stream, restore_stream, takes_parts
from catpool.tables.fitted import Fitted

LEARNING = RLock()  # of all encoders, because a lock of each could not be pickled with it


class DecayMixin:
    """`decay` of an encoder that learns from rows in parts."""

    weight_type: str
    _fitted: Fitted
    _state: Any

    @abstractmethod
    def _structure(self) -> Columnwise: ...

    @abstractmethod
    def _streamed(self, structure: Columnwise, before: Fitted, stream: Stream) -> Fitted: ...

    @abstractmethod
    def _refuse_rules(self) -> None: ...

    @available_if(takes_parts)
    def decay(self, factor: float) -> Self:
        """Take weight from all rows so far, so that those of the next ``partial_fit`` count more.

        All sums that were kept are multiplied by the factor, and the prior is learned anew. Called before each of k
        parts, it gives a row of the part j the weight

            factor^(k - j).

        Parameters
        ----------
        factor : float
            The share of its weight that a row keeps, above 0 and at most 1, which changes nothing. With a half-life of
            h parts it is 2^(-1 / h).

        Returns
        -------
        self

        Raises
        ------
        NotFittedError
            Before ``fit`` or ``partial_fit``.
        ValueError
            If the factor is not a number above 0 and at most 1.

        See Also
        --------
        EarlierRows : Lets rows lose weight with time in ``fit_transform``.

        Examples
        --------
        The row of yesterday counts half as much as that of today:

        >>> from catpool import MeanEncoder
        >>> encoder = MeanEncoder().partial_fit([["a"]], [1.0])
        >>> encoder.decay(0.5).partial_fit([["a"]], [4.0]).transform([["a"]]).ravel()
        array([3.])
        """
        _check_factor(factor)
        with LEARNING:
            structure, before = self._structure(), self._state
            self._refuse_rules()
            stream = restore_stream(before).decay(float(factor), precision=self.weight_type != "frequency")
            self._fitted = self._streamed(structure, before, stream)
        return self


def _check_factor(factor: Any) -> None:
    if isinstance(factor, bool) or not isinstance(factor, Real) or not 0 < float(factor) <= 1:
        raise ValueError(f"`factor` must be a number above 0 and at most 1, as 0.97 is. Got {factor!r}.")
