"""`TargetFamily`: what the readers of y and of weights need of a family of distributions."""

from __future__ import annotations

from typing import Protocol


class TargetFamily(Protocol):
    """The attributes of a family of distributions that the readers of y and of weights need."""

    @property
    def name(self) -> str: ...

    @property
    def assumed(self) -> str:
        """The kind of y for ``target_type="auto"``; "classes" stands for "binary" or "multiclass"."""
        ...

    @property
    def homoscedastic(self) -> bool:
        """Whether the variance of a row does not depend on its mean."""
        ...

    @property
    def takes_exposure(self) -> bool:
        """Whether counts of this family may have an exposure."""
        ...

    def goes_with(self, kind: str) -> bool:
        """Whether rows of a kind of target may have this distribution."""
        ...
