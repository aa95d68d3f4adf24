"""Model formulas in the notation of lme4 and Bambi, parsed by formulae."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple

INNER = r"(?:[^()|]|\([^()]*\))*"  # with functions, but without other terms of factors
GROUP = re.compile(rf"\(({INNER})(\|\|?)({INNER})\)")
NO_INTERCEPT = re.compile(r"^\s*0\s*\+|^\s*0\s*$|-\s*1\b|\+\s*0\s*(?=$|\+)")
PRODUCT, POWER = re.compile(r"[^\W\d]\w*(?:\s*\*\s*[^\W\d]\w*)+"), re.compile(r"([^\W\d]\w*)\s*\*\*\s*(\d+)")
LARGEST_POWER = 9
FUNCTION, POWER_OF_COLUMN = re.compile(r"\w+\([^()]*\)|\{[^{}]*\}"), re.compile(r"[\w`]\s*\*\*")
QUOTED, LESS_OFFSET = re.compile(r"`[^`]*`"), re.compile(r"-\s*offset\(")
PLACEHOLDER = "the_factor_number_"
POWER_OF_FACTOR = re.compile(rf"{PLACEHOLDER}\d+\s*\*\*")
FORM = "Join columns by +, * and :, and write factors as (1 | shop), (1 + x | shop), or (0 + x | shop)."


class Effects(NamedTuple):
    """The random effects of a factor, from one or several terms of a formula.

    Parameters
    ----------
    intercept : bool
    slopes : list
    correlated : bool
    """

    intercept: bool
    slopes: list[Any]
    correlated: bool

    @property
    def alone(self) -> bool:
        """Whether there is nothing that could be correlated."""
        return self.intercept + len(self.slopes) < 2


def read_formula(formula: str) -> dict[str, Any]:
    """The parameters `groups`, `covariates`, `slopes`, `intercepts`, `correlated` and `offset` of a formula's model."""
    if not isinstance(formula, str):
        raise TypeError(f'`formula` must be a string, as "y ~ x + (1 | shop)". Got {formula!r}.')
    text = formula.replace("^", "**")  # as R writes powers
    _refuse_operators(text, formula)
    factors, terms = _read_factors(text), _read_fixed(text, formula)
    offsets = [_read_offset(term) for term in terms if _is_offset(term)]
    if len(offsets) > 1:
        raise ValueError(f"There can be one offset, but {formula!r} has {offsets}. Add them up in one column.")
    return {
        "groups": list(factors),
        "covariates": [_read_term(term) for term in terms if not _is_offset(term)] or None,
        "slopes": {group: own.slopes for group, own in factors.items() if own.slopes} or None,
        "intercepts": _choose({group: own.intercept for group, own in factors.items()}),
        "correlated": _choose({group: own.correlated for group, own in factors.items() if not own.alone}),
        "offset": offsets[0] if offsets else None,
    }


def _choose(chosen: Mapping[Any, bool]) -> bool | list[Any]:
    """True or False if it holds for all or for none, and otherwise the factors for which it holds."""
    if all(chosen.values()):
        return True
    return [group for group, holds in chosen.items() if holds] or False


def _refuse_operators(text: str, formula: str) -> None:
    """Refuse what formulae would read as something else."""
    text = QUOTED.sub("quoted", text)
    if "%" in text:
        raise ValueError(f"The operators of a formula are +, -, *, :, / and **, but {formula!r} has %. Use these.")
    if POWER_OF_COLUMN.search(FUNCTION.sub("f", text)):
        raise ValueError(f"In a formula, x**2 is x itself, but {formula!r} has such a power. Write I(x**2).")
    if LESS_OFFSET.search(text):
        raise ValueError(f"An offset is added, but {formula!r} takes one off. Drop it, or negate the column.")


def _read_fixed(text: str, formula: str) -> list[Any]:
    """The terms of covariates and offsets."""
    numbers = count()
    replaced = GROUP.sub(lambda _: f"{PLACEHOLDER}{next(numbers)}", text)
    if POWER_OF_FACTOR.search(replaced):
        raise ValueError(f"A factor has no powers, but {formula!r} has one. Drop it.")
    fixed = _parse(replaced, formula)
    if not _terms_of_type(fixed, "Intercept"):
        raise ValueError(f"The model needs an intercept, but {formula!r} leaves it out. Drop the 0 or -1.")
    terms = _terms_of_type(fixed, "Term")
    factors = [term for term in terms if PLACEHOLDER in term.name]
    if not factors or [term.name for term in factors] != [f"{PLACEHOLDER}{each}" for each in range(next(numbers))]:
        raise ValueError(
            f"There must be a factor, and factors are added, but {formula!r} is not so. Write + (1 | shop) or "
            "+ (1 + x | shop)."
        )
    return [term for term in terms if term not in factors]


def _read_factors(text: str) -> dict[Any, Effects]:
    """The random effects of each factor."""
    factors: dict[Any, Effects] = {}
    for effects, bars, factor in GROUP.findall(text):
        for group, own in _read_group(effects, bars, factor):
            factors[group] = own if group not in factors else _merge(group, factors[group], own)
    return factors


