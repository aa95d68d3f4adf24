"""The folders of the package are layers: each imports only from folders above it, and no two names are the same."""

import ast
from collections import Counter
from pathlib import Path

import pytest

import catpool

ROOT = Path(catpool.__file__).parent
LAYERS = [
    "data",
    "moments",
    "priors",
    "tables",
    "crossfit",
    "models",
    "engines",
    "encoders",
    "evaluation",
    "explain",
    "",
]
FILES = sorted(ROOT.rglob("*.py"))


def imports(path):
    """The modules of catpool that a file imports, as paths of names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            modules = [node.module]
        elif isinstance(node, ast.Import):
            modules = [name.name for name in node.names]
        else:
            continue
        yield from (module.split(".")[1:] for module in modules if module.split(".")[0] == "catpool")


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return tuple(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module):
    return LAYERS.index(module[0] if len(module) and module[0] in LAYERS else "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_up_the_list_of_layers(path):
    for imported in imports(path):
        assert layer_of(imported) <= layer_of(module_of(path)), f"imports {'.'.join(imported)}"


def test_no_circle():
    graph = {module_of(path): {tuple(each) for each in imports(path)} for path in FILES}
    done, open_ = set(), []

    def visit(module):
        assert module not in open_, f"{[*open_, module]} is a circle"
        if module in done or module not in graph:
            return
        open_.append(module)
        for imported in graph[module]:
            visit(imported)
        done.add(open_.pop())

    for module in graph:
        visit(module)


def test_the_root_has_three_files_at_most():
    assert len(list(ROOT.glob("*.py"))) <= 3


def test_names_of_files_and_classes_occur_once():
    files = Counter(path.stem for path in FILES if path.stem != "__init__")
    classes = Counter(
        node.name.lstrip("_")
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, number in files.items() if number > 1] == []
    assert [name for name, number in classes.items() if number > 1] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_small(path):
    text = path.read_text()
    assert len(text.splitlines()) < 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            start = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.body[0].lineno
            assert node.end_lineno - start < 30, node.name
