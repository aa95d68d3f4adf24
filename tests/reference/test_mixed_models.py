"""Mixed models against lme4."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import close_to_largest, encoder_of, value_of
from helpers.reference_data import REFERENCE

from catpool import MixedModelEncoder
from catpool.models.mixed.cross_products import cross_products
from catpool.models.mixed.solver.grouping_factor import GroupingFactor
from catpool.models.mixed.solver.mixed_fit import fit_mixed
from catpool.moments.partition import Parts

MODELS = json.loads((REFERENCE / "mixed_models.json").read_text())


LINEAR = {
    "sleep_ri": (["Subject"], ["Days"], {}),
    "sleep_ri_w": (["Subject"], ["Days"], {"weight_type": "precision"}),
    "sleep_rs": (["Subject"], ["Days"], {"slopes": {"Subject": ["Days"]}}),
    "sleep_rs_uncorr": (["Subject"], ["Days"], {"slopes": {"Subject": ["Days"]}, "correlated": False}),
    "penicillin_crossed": (["plate", "sample"], [], {}),
    "pastes_nested": (["batch", ("batch", "cask")], [], {}),
    "cake_ri": ([("recipe", "replicate")], ["recipeB", "recipeC", "temp"], {}),
    "cake_nested": (["replicate", ("replicate", "recipe")], ["recipeB", "recipeC", "temp"], {}),
    "inst_sd": (["s", "d"], [], {}),
    "inst_dept_d": (["dept", ("dept", "d")], [], {}),
}


def read(name):
    """With indicators of string columns, and of the years and periods that the models take for such."""
    path = REFERENCE / "data" / name
    data = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    for column in {"recipe", "period", "YEAR"} & set(data):
        for level in sorted(data[column].unique())[1:]:
            data[f"{column}{level}"] = (data[column] == level).astype(float)
    return data


def parts(group):
    return group if isinstance(group, tuple) else (group,)


def columns_of(groups):
    return list(dict.fromkeys(part for group in groups for part in parts(group)))


def own_group(groups, name):
    """The factor that lme4 calls so: the order of its parts may be another, and blocks of one factor have numbers."""
    names = name.split(".")[0].split(":")
    group = next(group for group in groups if set(parts(group)) == set(names))
    return group, [names.index(part) for part in parts(group)]


def at_levels(encoder, groups, name, levels):
    """The factor's encoding table, its rows in lme4's order."""
    group, order = own_group(groups, name)
    table = encoder.encoding_table(group).set_index("category")
    if len(order) == 1:
        return table.loc[levels]
    cells = [level.split(":") for level in levels]
    return table.loc[[tuple(cell[place] for place in order) for cell in cells]]


def fitted_to_reference(name, method):
    model = MODELS["lmm"][name]
    groups, covariates, parameters = LINEAR[name]
    data = read(model["data"]).astype(dict.fromkeys(columns_of(groups), str))
    weights = data[model["weights"]] if model["weights"] else None
    X, y = data[[*columns_of(groups), *covariates]], data[model["formula"].split(" ~ ")[0]]
    encoder = encoder_of(groups, covariates=covariates, prior=method.lower(), **parameters)
    return encoder.fit(X, y, sample_weight=weights), X, y, weights


REFERENCES = [
    pytest.param(name, method, marks=[pytest.mark.slow] if name == "inst_sd" else [])
    for name in LINEAR
    for method in ("REML", "ML")
]


@pytest.mark.parametrize(("name", "method"), REFERENCES)
def test_lme4(name, method):
    answer, groups, slopes = MODELS["lmm"][name][method], LINEAR[name][0], LINEAR[name][2].get("slopes", {})
    encoder = fitted_to_reference(name, method)[0]
    model = encoder.model_
    assert model.criterion == pytest.approx(answer["criterion"], abs=1e-6)
    assert model.scale == pytest.approx(answer["sigma2"], rel=1e-6)
    assert encoder.summary_.attrs == {"method": method, "solver": "exact"}
    close_to_largest(model.fixed, list(answer["fixef"].values()))
    np.testing.assert_allclose(np.sqrt(np.diag(model.fixed_covariance)), list(answer["se_fixef"].values()), rtol=1e-6)
    largest = max(abs(entry["vcov"]) for entry in answer["variances"])
    for entry in answer["variances"]:
        if entry["group"] != "Residual":
            group, _ = own_group(groups, entry["group"])
            terms = ["(Intercept)", *slopes.get(group, [])]
            first, second = terms.index(entry["var1"]), terms.index(entry["var2"] or entry["var1"])
            found = model.covariances[groups.index(group)][first, second]
            assert found == pytest.approx(entry["vcov"], rel=0, abs=1e-6 * largest)
    for factor, effects in answer["ranef"].items():
        table = at_levels(encoder, groups, factor, effects["levels"])
        for position, term in enumerate(effects["terms"]):
            stem = "" if term == "(Intercept)" else f"{term}_"
            close_to_largest(table[f"{stem}mode"], effects["condmode"][term])
            if "pev" in effects:
                close_to_largest(table[f"{stem}sd"] ** 2, of_term(effects["pev"], term, position))


def of_term(variances, term, position):
    """Of matrices for each level, row by row, their diagonal; of separate blocks, the block."""
    if isinstance(variances, dict):
        return variances[term]
    variances = np.asarray(variances).reshape(len(variances), -1)
    return variances[:, position * (round(variances.shape[1] ** 0.5) + 1)]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("name", [name for name in LINEAR if name != "inst_sd"])
def test_lme4_s_variances_take_coefficients_as_known(name, method):
    answer, (groups, covariates, parameters) = MODELS["lmm"][name][method], LINEAR[name]
    encoder, X, y, weights = fitted_to_reference(name, method)
    slopes = parameters.get("slopes", {})
    factors = [
        GroupingFactor(
            table.slots(X[group] if group in X else [X[part] for part in group]),
            table.vocabulary.size,
            X[slopes.get(group, [])].to_numpy(dtype=float),
            parameters.get("correlated", True),
        )
        for group, table in zip(groups, encoder.tables_, strict=True)
    ]
    design = np.column_stack([np.ones(len(X)), X[covariates]])
    weights = None if weights is None else weights.to_numpy(dtype=float)
    products = cross_products(y.to_numpy(dtype=float), design, factors, weights, Parts(None, 1), precision=True)
    variances = fit_mixed(products.merge()[0], reml=method == "REML").variances(given_fixed=True)
    for factor, effects in answer["ranef"].items():
        place = groups.index(own_group(groups, factor)[0])
        slots = {level: slot for slot, level in enumerate(encoder.tables_[place].vocabulary.categories, start=1)}
        own = variances[place][[slots[level] for level in at_levels(encoder, groups, factor, effects["levels"]).index]]
        for position, term in enumerate(effects["terms"]):
            if "condvar" in effects:
                close_to_largest(own[:, position, position], of_term(effects["condvar"], term, position))


COUNTED = {
    "cbpp_null": ("herd", []),
    "cbpp_period": ("herd", ["period2", "period3", "period4"]),
    "grouse_brood": ("BROOD", []),
    "grouse_cov_brood": ("BROOD", ["YEAR96", "YEAR97", "cHEIGHT"]),
    "grouse_loc": ("LOCATION", []),
}


APPROXIMATIONS = [
    (name, method) for name in COUNTED for method in ("Laplace", "AGQ25") if method == "Laplace" or not COUNTED[name][1]
]


def fitted_to_counts(name, method):
    group, covariates = COUNTED[name]
    data = read(MODELS["glmm"][name]["data"]).astype({group: str})
    encoder = encoder_of([group], covariates=covariates, quadrature=25 if method == "AGQ25" else 1)
    if "cbpp" not in name:
        return encoder.set_params(target_type="count").fit(data[[group, *covariates]], data["TICKS"])
    twice, y = pd.concat([data, data]), np.repeat([1, 0], len(data))
    weights = np.concatenate([data["incidence"], data["size"] - data["incidence"]])
    return encoder.set_params(target_type="binary").fit(twice[[group, *covariates]], y, sample_weight=weights)


@pytest.mark.parametrize(("name", "method"), APPROXIMATIONS)
def test_glmer(name, method):
    answer = MODELS["glmm"][name][method]
    encoder = fitted_to_counts(name, method)
    model = encoder.model_
    parameters = [np.sqrt(model.covariances[0].item()), *model.fixed]
    np.testing.assert_allclose(parameters, answer["polished_par"], rtol=0, atol=1e-5)
    errors = np.sqrt(np.diag(model.fixed_covariance))
    np.testing.assert_allclose(errors, list(answer["se_fixef"].values()), rtol=1e-4)
    effects = answer["ranef"][COUNTED[name][0]]
    table = encoder.encoding_table(COUNTED[name][0]).set_index("category").loc[effects["levels"]]
    close_to_largest(table["mode"], effects["condmode"]["(Intercept)"], 1e-4)
    close_to_largest(table["sd"] ** 2, effects["pev"], 1e-4)
    name_of_method = "Laplace" if method == "Laplace" else "adaptive quadrature of 25 points"
    assert encoder.summary_.attrs["method"] == name_of_method


@pytest.mark.parametrize(("name", "method"), [each for each in APPROXIMATIONS if each[0] in MODELS["gold"]])
def test_generalized_models_in_double_precision(name, method):
    """lme4's own function has noise; these are from the groups' totals, with binomial coefficients, which rows lack."""
    answer = MODELS["gold"][name][method]
    encoder = fitted_to_counts(name, method)
    model = encoder.model_
    assert np.sqrt(model.covariances[0].item()) == pytest.approx(answer["theta"], rel=1e-6)
    assert model.fixed.item() == pytest.approx(answer["mu"], rel=1e-6)
    added = MODELS["gold"][name]["constant_added"] if "cbpp" in name else 0.0
    assert model.criterion == pytest.approx(answer["m2ll_full"] - added, abs=1e-6)
    table = encoder.encoding_table(COUNTED[name][0]).set_index("category").loc[answer["levels"]]
    close_to_largest(table["mode"], answer["condmode"])


@pytest.mark.parametrize(("method", "criterion"), [("reml", 1665.31194304), ("ml", 1666.42950949)])
def test_the_slopes_of_the_cakes_are_perfectly_correlated(method, criterion):
    """lme4's answer too is a correlation of one; its criteria, to all of R's digits."""
    data = read("cake.csv").assign(tens=lambda table: (table["temp"] - 200) / 10)
    encoder = encoder_of(["replicate"], covariates=["tens"], slopes={"replicate": ["tens"]}, prior=method)
    encoder.fit(data[["replicate", "tens"]], data["angle"])
    assert encoder.model_.criterion == pytest.approx(criterion, abs=1e-7)
    assert value_of(encoder, "correlation") == pytest.approx(1, abs=1e-7)
    assert value_of(encoder, "model", term="singular") == 1


FORMULAS = {  # as lme4 has them, but for the target
    "cake_ri": ("REML", "cake.csv"),
    "cake_nested": ("ML", "cake.csv"),
    "pastes_nested": ("REML", "Pastes.csv"),
    "penicillin_crossed": ("ML", "Penicillin.csv"),
    "sleep_rs": ("REML", "sleepstudy.csv"),
    "sleep_rs_uncorr": ("ML", "sleepstudy.csv"),
    "cbpp_period": ("Laplace", "cbpp.csv"),
    "grouse_cov_brood": ("Laplace", "grouseticks.csv"),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_lme4_s_own_formulas(name):
    pytest.importorskip("formulae", reason="the extra catpool[formula] brings formulae")
    method, file = FORMULAS[name]
    normal = method != "Laplace"
    model = MODELS["lmm" if normal else "glmm"][name]
    answer, formula = model[method], model["formula"]
    own = (
        {"prior": method.lower(), "target_type": "continuous"}
        if normal
        else {"prior": "ml", "target_type": "binary" if name == "cbpp_period" else "count"}
    )
    encoder = MixedModelEncoder.from_formula("y ~" + formula.split("~")[1], **own)
    data, weights = pd.read_csv(REFERENCE / "data" / file), None
    y = data.get(formula.split(" ~ ")[0])
    if name == "cbpp_period":
        weights = np.concatenate([data["incidence"], data["size"] - data["incidence"]])
        data, y = pd.concat([data, data]), np.repeat([1, 0], len(data))
    data = data.astype(dict.fromkeys({"period", "YEAR", *columns_of(encoder.groups)} & set(data), str))
    fitted = encoder.fit(data, y, sample_weight=weights).model_
    errors = np.sqrt(np.diag(fitted.fixed_covariance))
    np.testing.assert_allclose(fitted.fixed, list(answer["fixef"].values()), rtol=1e-6 if normal else 1e-4)
    np.testing.assert_allclose(errors, list(answer["se_fixef"].values()), rtol=1e-6 if normal else 1e-4)
    if normal:
        assert fitted.criterion == pytest.approx(answer["criterion"], abs=1e-6)
    else:
        assert np.sqrt(fitted.covariances[0].item()) == pytest.approx(answer["polished_par"][0], abs=1e-5)
