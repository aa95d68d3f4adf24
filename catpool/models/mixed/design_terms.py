"""The terms of a mixed model as users name them, and the design that they make of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catpool.data.columns.crossed import check_interaction
from catpool.data.frames.frame import Frame, column_name
from catpool.data.frozen import frozen
from catpool.data.targets.offsets import check_offset
from catpool.models.mixed.contrasts import (
    Column,
    Contrasts,
    Term,
    finite_numbers,
    parts_of,
    product_key,
    read_contrasts,
)
from catpool.models.mixed.design import INTERCEPT, Design
from catpool.models.mixed.fitted_model import MixedModel
from catpool.models.mixed.solver.grouping_factor import GroupingFactor


@frozen
class DesignTerms:
    """The factors, covariates, slopes and the offset of a mixed model.

    Parameters
    ----------
    groups : list
        The factors: labels of columns, or tuples of labels.
    covariates : list
        Labels of columns, or tuples of labels, for products.
    slopes : dict of list
        The terms whose slopes differ by level, by factor.
    intercepts, correlated : list
        The factors that have an intercept, and those whose effects may be correlated.
    offset : Any
        The label of a column, or None.
    """

    groups: Sequence[Any]
    covariates: Sequence[Term]
    slopes: Mapping[Any, Sequence[Term]]
    intercepts: Sequence[Any]
    correlated: Sequence[Any]
    offset: Any

    @property
    def _all_terms(self) -> list[Term]:
        return [*self.covariates, *(term for own in self.slopes.values() for term in own)]

    def labels(self, contrasts: Contrasts) -> list[Any]:
        """The columns of covariates, slopes and the offset."""
        labels = [label for term in self._all_terms for label in parts_of(term, contrasts.columns)]
        return labels if self.offset is None else [*labels, self.offset]

    def check(self, X: Frame) -> None:
        """Raise an error unless the terms go together and name columns of X."""
        self._check_factors(X)
        _check_terms("covariates", self.covariates, X)
        for terms in self.slopes.values():
            _check_terms("slopes", terms, X)
        if self.offset is not None:
            X.require([self.offset], "offset")
        chosen = {"slopes": self.slopes, "intercepts": self.intercepts, "correlated": self.correlated}
        for name, factors in chosen.items():
            unknown = [group for group in factors if group not in self.groups]
            if unknown:
                raise ValueError(
                    f"`{name}` has the factors {unknown}, but `groups` is {list(self.groups)}. Add them to `groups`."
                )
        idle = [group for group in self.groups if group not in self.intercepts and not self.slopes.get(group)]
        if idle:
            raise ValueError(f"{idle} have neither intercepts nor slopes. Add them to `intercepts`, or to `slopes`.")

    def _check_factors(self, X: Frame) -> None:
        groups = self.groups
        crossed = [group for group in groups if isinstance(group, tuple) and group not in X]
        singles = [group for group in groups if group not in crossed]
        if not groups or len(set(groups)) < len(groups):
            raise ValueError(f"`groups` must name one factor or more, each once. Got {groups!r}.")
        for group in crossed:
            check_interaction(group, X, "groups")
        if singles:
            X.require(singles, "groups")

    def read_contrasts(self, X: Frame) -> Contrasts:
        """The levels of covariates and slopes that hold categories; raise an error where the model has no place."""
        terms = self._all_terms
        contrasts = read_contrasts(X, list(dict.fromkeys(label for term in terms for label in parts_of(term, X))))
        both = [label for label in contrasts.labels if label in self.groups]
        if both:
            raise ValueError(
                f"{both} are factors as well as covariates or slopes of categories, whose effects cannot be told "
                "apart. Name them in `groups` or in `covariates`."
            )
        twice = [term for term in terms if any(parts_of(term, X).count(label) > 1 for label in contrasts.labels)]
        if twice:
            raise ValueError(f"Products must name a column of categories once, but {twice} name one twice.")
        for group, slopes in self.slopes.items():
            own = [label for term in slopes for label in parts_of(term, X) if label in contrasts]
            if own and not (group in self.correlated and group in self.intercepts):
                raise ValueError(
                    f"Slopes of categories, as of {own} for the factor {group!r}, need an intercept and correlated "
                    "effects, because the model would otherwise depend on which level is the reference. Add the factor "
                    "to `intercepts` and `correlated`, or make indicators of the levels."
                )
        return contrasts

    def contrasts_of(self, model: MixedModel) -> Contrasts:
        """The contrasts of a fitted model, which without any of its own has neither products nor categories."""
        if model.contrasts is not None:
            return model.contrasts
        return Contrasts(list(dict.fromkeys(self._all_terms)), [], [])

    def slope_columns(self, group: Any, contrasts: Contrasts) -> list[Column]:
        """The columns of a factor's slopes."""
        return contrasts.expand(self.slopes.get(group, []))

    def covariate_names(self, contrasts: Contrasts, names: Mapping[Any, str]) -> list[str]:
        """The names of the columns of X but the intercept, from those of the table's columns by label."""
        return [contrasts.name(column, names) for column in contrasts.expand(self.covariates)]

    def slope_names(self, group: Any, contrasts: Contrasts, names: Mapping[Any, str]) -> list[str]:
        """The names of a factor's slopes, from those of the table's columns by label."""
        return [contrasts.name(column, names) for column in self.slope_columns(group, contrasts)]

    def read(self, X: Frame, codes: Sequence[np.ndarray], sizes: Sequence[int], contrasts: Contrasts) -> Design:
        """The design of the rows of X.

        Parameters
        ----------
        X : Frame
        codes : sequence of ndarray of shape (n,)
            The level of each row, by factor.
        sizes : sequence of int
            The number of levels of each factor.
        contrasts : Contrasts
        """
        names = X.names_by_label
        factors, terms = [], []
        for group, own, size in zip(self.groups, codes, sizes, strict=True):
            slopes = contrasts.values(self.slope_columns(group, contrasts), X)
            intercept = group in self.intercepts
            factors.append(GroupingFactor(own, size, slopes, group in self.correlated, intercept))
            terms.append([INTERCEPT] * intercept + self.slope_names(group, contrasts, names))
        return Design(
            contrasts.values(contrasts.expand(self.covariates), X),
            factors,
            self.covariate_names(contrasts, names),
            terms,
            [column_name(group, names) for group in self.groups],
            None if self.offset is None else check_offset(finite_numbers(X, self.offset, "offset")),
        )


