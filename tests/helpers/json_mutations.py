"""Random changes of JSON: fields deleted, doubled, swapped, of other types, and numbers that no encoder has."""

import copy
import json
import math
import re

from catpool.tables.json_file import _checksum

NUMBERS = [0, 1, -1, 2, 7, 2**31, 2**63, -(2**63), 10**18, 10**30, 10**400, 0.5, -0.5, 1e308, -1e308, 5e-324]
WORDS = """
a NaN Infinity -Infinity NaN_0000000000000000 mean sd error prior nan rare all codes normal binomial multiclass
object float64 int64 bool str S2000000000 U2000000000 V8 O8 c16 f8,i4 float128 [('a','f8')]
datetime64[ns] datetime64[Y] datetime64 timedelta64[s] timestamp Europe/Berlin ../../etc/passwd M 2020-01-01 1e999999999
"""
STRINGS = [*WORDS.split(), "", "x" * 9999]
OBJECTS = [  # without the quotes
    "{no: type}",
    "{type: os.system, command: true}",
    "{type: [a]}",
    "{type: {a: 1}}",
    "{type: tuple, items: []}",
    "{type: dict, items: [[[], 1]]}",
    "{type: NaT}",
    "{type: NA}",
    "{type: float, value: NaN}",
    "{type: float, value: Infinity}",
    "{type: decimal, value: sNaN}",
    "{type: decimal, value: 1e999999999}",
    "{type: fraction, value: [1, 0]}",
    "{type: fraction, value: 1e999999999}",
    "{type: bytes, value: zz}",
    "{type: timestamp, value: 4611686018427387904, unit: s}",
    "{type: timestamp, value: 0, unit: ns, zone: ..}",
    "{type: period, value: 4611686018427387904, freq: D}",
    "{type: interval, left: 1, right: 0, closed: left}",
    "{type: Family, name: poisson}",
    "{type: Policy, unknown: nan, missing: nan}",
    "{type: series, values: [[]]}",
    "{type: array, dtype: S2000000000, shape: [1], values: [a]}",
    "{type: array, dtype: float64, shape: [-1], values: [1, 2]}",
    "{type: array, dtype: float64, shape: [2147483647, 0], values: []}",
]
VALUES = [None, True, False, [], {}, [[]], [None], ["a"], [0]]
VALUES += [json.loads(re.sub(r"(?<![\w.-])([A-Za-z.][\w.]*|1e9+)", r'"\1"', each)) for each in OBJECTS]


def mutate(content, rng):
    """A copy of what `json.loads` gives with one to three random changes."""
    content = copy.deepcopy(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        places = list(_places(content))
        if places:
            container, key = _choose(places, rng)
            rng.choice(CHANGES)(container, key, content, rng)
    return content


def _choose(places, rng):
    """A place; in half of all cases not a number of an array, of which there are many."""
    special = [place for place in places if isinstance(place[0], dict)]
    return rng.choice(special if special and rng.random() < 0.7 else places)


def _places(value):
    """Each place of a value within another: the container and the key or position."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def _delete(container, key, content, rng):
    del container[key]


def _double(container, key, content, rng):
    if isinstance(container, list):
        container.insert(key, copy.deepcopy(container[key]))
    else:
        container[f"{key}_"] = copy.deepcopy(container[key])


def _replace(container, key, content, rng):
    container[key] = copy.deepcopy(rng.choice(rng.choice([NUMBERS, STRINGS, VALUES])))


def _alike(container, key, content, rng):
    """Another value of the same type."""
    value = container[key]
    if isinstance(value, bool):
        container[key] = not value
    elif isinstance(value, int | float):
        container[key] = rng.choice([*NUMBERS, value + 1, value - 1, -value, math.nan, math.inf])
    elif isinstance(value, str):
        container[key] = rng.choice([*STRINGS, value + "x", value[:-1], value.upper()])
    else:
        _splice(container, key, content, rng)


def _splice(container, key, content, rng):
    """The value of another place."""
    other, name = rng.choice(list(_places(content)))
    container[key] = copy.deepcopy(other[name])


def _namesake(container, key, content, rng):
    """The value of another place of the same name, such as the moments of another column."""
    namesakes = [place for place in _places(content) if place[1] == key and isinstance(place[0], dict)]
    if namesakes:
        other, name = rng.choice(namesakes)
        container[key] = copy.deepcopy(other[name])


def _shuffle(container, key, content, rng):
    value = container[key]
    if isinstance(value, list):
        rng.shuffle(value)


def _shorten(container, key, content, rng):
    value = container[key]
    if isinstance(value, list | str):
        container[key] = value[: rng.randint(0, len(value))]


def _nest(container, key, content, rng):
    value, kind = container[key], rng.choice(["list", "tuple"])
    for _ in range(rng.choice([1, 2, 50, 99, 150, 300])):
        value = [value] if kind == "list" else {"type": "tuple", "items": [value]}
    container[key] = value


def _rename(container, key, content, rng):
    if isinstance(container, dict):
        container[rng.choice([*list(container), "type", "other"])] = container.pop(key)


CHANGES = [_delete, _double, _splice, _namesake, _shuffle, _shorten, _nest, _rename, *2 * [_replace], *3 * [_alike]]


def forge(content):
    """The text of a file with this content and its own checksum."""
    try:
        if isinstance(content, dict) and "checksum" in content:
            inner = {name: item for name, item in content.items() if name not in ("format", "version", "checksum")}
            content = {**content, "checksum": _checksum(inner)}
    except (RecursionError, ValueError):  # which a reader meets, too
        pass
    return json.dumps(content)


def damage(text, rng):
    """The text with some characters changed or lost."""
    start = rng.randrange(len(text))
    stop = min(len(text), start + rng.choice([1, 2, 10, 1000]))
    other = text[:start] + rng.choice('0{}[]",:x') + text[start + 1 :]
    return rng.choice([text[:start], text[stop:], text[:start] + text[stop:], other])
