"""`Display`: what all pictures are: axes and a figure, once they are drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from catpool.encoders.parameters import documented
from catpool.explain.canvas import make_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@documented
class Display(ABC):
    """A picture that can be drawn on any axes.

    Attributes
    ----------
    <drawn>
    """

    ax_: Axes
    figure_: Figure

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the picture on some axes, or on new ones.

        Parameters
        ----------
        <ax>
        """
        self.ax_ = make_axes(ax, rows=self._named_rows)
        self.figure_ = self.ax_.figure  # type: ignore[assignment]
        self._draw()
        return self

    @property
    def _named_rows(self) -> int | None:
        """The number of names below each other beside the axes, which need room; by default there are none."""
        return None

    @abstractmethod
    def _draw(self) -> None:
        """Draw on ``ax_``."""
