"""A data frame that is printed whole, between a title and a verdict."""

from __future__ import annotations

from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class PrintedTable(pd.DataFrame):  # type: ignore[misc]  # pandas has no types of its own
    """A data frame that is printed whole, with a title above it and a verdict.

    Everything that is made of it, such as some of its columns, is a plain data frame.

    Parameters
    ----------
    data : object
        As for pandas.DataFrame.
    title : str
        What is printed above the table.
    verdict : str
        One sentence. It is printed above the title if `first`, otherwise below the table.
    picture : {"ComparisonDisplay", "LeakDisplay"}
        The display of `catpool.explain` that draws it.
    first : bool, default=False
    """

    _metadata = ["title", "verdict", "_picture", "_first"]  # noqa: RUF012, which pandas reads from the class

    def __init__(self, data: Any, *, title: str, verdict: str, picture: str, first: bool = False) -> None:
        super().__init__(data)
        self.title, self.verdict, self._picture, self._first = title, verdict, picture, first

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def _around(self, table: str) -> list[str]:
        parts = [self.verdict, self.title, table] if self._first else [self.title, table, self.verdict]
        return [part for part in parts if part]

    def __repr__(self) -> str:
        return "\n".join(self._around(self.to_string()))

    def _repr_html_(self) -> str:
        table = pd.DataFrame(self).to_html()
        return "\n".join(part if part == table else f"<p>{escape(part)}</p>" for part in self._around(table))

    def draw(self, ax: Axes | None = None) -> Any:
        """Draw the table; ``plot`` is that of all data frames.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes new ones.

        Returns
        -------
        ComparisonDisplay or LeakDisplay
            With the axes in ``ax_`` and the figure in ``figure_``.

        Raises
        ------
        ImportError
            Without matplotlib, which ``pip install "catpool[plots]"`` installs.
        """
        display = getattr(import_module("catpool.explain"), self._picture)  # found when asked for: pictures import this
        told = {"verdict": self.verdict} if self._first else {"title": self.title}
        return display(pd.DataFrame(self), **told).plot(ax)
