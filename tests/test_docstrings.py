"""Docstrings stand alone: each public name lists its parameters, with types and defaults, and signatures are typed."""

import inspect
import re

import pytest

import catpool
import catpool.explain

PUBLIC = {name: getattr(catpool, name) for name in catpool.__all__}
CLASSES = {name: each for name, each in PUBLIC.items() if inspect.isclass(each) and not issubclass(each, Warning)}
METHODS = [
    (name, method)
    for name, each in CLASSES.items()
    for method, function in inspect.getmembers(each, inspect.isfunction)
    if not method.startswith("_") and function.__module__.startswith("catpool")
]


def documented(docstring):
    """The entries of the section of parameters: names to types."""
    sections = re.split(r"\n *(\w[\w ]*)\n *-{3,}\n", "\n" + inspect.cleandoc(docstring))
    found = dict(zip(sections[1::2], sections[2::2], strict=True)).get("Parameters", "")
    entries = re.findall(r"^(\*{0,2}\w[\w*, ]*?)(?: : (.*))?$", found, flags=re.MULTILINE)
    return {name.strip("*"): kind for names, kind in entries for name in names.split(", ")}


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return [each for each in found if each.name not in ("self", "cls")]


def check(function, docstring, what):
    entries, own = documented(docstring), parameters(function)
    assert sorted(entries) == sorted(each.name for each in own), what
    for each in own:
        if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            continue
        assert each.annotation not in (inspect.Parameter.empty, "Any"), f"{what}: {each.name} is not typed"
        default, kind = each.default, entries[each.name]
        if default is inspect.Parameter.empty:
            assert "default" not in kind, f"{what}: {each.name} has no default"
        elif default is None:
            assert "default=None" in kind or "optional" in kind, f"{what}: {each.name}"
        else:
            written = "NaN" if default != default else str(default) if not isinstance(default, str) else f'"{default}"'
            assert f"default={written}" in kind, f"{what}: {each.name} is {default!r} by default, not as in {kind!r}"


@pytest.mark.parametrize("name", CLASSES)
def test_classes_list_their_parameters(name):
    check(CLASSES[name].__init__, CLASSES[name].__doc__, name)


@pytest.mark.parametrize("name", [name for name in PUBLIC if inspect.isfunction(PUBLIC[name])])
def test_functions_list_their_parameters(name):
    check(PUBLIC[name], PUBLIC[name].__doc__, name)


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_methods_list_their_parameters(name, method):
    function = getattr(CLASSES[name], method)
    check(function, function.__doc__, f"{name}.{method}")


@pytest.mark.parametrize("name", PUBLIC)
def test_public_docstrings_are_whole(name):
    docstring = PUBLIC[name].__doc__
    assert not re.search(r"^ *<\w+>$", docstring, flags=re.MULTILINE), "a shared parameter was not put in"
    if not (inspect.isclass(PUBLIC[name]) and issubclass(PUBLIC[name], Warning)):
        assert "\nExamples\n" in inspect.cleandoc(docstring)
        assert ">>> " in docstring


@pytest.mark.parametrize("name", catpool.explain.__all__)
def test_pictures_list_their_parameters(name):
    display = getattr(catpool.explain, name)
    functions = [display, display.plot, *filter(None, [getattr(display, "from_encoder", None)])]
    for function in functions:
        own = parameters(function.__init__ if function is display else function)
        assert sorted(documented(function.__doc__)) == sorted(each.name for each in own), function
        assert not re.search(r"^ *<\w+>$", function.__doc__, flags=re.MULTILINE), "a shared parameter was not put in"


def test_only_public_names_are_listed():
    assert sorted(name for name in dir(catpool) if name != "__version__") == sorted(catpool.__all__)
