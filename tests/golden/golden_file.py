"""The golden file: how it is written and read, and what it says of where it was made."""

import gzip
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg  # noqa: F401  so that its BLAS is loaded, too
from threadpoolctl import threadpool_info

PATH = Path(__file__).parent / "golden.json.gz"
NUMERIC = ["numpy", "scipy", "pandas", "scikit-learn", "narwhals"]
OPTIONAL = ["polars", "pyarrow", "duckdb"]


def environment() -> dict[str, Any]:
    """What last digits depend on: versions, the processor's instructions that numpy uses, and its BLAS."""
    simd = np.show_config(mode="dicts").get("SIMD Extensions", {})
    blas = [
        [library.get(name) for name in ("internal_api", "version", "architecture")]
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]
    return {
        "python": platform.python_version(),
        **{name: installed(name) for name in NUMERIC + OPTIONAL},
        "machine": platform.machine(),
        "system": platform.system(),
        "libc": list(platform.libc_ver()),
        "simd": [*simd.get("baseline", []), *simd.get("found", [])],
        "blas": sorted({" ".join(map(str, each)) for each in blas}),
    }


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def differing(golden: dict[str, Any], packages: tuple[str, ...] = ()) -> list[str]:
    """What is not as it was where the golden file was made, of what goes with some optional packages."""
    now = environment()
    names = [name for name in now if name not in OPTIONAL or name in packages]
    return [f"{name}: {golden.get(name)} then, {now[name]} now" for name in names if golden.get(name) != now[name]]


def write(content: dict[str, Any]) -> None:
    head, cases = {"environment": content["environment"]}, content["cases"]
    lines = [f" {json.dumps(name)}: {json.dumps(cases[name])}" for name in sorted(cases)]
    text = json.dumps(head)[:-1] + ',\n"cases": {\n' + ",\n".join(lines) + "\n}}\n"
    PATH.write_bytes(gzip.compress(text.encode(), mtime=0))


def read() -> dict[str, Any]:
    return json.loads(gzip.decompress(PATH.read_bytes()))
