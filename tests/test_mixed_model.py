"""Mixed models against lme4, matrices of all rows and a refit for each fold; and what comes out of them."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag, cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline

from catpool import EmpiricalBayesEncoder, MixedModelEncoder
from catpool.crossfit.folds import make_folds
from catpool.models.mixed.cross_products import cross_products
from catpool.models.mixed.solver.grouping_factor import GroupingFactor
from catpool.models.mixed.solver.mixed_fit import fit_mixed
from catpool.moments.partition import Parts

REFERENCE = Path(__file__).parent / "reference"
MODELS = json.loads((REFERENCE / "mixed_models.json").read_text())
OUTPUTS = ["mode", "sd", "count", "fixed", "prediction"]


def encoder_of(groups, **parameters):
    return MixedModelEncoder(groups, **{"target_type": "continuous", "random_state": 0, "cv": 3, **parameters})


# lme4 ---------------------------------------------------------------------------------------------------------------

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
    encoder = encoder_of(groups, covariates=covariates, method=method.lower(), **parameters)
    return encoder.fit(X, y, sample_weight=weights), X, y, weights


def close_to_largest(actual, expected, tolerance=1e-6):
    expected = np.asarray(expected, dtype=float)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


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
def test_generalised_models_in_double_precision(name, method):
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
def test_the_cakes_slopes_are_all_of_one_line(method, criterion):
    """lme4's answer too is a correlation of one; its criteria, to all of R's digits."""
    data = read("cake.csv").assign(tens=lambda table: (table["temp"] - 200) / 10)
    encoder = encoder_of(["replicate"], covariates=["tens"], slopes={"replicate": ["tens"]}, method=method)
    encoder.fit(data[["replicate", "tens"]], data["angle"])
    assert encoder.model_.criterion == pytest.approx(criterion, abs=1e-7)
    assert value_of(encoder, "correlation") == pytest.approx(1, abs=1e-7)
    assert value_of(encoder, "model", term="singular") == 1


def value_of(encoder, kind, **which):
    rows = encoder.summary_.query("kind == @kind")
    for column, wanted in which.items():
        rows = rows[rows[column] == wanted]
    return rows["value"].item()


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.parametrize("ratio", [0.1, 1, 30, 1000])
def test_one_factor_is_empirical_bayes(prior, ratio):
    rng = np.random.default_rng(1)
    X = rng.integers(0, 9, (150, 1))
    y = ratio * rng.normal(size=9)[X[:, 0]] + rng.normal(size=150) + 5
    for weights in (None, rng.integers(0, 4, 150), rng.uniform(0.2, 3, 150)):
        kind = "precision" if weights is not None and weights.dtype == float else "frequency"
        bayes = EmpiricalBayesEncoder(prior=prior, target_type="continuous", weight_type=kind)
        bayes.fit(X, y, sample_weight=weights)
        encoder = encoder_of([0], method=prior, weight_type=kind).fit(X, y, sample_weight=weights)
        learned, table = bayes.summary_.iloc[0], encoder.encoding_table(0)
        assert encoder.model_.criterion == pytest.approx(-2 * learned["log_likelihood"], abs=1e-6)
        assert encoder.model_.scale == pytest.approx(learned["within_sd"] ** 2, rel=1e-8)
        between = encoder.model_.covariances[0].item()
        assert between == pytest.approx(learned["between_sd"] ** 2, rel=1e-7)
        np.testing.assert_allclose(
            table["mode"] + encoder.model_.fixed, bayes.encoding_table(0)["encoding"], rtol=0, atol=1e-8 * ratio
        )


# Matrices of all rows -----------------------------------------------------------------------------------------------

KINDS = {"one": (1, None), "two": (2, None), "three": (3, None), "slopes": (1, True), "slopes and two": (2, True)}
KINDS["uncorrelated"] = (1, False)


class Dense:
    """The textbook's formulas, with V a matrix of rows by rows, for some factors' codes and slopes."""

    def __init__(self, y, X, codes, slopes, weights=None):
        self.y, self.X, self.weights = y, X, np.ones(len(y)) if weights is None else weights
        self.Z, self.widths, self.levels = [], [], []
        for own, numbers in zip(codes, slopes, strict=True):
            columns = np.column_stack([np.ones(len(y)), *numbers.T])
            indicators = own[:, None] == np.unique(own)
            self.Z.append((indicators[:, :, None] * columns[:, None, :]).reshape(len(y), -1))
            self.widths.append(columns.shape[1])
            self.levels.append(indicators.shape[1])

    def spread(self, matrices):
        """Each factor's matrix once for every level, on the diagonal."""
        return [block_diag(*[each] * number) for each, number in zip(matrices, self.levels, strict=True)]

    def solved(self, covariances, scale):
        V = np.diag(scale / self.weights) + sum(
            Z @ D @ Z.T for Z, D in zip(self.Z, self.spread(covariances), strict=True)
        )
        root = cho_factor(V)
        inverse_X = cho_solve(root, self.X)
        fixed = np.linalg.solve(self.X.T @ inverse_X, inverse_X.T @ self.y)
        return root, inverse_X, fixed, self.y - self.X @ fixed

    def criterion(self, covariances, scale, reml):
        root, inverse_X, _, rest = self.solved(covariances, scale)
        freedom = len(self.y) - reml * self.X.shape[1]
        value = 2 * np.log(np.diag(root[0])).sum() + rest @ cho_solve(root, rest) + freedom * np.log(2 * np.pi)
        return value + (np.linalg.slogdet(self.X.T @ inverse_X)[1] if reml else 0)

    def profile(self, lambdas, reml):
        """The criterion at the best scale, of covariances that are relative to it."""
        root, inverse_X, _, rest = self.solved([each @ each.T for each in lambdas], 1.0)
        freedom = len(self.y) - reml * self.X.shape[1]
        value = 2 * np.log(np.diag(root[0])).sum()
        value += freedom * (1 + np.log(2 * np.pi * (rest @ cho_solve(root, rest)) / freedom))
        return value + (np.linalg.slogdet(self.X.T @ inverse_X)[1] if reml else 0)

    def best(self, reml, correlated, seed=0):
        """The least criterion that general-purpose searches find."""
        places = [
            (factor, a, b)
            for factor, width in enumerate(self.widths)
            for a in range(width)
            for b in range(a + 1)
            if correlated or a == b
        ]
        squares = [(Z**2).sum(axis=0).reshape(-1, width) for Z, width in zip(self.Z, self.widths, strict=True)]
        units = [np.sqrt(each.mean(axis=0)) for each in squares]

        def value(theta):
            lambdas = [np.zeros((width, width)) for width in self.widths]
            for number, (factor, a, b) in zip(theta, places, strict=True):
                lambdas[factor][a, b] = number / units[factor][a]
            return self.profile(lambdas, reml)

        rng = np.random.default_rng(seed)
        found = []
        for size in (0.3, 1, 5):
            start = minimize(value, size * rng.normal(size=len(places)), method="BFGS", options={"gtol": 1e-4}).x
            found.append(minimize(value, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).fun)
        return min(found)

    def effects(self, covariances, scale):
        """Best linear unbiased predictions and their variances, of shape (levels, width)."""
        root, inverse_X, _, rest = self.solved(covariances, scale)
        P = cho_solve(root, np.eye(len(self.y))) - inverse_X @ np.linalg.solve(self.X.T @ inverse_X, inverse_X.T)
        for Z, D, width in zip(self.Z, self.spread(covariances), self.widths, strict=True):
            modes, variances = D @ Z.T @ cho_solve(root, rest), np.diag(D - D @ Z.T @ P @ Z @ D)
            yield modes.reshape(-1, width), variances.reshape(-1, width)


