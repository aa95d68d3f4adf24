"""`NamedTable`: a lazy table whose columns have plain names while catpool works, and their own names before and after.

Names mean different things to different engines: a dot separates fields in Spark, ``*`` and ``^...$`` are patterns in
polars, and DuckDB takes "a" and "A" for the same name. So columns are renamed by position at the door.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from catpool.data.frames.frame import Frame, read_frame
from catpool.data.frozen import frozen
from catpool.engines.dispatch import find_engine

if TYPE_CHECKING:
    from narwhals.stable.v2 import LazyFrame
    from narwhals.stable.v2.typing import IntoLazyFrame


@frozen
class NamedTable:
    """A lazy table with plain names, and the labels that its columns have for users.

    Parameters
    ----------
    frame : narwhals.LazyFrame
    plain : dict
        The name in `frame` of each label.
    """

    frame: LazyFrame[Any]
    plain: dict[str, str]

    def names(self, labels: Sequence[str]) -> list[str]:
        """The names in `frame` of some labels."""
        return [self.plain[label] for label in labels]

    def read(self, table: Any, labels: Sequence[str]) -> Frame:
        """Read columns of an arrow table that was collected from `frame`, as a frame with their labels."""
        return read_frame(table.select(self.names(labels)).rename_columns(list(labels)))

    def cast_categoricals(self, labels: Sequence[str]) -> NamedTable:
        """Turn categorical columns into strings, because engines number categories in ways of their own."""
        import narwhals.stable.v2 as nw

        schema = self.frame.collect_schema()
        categorical = [name for name in self.names(labels) if schema[name] in (nw.Categorical, nw.Enum)]
        casts = [nw.col(name).cast(nw.String) for name in categorical]
        return replace(self, frame=self.frame.with_columns(*casts)) if casts else self


def open_table(frame: LazyFrame[Any]) -> NamedTable:
    """Give the columns of a lazy table plain names."""
    import narwhals.stable.v2 as nw

    native = frame.to_native()
    labels = frame.collect_schema().names()
    names = [f"column_{position}" for position in range(len(labels))]
    return NamedTable(nw.from_native(find_engine(native).rename(native, names)), dict(zip(labels, names, strict=True)))


def name_columns(frame: LazyFrame[Any], names: Sequence[str]) -> IntoLazyFrame:
    """The native table of a lazy frame, with its columns renamed by position."""
    native = frame.to_native()
    renamed: IntoLazyFrame = find_engine(native).rename(native, list(names))
    return renamed
