"""Golden cases of posteriors: full Bayes, robust priors, own and known variances, dispersions, formulas, intervals."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from cases_data import new_rows, rows, table, target
from cases_flat import made
from cases_results import OUTPUTS_OF_EFFECTS, OUTPUTS_OF_LEVELS, Case, Numbers, numeric, quiet
from cases_structured import PLACES, USED, mixed, nested
from cases_training import prepared, train

from catpool import MixedModelEncoder

SEARCHED = 1e-6  # relative; the search for the points of full Bayes has differences of likelihoods

FAMILIES = {"count": "negative_binomial", "exposed": "negative_binomial", "amounts": "gamma", "claims": "tweedie"}


def cases() -> Iterator[Case]:
    for kind in ("continuous", "binary", "exposed"):
        encoder = nested(prior="full_bayes", emit="all", output=OUTPUTS_OF_LEVELS)
        yield _case(f"full_bayes/nested/{kind}", encoder, kind, PLACES)
        for model in ("one factor", "crossed") if kind != "exposed" else ("covariates",):
            encoder = mixed(model, prior="full_bayes", output=OUTPUTS_OF_EFFECTS)
            yield _case(f"full_bayes/{model}/{kind}", encoder, kind, USED[model])
    for prior in ("scale_mixture", "npmle"):
        for kind in ("continuous", "binary", "exposed"):
            yield _case(f"{prior}/{kind}", made("reml", prior=prior, output=["mean", "sd"]), kind)
    encoder = made("reml", within="moderated", output=["mean", "sd"])
    yield _case("moderated/continuous", encoder, "continuous")
    for prior in ("reml", "paule_mandel", "hedges"):
        encoder = made("reml", prior=prior, weight_type="inverse_variance", output=["mean", "sd"])
        yield _case(f"known variances/{prior}", encoder, "continuous", named={"sample_weight": "precision"})
    yield from _dispersed()
    yield from _formulas()
    yield from _intervals()


def _case(name: str, encoder: Any, kind: str, columns: tuple[str, ...] = ("city", "shop"), **arguments: Any) -> Case:
    run = partial(train, encoder, kind, columns=columns, refit=False, **arguments)
    return Case(f"posteriors/{name}", run, relative=SEARCHED)


def _dispersed() -> Iterator[Case]:
    for family, kinds in (
        ("negative_binomial", ("count", "exposed")),
        ("gamma", ("amounts",)),
        ("tweedie", ("claims",)),
    ):
        for kind in kinds:
            for model in ("one factor", "covariates"):
                encoder = mixed(model, family=family, prior="ml", output=OUTPUTS_OF_EFFECTS)
                yield _case(f"{family}/{model}/{kind}", encoder, kind, USED[model])


def _formulas() -> Iterator[Case]:
    for name, formula, kind in (
        ("strings", "y ~ state * price + (1 | shop)", "continuous"),
        ("offset", "y ~ price + (1 + price || shop) + offset(day)", "continuous"),
        ("classes", "y ~ state + (1 | shop)", "binary"),
    ):
        yield Case(f"posteriors/formulas/{name}", partial(_of_formula, formula, kind), ("formulae",))


def _of_formula(formula: str, kind: str) -> Numbers:
    encoder = MixedModelEncoder.from_formula(formula, prior="reml", cv=2, random_state=0, output=OUTPUTS_OF_EFFECTS)
    return train(encoder, kind, columns=("shop", "state", "price", "day"), refit=False, only_known=True)


def _intervals() -> Iterator[Case]:
    for prior, kind in (("reml", "continuous"), ("full_bayes", "continuous"), ("full_bayes", "binary")):
        for name, encoder, columns in (
            ("nested", nested(prior=prior), PLACES),
            ("crossed", mixed("crossed", prior=prior), USED["crossed"]),
        ):
            run = partial(_predicted, encoder, kind, columns)
            yield Case(f"posteriors/intervals/{name}/{prior}/{kind}", run, relative=SEARCHED)
    for kind, family in FAMILIES.items():
        if kind != "exposed":
            run = partial(_predicted, mixed("one factor", family=family, prior="ml"), kind, USED["one factor"])
            yield Case(f"posteriors/intervals/one factor/{family}", run, relative=SEARCHED)


def _predicted(encoder: Any, kind: str, columns: tuple[str, ...]) -> Numbers:
    """What `predict` says of expected values and of new rows."""
    made, result = prepared(encoder, kind, list(columns)), {}
    with quiet():
        made.fit(table(rows()[list(columns)], "pandas"), target(kind))
        for what in ("mean", "row"):
            result |= numeric(made.predict(new_rows()[list(columns)], interval=0.8, kind=what), what)
    return result
