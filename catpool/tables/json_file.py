"""The text of a fitted encoder: how the file describes itself, and what is refused when it is read."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from catpool.tables.codec import from_plain, to_plain

FORMAT = "catpool encoder"
VERSION = 2  # of the file's form; a reader knows all versions up to its own


def write_json(kind: str, parameters: dict[str, Any], fitted: dict[str, Any]) -> str:
    """The text of an encoder, from the name of its class, its parameters and its fitted state."""
    content = {
        "class": kind,
        "parameters": {name: _parameter(name, value) for name, value in parameters.items()},
        "fitted": {name: to_plain(value) for name, value in fitted.items()},
    }
    return _lines({"format": FORMAT, "version": VERSION, "checksum": _checksum(content), **content}) + "\n"


def read_json(text: str, kind: str) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """The version, parameters and fitted state that `write_json` wrote of an encoder of that class."""
    version, content = _opened(text)
    if content["class"] != kind:
        raise ValueError(f"The file holds a {content['class']}. Call {content['class']}.from_json.")
    try:
        parameters, fitted = (
            {name: from_plain(value) for name, value in content[part].items()} for part in ("parameters", "fitted")
        )
        return version, parameters, fitted
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"The file is damaged: {error!r}. Write it again with to_json.") from error


def _opened(text: str) -> tuple[int, dict[str, Any]]:
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"The file is not JSON, or was cut off: {error}. Write it again with to_json.") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise ValueError(f'The file is not catpool\'s: its "format" is not "{FORMAT}". Pass one that to_json wrote.')
    version = content.pop("version", None)
    if type(version) is not int or not 1 <= version <= VERSION:
        raise ValueError(
            f"The file has version {version!r}, and this catpool reads versions 1 to {VERSION}. Update catpool."
        )
    absent = [name for name in ("checksum", "class", "parameters", "fitted") if name not in content]
    if absent:
        raise ValueError(f"The file is damaged: it has no {absent}. Write it again with to_json.")
    # the checksum finds files that were cut or edited by hand; it is no protection against forgery
    if content.pop("checksum") != _checksum(content):
        raise ValueError(
            "The file was changed after it was written: its checksum is wrong. Write it again with to_json."
        )
    return version, content


def _checksum(content: dict[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _parameter(name: str, value: Any) -> Any:
    try:
        return to_plain(value)
    except TypeError as error:
        raise ValueError(
            f"The parameter {name}={value!r} cannot be written as JSON. Fitted tables do not depend on it: set "
            f"another one by set_params({name}=...), or pickle the encoder."
        ) from error


def _lines(value: Any, indent: str = "") -> str:
    """JSON with an item a line, but lists of numbers and strings in one."""
    inner = indent + " "
    if isinstance(value, dict) and any(isinstance(item, dict | list) for item in value.values()):
        items = [f"{inner}{json.dumps(name)}: {_lines(item, inner)}" for name, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return "[\n" + ",\n".join(inner + _lines(item, inner) for item in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)
