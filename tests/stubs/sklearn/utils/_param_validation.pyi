from typing import Any

class Options:
    options: Any
    def __init__(self, type: type, options: set[Any], *, deprecated: set[Any] | None = None) -> None: ...

class StrOptions(Options):
    def __init__(self, options: set[str], *, deprecated: set[str] | None = None) -> None: ...

class Interval:
    def __init__(self, type: type, left: float | None, right: float | None, *, closed: str) -> None: ...

def validate_parameter_constraints(
    parameter_constraints: dict[str, Any], params: dict[str, Any], caller_name: str
) -> None: ...