def unbalanced(kind, seed, spread):
    """Random rows of few levels, some of a single row; numbers of any size."""
    rng = np.random.default_rng([seed, *kind.encode()])
    number, correlated = KINDS[kind]
    n = int(rng.integers(18, 40))
    data = {f"g{i}": rng.choice(m, n, p=rng.dirichlet(np.full(m, 2.0))) for i, m in enumerate((7, 4, 3)[:number])}
    unit = 10 ** rng.uniform(-2, 2)
    data |= {"x": unit * (rng.normal(size=n) + 2), "z": rng.normal(size=n)}
    y = rng.normal(size=n) + 10
    for i in range(number):
        y += spread * rng.normal(size=7)[data[f"g{i}"]]
    if correlated is not None:
        y += spread * rng.normal(size=7)[data["g0"]] * data["x"] / unit
    covariates = [[], ["x"], ["x", "z"]][seed % 3]
    slopes = {} if correlated is None else {"g0": ["x"]}
    parameters = {"covariates": covariates, "slopes": slopes, "correlated": correlated is not False}
    return pd.DataFrame(data), y * 10 ** rng.uniform(-3, 3), [f"g{i}" for i in range(number)], parameters


def dense_of(X, y, groups, parameters, weights=None):
    design = np.column_stack([np.ones(len(y)), X[parameters["covariates"]]])
    slopes = [X[parameters["slopes"].get(group, [])].to_numpy() for group in groups]
    return Dense(y, design, [X[group].to_numpy() for group in groups], slopes, weights)


