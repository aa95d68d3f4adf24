"""`PlotMixin`: the picture of a fitted encoder."""

from __future__ import annotations

from collections.abc import Hashable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class PlotMixin:
    """An encoder that draws itself."""

    def plot(self, column: Hashable | None = None, *, target: str | None = None, ax: Axes | None = None) -> Any:
        """Draw what was learned: of all columns, which carry signal; of one column, what became of its categories.

        The pictures are displays of `catpool.explain`, which have more options. Models of several factors or levels
        show how much each of them varies, and columns whose effects are adjusted for each other are drawn with
        intervals.

        Parameters
        ----------
        column : str, int or tuple, default=None
            A column as for ``encoding_table``. None draws all columns.
        target : str, default=None
            The output or class of y, if there are several. None is the first.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes new axes.

        Returns
        -------
        SignalDisplay, VarianceDisplay, ShrinkageDisplay or CaterpillarDisplay
            With the axes in ``ax_`` and the figure in ``figure_``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If the column is not encoded, or the target is not one of y.
        ImportError
            Without matplotlib, which ``pip install "catpool[plots]"`` installs.
        """
        # pictures are made of encoders, and not the other way round, so the module is found when it is asked for
        return import_module("catpool.explain.choose").choose_display(self, column, target, ax)
