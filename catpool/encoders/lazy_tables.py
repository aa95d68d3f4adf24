"""Fit and transform of lazy tables; engines are imported only then, because they load pyarrow."""

from __future__ import annotations

from typing import Any

from catpool.crossfit.structure import Structure
from catpool.data.training import Reading
from catpool.encoders.records import Settings, check_names, named_features, warn_of_date_columns
from catpool.engines.request import Request
from catpool.tables.fitted import Fitted


def fit_lazy_table(
    settings: Settings, structure: Structure, frame: Any, reading: Reading, request: Request, *, out_of_fold: bool
) -> tuple[Fitted, Any]:
    """What an encoder keeps of a lazy table and, where asked for, the table encoded out of fold.

    Parameters
    ----------
    settings : Settings
    structure : Structure
    frame : narwhals.LazyFrame
    reading : Reading
    request : Request
    out_of_fold : bool
    """
    from catpool.engines.fit import fit_lazy

    if out_of_fold:
        refuse_conversion(settings.library)
    fit = fit_lazy(structure, frame, reading, request, settings.owner, out_of_fold=out_of_fold)
    check_names(structure, fit.fitted, keep=settings.keep)  # also where nothing is encoded yet, as in memory
    warn_of_date_columns(fit.fitted.tables)
    if fit.encoded is None:
        return fit.fitted, None
    names = named_features(structure, fit.fitted)
    return fit.fitted, fit.encoded.select(fit.fitted.header, names, keep=settings.keep)


def refuse_conversion(library: str) -> None:
    """Refuse to turn a lazy table into a frame, which would bring its rows into memory."""
    if library != "default":
        raise ValueError(
            f'A lazy table stays lazy, but set_output(transform="{library}") asks for a frame in memory. Call '
            'set_output(transform="default") and collect the result, or collect the table first.'
        )


def request_of(
    y: Any, cv: Any, *, groups: Any, key: Any, sample_weight: Any, exposure: Any, offset: Any = None
) -> Request:
    """The columns that arguments name, none of which may hold a value for each row: a lazy table has no order."""
    if groups is not None:
        raise ValueError(
            "`groups` needs rows in memory. Rows of one key stay together: pass key=..., or collect the table."
        )
    if offset is not None:
        raise ValueError("`offset` needs rows in memory. Collect the table.")
    return Request(y, sample_weight, exposure, key, cv)


def transform_lazy_table(
    settings: Settings, structure: Structure, fitted: Fitted, frame: Any, required: list[Any]
) -> Any:
    """A lazy table with features in the place of the columns they encode."""
    from catpool.engines.fit import transform_lazy

    refuse_conversion(settings.library)
    encoded = transform_lazy(structure, fitted, frame, required, strict=settings.keep)
    return encoded.select(fitted.header, named_features(structure, fitted), keep=settings.keep)
