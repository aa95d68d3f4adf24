"""Anderson's acceleration of rounds that come to rest slowly.

References
----------
D. G. Anderson (1965), Iterative procedures for nonlinear integral equations, Journal of the ACM 12, 547-560.
H. F. Walker, P. Ni (2011), Anderson acceleration for fixed-point iterations, SIAM Journal on Numerical Analysis 49,
1715-1735.
"""

from __future__ import annotations

import numpy as np

DEPTH = 5  # how many differences of rounds are combined
RIDGE = 1e-10  # of the trace, so that differences that are alike can be told apart


class Acceleration:
    """The differences between the last rounds, and where they lead to.

    Parameters
    ----------
    size : int
        The number of values.
    """

    def __init__(self, size: int) -> None:
        self.ends, self.moves = np.zeros((2, DEPTH, size))
        self.last: tuple[np.ndarray, np.ndarray] | None = None
        self.number, self.length = 0, np.inf

    def step(self, end: np.ndarray, move: np.ndarray) -> np.ndarray:
        """What to add to where the last round ended, of shape (values,).

        Parameters
        ----------
        end : ndarray of shape (values,)
            Where the round ended.
        move : ndarray of shape (values,)
            How far it moved, in units in which moves of different values compare.
        """
        length = float(np.linalg.norm(move))
        if length > self.length:  # the step before led astray, or the variances changed much
            self.last, self.number = None, 0
        if self.last is not None:
            place = self.number % DEPTH  # of the oldest difference
            self.ends[place], self.moves[place] = end - self.last[0], move - self.last[1]
            self.number += 1
        self.last, self.length = (end, move), length
        ends, moves = (each[: self.number] for each in (self.ends, self.moves))
        normal = moves @ moves.T
        normal += RIDGE * np.trace(normal) * np.eye(len(normal))
        weights = np.linalg.lstsq(normal, moves @ move)[0]  # which may be singular, if the fit is at rest
        return -weights @ ends
