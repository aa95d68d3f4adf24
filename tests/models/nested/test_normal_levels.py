"""Nested levels: against lme4, dense algebra and brute force; what comes out where rows say little; and odd data."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import betabinom, nbinom
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline

from catpool import EmpiricalBayesEncoder, NestedEncoder
from catpool.crossfit.folds import make_folds

pytestmark = pytest.mark.slow  # taken together; each by itself is quick

REFERENCE = Path(__file__).parents[2] / "reference"
LME4 = json.loads((REFERENCE / "mixed_models.json").read_text())["lmm"]
OUTPUTS = ("mean", "sd", "reliability", "count", "code")
NUMBERS = ("mean", "sd", "reliability")
LEVELS = ["state", "county", "zip"]
NO_SPREAD = "no spread between categories"


@pytest.fixture(scope="module")
def land():
    """120 rows of zips in counties in states, some missing on each level, with a target of each type and weights."""
    rng = np.random.default_rng(7)
    n = 120
    X = pd.DataFrame(
        {
            "state": rng.choice(["BE", "NW", "BY", None], n, p=[0.4, 0.3, 0.2, 0.1]),
            "county": rng.choice(["a", "b", "c", None], n, p=[0.4, 0.3, 0.2, 0.1]),
            "zip": rng.choice([1, 2, 3, 4, 5, None], n, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1]),
        }
    )
    y = rng.normal(size=n)
    for level in range(3):
        code = numbered(X.iloc[:, : level + 1])
        y += 0.7 * rng.normal(size=code.max() + 1)[code]
    return {
        "X": X,
        "continuous": y,
        "binary": (y > 0).astype(int),
        "multiclass": np.array(["low", "mid", "top"])[np.digitize(y, [-0.7, 0.7])],
        "count": rng.poisson(np.exp(0.5 * y)),
        "weights": rng.integers(0, 4, n).astype(float),
        "precisions": rng.uniform(0.2, 3, n),
        "exposure": rng.uniform(0.1, 2, n),
        "groups": rng.integers(0, 20, n),
    }


def numbered(X):
    """The number of each row's path."""
    return X.fillna("missing").groupby(X.columns.tolist()).ngroup().to_numpy()


def nested(X, y, levels=None, **parameters):
    arguments = {name: parameters.pop(name) for name in ("sample_weight", "exposure") if name in parameters}
    return NestedEncoder(list(X.columns) if levels is None else levels, **parameters).fit(X, y, **arguments)


