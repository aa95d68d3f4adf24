"""A data frame that is printed whole, between a title and a verdict."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd


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
    first : bool, default=False
    """

    _metadata = ["title", "verdict", "_first"]  # noqa: RUF012, which pandas reads from the class

    def __init__(self, data: Any, *, title: str, verdict: str, first: bool = False) -> None:
        super().__init__(data)
        self.title, self.verdict, self._first = title, verdict, first

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
