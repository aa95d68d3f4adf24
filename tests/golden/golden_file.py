"""The golden file: how it is written and read, and which versions of engines it was made with."""

import gzip
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent / "golden.json.gz"
ENGINES = ["polars", "pyarrow", "duckdb"]


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def write(content: dict[str, Any]) -> None:
    head, cases = {"engines": content["engines"]}, content["cases"]
    lines = [f" {json.dumps(name)}: {json.dumps(cases[name])}" for name in sorted(cases)]
    text = json.dumps(head)[:-1] + ',\n"cases": {\n' + ",\n".join(lines) + "\n}}\n"
    PATH.write_bytes(gzip.compress(text.encode(), mtime=0))


def read() -> dict[str, Any]:
    return json.loads(gzip.decompress(PATH.read_bytes()))
