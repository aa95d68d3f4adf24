"""The columns of a lazy table that have a role in a fit: target, weights, exposures, keys and folds."""

from __future__ import annotations

from typing import Any

from catpool.data.frozen import frozen


@frozen
class Request:
    """The arguments of ``fit`` or ``fit_transform`` for a lazy table, as the user passed them.

    Parameters
    ----------
    y : str
        The target column.
    sample_weight, exposure : str or None
        Columns of weights and of exposures.
    key : str, sequence of str, or None
        Columns that identify a row.
    cv : int, str or EarlierRows
        The parameter of the encoder: a number of folds, or the column that holds them.
    """

    y: Any
    sample_weight: Any
    exposure: Any
    key: Any
    cv: Any

    @property
    def keys(self) -> list[str]:
        """The key columns as a list."""
        return [self.key] if isinstance(self.key, str) else list(self.key or [])

    @property
    def aside(self) -> list[str]:
        """The columns that pass through, unless the user encodes them by name."""
        return ([] if self.exposure is None else [self.exposure]) + self.keys