def _read_group(effects: str, bars: str, factor: str) -> Iterator[tuple[Any, Effects]]:
    """The factors of one term, as of (1 + x | a/b), each with its effects."""
    source = f"({effects}{bars}{factor})"
    intercept = not NO_INTERCEPT.search(effects)
    rest = NO_INTERCEPT.sub("", effects).strip() or "1"
    slopes = [_read_term(term) for term in _terms_of_type(_parse(f"1 + {rest}", source), "Term")]
    if not slopes and not intercept:
        raise ValueError(f"A factor must have an effect, but {source!r} has none. Write (1 | shop) or (0 + x | shop).")
    found: dict[Any, None] = {}
    for term in _terms_of_type(_parse(f"(1 | {factor})", source), "GroupSpecificTerm"):
        names = tuple(_column(component) for component in term.factor.components)
        found[names if len(names) > 1 else names[0]] = None
    for group in found:
        yield group, Effects(intercept, slopes, bars == "|")


def _merge(group: Any, one: Effects, other: Effects) -> Effects:
    """The effects of two terms of a factor, which are uncorrelated across the terms."""
    slopes = list(dict.fromkeys([*one.slopes, *other.slopes]))
    both = Effects(one.intercept or other.intercept, slopes, correlated=False)
    if both.intercept + len(slopes) < one.intercept + other.intercept + len(one.slopes) + len(other.slopes):
        raise ValueError(f"An effect can be named once for a factor, but {group!r} has some twice. Drop one of them.")
    if any(own.correlated and not own.alone for own in (one, other)):
        raise ValueError(
            f"All effects of a factor may be correlated, or none, but {group!r} has terms of several effects with a "
            "single bar beside others. Write one term, as (1 + x + z | g), or (1 + x + z || g)."
        )
    return both


def _parse(text: str, formula: str) -> list[Any]:
    """The terms of a formula, with its response as one of them."""
    try:
        from formulae import model_description
        from formulae.parser import Parser
        from formulae.scanner import Scanner
    except ImportError as error:
        raise ImportError("Formulas need the package formulae. Run `pip install catpool[formula]`.") from error
    try:
        parser = Parser(Scanner(text).scan())
        parser.parse()
        model = model_description(text)
    except Exception as error:  # it raises errors of many kinds
        raise ValueError(f"The formula {formula!r} cannot be read ({error}). {FORM}") from error
    if not parser.at_end():  # what comes after an end is left out without a word
        raise ValueError(
            f"The formula {formula!r} has parts that no operator joins. Put names with spaces in `backticks`. {FORM}"
        )
    if model.response is not None:
        _read_response(model.response.term)
    return list(model.terms)


def _terms_of_type(terms: list[Any], name: str) -> list[Any]:
    return [term for term in terms if type(term).__name__ == name]  # formulae does not export its term classes


def _read_response(term: Any) -> None:
    if len(term.components) != 1 or type(term.components[0]).__name__ != "Variable":
        raise ValueError(
            f"y must be a column, but the formula has {term.name}. Transform the column beforehand. For successes "
            "among trials, pass a row of 1 with the successes as its weight, and one of 0 with the failures."
        )


def _is_offset(term: Any) -> bool:
    return any(_name(component).startswith("offset(") for component in term.components)


def _read_offset(term: Any) -> str:
    name = re.fullmatch(r"offset\(([^()+*/,-]+)\)", term.name)
    if name is None or len(term.components) > 1:
        raise ValueError(f"An offset must be a column, but the formula has {term.name}. Make it one beforehand.")
    return name[1]


def _read_term(term: Any) -> Any:
    """The name of a column, or several for their product."""
    names = tuple(name for component in term.components for name in _read_component(component))
    return names if len(names) > 1 else names[0]


def _read_component(component: Any) -> tuple[str, ...]:
    """The columns of which a part of a term is the product."""
    name = _name(component)
    inner = name[2:-1] if name.startswith("I(") else ""
    if PRODUCT.fullmatch(inner):
        return tuple(re.split(r"\s*\*\s*", inner))
    power = POWER.fullmatch(inner)
    if power is not None and 0 < int(power[2]) <= LARGEST_POWER:
        return (power[1],) * int(power[2])
    return (_column(component),)


def _column(component: Any) -> str:
    """The name of the column that a part of a term is."""
    name = _name(component)
    if type(component).__name__ == "Variable" and not name.isdigit():
        return name
    function, _, inner = name.partition("(")
    if function in ("C", "factor"):
        raise ValueError(
            f"{name} is not needed, as columns of strings are categories. Write {inner[:-1]}, and pass that column as "
            "strings or as a categorical dtype."
        )
    raise ValueError(
        f"Terms must be columns or products of columns, as a, a:b, I(a * b) and I(a**2), but the formula has {name}. "
        "Make it a column beforehand, as X.assign(log_a=np.log(X.a)) does, and name that."
    )


def _name(component: Any) -> str:
    return str(component.name)
