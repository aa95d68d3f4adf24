"""A file imports only from floors below its own."""

import ast
from pathlib import Path

import catpool

ROOT = Path(catpool.__file__).parent
FLOORS = [
    ["dealing", "moments", "objects"],
    ["columns", "families", "folds", "frames"],
    ["targets", "priors", "views"],
    ["posterior"],
    ["tables"],
    ["crossfit"],
    ["encoders.pooled"],
    ["encoders.mean", "encoders.smoothed_mean", "encoders.empirical_bayes"],
    ["encoders"],
    [""],
]
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "catpool":
            yield ".".join(node.module.split(".")[1:])


def test_imports_point_down():
    for path in ROOT.rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        for imported in imports(path):
            assert FLOOR[imported] < FLOOR[name], f"{name} imports {imported}"


def test_files_are_small():
    for path in ROOT.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 250 + 150 * (path.name == "pooled.py"), path
