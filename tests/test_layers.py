"""A file imports only from floors below its own."""

import ast
from pathlib import Path

import catpool

ROOT = Path(catpool.__file__).parent
FLOORS = [
    ["arrays", "dealing", "integers", "keys", "natives", "paired_tests", "plain", "splits"],
    [
        "engines",
        "leverage",
        "moments",
        "objects",
        "conjugate",
        "saving",
        "schedule",
        "strength",
        "mixed.formula",
        "mixed.system",
    ],
    ["columns", "families", "folds", "frames", "normal", "mixed.equations", "mixed.search"],
    ["cells", "leaks", "targets", "priors", "views", "mixed.exact", "mixed.iterative"],
    ["method_of_moments", "weights", "mixed.products", "mixed.profile", "nested.tree"],
    ["lazy_checks", "likelihood", "policy", "posterior", "mixed.fit"],
    ["fold_columns", "full_bayes", "tables", "mixed.design", "nested.normal", "nested.conjugate"],
    ["crossfit", "lazy", "sql", "tally", "mixed.effects", "mixed.generalized", "nested.learning"],
    ["earlier", "interactions", "mixed.laplace", "mixed.summary", "nested.tables", "nested.trust", "onnx_graph"],
    ["mixed.learning", "onnx_tables"],
    ["encoders.serving"],
    ["encoders.base"],
    ["encoders.streaming"],
    ["encoders.lazy_tables"],
    ["encoders.pooled"],
    ["encoders.mean", "encoders.smoothed_mean", "encoders.empirical_bayes", "encoders.nested", "encoders.mixed_model"],
    ["draws", "encoders", "leak_check", "mixed", "monotone", "nested", "onnx", "recommend"],
    ["comparison"],
    [""],
]
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            modules = [node.module]
        elif isinstance(node, ast.Import):
            modules = [name.name for name in node.names]
        else:
            continue
        for module in modules:
            if module.split(".")[0] == "catpool":
                yield ".".join(module.split(".")[1:])


def test_imports_point_down():
    for path in ROOT.rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        for imported in imports(path):
            assert FLOOR[imported] < FLOOR[name], f"{name} imports {imported}"


def test_files_and_functions_are_small():
    """Encoders are half docstrings; they alone may be longer."""
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= (500 if path.parent.name == "encoders" else 250), path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                start = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.body[0].lineno
                assert node.end_lineno - start < 30, f"{path}: {node.name}"
