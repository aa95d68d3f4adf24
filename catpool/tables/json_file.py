"""Files of fitted encoders: JSON with a version and a checksum, and the checks when they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from catpool.tables.codec import from_plain, to_plain
from catpool.tables.scalars import Plain

FORMAT = "catpool encoder"
HEAD = ("format", "version", "checksum")  # which the checksum does not cover
VERSION = 2  # of the file format; all versions up to this one can be read


def write_json(kind: str, parameters: dict[str, Any], fitted: dict[str, Any]) -> str:
    """Write an encoder as text, from the name of its class, its parameters and its fitted state."""
    shared: dict[str, Plain] = {}
    content: dict[str, Any] = {
        "class": kind,
        "parameters": {name: _convert_parameter(name, value, shared) for name, value in parameters.items()},
        "fitted": {name: to_plain(value, shared) for name, value in fitted.items()},
    }
    if shared:
        content["shared"] = list(shared.values())
    return _format({"format": FORMAT, "version": VERSION, "checksum": _checksum(content), **content}) + "\n"


def read_json(text: str, kind: str) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Read the version, parameters and fitted state of an encoder of class `kind` that `write_json` wrote."""
    version, content = _parse(text)
    if content["class"] != kind:
        raise ValueError(f"The file holds a {content['class']}, not a {kind}. Call {content['class']}.from_json.")
    with refusing_damage():
        shared = [from_plain(each) for each in content.get("shared", [])]
        parameters, fitted = (
            {name: from_plain(value, shared) for name, value in content[part].items()}
            for part in ("parameters", "fitted")
        )
        return version, parameters, fitted


@contextmanager
def refusing_damage() -> Iterator[None]:
    """Turn what numpy, pandas and classes raise for content that is not theirs, of any type, into a ValueError."""
    try:
        yield
    except Exception as error:
        lost = f"it has no {error}" if isinstance(error, KeyError) else repr(error)
        reason = str(error) if isinstance(error, ValueError) else lost
        raise ValueError(f"The file is damaged: {reason}. Write it again with to_json.") from error


def _parse(text: str) -> tuple[int, dict[str, Any]]:
    """Parse the text and check that it is an encoder's, of a version that can be read, and not changed."""
    try:
        content = json.loads(text)
        checksum = _checksum({name: item for name, item in content.items() if name not in HEAD})
    except (AttributeError, RecursionError, ValueError) as error:  # such as a list, deep nesting, and infinite numbers
        raise ValueError(f"The file is not JSON, or was cut off: {error}. Write it again with to_json.") from error
    if content.pop("format", None) != FORMAT:
        raise ValueError(f'The file is not catpool\'s: its "format" is not "{FORMAT}". Pass a file from to_json.')
    version = content.pop("version", None)
    if type(version) is not int or not 1 <= version <= VERSION:
        raise ValueError(
            f"The file has version {version!r}, but this catpool reads versions 1 to {VERSION}. Update catpool."
        )
    absent = [name for name in ("checksum", "class", "parameters", "fitted") if name not in content]
    if absent:
        raise ValueError(f"The file is damaged: it has no {absent}. Write it again with to_json.")
    # the checksum finds files that were cut or edited by hand; it is no protection against forgery
    if content.pop("checksum") != checksum:
        raise ValueError(
            "The file was changed after it was written: its checksum is wrong. Write it again with to_json."
        )
    return version, content


def _checksum(content: dict[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _convert_parameter(name: str, value: Any, shared: dict[str, Plain]) -> Any:
    try:
        return to_plain(value, shared)
    except TypeError as error:  # such as a splitter or a function
        raise ValueError(
            f"The parameter {name}={value!r} cannot be written as JSON. Fitted tables do not depend on it, so set "
            f"another value with set_params({name}=...), or pickle the encoder."
        ) from error


def _format(value: Any, indent: str = "") -> str:
    """Format JSON with each item on a line of its own, but lists of numbers and strings on one line."""
    inner = indent + " "
    if isinstance(value, dict) and any(isinstance(item, dict | list) for item in value.values()):
        items = [f"{inner}{json.dumps(name)}: {_format(item, inner)}" for name, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return "[\n" + ",\n".join(inner + _format(item, inner) for item in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)
