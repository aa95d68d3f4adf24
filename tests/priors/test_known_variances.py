"""Rows of known variances, against metafor, textbooks' formulas and brute force; and the laws."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.reference_data import REFERENCE, read
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import multivariate_normal

from catpool import EarlierRows, EmpiricalBayesEncoder, NestedEncoder, sample_encodings
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.normal import Normal

METAFOR = json.loads((REFERENCE / "empirical_bayes.json").read_text())["meta-analysis"]
METHODS = {"reml": "REML", "ml": "ML", "moments": "DL", "paule_mandel": "PM", "hedges": "HE"}
PRIORS = [*METHODS, "full_bayes", "scale_mixture", "npmle"]
SCHOOLS = np.array([28, 8, -3, 7, -1, 1, 18, 12]), np.array([15, 10, 16, 11, 9, 11, 10, 18])  # Rubin (1981)
BCG = (  # Colditz et al. (1994): cases and others among the vaccinated, and among the controls
    ([4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27], [11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29]),
    (
        [119, 300, 228, 13536, 5036, 1361, 2537, 87886, 7470, 1699, 50448, 2493, 16886],
        [128, 274, 209, 12619, 5761, 1079, 619, 87892, 7232, 1600, 27197, 2338, 17825],
    ),
)


def known(prior="reml", **parameters):
    return EmpiricalBayesEncoder(None, prior=prior, weight_type="inverse_variance", **parameters)


def fit(codes, y, variance, prior="reml", **parameters):
    return known(prior, **parameters).fit(np.reshape(codes, (-1, 1)), y, sample_weight=1 / np.asarray(variance))


def vaccine():
    """The logarithms of relative risks, and their variances."""
    cases, others = np.array(BCG, dtype=float)
    effect = np.log(cases / (cases + others))
    return effect[0] - effect[1], (1 / cases - 1 / (cases + others)).sum(axis=0)


def trials(rng, categories=9, rows=40):
    """Codes, results and variances of several rows for each category, of very different precision."""
    codes = np.append(np.arange(categories), rng.integers(0, categories, rows - categories))
    variance = np.exp(rng.normal(size=rows))
    return codes, 3 + rng.normal(size=categories)[codes] + np.sqrt(variance) * rng.normal(size=rows), variance


@pytest.mark.parametrize(
    ("prior", "between", "mean"),
    [
        ("reml", 0.3132, -0.7145),
        ("ml", 0.2800, -0.7112),
        ("moments", 0.3088, -0.7141),
        ("paule_mandel", 0.3181, -0.7150),
        ("hedges", 0.3286, -0.7159),
    ],
)
def test_metafor_s_answers_for_thirteen_trials_of_a_vaccine(prior, between, mean):
    summary = fit(range(13), *vaccine(), prior).summary_.iloc[0]
    assert round(summary["between_sd"] ** 2, 4) == between
    assert round(summary["prior_mean"], 4) == mean
    assert summary["within_sd"] == 1
    assert summary["prior_strength"] == pytest.approx(1 / summary["between_sd"] ** 2, rel=1e-12)
    if prior == "reml":
        assert round(summary["log_likelihood"] + np.log(13) / 2, 4) == -12.2024


def test_metafor_s_error_of_the_mean_of_thirteen_trials():
    encoder = fit(range(13), *vaccine(), output=["mean", "sd"])
    _, sd = encoder.transform([[99]])[0]
    assert round(np.sqrt(sd**2 - encoder.summary_["between_sd"].item() ** 2), 4) == 0.1798


@pytest.mark.parametrize("prior", METHODS)
@pytest.mark.parametrize("name", METAFOR)
def test_metafor(name, prior):
    answer = METAFOR[name][METHODS[prior]]
    if name == "schools8":  # whole numbers, which are no classes here
        y, variance = SCHOOLS[0], SCHOOLS[1] ** 2.0
    else:
        data = read(f"meta_{name}.csv")
        y, variance = data["yi"], data["vi"]
    encoder = fit(range(len(y)), y, variance, prior)
    summary, table = encoder.summary_.iloc[0], encoder.encoding_table(0).iloc[:-1]
    assert summary["between_sd"] ** 2 == pytest.approx(answer["tau2"], rel=1e-10, abs=1e-10)
    assert summary["prior_mean"] == pytest.approx(answer["mu"], rel=1e-12)
    np.testing.assert_allclose(table["encoding"], answer["blup"], rtol=1e-12)
    np.testing.assert_allclose(table["sd"], answer["blup_se"], rtol=1e-10)
    assert (summary["note"] == "no spread between categories") == (answer["tau2"] == 0)


def totals(codes, y, variance):
    """The weight and the mean of each category."""
    weight = np.bincount(codes, 1 / variance)
    return weight, np.bincount(codes, y / variance) / weight


def at(between, weight, means):
    """The weights w_k, the mean mu and the distances from it, for a variance between categories."""
    w = 1 / (between + 1 / weight)
    mean = (w * means).sum() / w.sum()
    return w, mean, means - mean


def equation(prior, weight, means):
    """What is zero at the variance between categories, as a function of it."""

    def value(between):
        w, _, apart = at(between, weight, means)
        if prior == "paule_mandel":
            return (w * apart**2).sum() - (len(w) - 1)
        likelihood = (w**2 * apart**2).sum() - w.sum()
        return likelihood + (w**2).sum() / w.sum() if prior == "reml" else likelihood

    return value


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("prior", METHODS)
def test_the_variance_between_is_that_of_textbooks(prior, seed):
    codes, y, variance = trials(np.random.default_rng(seed))
    weight, means = totals(codes, y, variance)
    if prior == "hedges":
        expected = means.var(ddof=1) - (1 / weight).mean()
    elif prior == "moments":
        excess = (weight * at(0.0, weight, means)[2] ** 2).sum() - (len(weight) - 1)
        expected = excess / (weight.sum() - (weight**2).sum() / weight.sum())
    else:
        expected = brentq(equation(prior, weight, means), 0, 100, xtol=1e-14, rtol=1e-14)
    summary = fit(codes, y, variance, prior).summary_.iloc[0]
    assert expected > 0.1
    assert summary["between_sd"] ** 2 == pytest.approx(expected, rel=1e-10)
    assert summary["prior_mean"] == pytest.approx(at(expected, weight, means)[1], rel=1e-11)


def test_the_log_likelihood_is_that_of_the_rows():
    codes, y, variance = trials(np.random.default_rng(0))
    same = np.equal.outer(codes, codes)
    likelihood = {}
    for prior in ("ml", "reml"):
        summary = fit(codes, y, variance, prior).summary_.iloc[0]
        covariance = np.diag(variance) + summary["between_sd"] ** 2 * same
        likelihood[prior] = multivariate_normal.logpdf(y, np.full(len(y), summary["prior_mean"]), covariance)
        if prior == "reml":  # what integrating the mean out leaves
            likelihood[prior] += np.log(2 * np.pi / np.linalg.inv(covariance).sum()) / 2
        assert summary["log_likelihood"] == pytest.approx(likelihood[prior], rel=1e-11)


@pytest.mark.parametrize("prior_scale", [1.0, 0.2])
@pytest.mark.parametrize("name", ["schools", "trials"])
def test_full_bayes_is_the_integral_over_the_spread(name, prior_scale):
    if name == "schools":
        codes, y, variance = np.arange(8), SCHOOLS[0], SCHOOLS[1] ** 2.0
    else:
        codes, y, variance = trials(np.random.default_rng(1), categories=4, rows=9)
    weight, means = totals(codes, y, variance)
    unit = prior_scale / np.sqrt((1 / variance).mean())

    def density(tau):
        w, _, apart = at(tau**2, weight, means)
        half_t = (1 + (tau / unit) ** 2 / 3) ** -2
        return half_t * np.exp((np.log(w).sum() - np.log(w.sum()) - (w * apart**2).sum()) / 2)

    def average(value):
        def integrand(tau):
            w, mean, _ = at(tau**2, weight, means)
            r = weight / (weight + 1 / tau**2)
            center = r * means + (1 - r) * mean
            return density(tau) * value(center, 1 / (weight + 1 / tau**2) + (1 - r) ** 2 / w.sum())[0]

        return sum(quad(integrand, *each, epsrel=1e-10)[0] for each in ((1e-12, 9 * unit), (9 * unit, np.inf)))

    whole = average(lambda center, spread: np.ones(1))
    mean = average(lambda center, spread: center) / whole
    square = average(lambda center, spread: center**2 + spread) / whole
    table = fit(codes, y, variance, "full_bayes", prior_scale=prior_scale).encoding_table(0).iloc[:-1]
    assert table["encoding"][0] == pytest.approx(mean, rel=1e-6)
    assert table["sd"][0] == pytest.approx(np.sqrt(square - mean**2), rel=1e-6)


@pytest.mark.parametrize("prior", PRIORS)
def test_noise_may_be_next_to_nothing(prior):
    y = 1e9 * np.random.default_rng(1).normal(size=50)
    encoder = fit(range(50), y, np.ones(50), prior, output=["mean", "sd"])
    mean, sd = encoder.transform(np.arange(51)[:, None]).T
    np.testing.assert_allclose(mean[:50], y, rtol=1e-9)
    np.testing.assert_allclose(sd[:50], 1.0, rtol=1e-6)
    assert sd[50] == pytest.approx(y.std(ddof=1), rel=0.1)


@pytest.mark.parametrize("prior", ["moments", "paule_mandel", "hedges"])
def test_moments_of_estimated_variances_are_those_of_known_ones(prior, table):
    X, y = table["X"][["shop"]], table["continuous"]
    estimated = EmpiricalBayesEncoder(None, prior=prior).fit(X, y)
    summary = estimated.summary_.iloc[0]
    weights = np.full(len(y), summary["within_sd"] ** -2)
    again = known(prior).fit(X, y, sample_weight=weights)
    assert summary["between_sd"] > 0
    assert again.summary_["between_sd"].item() == pytest.approx(summary["between_sd"], rel=1e-12)
    columns = ["mean", "encoding", "sd", "reliability"]
    np.testing.assert_allclose(again.encoding_table("shop")[columns], estimated.encoding_table("shop")[columns])


@pytest.mark.parametrize("prior", ["scale_mixture", "npmle"])
def test_robust_priors_leave_an_outlier_more_of_itself(prior):
    rng = np.random.default_rng(2)
    effect = np.append(rng.normal(size=199), 25.0)
    variance = rng.uniform(0.2, 2, 200)
    y = effect + np.sqrt(variance) * rng.normal(size=200)
    normal, robust = (fit(range(200), y, variance, each).encoding_table(0).iloc[:-1] for each in ("reml", prior))
    assert 25 - robust["encoding"].iloc[-1] < 25 - normal["encoding"].iloc[-1]
    error = [((each["encoding"] - effect) ** 2)[:199].mean() for each in (robust, normal)]
    assert error[0] < 1.02 * error[1]


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize(("shift", "scale"), [(100.0, 1.0), (0.0, 1000.0), (-3.0, 1e-5)])
def test_shift_and_scale_carry_through(prior, shift, scale):
    codes, y, variance = trials(np.random.default_rng(3))
    outputs = {"output": ["mean", "sd", "reliability"]}
    X = np.append(np.arange(9), 99)[:, None]
    plain = fit(codes, y, variance, prior, **outputs).transform(X)
    moved = fit(codes, shift + scale * y, scale**2 * variance, prior, **outputs).transform(X)
    expected = plain * [scale, scale, 1.0] + [shift, 0.0, 0.0]
    np.testing.assert_allclose(moved, expected, rtol=1e-7)


@pytest.mark.parametrize("prior", PRIORS)
def test_each_fold_is_brute_force_and_the_order_of_rows_does_not_matter(prior):
    rng = np.random.default_rng(4)
    codes, y, variance = trials(rng, rows=60)
    folds, X = rng.integers(0, 4, 60), codes[:, None]
    encoder = known(prior, cv=folds, output=["mean", "sd", "reliability", "count"])
    encoded = encoder.fit_transform(X, y, sample_weight=1 / variance)
    for fold in range(4):
        test = folds == fold
        alone = known(prior, output=encoder.output).fit(X[~test], y[~test], sample_weight=1 / variance[~test])
        np.testing.assert_allclose(encoded[test], alone.transform(X[test]), rtol=1e-9)
    order = rng.permutation(60)
    encoder.set_params(cv=folds[order])
    again = encoder.fit_transform(X[order], y[order], sample_weight=1 / variance[order])
    np.testing.assert_allclose(again, encoded[order], rtol=1e-9)


@pytest.mark.parametrize("prior", PRIORS)
@given(st.data())
def test_a_fold_s_own_targets_move_no_bit(prior, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    codes, y, variance = trials(rng, categories=4, rows=16)
    folds = rng.integers(0, 3, 16)
    changed = np.where(folds == 0, data.draw(st.sampled_from([0.0, 1e9, -1e-9])) + rng.normal(size=16), y)
    encoder = known(prior, cv=folds, output=["mean", "sd", "reliability"])
    before, after = (encoder.fit_transform(codes[:, None], each, sample_weight=1 / variance) for each in (y, changed))
    assert before[folds == 0].tobytes() == after[folds == 0].tobytes()
    assert (before != after).any()


@pytest.mark.parametrize("prior", [prior for prior in PRIORS if prior in METHODS])
def test_later_rows_do_not_reach_earlier_ones(prior):
    codes, y, variance = trials(np.random.default_rng(5))
    time = np.arange(40) // 2
    X = pd.DataFrame({"c": codes, "t": time})
    encoder = known(prior, cv=EarlierRows("t", half_life=9.0), output=["mean", "sd"])
    before, after = (
        encoder.fit_transform(X, each, sample_weight=1 / variance)[["c", "c_sd"]].to_numpy()
        for each in (y, np.where(time > 9, 7 * y, y))
    )
    assert before[time <= 10].tobytes() == after[time <= 10].tobytes()
    assert np.isfinite(before[2:]).all()  # the first rows have no past
    assert (before != after).any()


@pytest.mark.parametrize("prior", PRIORS)
def test_parts_merges_and_files_are_all_rows(prior):
    codes, y, variance = trials(np.random.default_rng(6))
    X, weights, keys = codes[:, None], 1 / variance, np.arange(40)
    encoder = known(prior, output=["mean", "sd"], cv=5)
    whole = known(prior, output=["mean", "sd"]).fit(X, y, sample_weight=weights)
    for rows in (slice(0, 15), slice(15, 40)):
        encoder.partial_fit(X[rows], y[rows], key=keys[rows], sample_weight=weights[rows])
    parts = [known(prior, output=["mean", "sd"]) for _ in range(2)]
    for part, rows in zip(parts, (slice(0, 15), slice(15, 40)), strict=True):
        part.fit(X[rows], y[rows], sample_weight=weights[rows])
    for each in (encoder, parts[0].merge(parts[1]), EmpiricalBayesEncoder.from_json(whole.to_json())):
        np.testing.assert_allclose(each.transform(X), whole.transform(X), rtol=1e-9)
        pd.testing.assert_frame_equal(each.summary_, whole.summary_, rtol=1e-9)
    folded = known(prior, output=["mean", "sd"], cv=5).fit_transform(X, y, sample_weight=weights, key=keys)
    np.testing.assert_allclose(encoder.transform_out_of_fold(X, keys), folded, rtol=1e-9)


@pytest.mark.parametrize("prior", PRIORS)
def test_lazy_tables_are_frames(prior):
    polars = pytest.importorskip("polars")
    codes, y, variance = trials(np.random.default_rng(7))
    frame = pd.DataFrame({"c": codes, "w": 1 / variance, "fold": np.arange(40) % 4, "y": y})
    encoder = EmpiricalBayesEncoder(
        ["c"], prior=prior, weight_type="inverse_variance", cv="fold", output=["mean", "sd"]
    )
    expected = encoder.fit_transform(frame, "y", sample_weight="w")
    summary = encoder.summary_
    lazy = polars.from_pandas(frame.assign(id=np.arange(40))).lazy()
    found = encoder.fit_transform(lazy, "y", sample_weight="w").collect().sort("id").to_pandas()
    np.testing.assert_allclose(found[["c", "c_sd"]], expected[["c", "c_sd"]], rtol=1e-8)
    pd.testing.assert_frame_equal(encoder.summary_, summary, rtol=1e-8)


def test_a_weight_of_zero_is_no_row():
    codes, y, variance = trials(np.random.default_rng(8))
    weights = np.where(np.arange(40) % 4, 1 / variance, 0.0)
    one = known().fit(codes[:, None], y, sample_weight=weights)
    other = known().fit(codes[weights > 0][:, None], y[weights > 0], sample_weight=weights[weights > 0])
    numbers = [each.summary_.select_dtypes("number").to_numpy() for each in (one, other)]
    np.testing.assert_allclose(*numbers, rtol=1e-12)


@pytest.mark.parametrize("prior", PRIORS)
def test_one_category_and_equal_results(prior):
    one = fit([0, 0], [1.0, 4.0], [1.0, 0.5], prior, output=["mean", "sd"])
    np.testing.assert_allclose(one.transform([[0], [1]])[:, 0], 3.0)
    assert np.isfinite(one.transform([[0], [1]])).all()
    same = fit([0, 1, 2], [0.1, 0.1, 0.1], [1.0, 0.5, 2.0], prior)
    np.testing.assert_allclose(same.transform([[0], [9]]), 0.1, rtol=1e-12)


def test_one_category_in_a_fold_has_no_scatter_but_rounding():
    """Outside the last fold there is one category, whose mean and that of all rows are summed in different orders."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        codes, folds = np.array([0] * 9 + [1, 2]), np.array([0, 1, 2, 3, 4, 5, 6, 6, 6, 7, 7])
        y, weights = 1e9 * rng.normal(size=11), rng.uniform(0.1, 3, 11)
        encoder = known("paule_mandel", cv=folds)
        encoded = encoder.fit_transform(codes[:, None], y, sample_weight=weights)
        np.testing.assert_allclose(encoded[9:, 0], np.average(y[:9], weights=weights[:9]), atol=1e-3)


