"""What is asked of a lazy table: which of its columns have a role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Request:
    """What the caller of ``fit`` or ``fit_transform`` asks of a lazy table.

    Parameters
    ----------
    y : str
    sample_weight, exposure : str or None
        Names of columns.
    key : str, list of str, or None
    cv : int or str
    """

    y: Any
    sample_weight: Any
    exposure: Any
    key: Any
    cv: Any

    @property
    def aside(self) -> list[str]:
        """The columns that have another role and pass through."""
        keys = [self.key] if isinstance(self.key, str) else list(self.key or [])
        return ([] if self.exposure is None else [self.exposure]) + keys
