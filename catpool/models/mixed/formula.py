"""Model formulas in the notation of lme4 and Bambi, parsed by formulae."""

from __future__ import annotations

import re
from typing import Any

GROUP = re.compile(r"\(([^()|]*)(\|\|?)[^()|]*\)")
WITHOUT_INTERCEPT = re.compile(r"(^|\+)\s*0\s*(\+|$)|-\s*1\b")


def read_formula(formula: str) -> dict[str, Any]:
    """The parameters `groups`, `covariates`, `slopes` and `correlated` of a formula's model."""
    try:
        from formulae import model_description
    except ImportError as error:
        raise ImportError("Formulas need the package formulae. Run `pip install catpool[formula]`.") from error
    model = model_description(formula.replace("||", "|"))  # formulae does not read the double bar
    if model.response is not None:
        _variable_name(model.response.term, formula)
    terms = model.terms
    if not _terms_of_type(terms, "Intercept"):
        raise ValueError(f"The model needs an intercept, but {formula!r} leaves it out. Drop the 0 or -1.")
    covariates = [_variable_name(term, formula) for term in _terms_of_type(terms, "Term")]
    groups = _read_groups(_terms_of_type(terms, "GroupSpecificTerm"), formula)
    return {
        "groups": list(groups),
        "covariates": covariates or None,
        "slopes": {group: slopes for group, slopes in groups.items() if slopes} or None,
        "correlated": _is_correlated(formula),
    }


def _terms_of_type(terms: Any, name: str) -> list[Any]:
    return [term for term in terms if type(term).__name__ == name]  # formulae does not export its term classes


def _read_groups(terms: list[Any], formula: str) -> dict[Any, list[str]]:
    """The slopes of each factor."""
    groups: dict[Any, list[str]] = {}
    with_intercept = set()
    for term in terms:
        names = tuple(_component_name(component, formula) for component in term.factor.components)
        slopes = groups.setdefault(names if len(names) > 1 else names[0], [])
        if type(term.expr).__name__ == "Intercept":
            with_intercept.add(names)
        else:
            slopes.append(_variable_name(term.expr, formula))
    if len(with_intercept) < len(groups) or not groups:
        raise ValueError(
            f"There must be a factor, each with an intercept, but {formula!r} has not. Write (1 | shop) or "
            "(1 + x | shop)."
        )
    return groups


def _is_correlated(formula: str) -> bool:
    """Whether slopes share a single bar with their intercept; formulae itself separates them in any case."""
    kinds = {
        bars == "|" and not WITHOUT_INTERCEPT.search(effects)
        for effects, bars in GROUP.findall(formula)
        if effects.strip() != "1"
    }
    if len(kinds) > 1:
        raise ValueError(
            f"Slopes must be correlated with the intercepts of all factors or of none, but {formula!r} has both. "
            "Write | or || throughout."
        )
    return kinds.pop() if kinds else True


def _variable_name(term: Any, formula: str) -> str:
    names = [_component_name(component, formula) for component in term.components]
    if len(names) > 1:
        raise ValueError(f"Terms must be columns, but {formula!r} has {':'.join(names)}. Multiply them beforehand.")
    return names[0]


def _component_name(component: Any, formula: str) -> str:
    if type(component).__name__ != "Variable":
        raise ValueError(f"Terms must be columns, but {formula!r} has {component}. Transform the column beforehand.")
    return str(component.name)