@pytest.mark.parametrize(("method", "spread"), [("reml", 0), ("reml", 0.5), ("ml", 0), ("ml", 3)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_no_search_of_a_dense_likelihood_finds_a_better_fit(kind, spread, method):
    """Where effects have no spread, variances of nought and correlations of one are among the answers."""
    X, y, groups, parameters = unbalanced(kind, 3 * (method == "ml") + int(2 * spread), spread)
    encoder = encoder_of(groups, method=method, output=["mode", "sd"], **parameters).fit(X, y)
    model, dense = encoder.model_, dense_of(X, y, groups, parameters)
    reml = method == "reml"
    assert model.criterion == pytest.approx(dense.criterion(model.covariances, model.scale, reml), abs=1e-7)
    assert model.criterion <= dense.best(reml, parameters["correlated"]) + 1e-6


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("spread", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_effects_are_those_of_dense_formulas(kind, spread, weighted):
    for seed in range(2):
        X, y, groups, parameters = unbalanced(kind, seed, spread)
        weights = np.random.default_rng(seed).uniform(0.2, 3, len(y)) if weighted else None
        encoder = encoder_of(groups, weight_type="precision", **parameters).fit(X, y, sample_weight=weights)
        model, dense = encoder.model_, dense_of(X, y, groups, parameters, weights)
        assert model.criterion == pytest.approx(dense.criterion(model.covariances, model.scale, True), abs=1e-7)
        _, inverse_X, fixed, _ = dense.solved(model.covariances, model.scale)
        close_to_largest(model.fixed, fixed, 1e-8)
        close_to_largest(model.fixed_covariance, np.linalg.inv(dense.X.T @ inverse_X), 1e-7)
        for group, (modes, variances) in zip(groups, dense.effects(model.covariances, model.scale), strict=True):
            table = encoder.encoding_table(group).sort_values("category")
            for position, stem in enumerate(["", *(f"{name}_" for name in parameters["slopes"].get(group, []))]):
                tiny = 1e-9 * y.std() / (1 if position == 0 else X["x"].std())
                scale = max(np.abs(modes[:, position]).max(), tiny)
                np.testing.assert_allclose(table[f"{stem}mode"], modes[:, position], rtol=0, atol=1e-8 * scale)
                largest = max(variances[:, position].max(), tiny**2)
                np.testing.assert_allclose(table[f"{stem}sd"] ** 2, variances[:, position], rtol=0, atol=1e-8 * largest)


def test_singular_fits_say_so():
    data = pd.read_csv(REFERENCE / "data" / "Dyestuff2.csv")
    encoder = encoder_of(["Batch"], output=["mode", "sd"]).fit(data[["Batch"]], data["Yield"])
    assert value_of(encoder, "variance", group="Batch") == 0
    assert value_of(encoder, "model", term="singular") == 1
    assert (encoder.transform(data[["Batch"]]) == 0).all()
    levels = data.assign(Other=data["Batch"].map(dict(zip("ABCDEF", "uuvvww", strict=True))))
    both = encoder_of(["Batch", "Other"]).fit(levels[["Batch", "Other"]], data["Yield"] + 9 * (levels["Other"] == "u"))
    assert both.model_.singular == [True, False]


@pytest.mark.parametrize("unit", [1e-9, 1e-4, 1, 1e9])
@pytest.mark.parametrize("together", [False, True])
def test_what_is_singular_does_not_hang_on_units(unit, together):
    rng = np.random.default_rng(0)
    g, x = rng.integers(0, 15, 300), rng.normal(size=300)
    levels = rng.normal(size=(2, 15))
    y = levels[0][g] + levels[0 if together else 1][g] * x + (0.3 if together else 1) * rng.normal(size=300)
    encoder = encoder_of(["g"], slopes={"g": ["x"]}).fit(pd.DataFrame({"g": g, "x": unit * x}), y)
    if together:
        assert value_of(encoder, "correlation") > 0.99
    assert encoder.model_.singular == [abs(value_of(encoder, "correlation")) > 1 - 1e-9]


@pytest.mark.slow
def test_effects_beside_a_variance_of_nought_are_as_exact_as_others():
    """What is left of the model is the model without the factor whose variance is nought."""
    X, y = mixed_rows()
    noughts = 0
    for seed in range(20):
        extra = X.assign(idle=np.random.default_rng(seed).integers(0, 10, len(X)))
        encoder = encoder_of(["a", "c", "idle"], covariates=["x"], remainder="drop").fit(extra, y)
        if value_of(encoder, "variance", group="idle") > 0:
            continue
        noughts += 1
        alone = encoder_of(["a", "c"], covariates=["x"], remainder="drop").fit(extra, y)
        assert encoder.model_.criterion == pytest.approx(alone.model_.criterion, abs=1e-9)
        close_to_largest(np.asarray(encoder.transform(extra))[:, :2], np.asarray(alone.transform(extra)), 1e-7)
    assert noughts > 2


# Binary targets and counts of several factors -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("target_type", ["binary", "count"])
@pytest.mark.parametrize("slopes", [{}, {"a": ["x"]}])
def test_quasi_likelihood_is_a_fixed_point(target_type, slopes):
    """Modes and coefficients are at the top of the penalised likelihood, variances at that of the working rows'."""
    X, y = mixed_rows()
    rng = np.random.default_rng(0)
    eta = y - y.mean()
    exposure = rng.uniform(0.5, 3, len(y)) if target_type == "count" else None
    y = rng.binomial(1, expit(eta)) if target_type == "binary" else rng.poisson(exposure * np.exp(0.5 * eta))
    groups, parameters = ["a", "c"], {"covariates": ["x", "z"], "slopes": slopes}
    encoder = encoder_of(groups, target_type=target_type, **parameters).fit(X, y, exposure=exposure)
    model = encoder.model_
    assert model.method == "PQL"
    assert np.isnan(model.criterion)
    dense = dense_of(X, y, groups, parameters)
    modes = [encoder.encoding_table(group).sort_values("category").filter(like="mode") for group in groups]
    eta = dense.X @ model.fixed + sum(Z @ own.to_numpy().ravel() for Z, own in zip(dense.Z, modes, strict=True))
    mean = expit(eta) if target_type == "binary" else exposure * np.exp(eta)
    weight = mean * (1 - mean) if target_type == "binary" else mean
    np.testing.assert_allclose(dense.X.T @ (y - mean), 0, atol=1e-4 * np.abs(dense.X.T @ y).max())
    for Z, own, D in zip(dense.Z, modes, model.covariances, strict=True):
        pull = Z.T @ (y - mean)
        np.testing.assert_allclose(D @ pull.reshape(own.shape).T, own.T, atol=1e-5)
    working = dense_of(X, eta + (y - mean) / weight, groups, parameters, weight)
    here = working.criterion(model.covariances, 1.0, False)
    for position in range(len(groups)):
        for factor in (0.9, 1.1):
            other = list(model.covariances)
            other[position] = factor * other[position]
            assert working.criterion(other, 1.0, False) >= here - 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("groups", [["a"], ["a", "b"]])
@pytest.mark.parametrize("target_type", ["binary", "count"])
def test_a_level_that_is_all_ones_or_noughts_is_fine(groups, target_type):
    X, y = mixed_rows()
    level, others = (1, y > y.mean()) if target_type == "binary" else (0, np.maximum(y, 0))
    y = np.where(X["a"] == "p", level, others).astype(int)
    encoder = encoder_of(groups, target_type=target_type, output=OUTPUTS, remainder="drop")
    for encoded in (encoder.fit_transform(X, y), encoder.transform(X)):
        assert np.isfinite(np.asarray(encoded)).all()
    table = encoder.encoding_table("a").set_index("category")["mode"]
    assert (table.idxmax() if target_type == "binary" else table.idxmin()) == "p"


@pytest.mark.parametrize(("target_type", "value"), [("continuous", 3), ("continuous", 0), ("binary", 1), ("count", 0)])
def test_targets_that_are_all_alike_are_refused(target_type, value):
    X, _ = mixed_rows()
    with pytest.raises(ValueError, match=r"\by\b"):
        encoder_of(["a"], target_type=target_type).fit(X, np.full(len(X), value))


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "largest"), [(17, 10**4), (3, 10**5), (2, 10**6)])
def test_counts_of_very_unlike_sizes_are_fitted(seed, largest):
    X, y = mixed_rows(42)
    y = 2 * (y > np.median(y))
    y[::3] = largest * np.random.default_rng(seed).integers(0, 2, 14)
    encoder = encoder_of(["a", "c"], covariates=["z"], target_type="count", output="prediction", remainder="drop")
    assert np.isfinite(encoder.fit(X, y).transform(X)).all()


@pytest.mark.parametrize("rows", [2, 3])
def test_fewer_rows_than_coefficients_and_one_are_refused(rows):
    X, y = mixed_rows()
    with pytest.raises(ValueError, match="rows|independent"):
        encoder_of(["a"], covariates=["x", "z"]).fit(X[:rows], y[:rows])


def test_a_target_without_noise_is_refused():
    X, _ = mixed_rows()
    with pytest.raises(ValueError, match=r"\by\b"):
        encoder_of(["a"], covariates=["x"]).fit(X, 2 * X["x"] + 1)


# Folds --------------------------------------------------------------------------------------------------------------


def mixed_rows(n=120):
    """Two factors of letters, of which one has missing values, one of numbers, two covariates; and a target."""
    rng = np.random.default_rng(5)
    X = pd.DataFrame(
        {
            "a": rng.choice(list("pqrst"), n),
            "b": rng.choice(np.array(["u", "v", "w", None], dtype=object), n),
            "c": rng.integers(0, 12, n),
            "x": rng.normal(size=n) + 3,
            "z": 100 * rng.normal(size=n),
        }
    )
    a, b, c = pd.factorize(X["a"])[0], pd.factorize(X["b"])[0] + 1, X["c"].to_numpy()
    slopes = rng.normal(size=5)
    y = rng.normal(size=5)[a] + rng.normal(size=4)[b] + rng.normal(size=12)[c] + (1 + slopes[a]) * X["x"].to_numpy()
    return X, y + 0.01 * rng.normal(size=5)[a] * X["z"].to_numpy() + rng.normal(size=n)


FORMS = {
    "one": {"groups": ["a"]},
    "covariates": {"groups": ["a"], "covariates": ["x", "z"]},
    "slopes": {"groups": ["a"], "covariates": ["x"], "slopes": {"a": ["x", "z"]}},
    "uncorrelated": {"groups": ["c"], "covariates": ["x"], "slopes": {"c": ["x", "z"]}, "correlated": False},
    "two": {"groups": ["a", "c"], "covariates": ["z"], "method": "ml"},
    "three": {"groups": ["a", "b", "c"], "covariates": ["x"]},
    "cells": {"groups": ["a", ("a", "b")], "slopes": {("a", "b"): ["x"]}, "covariates": ["x"]},
}
SCHEMES = {
    "int": (3, False),
    "splitter": (KFold(3, shuffle=True, random_state=1), False),
    "labels": (np.array(list("xyz"))[np.arange(120) % 3], False),
    "past only": (TimeSeriesSplit(2), False),
    "groups": (3, True),
}
WEIGHTS = [None, "frequency", "precision"]


def splits_of(cv, n, groups=None):
    if isinstance(cv, int):
        labels = make_folds(cv, None, None, n_rows=n, random_state=0, groups=groups, classes=None).labels
    elif isinstance(cv, np.ndarray):
        labels = np.unique(cv, return_inverse=True)[1]
    else:
        return list(cv.split(np.zeros(n)))
    return [(np.flatnonzero(labels != fold), np.flatnonzero(labels == fold)) for fold in range(labels.max() + 1)]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
@pytest.mark.slow
def test_fit_transform_is_a_refit_for_each_fold(form, scheme):
    """Every pair of model and folds, of model and weights, of folds and weights."""
    X, y = mixed_rows()
    (cv, grouped), rng = SCHEMES[scheme], np.random.default_rng(3)
    kind = WEIGHTS[(list(FORMS).index(form) + list(SCHEMES).index(scheme)) % 3]
    weights = {None: None, "frequency": rng.integers(0, 4, 120), "precision": rng.uniform(0.2, 3, 120)}[kind]
    groups = X["c"].to_numpy() if grouped else None
    encoder = encoder_of(cv=cv, output=OUTPUTS, remainder="drop", weight_type=kind or "frequency", **FORMS[form])
    encoded = encoder.fit_transform(X, y, sample_weight=weights, groups=groups)
    seen = np.zeros(len(X), dtype=bool)
    for train, test in splits_of(cv, len(X), groups):
        own = None if weights is None else weights[train]
        expected = clone(encoder).fit(X.iloc[train], y[train], sample_weight=own).transform(X.iloc[test])
        for found, column in zip(encoded[test].T, expected.T, strict=True):
            np.testing.assert_allclose(found, column, rtol=0, atol=1e-7 * np.abs(column).max() + 1e-9)
        seen[test] = True
    assert np.isnan(encoded[~seen]).all()
    if scheme == "int":
        whole = clone(encoder).fit(X, y, sample_weight=weights)
        np.testing.assert_allclose(encoder.transform(X), whole.transform(X), rtol=1e-7, atol=1e-7)
        pd.testing.assert_frame_equal(encoder.summary_, whole.summary_, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [["a"], ["a", "c"]])
@pytest.mark.parametrize("target_type", ["binary", "count"])
@pytest.mark.parametrize("scheme", ["labels", "past only"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_fit_transform_of_classes_and_counts_is_a_refit_for_each_fold(groups, target_type, scheme):
    X, y = mixed_rows()
    y = (y > y.mean()).astype(int) if target_type == "binary" else np.maximum(y, 0).astype(int)
    weights, exposure = np.arange(120) % 3, 1 + X["z"].abs().to_numpy() if target_type == "count" else None
    encoder = encoder_of(groups, target_type=target_type, cv=SCHEMES[scheme][0], output=OUTPUTS, remainder="drop")
    encoded = encoder.fit_transform(X, y, sample_weight=weights, exposure=exposure)
    for train, test in splits_of(SCHEMES[scheme][0], 120):
        own = None if exposure is None else exposure[train]
        refitted = clone(encoder).fit(X.iloc[train], y[train], sample_weight=weights[train], exposure=own)
        np.testing.assert_allclose(encoded[test], refitted.transform(X.iloc[test]), rtol=1e-7, atol=1e-7)


@pytest.mark.slow
@settings(max_examples=12)
@given(
    st.sampled_from(sorted(FORMS)),
    st.integers(0, 2),
    st.sampled_from(["numbers", 1e3, -1e6, 1e9]),
    st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=14, max_size=14),
)
def test_a_fold_s_own_targets_do_not_reach_its_features_not_in_a_single_bit(form, fold, change, values):
    X, y = mixed_rows(42)
    folds = np.arange(42) % 3
    changed = y.copy()
    changed[folds == fold] = values if change == "numbers" else y[folds == fold] + change
    encoder = encoder_of(cv=folds, output=OUTPUTS, **FORMS[form])
    before, after = (encoder.fit_transform(X, each).drop(columns=["b"], errors="ignore") for each in (y, changed))
    own = folds == fold
    assert before[own].to_numpy(dtype=object).tolist() == after[own].to_numpy(dtype=object).tolist()
    numbers = [column for column in before if before[column].dtype == float]
    assert before.loc[own, numbers].to_numpy().tobytes() == after.loc[own, numbers].to_numpy().tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("target_type", ["binary", "count"])
@settings(max_examples=8)
@given(
    st.sampled_from(["one", "covariates", "two"]),
    st.integers(0, 2),
    st.lists(st.integers(0, 1), min_size=14, max_size=14),
    st.sampled_from([1, 3, 10**4]),
)
def test_the_own_label_law_holds_for_classes_and_counts(target_type, form, fold, values, largest):
    X, y = mixed_rows(42)
    folds = np.arange(42) % 3
    y = (y > np.median(y)).astype(int) * (1 if target_type == "binary" else 2)
    changed = y.copy()
    changed[folds == fold] = np.array(values) * (1 if target_type == "binary" else largest)
    parameters = {key: value for key, value in FORMS[form].items() if key != "method"}
    encoder = encoder_of(target_type=target_type, cv=folds, output=OUTPUTS, remainder="drop", **parameters)
    before, after = (np.asarray(encoder.fit_transform(X, each))[folds == fold] for each in (y, changed))
    assert before.tobytes() == after.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("cv", [TimeSeriesSplit(2, gap=5), 3])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_only_training_rows_reach_a_row(cv):
    X, y = mixed_rows()
    encoder = encoder_of(cv=cv, output=OUTPUTS, remainder="drop", **FORMS["three"])
    whole = encoder.fit_transform(X, y)
    for train, test in splits_of(cv, 120):
        changed = 100 * np.random.default_rng(0).normal(size=120)
        changed[train] = y[train]
        assert encoder.fit_transform(X, changed)[test].tobytes() == whole[test].tobytes()


# Weights and units --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.slow
def test_a_weight_is_so_many_copies(form):
    X, y = mixed_rows()
    copies = np.random.default_rng(1).integers(0, 4, 120)
    repeated, folds = np.repeat(np.arange(120), copies), np.arange(120) % 3
    encoder = encoder_of(cv=folds, output=OUTPUTS, remainder="drop", **FORMS[form])
    weighed = np.asarray(encoder.fit_transform(X, y, sample_weight=copies))[repeated]
    criterion, new = encoder.model_.criterion, np.asarray(encoder.transform(X))
    encoder.set_params(cv=folds[repeated])
    copied = np.asarray(encoder.fit_transform(X.iloc[repeated], y[repeated]))
    assert encoder.model_.criterion == pytest.approx(criterion, abs=1e-7)
    np.testing.assert_allclose(weighed, copied, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(new, np.asarray(encoder.transform(X)), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("weight_type", ["frequency", "precision"])
def test_rows_that_weigh_nothing_are_not_there(weight_type):
    X, y = mixed_rows()
    weights = np.where(np.arange(120) % 4 == 0, 0, np.random.default_rng(1).uniform(0.2, 3, 120))
    kept = weights > 0
    encoder = encoder_of(output=OUTPUTS, remainder="drop", weight_type=weight_type, **FORMS["two"])
    one = encoder.fit(X, np.where(kept, y, 1e6), sample_weight=weights).transform(X)
    criterion = encoder.model_.criterion
    other = encoder.fit(X[kept], y[kept], sample_weight=weights[kept]).transform(X)
    np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7)
    assert encoder.model_.criterion == pytest.approx(criterion, abs=1e-7)


@pytest.mark.parametrize("target_type", ["binary", "count"])
@pytest.mark.parametrize("form", ["one", "covariates", "two"])
def test_a_weight_is_so_many_copies_of_classes_and_counts(form, target_type):
    X, y = mixed_rows()
    y = (y > y.mean()).astype(int) if target_type == "binary" else np.maximum(y, 0).astype(int)
    copies = np.random.default_rng(1).integers(0, 4, 120)
    repeated = np.repeat(np.arange(120), copies)
    parameters = {key: value for key, value in FORMS[form].items() if key != "method"}
    encoder = encoder_of(target_type=target_type, output=OUTPUTS, remainder="drop", **parameters)
    weighed = encoder.fit(X, y, sample_weight=copies).transform(X)
    copied = encoder.fit(X.iloc[repeated], y[repeated]).transform(X)
    np.testing.assert_allclose(weighed, copied, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("form", "method", "scale", "shift"),
    [
        *[(form, "reml", 1e-6, 0) for form in FORMS],
        *[(form, "ml", 1e6, -1e6) for form in ("one", "slopes", "three")],
        *[
            ("covariates", method, scale, shift)
            for method in ("reml", "ml")
            for scale, shift in [(1e-80, 0), (1e80, 0)]
        ],
        ("covariates", "reml", 1, 1e8),
        ("three", "reml", 1, 1e8),
    ],
)
@pytest.mark.slow
def test_units_of_y_carry_through(form, method, scale, shift):
    X, y = mixed_rows()
    encoder = encoder_of(output=OUTPUTS, remainder="drop", **{**FORMS[form], "method": method})
    one, first = encoder.fit_transform(X, y), encoder.model_
    other, second = encoder.fit_transform(X, scale * y + shift), encoder.model_
    for name, found, expected in zip(encoder.get_feature_names_out(), other.T, one.T, strict=True):
        if not name.endswith("_count"):
            expected = scale * expected + (shift if name in ("fixed", "prediction") else 0)
        rounded = 10 * np.spacing(shift)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * scale * np.abs(one).max() + rounded)
    freedom = len(y) - (len(first.fixed) if method == "reml" else 0)
    assert second.criterion == pytest.approx(first.criterion + 2 * freedom * np.log(scale), abs=1e-6)


@pytest.mark.parametrize(
    ("form", "method", "unit"),
    [
        ("covariates", "reml", 1e-8),
        ("covariates", "ml", 1e8),
        ("three", "reml", 1e8),
        ("slopes", "reml", 1e-3),
        ("slopes", "ml", 1e8),
        ("uncorrelated", "reml", 1e8),
        ("uncorrelated", "ml", 1e-3),
        ("cells", "reml", 1e-8),
        ("cells", "reml", 1e3),
    ],
)
@pytest.mark.slow
def test_units_of_covariates_carry_through(form, method, unit):
    X, y = mixed_rows()
    encoder = encoder_of(output=OUTPUTS, remainder="drop", **{**FORMS[form], "method": method})
    one, first = encoder.fit_transform(X, y), encoder.model_
    changed = X.assign(x=unit * X["x"])
    other, second = encoder.fit_transform(changed, y), encoder.model_
    assert second.criterion == pytest.approx(first.criterion + 2 * np.log(unit) * (method == "reml"), abs=1e-7)
    assert second.singular == first.singular
    slopes = [name.removesuffix("_sd").endswith("_x") for name in encoder.get_feature_names_out()]
    np.testing.assert_allclose(other * np.where(slopes, unit, 1.0), one, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["covariates", "two", "three"])
def test_covariates_far_from_nought_are_no_worse(form):
    X, y = mixed_rows()
    parameters = {**FORMS[form], "covariates": ["x"]}
    encoder = encoder_of(output=OUTPUTS, remainder="drop", **parameters)
    one, first = encoder.fit_transform(X, y), encoder.model_
    far = X.assign(x=1e4 + 0.01 * X["x"])
    other, second = encoder.fit_transform(far, y), encoder.model_
    np.testing.assert_allclose(other, one, rtol=0, atol=1e-7 * np.abs(one).max())
    reml = parameters.get("method") != "ml"
    assert second.criterion == pytest.approx(first.criterion + 2 * np.log(0.01) * reml, abs=1e-7)
    assert second.fixed[1] == pytest.approx(100 * first.fixed[1], rel=1e-7)


@pytest.mark.parametrize("shift", [-3.0, 10.0, 1000.0])
@pytest.mark.slow
def test_correlated_slopes_may_be_measured_from_anywhere(shift):
    X, y = mixed_rows()
    encoder = encoder_of(["a", "c"], covariates=["x"], slopes={"a": ["x"]}, output=["prediction", "fixed"])
    moved = X.assign(x=X["x"] + shift)
    one, other = encoder.fit_transform(X, y), encoder.fit_transform(moved, y)
    np.testing.assert_allclose(other["prediction"], one["prediction"], rtol=0, atol=1e-5)
    assert encoder.fit(moved, y).model_.criterion == pytest.approx(encoder.fit(X, y).model_.criterion, abs=1e-6)


# What comes out -----------------------------------------------------------------------------------------------------


@pytest.fixture
def shops():
    rng = np.random.default_rng(2)
    n = 90
    X = pd.DataFrame(
        {
            "shop": rng.choice(np.array(["north", "south", "west", None], dtype=object), n),
            "price": rng.normal(size=n),
            "item": rng.integers(0, 8, n),
            "size": rng.normal(size=n) + 5,
            "note": rng.choice(list("uv"), n),
        }
    )
    shop = X["shop"].map({"north": 1.0, "south": -1.0, "west": 0.3}).fillna(0.8).to_numpy()
    y = 2 * X["price"] * (1 + shop) + 2 * shop + rng.normal(size=8)[X["item"]] + rng.normal(size=n)
    return X, y.to_numpy()


def test_an_unseen_level_has_the_prior_s_mode_and_sd(shops):
    X, y = shops
    encoder = encoder_of(["shop"], covariates=["price"], slopes={"shop": ["price"]}, output=OUTPUTS).fit(X, y)
    new = encoder.transform(X.assign(shop="nowhere"))
    assert (new[["shop", "shop_price", "shop_count"]] == 0).all(axis=None)
    D = encoder.model_.covariances[0]
    np.testing.assert_allclose(new[["shop_sd", "shop_price_sd"]], np.tile(np.sqrt(np.diag(D)), (len(X), 1)), rtol=1e-12)
    np.testing.assert_array_equal(new["prediction"], new["fixed"])
    fixed = encoder.model_.fixed
    np.testing.assert_allclose(new["fixed"], fixed[0] + fixed[1] * X["price"], rtol=1e-12)


@pytest.mark.slow
def test_a_prediction_is_the_sum_of_its_parts(shops):
    X, y = shops
    slopes = {"shop": ["price"], ("shop", "note"): ["size"]}
    encoder = encoder_of(["shop", "item", ("shop", "note")], covariates=["size"], slopes=slopes, output=OUTPUTS)
    for encoded in (encoder.fit_transform(X, y), encoder.transform(X)):
        parts = encoded["fixed"] + encoded["shop"] + encoded["shop_price"] * X["price"] + encoded["item"]
        parts += encoded["shop_x_note"] + encoded["shop_x_note_size"] * X["size"]
        np.testing.assert_allclose(encoded["prediction"], parts, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("target_type", ["binary", "count"])
def test_predictions_of_classes_and_counts_are_on_the_scale_of_y(shops, target_type):
    X, y = shops
    y = (y > 0).astype(int) if target_type == "binary" else np.abs(y).astype(int)
    encoder = encoder_of(["shop"], covariates=["price"], target_type=target_type, output=OUTPUTS, family="auto")
    encoded = encoder.fit(X, y).transform(X)
    eta = encoded["fixed"] + encoded["shop"]
    expected = expit(eta) if target_type == "binary" else np.exp(eta)
    np.testing.assert_allclose(encoded["prediction"], expected, rtol=1e-12)
    assert encoder.target_type_ == target_type
    normal = encoder.set_params(family="normal").fit(X, y)
    assert normal.model_.method == "REML"
    encoded = normal.transform(X)
    np.testing.assert_allclose(encoded["prediction"], encoded["fixed"] + encoded["shop"], rtol=1e-12)


def test_string_classes_are_numbered_as_scikit_learn_does(shops):
    X, y = shops
    encoder = encoder_of(["shop"], target_type="auto", output="prediction", remainder="drop")
    named = encoder.fit(X, np.where(y > 0, "yes", "no")).transform(X)
    assert encoder.classes_.tolist() == ["no", "yes"]
    np.testing.assert_array_equal(named, encoder.fit(X, (y > 0).astype(int)).transform(X))


def test_count_is_of_the_rows_that_a_row_learns_from(shops):
    X, y = shops
    weights, folds = np.arange(90) % 4, np.arange(90) % 3
    encoder = encoder_of(["shop"], cv=folds, output="count", remainder="drop")
    out_of_fold = encoder.fit_transform(X, y, sample_weight=weights)[:, 0]
    shop = X["shop"].fillna("missing")
    for fold in range(3):
        own = folds == fold
        sums = pd.Series(weights[~own]).groupby(shop[~own].to_numpy()).sum()
        np.testing.assert_array_equal(out_of_fold[own], sums[shop[own]])
    sums = pd.Series(weights).groupby(shop.to_numpy()).sum()
    np.testing.assert_array_equal(encoder.transform(X)[:, 0], sums[shop])
    table = encoder.encoding_table("shop")
    np.testing.assert_array_equal(table["count"], sums[table["category"].fillna("missing")])


def test_policies_differ(shops):
    X, y = shops
    new = pd.DataFrame({"shop": ["nowhere", None, "north"]})
    output = ["mode", "sd", "count"]
    got = {
        (unknown, missing): encoder_of(["shop"], output=output, unknown=unknown, missing=missing)
        .fit(X[["shop"]], y)
        .transform(new)
        for unknown in ("prior", "nan")
        for missing in ("category", "prior", "nan")
    }
    assert np.isnan(got["nan", "category"][0]).tolist() == [True, True, False]
    assert np.isnan(got["prior", "nan"][1]).tolist() == [True, True, False]
    assert got["prior", "category"][1, 0] != 0
    np.testing.assert_array_equal(got["prior", "prior"][1, :2], got["prior", "prior"][0, :2])
    assert got["prior", "prior"][1, 0] == 0
    for result in got.values():
        np.testing.assert_array_equal(result[2], got["prior", "category"][2])
        assert result[:, 2].tolist() == [0, X["shop"].isna().sum(), (X["shop"] == "north").sum()]
    whole = X[["shop"]].dropna()
    strict = encoder_of(["shop"], unknown="error", missing="error").fit(whole, y[whole.index])
    with pytest.raises(ValueError, match="'shop' must have no missing values"):
        strict.transform(new[1:])
    with pytest.raises(ValueError, match="'nowhere'"):
        strict.transform(new[:1])
    with pytest.raises(ValueError, match="'shop' must have no missing values"):
        encoder_of(["shop"], missing="error").fit(X[["shop"]], y)


def test_policies_hold_out_of_fold_and_for_cells(shops):
    X, y = shops
    X = X[["shop", "note"]].assign(note=np.where(np.arange(90) == 4, "only here", X["note"]))
    for groups in (["note"], [("shop", "note")]):
        encoder = encoder_of(groups, cv=np.arange(90) % 3, unknown="nan", remainder="drop")
        encoded = np.asarray(encoder.fit_transform(X.fillna("east"), y))
        assert np.isnan(encoded[4]).all()
        encoded = np.asarray(encoder.set_params(unknown="prior").fit_transform(X.fillna("east"), y))
        assert encoded[4].tolist() == [0]
    encoder = encoder_of([("shop", "note")], missing="nan", unknown="error", remainder="drop").fit(X, y)
    np.testing.assert_array_equal(np.isnan(encoder.transform(X))[:, 0], X["shop"].isna())
    with pytest.raises(ValueError, match=r"\('nowhere', 'u'\)"):
        encoder.transform(X.assign(shop="nowhere", note="u"))


def test_names_and_their_order(shops):
    X, y = shops
    slopes = {"shop": ["price", "size"], ("shop", "item"): ["size"]}
    encoder = encoder_of(["item", "shop", ("shop", "item")], covariates=["price"], slopes=slopes)
    encoder.fit(X, y)
    cells = ["shop_x_item", "shop_x_item_size"]
    expected = ["shop", "shop_price", "shop_size", "price", "item", "size", "note", *cells]
    assert encoder.get_feature_names_out().tolist() == expected
    assert encoder.transform(X).columns.tolist() == expected
    encoder.set_params(output=["prediction", "sd", "mode", "count"], remainder="drop", groups=["shop", "item"])
    encoder.set_params(slopes={"shop": ["price"]}).fit(X, y)
    assert encoder.get_feature_names_out().tolist() == [
        *["shop_sd", "shop_price_sd", "shop", "shop_price", "shop_count", "item_sd", "item", "item_count", "prediction"]
    ]
    assert encoder.transform(X).shape == (90, 9)
    only = encoder_of([("note", "item")], remainder="drop").fit(X, y)
    assert only.get_feature_names_out().tolist() == ["note_x_item"]


@pytest.mark.parametrize("output", ["fixed", "prediction"])
@pytest.mark.parametrize("column", ["note", "price", "shop"])
def test_a_column_that_is_called_as_an_output_is_refused(shops, output, column):
    """It would come out under the same name, or not at all."""
    X, y = shops
    X = X.rename(columns={column: output})
    encoder = encoder_of([output if column == "shop" else "shop"], output=["mode", output])
    with pytest.raises(ValueError, match=f"different names.*{output}"):
        encoder.fit(X, y)


@pytest.mark.slow
def test_arrays_have_positions(shops):
    X, y = shops
    frame = encoder_of(["item"], covariates=["price"], slopes={"item": ["size"]}, output=OUTPUTS, remainder="drop")
    array = clone(frame).set_params(groups=[0], covariates=[1], slopes={0: [2]})
    values = X[["item", "price", "size"]].to_numpy()
    np.testing.assert_allclose(array.fit_transform(values, y), frame.fit_transform(X, y), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(array.transform(values), frame.transform(X), rtol=1e-7, atol=1e-7)
    names = ["x0", "x0_x2", "x0_sd", "x0_x2_sd", "x0_count", "fixed", "prediction"]
    assert array.get_feature_names_out().tolist() == names
    own = ["item", "item_size", "item_sd", "item_size_sd", "item_count", "fixed", "prediction"]
    assert array.get_feature_names_out(["item", "price", "size"]).tolist() == own
    assert array.summary_.query("kind == 'fixed'")["term"].tolist() == ["intercept", "x1"]
    table, own = (each.sort_values("category") for each in (array.encoding_table(0), frame.encoding_table("item")))
    assert table.columns.tolist() == ["category", "count", "mode", "sd", "x2_mode", "x2_sd"]
    np.testing.assert_allclose(table.to_numpy(dtype=float), own.to_numpy(dtype=float), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_set_output_and_polars(shops, kind):
    X, y = shops
    encoder = encoder_of(["shop"], covariates=["price"], output=["mode", "prediction"])
    plain = encoder.fit(X, y).transform(X)
    wanted = clone(encoder).set_output(transform=kind).fit(X, y).transform(X)
    assert type(wanted).__module__.startswith(kind)
    assert list(wanted.columns) == plain.columns.tolist()
    np.testing.assert_array_equal(wanted["prediction"].to_numpy(), plain["prediction"])
    polars = pytest.importorskip("polars")
    own = clone(encoder).fit(polars.from_pandas(X), y).transform(polars.from_pandas(X))
    assert isinstance(own, polars.DataFrame)
    np.testing.assert_array_equal(own["shop"].to_numpy(), plain["shop"])


@pytest.mark.slow
def test_inside_of_scikit_learn(shops):
    X, y = shops
    slopes = {"shop": ["price"]}
    encoder = encoder_of(["shop", ("shop", "item")], covariates=["price"], slopes=slopes, output=["mode", "sd"])
    copied = clone(encoder)
    assert copied.get_params() == encoder.get_params()
    features = X[["shop", "item", "price"]]
    expected = np.asarray(encoder.fit_transform(features, y))
    loaded = pickle.loads(pickle.dumps(encoder))
    pd.testing.assert_frame_equal(loaded.transform(features), encoder.transform(features))
    pd.testing.assert_frame_equal(loaded.summary_, encoder.summary_)
    columns = ColumnTransformer([("effects", copied, list(features))])
    np.testing.assert_array_equal(np.asarray(columns.fit_transform(X, y)), expected)
    assert columns.get_feature_names_out()[0] == "effects__shop"
    scores = cross_val_score(make_pipeline(columns, Ridge()), X, y, cv=3)
    assert (scores > 0.3).all()


def test_the_model_is_worth_its_adjustment(shops):
    """Where prices differ by shop, the raw mean of a shop is not its effect."""
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 8, 2000)
    X = pd.DataFrame({"shop": shop, "price": rng.normal(size=2000) + shop})
    effects = rng.normal(size=8)
    encoder = encoder_of(["shop"], covariates=["price"]).fit(X, effects[shop] - X["price"] + rng.normal(size=2000))
    modes = encoder.encoding_table("shop").sort_values("category")["mode"]
    np.testing.assert_allclose(modes, effects - effects.mean(), atol=0.4)


def test_summary(shops):
    X, y = shops
    slopes = {"shop": ["price", "size"]}
    encoder = encoder_of(["shop", "item"], covariates=["price"], slopes=slopes).fit(X, y)
    summary, model = encoder.summary_, encoder.model_
    assert summary.columns.tolist() == ["kind", "group", "term", "value", "se"]
    assert summary["kind"].unique().tolist() == ["fixed", "variance", "correlation", "icc", "model"]
    fixed = summary.query("kind == 'fixed'")
    assert fixed["term"].tolist() == ["intercept", "price"]
    np.testing.assert_array_equal(fixed["value"], model.fixed)
    np.testing.assert_array_equal(fixed["se"], np.sqrt(np.diag(model.fixed_covariance)))
    D = model.covariances[0]
    for position, term in enumerate(["intercept", "price", "size"]):
        assert value_of(encoder, "variance", group="shop", term=term) == D[position, position]
    correlation = D[0, 2] / np.sqrt(D[0, 0] * D[2, 2])
    assert value_of(encoder, "correlation", term="intercept, size") == pytest.approx(correlation)
    item = model.covariances[1].item()
    assert value_of(encoder, "variance", group="item") == item
    assert value_of(encoder, "variance", group="residual") == model.scale
    assert value_of(encoder, "icc", group="item") == pytest.approx(item / (item + D[0, 0] + model.scale))
    assert value_of(encoder, "model", term="log_likelihood") == -model.criterion / 2
    assert value_of(encoder, "model", term="aic") == model.criterion + 2 * (2 + 6 + 1 + 1)
    assert value_of(encoder, "model", term="rows") == 90
    assert summary.query("term == 'singular'")["group"].tolist() == ["shop", "item"]
    assert summary.attrs == {"method": "REML", "solver": "exact"}
    uncorrelated = encoder.set_params(correlated=False, method="ml").fit(X, y)
    assert value_of(uncorrelated, "model", term="aic") == uncorrelated.model_.criterion + 2 * (2 + 3 + 1 + 1)
    assert uncorrelated.summary_.attrs["method"] == "ML"
    binary = encoder_of(["shop"], target_type="binary").fit(X, (y > 0).astype(int))
    variance = binary.model_.covariances[0].item()
    assert value_of(binary, "icc") == pytest.approx(variance / (variance + np.pi**2 / 3))
    assert value_of(binary, "model", term="aic") == binary.model_.criterion + 2 * 2
    assert "residual" not in set(binary.summary_["group"])
    count = encoder_of(["shop"], target_type="count").fit(X, np.abs(y).astype(int))
    assert "icc" not in set(count.summary_["kind"])


def test_encoding_table(shops):
    X, y = shops
    encoder = encoder_of(["shop", ("shop", "item")], slopes={"shop": ["price"]}, output="sd").fit(X, y)
    table = encoder.encoding_table("shop")
    assert table.columns.tolist() == ["category", "count", "mode", "sd", "price_mode", "price_sd"]
    assert len(table) == 4
    assert table["count"].sum() == 90
    encoded = encoder.transform(X)
    for _, row in table.iterrows():
        own = encoded[X["shop"].isna() if row["category"] is None else X["shop"] == row["category"]]
        assert (own["shop_sd"] == row["sd"]).all()
        assert (own["shop_price_sd"] == row["price_sd"]).all()
    cells = encoder.encoding_table(("shop", "item"))
    assert ("north", 0) in cells["category"].tolist()
    pd.testing.assert_frame_equal(cells, encoder.encoding_table("shop_x_item"))
    with pytest.raises(ValueError, match="must be one of the factors"):
        encoder.encoding_table("price")


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"groups": []}, "`groups` must name one factor or more"),
        ({"groups": ["shop", "shop"]}, "`groups` must name .* each once"),
        ({"groups": [("shop", "item"), ("shop", "item")]}, "`groups` must name .* each once"),
        ({"groups": ["shopp"]}, r"`groups` names \['shopp'\]"),
        ({"groups": [("shop", "itm")]}, "`groups`.*itm"),
        ({"groups": [("shop",)]}, "`groups`.*shop"),
        ({"groups": "shop"}, "'groups' parameter"),
        ({"covariates": ["prize"]}, r"`covariates` names \['prize'\]"),
        ({"covariates": ["price", "price"]}, "`covariates` must name each column once"),
        ({"covariates": ["note"]}, "covariate 'note' must be numbers"),
        ({"covariates": ["gaps"]}, "covariate 'gaps' must be finite"),
        ({"slopes": {"shop": ["gaps"]}}, "covariate 'gaps' must be finite"),
        ({"covariates": ["day"]}, "covariate 'day' must be numbers"),
        ({"covariates": ["shop"]}, r"\['shop'\] are factors as well as covariates"),
        ({"groups": [("shop", "item")], "covariates": ["item"]}, r"\['item'\] are factors as well as covariates"),
        ({"groups": ["shop", "item"], "slopes": {"shop": ["item"]}}, r"\['item'\] are factors as well as covariates"),
        ({"slopes": {"item": ["price"]}}, r"`slopes` has the factors \['item'\], which `groups` has not"),
        ({"slopes": {"shop": ["prize"]}}, r"`slopes` names \['prize'\]"),
        ({"slopes": {"shop": ["price", "price"]}}, "price"),
        ({"covariates": ["price", "double"]}, "linearly independent"),
        ({"covariates": ["one"]}, "linearly independent"),
        ({"quadrature": 5}, "`quadrature`"),
        ({"quadrature": 0}, "'quadrature' parameter"),
        ({"solver": "cg", "target_type": "binary"}, 'solver="cg" does not go'),
        ({"output": "modes"}, "'output' parameter"),
        ({"output": ["mode", "mode"]}, "`output` must be one or several of"),
        ({"output": []}, "`output` must be one or several of"),
        ({"weight_type": "precision", "target_type": "binary"}, "normal family alone"),
        ({"quadrature": 5, "covariates": ["price"], "target_type": "binary"}, "`quadrature`"),
        ({"quadrature": 5, "slopes": {"shop": ["price"]}, "target_type": "binary"}, "`quadrature`"),
        ({"quadrature": 5, "groups": ["shop", "item"], "target_type": "binary"}, "`quadrature`"),
        ({"covariates": ["price", "double"], "target_type": "binary"}, "linearly independent"),
        ({"covariates": ["one"], "target_type": "count"}, "linearly independent"),
        ({"covariates": ["one"], "groups": ["shop", "item"], "target_type": "count"}, "linearly independent"),
        ({"family": "poisson", "target_type": "binary"}, "family"),
    ],
)
def test_what_does_not_go_is_refused_in_words(shops, parameters, words):
    X, y = shops
    X = X.assign(double=2 * X["price"] + 1, one=1.0, gaps=X["price"].where(X["price"] < 1))
    X["day"] = pd.date_range("2020-02-02", periods=90)
    parameters = {"groups": ["shop"], "target_type": "continuous", **parameters}
    y = y if parameters["target_type"] == "continuous" else (y > 0).astype(int)
    with pytest.raises(ValueError, match=words):
        MixedModelEncoder(**parameters).fit(X, y)