def test_draws_have_the_sd_and_an_unseen_category_the_spread():
    y, variance = vaccine()
    encoder = fit(range(13), y, variance, output=["mean", "sd"])
    X = np.append(np.arange(13), 99)[:, None]
    draws = sample_encodings(encoder, X, n_draws=4000, random_state=0)[..., 0]
    np.testing.assert_allclose(draws.std(axis=0), encoder.transform(X)[:, 1], rtol=0.1)
    np.testing.assert_allclose(draws.mean(axis=0), encoder.transform(X)[:, 0], atol=0.05)


def test_a_prior_of_the_user_s_own_has_the_known_noise():
    y, variance = vaccine()
    encoder = fit(range(13), y, variance, lambda moments: (-0.5, 4.0), output=["mean", "sd"])
    summary = encoder.summary_.iloc[0]
    assert summary["within_sd"] == 1
    assert summary["between_sd"] == pytest.approx(np.sqrt(0.3088), rel=1e-4)  # by moments, as the strength is given
    r = 1 / variance / (1 / variance + 4)
    np.testing.assert_allclose(encoder.transform(np.arange(13)[:, None])[:, 0], r * y - (1 - r) * 0.5, rtol=1e-12)


def test_interactions_have_a_prior_of_their_own():
    codes, y, variance = trials(np.random.default_rng(9))
    X = np.column_stack([codes % 3, codes // 3])
    encoder = known(interactions="pairs", interaction_prior="own").fit(X, y, sample_weight=1 / variance)
    cells = encoder.encoding_table((0, 1)).iloc[:-1]["encoding"]
    np.testing.assert_allclose(np.sort(cells), np.sort(fit(codes, y, variance).encoding_table(0).iloc[:-1]["encoding"]))
    for prior in ("parts", "exact"):
        with pytest.raises(ValueError, match='interaction_prior="own"'):
            known(interactions="pairs", interaction_prior=prior).fit(X, y, sample_weight=1 / variance)


def test_what_known_variances_do_not_go_with(table):
    X, weights = table["X"], table["weights"] + 1
    with pytest.raises(ValueError, match="needs `sample_weight`"):
        known().fit(X, table["continuous"])
    for kind in ("binary", "multiclass", "count"):
        with pytest.raises(ValueError, match=f"y is read as {kind}"):
            known(target_type=kind).fit(X, table[kind], sample_weight=weights)
    for y in (table["multiclass"], table["binary"].astype(bool)):
        with pytest.raises(ValueError, match="goes with continuous targets"):
            known().fit(X, y, sample_weight=weights)
    with pytest.raises(ValueError, match="goes with continuous targets"):
        known().fit(X, table["count"], sample_weight=weights, exposure=weights)
    with pytest.raises(ValueError, match="normal family alone"):
        known(family="poisson").fit(X, table["count"], sample_weight=weights)
    with pytest.raises(ValueError, match="weight_type"):
        NestedEncoder(["city"], weight_type="inverse_variance").fit(X, table["continuous"], sample_weight=weights)
    with pytest.raises(ValueError, match="with y"):
        known().fit(X, table["continuous"], sample_weight=np.full(120, 1e-13))


def test_another_family_of_one_variance_does_not_go_with_known_ones(table, monkeypatch):
    class Other(Normal):
        name = "other"

    monkeypatch.setitem(FAMILIES, "other", Other())
    with pytest.raises(ValueError, match='not with family="other"'):
        known(family="other").fit(table["X"], table["continuous"], sample_weight=table["weights"] + 1)


@pytest.mark.parametrize("prior", ["paule_mandel", "hedges"])
def test_moments_of_meta_analyses_are_of_the_normal_family(prior, table):
    with pytest.raises(ValueError, match=f'prior="{prior}" goes with the normal family'):
        EmpiricalBayesEncoder(prior=prior).fit(table["X"], table["binary"])
    exact = EmpiricalBayesEncoder(None, prior=prior).fit([[0], [0], [1], [2]], [1.5, 1.5, 4.0, 5.0])
    assert exact.summary_["prior_strength"].item() == 0  # no noise within
    assert exact.summary_["between_sd"].item() == pytest.approx(np.std([1.5, 4, 5], ddof=1))
    each_one = EmpiricalBayesEncoder(None, prior=prior).fit([[0], [1], [2]], [1.5, 4.0, 5.5])
    assert np.isinf(each_one.summary_["prior_strength"].item())
