"""What pictures and reports accept, with errors that say so."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from catpool.encoders.encoder import Encoder


def require_fitted(encoder: Any) -> None:
    """Raise an error unless this is a fitted encoder of categories."""
    if not isinstance(encoder, Encoder):
        raise TypeError(
            "Pictures and reports are of encoders that learn from y, as EmpiricalBayesEncoder().fit(X, y). Got "
            f"{encoder!r}. Pass one of these."
        )
    check_is_fitted(encoder)