# ---------------------------------------------------------------------------------------------------- against lme4


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize(
    ("name", "levels", "response"),
    [("pastes_nested", ["batch", "cask"], "strength"), ("inst_dept_d", ["dept", "d"], "y")],
)
def test_lme4(name, levels, response, method):
    answer, file = LME4[name][method], REFERENCE / "data" / Path(LME4[name]["data"]).name
    data = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file, skipinitialspace=True)
    encoder = NestedEncoder(levels, prior=method.lower(), target_type="continuous", emit="all", remainder="drop")
    encoder.fit(data[levels], data[response])
    summary = encoder.summary_
    outer, inner = levels[0], f"{levels[1]}:{levels[0]}"
    variances = {each["group"]: each["vcov"] for each in answer["variances"]}
    np.testing.assert_allclose(-2 * summary["log_likelihood"], answer["criterion"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(summary["between_sd"] ** 2, [variances[outer], variances[inner]], rtol=1e-6)
    np.testing.assert_allclose(summary["within_sd"] ** 2, answer["sigma2"], rtol=1e-6)
    intercept = answer["fixef"]["(Intercept)"]
    np.testing.assert_allclose(summary["prior_mean"], intercept, rtol=1e-6)

    modes = {factor: dict(zip(own["levels"], own["condmode"]["(Intercept)"], strict=True))
             for factor, own in answer["ranef"].items()}  # fmt: skip
    paths = data[levels].drop_duplicates()
    above = np.array([intercept + modes[outer][str(first)] for first, _ in paths.to_numpy()])
    below = np.array([modes[inner][f"{second}:{first}"] for first, second in paths.to_numpy()])
    np.testing.assert_allclose(encoder.transform(paths), np.column_stack([above, above + below]), rtol=1e-6)
    assert len(modes[inner]) == len(paths)


# ---------------------------------------------------------------------------------------------------- one level


def assert_same_as_one_level(X, y, *, scale=1.0, **parameters):
    arguments = {"sample_weight": parameters.pop("sample_weight", None)}
    parameters = {"target_type": "continuous", "output": OUTPUTS, **parameters}
    ours, theirs = NestedEncoder([X.columns[0]], **parameters), EmpiricalBayesEncoder(**parameters)
    for learn in ("fit", "fit_transform"):
        for encoder in (ours, theirs):
            encoder.set_params(cv=np.arange(len(y)) % 3)
        encoded = [getattr(encoder, learn)(X, y, **arguments) for encoder in (ours, theirs)]
        if learn == "fit_transform":
            np.testing.assert_allclose(*encoded, rtol=1e-6, atol=1e-6 * scale)
    new = pd.DataFrame({X.columns[0]: [*X.iloc[:, 0].unique(), "never"]})
    np.testing.assert_allclose(ours.transform(new), theirs.transform(new), rtol=1e-6, atol=1e-6 * scale)
    numbers = ["categories", "rows", "prior_mean", "prior_strength", "between_sd", "within_sd", "reliability"]
    one, other = (encoder.summary_[[*numbers, "log_likelihood"]] for encoder in (ours, theirs))
    np.testing.assert_allclose(
        one[numbers].to_numpy(float), other[numbers].to_numpy(float), rtol=1e-6, atol=1e-6 * scale
    )
    np.testing.assert_allclose(one["log_likelihood"], other["log_likelihood"], atol=1e-6)


@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.parametrize("column", LEVELS)
@pytest.mark.parametrize(
    ("weights", "weight_type"),
    [(None, "frequency"), ("weights", "frequency"), ("weights", "precision"), ("precisions", "precision")],
)
def test_one_level_is_empirical_bayes(land, prior, column, weights, weight_type):
    sample_weight = None if weights is None else land[weights]
    X = land["X"][[column]]
    assert_same_as_one_level(X, land["continuous"], prior=prior, weight_type=weight_type, sample_weight=sample_weight)


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["reml", "ml"])
@given(
    st.lists(st.lists(st.integers(-50, 50), min_size=1, max_size=9), min_size=3, max_size=8), st.sampled_from([1, 1e6])
)
def test_one_level_is_empirical_bayes_whatever_the_data(prior, groups, scale):
    codes = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    y = scale * np.concatenate(groups)
    for fold in range(-1, 3):  # where categories have one row each, or no noise, there is nothing to compare
        rows = np.arange(len(y)) % 3 != fold
        own = pd.Series(y[rows]).groupby(codes[rows])
        assume(own.var(ddof=0).max() > 0)
        assume(own.ngroups > 1)
    assert_same_as_one_level(pd.DataFrame({"c": codes.astype(str)}), y, prior=prior, scale=50 * scale)


@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.parametrize("codes", [range(6), [0] * 6], ids=["a row each", "one category"])
def test_one_level_of_which_nothing_can_be_told_is_empirical_bayes(prior, codes):
    X, y = np.array(codes)[:, None], np.array([1, 2, 4, 3, 9, 5.5])
    one, other = (
        encoder(**given, prior=prior, output=NUMBERS).fit(X, y)
        for encoder, given in ((NestedEncoder, {"levels": [0]}), (EmpiricalBayesEncoder, {}))
    )
    new = np.array([[0], [1], [99]])
    np.testing.assert_allclose(one.transform(new), other.transform(new), rtol=1e-9)
    for encoder in (one, other):
        assert encoder.summary_["note"].item().startswith("not identified")


# ---------------------------------------------------------------------------------------------------- brute force

SCHEMES = {
    "int": (4, {}),
    "splitter": (KFold(3, shuffle=True, random_state=1), {}),
    "labels": (np.array(["x", "y", "z"])[np.arange(120) % 3], {}),
    "past only": (TimeSeriesSplit(3), {}),
    "grouped": (GroupKFold(4), {"groups": "groups"}),
}


def splits_of(cv, land, y, target_type):
    if isinstance(cv, int):
        classes = np.unique(y, return_inverse=True)[1] if target_type in ("binary", "multiclass") else None
        labels = make_folds(cv, None, None, n_rows=len(y), random_state=0, classes=classes).labels
        return [(np.flatnonzero(labels != k), np.flatnonzero(labels == k)) for k in range(cv)]
    if hasattr(cv, "split"):
        return list(cv.split(land["X"], y, land["groups"] if isinstance(cv, GroupKFold) else None))
    return [(np.flatnonzero(cv != label), np.flatnonzero(cv == label)) for label in np.unique(cv)]


def assert_brute_force(land, target_type, scheme, weights, parameters):
    cv, needs = SCHEMES[scheme]
    X, y = land["X"], land[target_type]
    arguments = {} if weights is None else {"sample_weight": land[weights]}
    if target_type == "count" and parameters.get("family") != "normal":
        arguments["exposure"] = land["exposure"]
    parameters = {"target_type": target_type, "output": OUTPUTS, **parameters}
    encoder = NestedEncoder(LEVELS, cv=cv, random_state=0, **parameters)
    encoded = encoder.fit_transform(X, y, **arguments, **{name: land[column] for name, column in needs.items()})

    expected = np.full(encoded.shape, np.nan)
    for train, test in splits_of(cv, land, y, target_type):
        own = {name: values[train] for name, values in arguments.items()}
        expected[test] = NestedEncoder(LEVELS, **parameters).fit(X.iloc[train], y[train], **own).transform(X.iloc[test])
    code = np.char.endswith(encoder.get_feature_names_out().astype(str), "_code")
    expected[:, code] = encoder.transform(X)[:, code]  # the same in training and after
    np.testing.assert_allclose(encoded, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("weights", [None, "weights", "precisions"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
@pytest.mark.slow
def test_fit_transform_is_brute_force(land, target_type, scheme, weights):
    precise = {"weight_type": "precision"} if target_type == "continuous" and weights == "precisions" else {}
    assert_brute_force(land, target_type, scheme, weights, {"emit": "all", **precise})


@pytest.mark.parametrize("unknown", ["prior", "nan"])
@pytest.mark.parametrize("missing", ["category", "prior", "nan"])
@pytest.mark.parametrize("scheme", ["labels", "past only"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_policies_are_the_same_out_of_fold(land, scheme, unknown, missing):
    assert_brute_force(land, "continuous", scheme, None, {"emit": "all", "unknown": unknown, "missing": missing})


@pytest.mark.parametrize("family", ["normal", "auto"])
@pytest.mark.parametrize("target_type", ["binary", "count"])
def test_other_options_are_brute_force(land, target_type, family):
    assert_brute_force(land, target_type, "labels", "weights", {"family": family, "prior": "ml"})


@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_rows_in_no_fold_have_a_code_alone(land):
    encoder = NestedEncoder(LEVELS, cv=TimeSeriesSplit(3), emit="all", output=OUTPUTS)
    encoded = encoder.set_output(transform="pandas").fit_transform(land["X"], land["continuous"])
    assert encoded.iloc[:30].isna().all().tolist() == [not name.endswith("_code") for name in encoded.columns]
    assert encoded.iloc[30:].notna().all().all()


# ---------------------------------------------------------------------------------------------------- own labels


@pytest.mark.parametrize("change", [lambda y: y[::-1], lambda y: y + 1e12, lambda y: -1e30 * y, lambda y: 0 * y])
@pytest.mark.parametrize("weights", [None, "weights", "precisions"])
def test_a_fold_s_own_targets_do_not_reach_its_encodings(land, weights, change):
    X, y, folds = land["X"], land["continuous"], np.arange(120) % 3
    parameters = {"cv": folds, "emit": "all", "output": OUTPUTS}
    parameters["weight_type"] = "precision" if weights == "precisions" else "frequency"
    sample_weight = None if weights is None else land[weights]
    before = NestedEncoder(LEVELS, **parameters).fit_transform(X, y, sample_weight=sample_weight)
    changed = y.copy()
    changed[folds == 1] = change(y[folds == 1])
    after = NestedEncoder(LEVELS, **parameters).fit_transform(X, changed, sample_weight=sample_weight)
    np.testing.assert_array_equal(before[folds == 1], after[folds == 1])
    assert not np.array_equal(before[folds == 0], after[folds == 0])


numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


@st.composite
def tables(draw, values, least=8, most=24):
    """States, counties within them, targets, the same with those of a fold changed, and the fold of each row."""
    n = draw(st.integers(least, most))
    states = draw(st.lists(st.sampled_from(["a", "b", None]), min_size=n, max_size=n))
    counties = draw(st.lists(st.sampled_from(["x", "y", "z", None]), min_size=n, max_size=n))
    y = np.array(draw(st.lists(values, min_size=n, max_size=n)))
    folds = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    assume(len(np.unique(folds)) > 1)
    own = folds == folds[0]
    changed = y.copy()
    changed[own] = draw(st.lists(values, min_size=int(own.sum()), max_size=int(own.sum())))
    return pd.DataFrame({"state": states, "county": counties}, dtype=object), y, changed, own, folds


def assert_own_labels_do_not_matter(table, shift, target_type):
    X, y, changed, own, folds = table
    changed[own] += shift
    encoder = NestedEncoder(["state", "county"], cv=folds, target_type=target_type, emit="all", output=NUMBERS)
    before, after = encoder.fit_transform(X, y)[own], encoder.fit_transform(X, changed)[own]
    np.testing.assert_array_equal(before, after)
    assert np.isfinite(before).all()


@pytest.mark.slow
@given(tables(numbers), st.sampled_from([0.0, 1e9, -1e30]))
def test_own_targets_do_not_matter_in_a_single_bit(table, shift):
    assert_own_labels_do_not_matter(table, shift, "continuous")


@pytest.mark.parametrize("target_type", ["binary", "multiclass", "count"])
@given(data=st.data())
def test_own_classes_and_counts_do_not_matter_in_a_single_bit(target_type, data):
    values = st.integers(0, {"binary": 1, "multiclass": 2, "count": 30}[target_type])
    table = data.draw(tables(values))
    _, y, changed, own, _ = table
    if target_type != "count":  # each class is in a fold that stays as it is
        assume(set(y) == set(changed) == set(y[~own]))
    assert_own_labels_do_not_matter(table, 10**6 if target_type == "count" else 0, target_type)


# ---------------------------------------------------------------------------------------------------- dense algebra


class Dense:
    """y ~ N(mu, sigma^2 / w + sum of Z Z' s^2), written out."""

    def __init__(self, X, y, weights=None):
        self.X, self.y, self.weights = X, y, np.ones(len(y)) if weights is None else weights
        self.same = self.same_path(X)

    def same_path(self, new):
        """Of each level, whether a new row and a training row are in one category, of shape (m, n)."""
        ours, new = self.X.to_numpy(), new.to_numpy()
        equal = [np.equal.outer(new[:, level], ours[:, level]) for level in range(new.shape[1])]
        return [np.logical_and.reduce(equal[: level + 1]).astype(float) for level in range(new.shape[1])]

    def covariance(self, between, within):
        return np.diag(within / self.weights) + sum(s * same for s, same in zip(between, self.same, strict=True))

    def criterion(self, between, within, reml):
        root = np.linalg.cholesky(self.covariance(between, within))
        one, y = np.linalg.solve(root, np.column_stack([np.ones(len(self.y)), self.y])).T
        rest = y - one * (one @ y) / (one @ one)
        value = 2 * np.log(np.diag(root)).sum() + rest @ rest + (len(y) - reml) * np.log(2 * np.pi)
        return value + np.log(one @ one) if reml else value

    def least(self, reml, starts=6):
        """The least criterion that a general optimiser finds."""
        rng, depth = np.random.default_rng(0), len(self.same)

        def value(logs):
            variances = np.exp(np.clip(logs, -20, 12))
            return self.criterion(variances[:-1], max(variances[-1], 1e-6), reml)

        found = [
            minimize(value, np.log(self.y.var() * rng.choice([1e-2, 0.1, 1], depth + 1)), options={"gtol": 1e-9}).fun
            for _ in range(starts)
        ]
        return min(found)

    def posterior(self, new, between, within):
        """Means and standard deviations of the levels' values, mu estimated, of shape (m, levels)."""
        inverse, one = np.linalg.inv(self.covariance(between, within)), np.ones(len(self.y))
        information = one @ inverse @ one
        mu = one @ inverse @ self.y / information
        means, sds, shared = [], [], 0.0
        for level, same in enumerate(self.same_path(new)):
            shared = shared + between[level] * same
            means.append(mu + shared @ inverse @ (self.y - mu))
            known = np.einsum("mi,ij,mj->m", shared, inverse, shared)
            variance = sum(between[: level + 1]) - known + (1 - shared @ inverse @ one) ** 2 / information
            sds.append(np.sqrt(variance))
        return np.column_stack(means), np.column_stack(sds)


def unbalanced(seed, depth, weighted):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(18, 36))
    X = pd.DataFrame({f"l{level}": np.minimum(rng.geometric(0.4, n), 4) for level in range(depth)})
    y = rng.normal(size=n)
    for level in range(depth):
        code = numbered(X.iloc[:, : level + 1])
        y += rng.choice([0, 0.5, 3]) * rng.normal(size=code.max() + 1)[code]
    return X, y, rng.uniform(0.3, 3, n) if weighted else None


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.slow
def test_dense_algebra(seed, depth, weighted, prior):
    X, y, weights = unbalanced(seed, depth, weighted)
    encoder = NestedEncoder(list(X), prior=prior, emit="all", output=["mean", "sd"], weight_type="precision")
    encoder.fit(X, y, sample_weight=weights)
    summary, dense, reml = encoder.summary_, Dense(X, y, weights), prior == "reml"
    between, within = summary["between_sd"].to_numpy() ** 2, summary["within_sd"][0] ** 2
    found = -2 * summary["log_likelihood"][0]
    assert found == pytest.approx(dense.criterion(between, within, reml), abs=1e-8)
    assert found <= dense.least(reml) + 1e-6

    unseen = X.iloc[:depth].copy()
    for level in range(depth):
        unseen.iloc[level, level] = 99
    new = pd.concat([X, unseen])
    means, sds = dense.posterior(new, between, within)
    encoded = encoder.transform(new)
    np.testing.assert_allclose(encoded[:, ::2], means, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(encoded[:, 1::2], sds, rtol=1e-8, atol=1e-8)


@pytest.mark.slow
def test_no_optimiser_finds_a_likelier_fit():
    """Hard data: few rows, many singletons, levels without a spread, criteria with several minima."""
    rng = np.random.default_rng(11)
    for _ in range(40):
        n = int(rng.integers(9, 25))
        X = pd.DataFrame({"a": rng.integers(0, 4, n), "b": rng.choice([0, 0, 0, 1, 2], n)})
        y = np.round(rng.normal(size=n) * rng.choice([0.1, 1, 5], 4)[X["a"]] + rng.choice([0, 2]) * X["b"], 2)
        for prior in ("reml", "ml"):
            found = -2 * nested(X, y, prior=prior, target_type="continuous").summary_["log_likelihood"][0]
            assert found <= Dense(X, y).least(prior == "reml", starts=3) + 1e-6


# where a search from few starts ends at a variance of the first level alone
TWO_MINIMA = {
    "ten rows": (
        [[3, 3, 1, 2, 0, 3, 1, 1, 2, 1], [3, 1, 2, 1, 0, 0, 2, 2, 1, 1], [1, 2, 3, 0, 2, 1, 3, 0, 3, 3]],
        [-2.31, -4.12, 2.59, 9.29, -12.43, -5.56, 3.0, -1.12, 14.93, 11.4],
        [2.54, 2.58, 0.78, 1.32, 0.58, 2.47, 2.43, 1.12, 1.65, 0.37],
    ),
    "twelve rows": (
        [
            [3, 3, 1, 1, 3, 1, 0, 3, 1, 0, 2, 1],
            [0, 0, 0, 1, 0, 1, 1, 3, 3, 0, 3, 0],
            [0, 2, 1, 0, 2, 0, 1, 2, 2, 2, 0, 0],
        ],
        [-1.26, -0.5, 4.02, 5.01, 0.1, 4.72, -1.16, 0.17, 5.06, -4.17, -1.92, 5.04],
        [1.82, 2.22, 2.04, 0.78, 2.76, 0.76, 1.82, 2.78, 2.96, 1.26, 1.8, 2.05],
    ),
    "twelve others": (
        [
            [4, 4, 0, 2, 2, 0, 4, 3, 3, 0, 2, 3],
            [1, 2, 2, 0, 1, 1, 2, 2, 2, 0, 2, 2],
            [3, 3, 0, 0, 0, 2, 2, 0, 1, 3, 3, 0],
        ],
        [-4.11, -2.84, 0.51, -4.42, -3.39, 0.23, -3.19, -3.59, -2.33, 1.32, -5.96, -3.88],
        [2.6, 2.2, 2.6, 3.0, 1.4, 2.8, 2.9, 0.4, 2.3, 2.1, 0.4, 2.8],
    ),
}


@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.parametrize("name", TWO_MINIMA)
def test_the_likelier_of_two_minima_is_found(name, prior):
    columns, y, weights = (np.array(each) for each in TWO_MINIMA[name])
    paths = columns.T
    encoder = NestedEncoder([0, 1, 2], prior=prior, weight_type="precision").fit(paths, y, sample_weight=weights)
    least = Dense(pd.DataFrame(paths), y, weights).least(prior == "reml")
    assert -2 * encoder.summary_["log_likelihood"][0] <= least + 1e-6


# ---------------------------------------------------------------------------------------------------- shares and counts


@pytest.mark.parametrize("target_type", ["binary", "multiclass", "count"])
def test_each_level_is_conjugate_to_the_mean_of_the_one_above(land, target_type):
    X, y = land["X"].fillna("missing"), land[target_type]
    rows = land["exposure"] if target_type == "count" else np.ones(120)
    arguments = {"exposure": rows} if target_type == "count" else {}
    encoder = nested(X, y, target_type=target_type, emit="all", output=NUMBERS, **arguments)
    encoded, summary = encoder.transform(X), encoder.summary_
    classes = np.unique(y) if target_type == "multiclass" else [None]
    for label, name in enumerate(classes):
        own = y if name is None else y == name
        value = np.full(120, own.sum() / rows.sum())
        variance = value / rows.sum() if target_type == "count" else value * (1 - value) / rows.sum()
        for level in range(3):
            code = numbered(X.iloc[:, : level + 1])
            total, size = np.bincount(code, own)[code], np.bincount(code, rows)[code]
            strength = summary["prior_strength"][3 * label + level]
            trust = size / (size + strength) if np.isfinite(strength) else np.zeros(120)
            value = trust * total / size + (1 - trust) * value
            spread = (
                value / (size + strength) if target_type == "count" else value * (1 - value) / (size + strength + 1)
            )
            variance = spread + (1 - trust) ** 2 * variance
            ours = encoded[:, 3 * (level * len(classes) + label) :][:, :3]
            np.testing.assert_allclose(ours, np.column_stack([value, np.sqrt(variance), trust]), rtol=1e-9)
    if target_type == "multiclass":
        np.testing.assert_allclose(encoded[:, [18, 21, 24]].sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("target_type", ["binary", "count"])
def test_no_strength_of_a_grid_is_likelier(land, target_type):
    X, y = land["X"].fillna("missing"), land[target_type]
    encoder = nested(X, y, target_type=target_type, emit="all")
    encoded, found = encoder.transform(X), encoder.summary_["prior_strength"]
    above = np.full(120, y.mean())
    for level in range(3):
        code = numbered(X.iloc[:, : level + 1])
        first = np.unique(code, return_index=True)[1]
        k, n, mean = np.bincount(code, y), np.bincount(code), above[first]

        def likelihood(strength, k=k, n=n, mean=mean):
            if target_type == "binary":
                return betabinom.logpmf(k, n, mean * strength, (1 - mean) * strength).sum()
            return nbinom.logpmf(k, mean * strength, strength / (strength + n)).sum()

        best = max(likelihood(strength) for strength in np.geomspace(1e-3, 1e5, 400))
        assert likelihood(min(found[level], 1e7)) >= best - 1e-5
        above = encoded[:, level]


def test_the_sd_of_a_share_is_no_more_than_that_of_zeros_and_ones():
    """Of a share between nought and one of mean m, the variance is at most m (1 - m), seen or not."""
    X = pd.DataFrame({"state": np.repeat(range(6), 24), "county": np.tile(np.repeat(range(6), 4), 6)})
    rng = np.random.default_rng(3)
    y = (np.where(X["state"] < 3, 0.1, 0.9) > rng.random((6, 6))[X["state"], X["county"]]).astype(int)
    encoder = nested(X, y, emit="all", output=["mean", "sd"])
    assert np.isfinite(encoder.summary_["prior_strength"]).all()
    new = pd.DataFrame({"state": [0, 0, 99], "county": [0, 99, 99]})
    encoded = encoder.transform(new)
    assert (encoded[:, 1::2] ** 2 <= encoded[:, ::2] * (1 - encoded[:, ::2]) + 1e-12).all()


def test_rates_of_the_normal_family_are_numbers_weighed_by_exposure(land):
    X, y, exposure = land["X"], land["count"], land["exposure"]
    parameters = {"cv": np.arange(120) % 3, "output": NUMBERS}
    rates = NestedEncoder(LEVELS, target_type="count", family="normal", **parameters)
    numbers = NestedEncoder(LEVELS, **parameters)
    encoded = rates.fit_transform(X, y, exposure=exposure)
    np.testing.assert_allclose(encoded, numbers.fit_transform(X, y / exposure, sample_weight=exposure), rtol=1e-6)
    np.testing.assert_allclose(rates.transform(X), numbers.transform(X), rtol=1e-6)


def test_exposure_may_be_a_column(land):
    X = land["X"].assign(years=land["exposure"])
    by_name = NestedEncoder(LEVELS, target_type="count").fit(X, land["count"], exposure="years").transform(X)
    by_array = NestedEncoder(LEVELS, target_type="count").fit(X, land["count"], exposure=X["years"]).transform(X)
    pd.testing.assert_frame_equal(by_name, by_array)
    assert by_name.columns.tolist() == ["zip", "years"]


# ---------------------------------------------------------------------------------------------------- what comes out


def new_rows(*rows):
    return pd.DataFrame(list(rows), columns=LEVELS, dtype=object)


def test_what_was_never_seen_has_the_value_of_the_level_above(land):
    encoder = nested(land["X"], land["continuous"], emit="all", output=OUTPUTS).set_output(transform="pandas")
    spread, mean = encoder.summary_.set_index("column")["between_sd"], encoder.summary_["prior_mean"][0]
    assert (spread > 0.1).all()
    new = encoder.transform(new_rows(["BE", "a", 1], ["BE", "a", 77], ["BE", "q", 1], ["XX", "a", 1]))
    assert new["zip"][1] == new["county"][1] == new["county"][0] != new["zip"][0]
    assert new["zip"][2] == new["county"][2] == new["state"][2] == new["state"][0]
    assert new["zip"][3] == new["county"][3] == new["state"][3] == mean
    for row, above, below in (
        (1, "county", "zip"),
        (2, "county", "zip"),
        (2, "state", "county"),
        (3, "state", "county"),
    ):
        assert new[f"{below}_sd"][row] ** 2 == pytest.approx(new[f"{above}_sd"][row] ** 2 + spread[below] ** 2)
    assert new["zip_sd"][0] < new["zip_sd"][1] < new["zip_sd"][2] < new["zip_sd"][3]
    assert new[["state_reliability", "county_reliability", "zip_reliability"]].ne(0).to_numpy().tolist() == [
        [True, True, True],
        [True, True, False],
        [True, False, False],
        [False, False, False],
    ]
    X = land["X"]
    county = (X["state"] == "BE") & (X["county"] == "a")
    assert new["zip_count"].tolist() == [(county & (X["zip"] == 1)).sum(), 0, 0, 0]
    assert new["county_count"].tolist() == [county.sum(), county.sum(), 0, 0]
    assert (new["zip_code"][1:] == -2).all()
    assert (new["zip_code"][0], new["county_code"][2]) != (-2, 0)


def test_zips_of_one_name_in_two_counties_are_two():
    X = pd.DataFrame({"county": list("aaaaaabbbbbb"), "zip": [1, 1, 1, 2, 2, 2] * 2})
    y = np.array([1, 1.5, 2, 5, 5.5, 6, 9, 9.5, 10, 3, 3.5, 4])
    encoder = nested(X, y, emit="deepest")
    assert len(np.unique(encoder.transform(X))) == 4
    renamed = X.assign(zip=X["county"] + X["zip"].astype(str))
    np.testing.assert_array_equal(nested(renamed, y).transform(renamed), encoder.transform(X))
    assert encoder.transform(pd.DataFrame({"county": ["a", "b"], "zip": [1, 1]}))[:, 0].round().tolist() == [2, 9]


def test_codes_are_places_in_the_order_of_paths():
    X = pd.DataFrame({"county": ["b", "a", "b", None, "a", "b"], "zip": [2, 9, 1, 5, None, 2]})
    encoder = nested(X, [1.5, 2, 3, 4, 5, 2.5], emit="all", output="code")
    new = pd.DataFrame({"county": ["a", "b", "b", None, "a", "a", "z"], "zip": [9, 1, 2, 5, None, 1, 1]})
    codes = encoder.transform(new)
    assert codes[:, 0].tolist() == [0, 1, 1, -1, 0, 0, -2]
    assert codes[[0, 1, 2, 4, 5, 6], 1].tolist() in ([0, 1, 2, -1, -2, -2], [1, 2, 3, -1, -2, -2])
    assert codes[3, 1] not in (-1, -2)


POLICIES = {
    "unknown": [NestedEncoder(LEVELS, unknown=policy) for policy in ("prior", "nan")],
    "missing": [NestedEncoder(LEVELS, missing=policy) for policy in ("category", "prior", "nan")],
    "prior": [NestedEncoder(LEVELS, prior=prior) for prior in ("reml", "ml")],
    "emit": [NestedEncoder(LEVELS, emit=emit) for emit in ("deepest", "all")],
    "levels": [NestedEncoder(LEVELS[:depth], remainder="drop") for depth in (1, 2, 3)]
    + [NestedEncoder(["county", "state"], remainder="drop")],
    "remainder": [NestedEncoder(["county"], remainder=remainder) for remainder in ("passthrough", "drop")],
    "output": [NestedEncoder(LEVELS, output=output) for output in OUTPUTS],
    "family": [NestedEncoder(LEVELS, target_type="count", family=family) for family in ("normal", "poisson")],
    "target_type": [NestedEncoder(LEVELS, target_type=kind) for kind in ("continuous", "count", "multiclass")],
    "weight_type": [NestedEncoder(LEVELS, weight_type=kind, family="normal") for kind in ("frequency", "precision")],
    "random_state": [NestedEncoder(LEVELS, random_state=seed) for seed in (0, 1)],
    "cv": [NestedEncoder(LEVELS, cv=k) for k in (2, 5)],
}


@pytest.mark.parametrize("option", POLICIES)
@pytest.mark.slow
def test_each_value_of_an_option_makes_a_difference(land, option):
    results = []
    for encoder in POLICIES[option]:
        encoder = clone(encoder)
        if encoder.random_state is None:
            encoder.set_params(random_state=0)
        if encoder.cv == 10:
            encoder.set_params(cv=3)
        if encoder.target_type == "auto" and encoder.family == "auto":
            encoder.set_params(target_type="continuous")
        encoded = encoder.fit_transform(land["X"], land["count"], sample_weight=land["weights"] + 1)
        results.append(pd.DataFrame(np.asarray(encoded, dtype=object)))
    for i, one in enumerate(results):
        assert not any(one.equals(other) for other in results[:i])


def test_errors_on_unknown_and_missing_categories(land):
    X, y = land["X"].fillna("none"), land["continuous"]
    encoder = nested(X, y, unknown="error", cv=3)
    assert np.isfinite(encoder.fit_transform(X, y)).all()
    np.testing.assert_allclose(encoder.transform(X), nested(X, y).transform(X), rtol=1e-7)
    for row, column in ((["BE", "a", 77], "zip"), (["BE", "q", 1], "county"), (["XX", "a", 1], "state")):
        with pytest.raises(
            ValueError, match=f"Column '{column}' must hold categories that were there at fit.*{row[-1]}|XX"
        ):
            encoder.transform(new_rows(["BE", "a", 1], row))
    with pytest.raises(ValueError, match=r"Column 'state' must have no missing values, but \d+ rows"):
        nested(land["X"], y, missing="error")
    with pytest.raises(ValueError, match="Column 'x0' must have no missing values"):
        NestedEncoder([0, 1], missing="error").fit(land["X"].to_numpy(dtype=object), y)
    encoder = nested(X, y, missing="error")
    for level, column in enumerate(LEVELS):
        row = [None if position == level else value for position, value in enumerate(["BE", "a", 1])]
        with pytest.raises(ValueError, match=f"Column '{column}' must have no missing values, but 1 rows"):
            encoder.transform(new_rows(["BE", "a", 1], row))


@pytest.mark.parametrize("learned", ["missing in one county", "nowhere missing"])
def test_a_missing_value_without_rows_is_missing_not_unknown(learned):
    """As a missing value of one column, it is never unknown; without rows it has the value of the level above."""
    last = None if learned == "missing in one county" else 3
    X = pd.DataFrame({"county": list("aaaabbbb"), "zip": [1, 1, 2, 2, 1, 1, last, last]}, dtype=object)
    y, new = [1, 2, 3.5, 4, 7, 8, 9, 11], pd.DataFrame({"county": ["a"], "zip": [None]}, dtype=object)
    county = nested(X, y, emit="all").transform(new)[0, 0]
    for unknown in ("prior", "nan", "error"):
        for missing in ("category", "prior"):
            assert nested(X, y, unknown=unknown, missing=missing).transform(new).item() == county
        assert np.isnan(nested(X, y, unknown=unknown, missing="nan").transform(new).item())


def test_a_missing_value_is_a_category_within_its_parent(land):
    X, y = land["X"], land["continuous"]
    for cv in (np.arange(120) % 4, KFold(3)):
        parameters = {"cv": cv, "emit": "all", "output": NUMBERS}
        one = NestedEncoder(LEVELS, **parameters).fit_transform(X, y)
        np.testing.assert_allclose(
            NestedEncoder(LEVELS, **parameters).fit_transform(X.fillna("none"), y), one, rtol=1e-9
        )
    encoder = nested(X, y)
    both = encoder.transform(new_rows(["BE", None, 1], ["NW", None, 1], ["BE", "a", None], ["NW", "a", None]))
    assert len(np.unique(both)) == 4
    of_each_sort = encoder.transform(new_rows([None, None, None], [np.nan, pd.NA, pd.NaT]))
    assert of_each_sort[0] == of_each_sort[1]


def test_missing_prior_gives_the_value_of_the_level_above(land):
    encoder = nested(land["X"], land["continuous"], missing="prior", emit="all")
    state, county, zip_code = encoder.transform(new_rows(["BE", None, None], ["BE", "a", None], [None, None, None])).T
    assert county[0] == zip_code[0] == state[0]
    assert zip_code[1] == county[1] != state[1]
    assert state[2] == county[2] == zip_code[2] == encoder.summary_["prior_mean"][0]


def test_missing_and_unknown_nan(land):
    parameters = {"emit": "all", "output": ["mean", "sd"]}
    rows = new_rows(["BE", "a", 1], ["BE", "a", 77], ["BE", "q", 1], ["BE", "a", None], ["NW", None, 1])
    unknown = nested(land["X"], land["continuous"], unknown="nan", **parameters).transform(rows)
    assert np.isnan(unknown[:, ::2]).tolist() == np.isnan(unknown[:, 1::2]).tolist()
    assert np.isnan(unknown[:3, ::2]).tolist() == [[False] * 3, [False, False, True], [False, True, True]]
    missing = nested(land["X"], land["continuous"], missing="nan", **parameters).transform(rows)
    assert np.isnan(missing[:, ::2]).tolist()[:4] == [[False] * 3] * 3 + [[False, False, True]]
    assert np.isnan(missing[4, ::2]).tolist()[:2] == [False, True]


@pytest.mark.parametrize("how", ["a categorical type", "no weight"])
@pytest.mark.parametrize("levels", [["c"], ["c", "d"], ["d", "c"]])
def test_a_category_without_rows_is_unknown(how, levels):
    X = pd.DataFrame({"c": pd.Categorical(list("aabbz"), categories=list("abz")), "d": list("ppppp")})
    y, rows = np.array([1, 2, 5, 7, 100.0]), slice(None) if how == "no weight" else slice(4)
    arguments = {"sample_weight": [1, 1, 1, 1, 0]} if how == "no weight" else {}
    new = X[4:].reset_index(drop=True)
    known = nested(X[:4], y[:4], levels, remainder="drop", output=NUMBERS).transform(new)
    encoder = nested(X[rows], y[rows], levels, remainder="drop", output=NUMBERS, **arguments)
    np.testing.assert_allclose(encoder.transform(new), known, rtol=1e-9)
    assert np.isnan(encoder.set_params(unknown="nan").fit(X[rows], y[rows], **arguments).transform(new)[0, 0])
    encoder.set_params(unknown="error").fit(X[rows], y[rows], **arguments)
    with pytest.raises(ValueError, match="Column 'c' must hold categories that were there at fit"):
        encoder.transform(new)


@pytest.mark.parametrize("emit", ["deepest", "all"])
@pytest.mark.parametrize("remainder", ["passthrough", "drop"])
@pytest.mark.parametrize("target_type", ["continuous", "multiclass"])
def test_names_of_features(land, emit, remainder, target_type):
    X = land["X"].assign(size=np.arange(120.0), day=pd.Timestamp("2020-02-02"))[
        ["zip", "size", "state", "day", "county"]
    ]
    parameters = {"emit": emit, "remainder": remainder, "output": ["sd", "mean", "count"], "cv": 3, "random_state": 0}
    encoder = NestedEncoder(LEVELS, **parameters).set_output(transform="pandas")
    encoded = encoder.fit_transform(X, land[target_type])
    stems = ["_low", "_mid", "_top"] if target_type == "multiclass" else [""]
    names = []
    for column in X:
        if column in (LEVELS if emit == "all" else ["zip"]):
            names += [f"{column}{stem}{suffix}" for stem in stems for suffix in ("_sd", "")] + [f"{column}_count"]
        elif column not in LEVELS and remainder == "passthrough":
            names.append(column)
    assert encoded.columns.tolist() == names == encoder.get_feature_names_out().tolist()
    assert encoder.transform(X).columns.tolist() == names
    if remainder == "passthrough":
        pd.testing.assert_frame_equal(encoded[["size", "day"]], X[["size", "day"]])
    assert encoder.target_type_ == target_type
    assert encoder.levels_ == LEVELS
    assert encoder.feature_names_in_.tolist() == list(X)
    assert hasattr(encoder, "classes_") == (target_type == "multiclass")


@pytest.mark.parametrize("output", ["sd", "code", ["count", "mean"], ["reliability", "code", "sd"]])
@pytest.mark.parametrize("cv", [np.arange(120) % 3, TimeSeriesSplit(3)], ids=["labels", "past only"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_outputs_in_any_combination(land, output, cv):
    whole, some = (
        NestedEncoder(LEVELS, cv=cv, emit="all", output=each)
        .set_output(transform="pandas")
        .fit_transform(land["X"], land["continuous"])
        for each in (OUTPUTS, output)
    )
    assert len(some.columns) == 3 * (1 if isinstance(output, str) else len(output))
    pd.testing.assert_frame_equal(some, whole[some.columns])


def test_columns_of_arrays_are_positions(land):
    X, y = land["X"].assign(size=range(120))[["zip", "size", "county", "state"]], land["continuous"]
    expected = NestedEncoder(LEVELS, cv=3, emit="all", random_state=0).fit_transform(X, y)
    for form in (X.to_numpy(dtype=object), X.to_numpy(dtype=object).tolist()):
        encoder = NestedEncoder([3, 2, 0], cv=3, emit="all", random_state=0)
        np.testing.assert_array_equal(encoder.fit_transform(form, y).astype(float), expected)
        assert encoder.get_feature_names_out().tolist() == ["x0", "x1", "x2", "x3"]
        assert encoder.get_feature_names_out(list("abcd")).tolist() == list("abcd")
        assert encoder.encoding_table(0).columns[:3].tolist() == ["x3", "x2", "x0"]
        assert encoder.transform(form).shape == (120, 4)


def test_levels_may_be_an_array_and_frames_polars(land):
    expected = NestedEncoder(LEVELS, cv=3, random_state=0).fit_transform(land["X"], land["continuous"])
    encoder = NestedEncoder(np.array(LEVELS), cv=3, random_state=0)
    np.testing.assert_array_equal(encoder.fit_transform(land["X"], land["continuous"]), expected)
    X = polars.DataFrame(
        {name: land["X"][name].astype(object).where(land["X"][name].notna(), None).tolist() for name in LEVELS}
    )
    np.testing.assert_array_equal(encoder.fit_transform(X, land["continuous"]), expected)
    dropped = encoder.set_output(transform="polars").fit_transform(X, land["continuous"])
    assert isinstance(dropped, polars.DataFrame)
    assert dropped.columns == ["zip"]


def test_several_outputs_have_features_each(land):
    y = pd.DataFrame({"price": land["continuous"], "sold": land["binary"]})
    parameters = {"cv": KFold(3), "emit": "all", "output": ["mean", "sd"]}
    encoder = NestedEncoder(LEVELS, **parameters).set_output(transform="pandas")
    both = encoder.fit_transform(land["X"], y)
    assert encoder.summary_[["column", "target"]].to_numpy().tolist() == [[c, t] for t in y for c in LEVELS]
    for name in y:
        alone = NestedEncoder(LEVELS, **parameters).fit_transform(land["X"], y[name])
        own = [f"{column}_{name}{suffix}" for column in LEVELS for suffix in ("", "_sd")]
        np.testing.assert_array_equal(both[own], alone)


@pytest.mark.parametrize("copy", [clone, lambda x: pickle.loads(pickle.dumps(x))], ids=["clone", "pickle"])
def test_a_copy_does_the_same(land, copy):
    X, y = land["X"], land["continuous"]
    encoder = NestedEncoder(LEVELS, cv=3, output=OUTPUTS, random_state=0)
    expected = encoder.fit_transform(X, y)
    np.testing.assert_array_equal(copy(encoder).fit_transform(X, y), expected)
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(again.transform(X[:50]), encoder.transform(X[:50]))
    pd.testing.assert_frame_equal(again.summary_, encoder.summary_)
    assert repr(NestedEncoder(["a", "b"], emit="all")) == "NestedEncoder(emit='all', levels=['a', 'b'])"


def test_in_pipelines_and_column_transformers(land):
    X, y = land["X"].assign(size=np.arange(120.0)), land["continuous"]
    model = make_pipeline(NestedEncoder(LEVELS, cv=3, emit="all", random_state=0), LinearRegression())
    assert cross_val_score(model, X, y, cv=3, error_score="raise").shape == (3,)
    model.fit(X, y, nestedencoder__sample_weight=land["weights"])
    transformer = make_column_transformer((NestedEncoder(["county", "zip"], cv=3), ["county", "zip"]), remainder="drop")
    assert make_pipeline(transformer, LinearRegression()).fit(X, y).predict(X).shape == (120,)
    assert transformer.fit(X, y).get_feature_names_out().tolist() == ["nestedencoder__zip"]


def test_columns_are_found_by_name(land):
    X, y = land["X"].assign(size=np.arange(120.0)), land["continuous"]
    encoder = nested(X, y, LEVELS)
    expected = encoder.transform(X)
    pd.testing.assert_frame_equal(encoder.transform(X[["size", "zip", "state", "county"]]), expected)
    for bad in (X[["zip", "size"]], X[LEVELS]):
        with pytest.raises(ValueError, match="yet now missing"):
            encoder.transform(bad)
    dropping = nested(X, y, LEVELS, remainder="drop")
    np.testing.assert_array_equal(dropping.transform(X[LEVELS]), expected[["zip"]])


def test_summary_and_encoding_table(land):
    X, y = land["X"].fillna("none"), land["continuous"]
    encoder = nested(X, y, emit="all", output=["mean", "sd"])
    summary, encoded = encoder.summary_, encoder.transform(X)
    other = EmpiricalBayesEncoder().fit(X[["zip"]], y)
    assert summary.columns.tolist() == other.summary_.columns.tolist()
    assert summary["column"].tolist() == LEVELS
    assert summary["categories"].tolist() == [numbered(X.iloc[:, : level + 1]).max() + 1 for level in range(3)]
    assert (summary["rows"] == 120).all()
    np.testing.assert_allclose(summary["prior_strength"], (summary["within_sd"] / summary["between_sd"]) ** 2)
    own = other.encoding_table("zip").columns.drop("category").tolist()
    for level, column in enumerate(LEVELS):
        table = encoder.encoding_table(column, level=0.5)
        paths = LEVELS[: level + 1]
        assert table.columns.tolist() == paths + own
        rows = X.assign(y=y, encoding=encoded[:, 2 * level], sd=encoded[:, 2 * level + 1])
        rows = rows.groupby(paths).agg(
            count=("y", "size"), mean=("y", "mean"), encoding=("encoding", "first"), sd=("sd", "first")
        )
        ours = table.set_index(paths).loc[rows.index]
        np.testing.assert_allclose(ours[rows.columns], rows, rtol=1e-12)
        np.testing.assert_allclose((ours["upper"] - ours["lower"]) / ours["sd"], 2 * 0.6744897501960817)
        assert summary["reliability"][level] == pytest.approx(np.average(table["reliability"], weights=table["count"]))
    with pytest.raises(ValueError, match="must be one of the levels"):
        encoder.encoding_table("town")
    with pytest.raises(ValueError, match="between 0 and 1"):
        encoder.encoding_table("zip", level=90)
    missing = nested(land["X"], y).encoding_table("zip")
    assert missing["count"].sum() == 120
    assert missing[LEVELS].isna().any().all()
    classes = nested(X, land["multiclass"]).encoding_table("county")
    assert classes["target"].unique().tolist() == ["low", "mid", "top"]
    np.testing.assert_allclose(classes.groupby(["state", "county"])["encoding"].sum(), 1)


# ---------------------------------------------------------------------------------------------------- laws


@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.parametrize(("scale", "shift"), [(1, 1e6), (1, -1e9), (1e-9, 0), (1e9, 0), (250.0, 1e6), (-1, 0)])
def test_scale_and_shift_carry_through(land, prior, scale, shift):
    encoder = NestedEncoder(LEVELS, cv=np.arange(120) % 3, prior=prior, emit="all", output=NUMBERS)
    one = encoder.fit_transform(land["X"], land["continuous"])
    other = encoder.fit_transform(land["X"], scale * land["continuous"] + shift)
    digits = 1e-7 + 1e3 * np.spacing(abs(shift)) / abs(scale)
    np.testing.assert_allclose((other[:, ::3] - shift) / scale, one[:, ::3], rtol=0, atol=digits)
    np.testing.assert_allclose(other[:, 1::3] / abs(scale), one[:, 1::3], rtol=digits)
    np.testing.assert_allclose(other[:, 2::3], one[:, 2::3], rtol=0, atol=digits)


@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1e-3, 1e3, 1e6, 1e12])
@pytest.mark.parametrize("levels", [["state"], ["state", "county"], LEVELS])
@pytest.mark.parametrize("rows", [25, 120])
def test_precisions_are_relative(land, levels, unit, rows):
    X, y, weights = land["X"][levels][:rows], land["continuous"][:rows], land["precisions"][:rows]
    parameters = {"weight_type": "precision", "emit": "all", "output": ["mean", "sd"]}
    one = nested(X, y, sample_weight=weights, **parameters)
    other = nested(X, y, sample_weight=unit * weights, **parameters)
    np.testing.assert_allclose(other.transform(X), one.transform(X), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(other.summary_["between_sd"], one.summary_["between_sd"], rtol=1e-5)
    np.testing.assert_allclose(other.summary_["log_likelihood"], one.summary_["log_likelihood"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
def test_a_weight_is_so_many_copies(land, target_type):
    X, y, copies = land["X"], land[target_type], land["weights"].astype(int)
    repeated, folds = np.repeat(np.arange(120), copies), np.arange(120) % 3
    parameters = {"target_type": target_type, "emit": "all", "output": NUMBERS}
    weighed = NestedEncoder(LEVELS, cv=folds, **parameters).fit_transform(X, y, sample_weight=copies)
    copied = NestedEncoder(LEVELS, cv=folds[repeated], **parameters).fit_transform(X.iloc[repeated], y[repeated])
    np.testing.assert_allclose(weighed[repeated], copied, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
def test_the_order_of_rows_and_the_names_of_categories_do_not_matter(land, target_type):
    X, y, folds = land["X"], land[target_type], np.arange(120) % 3
    order = np.random.default_rng(0).permutation(120)
    names = {"a": 17, "b": ("x", 1), "c": 2.5, None: None}
    renamed = X.assign(
        county=pd.Series(
            [names[name] for name in X["county"].astype(object).where(X["county"].notna(), None)], dtype=object
        )
    )
    parameters = {"target_type": target_type, "emit": "all", "output": NUMBERS}
    one = NestedEncoder(LEVELS, cv=folds, **parameters).fit_transform(X, y)
    other = NestedEncoder(LEVELS, cv=folds[order], **parameters).fit_transform(renamed.iloc[order], y[order])
    np.testing.assert_allclose(other, one[order], rtol=1e-6, atol=1e-8)


def test_fit_and_fit_transform_leave_the_same_table(land):
    for target_type in ("continuous", "binary", "multiclass", "count"):
        X, y, parameters = land["X"], land[target_type], {"target_type": target_type, "output": NUMBERS}
        fitted = NestedEncoder(LEVELS, **parameters).fit(X, y)
        transformed = NestedEncoder(LEVELS, cv=2, random_state=0, **parameters)
        transformed.fit_transform(X, y)
        np.testing.assert_allclose(transformed.transform(X), fitted.transform(X), rtol=1e-6, atol=1e-8)
        pd.testing.assert_frame_equal(transformed.summary_, fitted.summary_, rtol=1e-6)
        pd.testing.assert_frame_equal(transformed.encoding_table("zip"), fitted.encoding_table("zip"), rtol=1e-6)


def test_the_value_lies_between_the_category_s_mean_and_the_parent_s_value_or_below_it(land):
    """Of the deepest level: that of a level above is drawn to means of children, not of rows."""
    for target_type in ("continuous", "binary", "count"):
        encoder = nested(land["X"].fillna("none"), land[target_type], target_type=target_type)
        zips, counties = encoder.encoding_table("zip"), encoder.encoding_table("county")
        above = zips.merge(counties, on=["state", "county"], suffixes=("", "_above"))["encoding_above"]
        expected = zips["reliability"] * zips["mean"] + (1 - zips["reliability"]) * above
        np.testing.assert_allclose(zips["encoding"], expected, rtol=1e-9)


# ---------------------------------------------------------------------------------------------------- odd data


def test_a_level_without_a_spread_has_the_values_of_the_one_above():
    X = pd.DataFrame({"state": np.repeat(list("abc"), 8), "city": np.tile(np.repeat([1, 2], 4), 3)})
    y = np.tile([1, 2, 3, 4.0], 6) + np.repeat([0, 5, 20.0], 8)
    for prior in ("reml", "ml"):
        encoder = nested(X, y, prior=prior, emit="all", output=NUMBERS)
        assert encoder.summary_["note"].tolist() == ["", NO_SPREAD]
        assert encoder.summary_["prior_strength"][1] == np.inf
        encoded = encoder.transform(X)
        np.testing.assert_array_equal(encoded[:, 3:5], encoded[:, :2])
        assert (encoded[:, 5] == 0).all()
        alone = nested(X[["state"]], y, prior=prior, output=NUMBERS).transform(X[["state"]])
        np.testing.assert_allclose(encoded[:, :3], alone, rtol=1e-7)
    flat = nested(X, np.tile([1, 2, 3, 4.5], 6), emit="all")
    assert flat.summary_["note"].tolist() == [NO_SPREAD, NO_SPREAD]
    np.testing.assert_allclose(flat.transform(X), 2.625, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 7.1, 1 / 3, -1e9])
@pytest.mark.parametrize("weights", [None, "frequency", "precision"])
def test_a_constant_target_has_no_spread(land, value, weights):
    sample_weight = None if weights is None else land["precisions"]
    encoder = NestedEncoder(
        LEVELS, cv=3, random_state=0, emit="all", output=NUMBERS, weight_type=weights or "frequency"
    )
    y = np.full(120, value)
    for encoded in (encoder.fit_transform(land["X"], y, sample_weight=sample_weight), encoder.transform(land["X"])):
        np.testing.assert_allclose(encoded[:, ::3], value, rtol=1e-14)
        np.testing.assert_allclose(encoded[:, 1::3], 0, atol=1e-12 * abs(value))
        np.testing.assert_array_equal(encoded[:, 2::3], 0)
    assert encoder.summary_["note"].tolist() == [NO_SPREAD] * 3
    assert (encoder.summary_["between_sd"] == 0).all()


@pytest.mark.parametrize("prior", ["reml", "ml"])
def test_a_level_whose_variance_cannot_be_told_has_none(land, prior):
    """One row a zip, one zip a county, one state: the model is that of the other levels."""
    X, y = land["X"].fillna("none"), land["continuous"]
    whole = X.assign(row=range(120), again=X["county"], country="here")
    parameters = {"prior": prior, "remainder": "drop", "emit": "all", "output": NUMBERS}

    def encoded(*levels):
        encoder = nested(whole, y, list(levels), **parameters)
        table = encoder.set_output(transform="pandas").transform(whole)
        return encoder.summary_.set_index("column"), table[[f"{name}{end}" for name in levels for end in ("", "_sd")]]

    _, two = encoded("state", "county")
    summary, three = encoded("state", "county", "row")
    assert summary["note"]["row"].startswith("not identified")
    assert summary["between_sd"]["row"] == 0
    np.testing.assert_allclose(three[two.columns], two, rtol=1e-7)
    np.testing.assert_array_equal(three[["row", "row_sd"]], three[["county", "county_sd"]])

    summary, three = encoded("state", "county", "again")
    assert summary["note"].tolist() == ["", "not identified", ""]
    np.testing.assert_allclose(three[["again", "again_sd"]], two[["county", "county_sd"]], rtol=1e-7)
    np.testing.assert_array_equal(three[["county", "county_sd"]], three[["state", "state_sd"]])

    summary, three = encoded("country", "state", "county")
    assert summary["note"].tolist() == ["not identified", "", ""]
    np.testing.assert_allclose(three[two.columns], two, rtol=1e-7)
    assert (three["country"] == summary["prior_mean"].iloc[0]).all()


@pytest.mark.parametrize("prior", ["reml", "ml"])
def test_without_noise_the_deepest_values_are_the_means(prior):
    X = pd.DataFrame({"state": np.repeat(list("abcd"), 8), "city": np.tile(np.repeat([1, 2, 3, 4], 2), 4)})
    y = np.random.default_rng(0).normal(size=16).repeat(2)
    encoder = nested(X, y, prior=prior, emit="all", output=NUMBERS)
    encoded = encoder.transform(X)
    np.testing.assert_allclose(encoded[:, 3], y, rtol=0, atol=1e-6)
    np.testing.assert_allclose(encoded[:, 4], 0, atol=1e-5)
    np.testing.assert_allclose(encoded[:, 5], 1, atol=1e-6)
    assert encoder.summary_["note"][1] == "no noise within categories"
    cities = X.drop_duplicates()  # one exact observation a city
    means = nested(cities[["state"]], y[::2], prior=prior)
    np.testing.assert_allclose(encoded[:, 0], means.transform(X[["state"]])[:, 0], rtol=1e-5)


@pytest.mark.parametrize("distance", [1e4, 1e8])
@pytest.mark.parametrize("learn", ["fit", "fit_transform"])
def test_noise_is_seen_however_far_the_categories_are_apart(distance, learn):
    X = pd.DataFrame({"a": np.repeat([0, 1], 12), "b": np.repeat(range(6), 4)})
    noise = np.array([1, 2, 1.5, 1.5, 5, 6, 5.5, 5.5, 9, 9.5, 8, 9] * 2) - np.tile(np.repeat([1.5, 5.5, 8.875], 4), 2)
    encoder = NestedEncoder(["a", "b"], cv=2)
    getattr(encoder, learn)(X, noise + distance * np.array([0, 3, 1, 7, 4, 9.0])[X["b"]])
    assert encoder.summary_["within_sd"][1] == pytest.approx(np.sqrt((noise**2).sum() / 18), rel=1e-6)


Y = np.array([1, 2, 4, 3, 9, 5.5, 2, 2.5, 7, 8, 1, 0.5])
FRAMES = {
    "two by three": pd.DataFrame({"a": np.repeat([0, 1], 6), "b": np.tile([0, 1, 2], 4)}),
    "a row each": pd.DataFrame({"a": np.repeat([0, 1, 2], 4), "b": range(12)}),
    "two ids": pd.DataFrame({"a": range(12), "b": range(12)}),
    "one path": pd.DataFrame({"a": [0] * 12, "b": [0] * 12}),
    "one state": pd.DataFrame({"a": [0] * 12, "b": np.arange(12) // 2}),
    "one county each": pd.DataFrame({"a": np.arange(12) // 3, "b": np.arange(12) // 3}),
    "all missing": pd.DataFrame({"a": [None] * 12, "b": [None] * 12}, dtype=object),
    "in one fold": pd.DataFrame({"a": [0] * 11 + [1], "b": [*range(3)] * 4}),
}
TARGETS = {
    "numbers": (Y, "continuous"),
    "one class": (["x"] * 12, "binary"),
    "two classes": ([0, 1] * 6, "binary"),
    "pure classes": ([0] * 6 + [1] * 6, "binary"),
    "three classes": ([0, 1, 2] * 4, "multiclass"),
    "noughts": ([0] * 12, "count"),
    "large counts": ([10**6] * 11 + [0], "count"),
}


@pytest.mark.parametrize("weights", [None, [0, 1] * 6, [1e-3] * 12, [1e6] * 12], ids=["none", "some", "light", "heavy"])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.slow
def test_what_is_odd_but_legal(frame, target, weights, prior):
    X, (y, target_type) = FRAMES[frame], TARGETS[target]
    encoder = NestedEncoder(["a", "b"], cv=3, random_state=0, prior=prior, target_type=target_type, emit="all")
    encoder.set_params(output=NUMBERS)
    new = pd.concat([X, pd.DataFrame({"a": ["never", X["a"][0], None], "b": ["never", "never", None]}, dtype=object)])
    for encoded in (encoder.fit_transform(X, y, sample_weight=weights), encoder.transform(new)):
        assert np.isfinite(encoded).all()
        assert (encoded[:, 1::3] >= 0).all()
        assert (encoded[:, 2::3] >= 0).all()
        assert (encoded[:, 2::3] <= 1).all()
    summary = encoder.summary_
    shown = summary[["categories", "rows", "prior_mean", "between_sd", "within_sd", "reliability"]]
    assert np.isfinite(shown.to_numpy(dtype=float)).all()
    assert (summary["prior_strength"] >= 0).all()
    encoder.encoding_table("b")


@pytest.mark.parametrize("levels", [["a"], ["a", "b"]])
def test_rows_that_weigh_less_than_one_have_no_restricted_likelihood(levels):
    encoder = nested(FRAMES["two by three"][levels], Y, sample_weight=[0.05] * 12)
    assert encoder.summary_["log_likelihood"].isna().all()


# ---------------------------------------------------------------------------------------------------- bad input

X = pd.DataFrame({"state": list("aabbcc") * 4, "zip": range(24), "zip_sd": 1.0})
Z = np.arange(24.0)
BAD = {
    "unknown column": (["state", "town"], {}, {}, r"`levels`.*\['town'\].*which X does not have"),
    "a position for a name": ([0], {}, {}, r"`levels`.*\[0\].*which X does not have"),
    "column twice": (["state", "state"], {}, {}, r"`levels`.*each.*once"),
    "no level": ([], {}, {}, "`levels`.*at least one"),
    "a name for levels": ("state", {}, {}, "'levels' parameter"),
    "no levels": (None, {}, {}, "'levels' parameter"),
    "emit": (["state"], {"emit": "last"}, {}, "'emit' parameter"),
    "prior": (["state"], {"prior": "moments"}, {}, "'prior' parameter"),
    "family": (["state"], {"family": "gamma"}, {}, "'family' parameter"),
    "family of the target": (["state"], {"family": "poisson", "target_type": "continuous"}, {}, 'family="poisson"'),
    "unknown": (["state"], {"unknown": "raise"}, {}, "'unknown' parameter"),
    "missing": (["state"], {"missing": "drop"}, {}, "'missing' parameter"),
    "output": (["state"], {"output": "median"}, {}, "'output' parameter"),
    "outputs": (["state"], {"output": ["mean", "mean"]}, {}, "`output` must be"),
    "no output": (["state"], {"output": []}, {}, "`output` must be"),
    "cv": (["state"], {"cv": "five"}, {}, "number of folds"),
    "weight_type": (["state"], {"weight_type": "precision", "target_type": "count"}, {}, "normal family alone"),
    "weights": (["state"], {}, {"sample_weight": Z[1:]}, "one weight for each of the 24 rows"),
    "exposure": (["state"], {"target_type": "continuous"}, {"exposure": Z + 1}, "goes with counts"),
    "a feature's name twice": (["state", "zip"], {"output": ["mean", "sd"]}, {}, "'zip_sd'. would occur twice"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("learn", ["fit", "fit_transform"])
def test_bad_input_says_what_is_wrong_and_fits_nothing(name, learn):
    levels, parameters, arguments, message = BAD[name]
    encoder = NestedEncoder(levels, **parameters)
    with pytest.raises(ValueError, match=message):
        getattr(encoder, learn)(X, Z, **arguments)
    with pytest.raises(NotFittedError):
        encoder.transform(X)
    assert not [name for name in vars(encoder) if name.endswith("_")]


def test_positions_that_an_array_does_not_have():
    for levels in ([0, 3], [True, False], ["state"]):
        with pytest.raises(ValueError, match="levels"):
            NestedEncoder(levels).fit(X.to_numpy(), Z)


def test_before_fit():
    encoder = NestedEncoder(["state", "zip"])
    for ask in (
        lambda: encoder.transform(X),
        lambda: encoder.summary_,
        lambda: encoder.encoding_table("zip"),
        lambda: encoder.get_feature_names_out(),
    ):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            ask()


def test_a_refused_refit_leaves_the_first_fit():
    encoder = NestedEncoder(["state"], remainder="drop").fit(X, Z)
    expected = encoder.transform(X)
    for bad in (lambda: encoder.fit(X, Z * np.nan), lambda: encoder.set_params(levels=["town"]).fit(X, Z)):
        with pytest.raises(ValueError, match="NaN|town"):
            bad()
        np.testing.assert_array_equal(encoder.transform(X), expected)
