"""`Display`: what all pictures are: axes and a figure, once they are drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from catpool.explain.canvas import make_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Display(ABC):
    """A picture that can be drawn on any axes.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    """

    ax_: Axes
    figure_: Figure

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the picture on some axes, or on new ones.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
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
