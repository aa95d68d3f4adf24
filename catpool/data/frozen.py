"""`frozen`: a dataclass that is not changed once it is made, and that takes little time to import."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class")


# type checkers see that nothing is changed: dataclasses would write methods for it, which takes half of an import
@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def frozen(cls: type[Class]) -> type[Class]:
    """Give a class its constructor from its fields; objects are equal only to themselves."""
    made = dataclass(eq=False, repr=False)(cls)
    setattr(made, "__repr__", show)  # noqa: B010, because mypy takes an assignment for one to an object
    return made


def show(record: Any) -> str:
    """The record as the call that makes it."""
    values = [f"{each.name}={getattr(record, each.name)!r}" for each in fields(record)]
    return f"{type(record).__name__}({', '.join(values)})"