def read_terms(
    groups: Sequence[Any],
    covariates: Sequence[Term] | None,
    slopes: Mapping[Any, Sequence[Term]] | None,
    intercepts: bool | Sequence[Any],
    correlated: bool | Sequence[Any],
    offset: Any,
) -> DesignTerms:
    """The terms that the parameters of an encoder name."""
    factors = _labels(groups)
    return DesignTerms(
        groups=factors,
        covariates=[] if covariates is None else _labels(covariates),
        slopes={group: _labels(terms) for group, terms in (slopes or {}).items()},
        intercepts=_choose(intercepts, factors),
        correlated=_choose(correlated, factors),
        offset=offset,
    )


def _labels(labels: Sequence[Any]) -> list[Any]:
    """Labels and tuples of labels; lists, as JSON has them, cannot be labels."""
    return [tuple(label) if isinstance(label, tuple | list) else label for label in labels]


def _choose(choice: bool | Sequence[Any], groups: list[Any]) -> list[Any]:
    """The factors that a parameter chooses: all, none or a list."""
    if isinstance(choice, bool | np.bool_):
        return groups if choice else []
    return _labels(choice)


def _check_terms(name: str, terms: Sequence[Term], X: Frame) -> None:
    """Raise an error unless terms are columns of X or products of some, each once."""
    if not terms:
        return
    parts = [parts_of(term, X) for term in terms]
    X.require(list(dict.fromkeys(label for own in parts for label in own)), name)
    if len({product_key(own) for own in parts}) < len(parts) or () in parts:
        raise ValueError(f"`{name}` must name each column once, and each product, but it is {list(terms)}.")