def test_several_targets_and_classes_are_refused(shops):
    X, y = shops
    with pytest.raises(ValueError, match="several outputs"):
        encoder_of(["shop"]).fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="several classes"):
        encoder_of(["shop"], target_type="auto").fit(X, np.digitize(y, [-1, 1]).astype(str))


def test_nothing_comes_out_before_fit(shops):
    encoder = encoder_of(["shop"])
    for ask in (
        lambda: encoder.transform(shops[0]),
        lambda: encoder.summary_,
        lambda: encoder.encoding_table("shop"),
        lambda: encoder.get_feature_names_out(),
    ):
        with pytest.raises(NotFittedError):
            ask()


def test_collinear_covariates_are_refused_whatever_their_rounding():
    X, y = mixed_rows()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        first, second, third = rng.normal(size=3)
        collinear = X.assign(last=first * X["x"] + second * X["z"] + third)
        with pytest.raises(ValueError, match="linearly independent"):
            encoder_of(["a"], covariates=["x", "z", "last"]).fit(collinear, y)


@pytest.mark.parametrize("correlated", [True, False])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_slopes_of_a_constant_change_nothing(value, correlated):
    """A slope of ones is a second intercept, and one of noughts is nothing at all."""
    X, y = mixed_rows()
    alone = encoder_of(["a"], covariates=["x"], output="prediction").fit(X, y)
    idle = X.assign(idle=value)
    encoder = encoder_of(["a"], covariates=["x"], slopes={"a": ["idle"]}, correlated=correlated, output="prediction")
    encoder.fit(idle, y)
    assert encoder.model_.criterion == pytest.approx(alone.model_.criterion, abs=1e-6)
    np.testing.assert_allclose(encoder.transform(idle)["prediction"], alone.transform(X)["prediction"], atol=1e-6)


def test_a_refused_refit_leaves_the_model_of_the_first(shops):
    X, y = shops
    encoder = encoder_of(["shop"]).fit(X, y)
    before = encoder.summary_
    encoder.set_params(output=["mode", "prediction"])
    with pytest.raises(ValueError, match="occur twice"):
        encoder.fit(X.assign(prediction=1.0), 10 * y)
    pd.testing.assert_frame_equal(encoder.summary_, before)
