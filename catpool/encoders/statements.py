"""A fitted encoder as SQL statements."""

from __future__ import annotations

from collections.abc import Sequence

from catpool.crossfit.structure import Structure
from catpool.encoders.records import Settings, named_features
from catpool.engines.sql import Names, select_from_tables, select_inline
from catpool.tables.fitted import Fitted


def write_sql(
    structure: Structure,
    settings: Settings,
    fitted: Fitted,
    source: str | Sequence[str],
    dialect: str | None,
    encodings: str,
    stored: str | Sequence[str],
) -> str | list[str]:
    """Write the statements of a fitted encoder.

    Parameters
    ----------
    structure : Structure
    settings : Settings
    fitted : Fitted
    source, dialect, encodings, stored
        The arguments of ``to_sql``.
    """
    if encodings not in ("inline", "table"):
        raise ValueError(f'`encodings` must be "inline" or "table". Got {encodings!r}.')
    if not fitted.header.named:
        raise ValueError("`to_sql` needs columns with names, but X had none at fit. Fit to a frame.")
    if fitted.last_time is not None:
        raise ValueError(
            "`to_sql` cannot fade encodings by a half-life, nor let their sd grow with `drift`. Fit with a `cv` "
            'without a half-life, and drift without output="sd".'
        )
    columns, labels = [each.label for each in fitted.tables], fitted.header.labels
    kept = labels if settings.keep else [label for label in labels if label in columns]
    names = Names(named_features(structure, fitted), list(dict.fromkeys([*kept, *columns])), source)
    if encodings == "inline":
        return select_inline(fitted.tables, names, dialect)
    return select_from_tables(fitted.tables, names, dialect, stored)
