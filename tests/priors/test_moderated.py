"""Variances of categories that are shrunk to each other: likelihoods, brute force, the truth, and the laws."""

import runpy
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.sums import check_lazy_tables, check_parts_merges_and_files
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import f, norm, t
from sklearn.base import clone
from sklearn.model_selection import TimeSeriesSplit

from catpool import EarlierRows, EmpiricalBayesEncoder, sample_encodings
from catpool.moments.moments import Moments, merge_scatters
from catpool.moments.outside import scatter_of_others
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.normal import Normal

PRIORS = ["auto", "reml", "ml", "moments", "paule_mandel", "hedges", "full_bayes", "scale_mixture", "npmle"]
EVERYTHING = ["mean", "sd", "reliability", "count", "size"]
BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "unequal_noise.py"


def moderated(prior="reml", columns=None, **parameters):
    return EmpiricalBayesEncoder(columns, prior=prior, within="moderated", **parameters)


def noisy(rng, categories=12, rows=150):
    """Codes and a target of categories whose standard deviations lie between 0.3 and 3."""
    codes = np.append(np.arange(categories), rng.integers(0, categories - 1, rows - categories))  # the last has one row
    sd = np.exp(rng.uniform(np.log(0.3), np.log(3), categories))
    return codes, 5 + rng.normal(size=categories)[codes] + sd[codes] * rng.normal(size=rows)


def squares(codes, y):
    """The count, the mean and the scatter of each category."""
    table = pd.DataFrame({"code": codes, "y": y}).groupby("code")["y"]
    return table.count().to_numpy(), table.mean().to_numpy(), table.var(ddof=0).to_numpy() * table.count().to_numpy()


def fitted_variances(encoder, column=0):
    prior = encoder.tables_[column].encodings[0].prior
    return float(prior.within), float(prior.within_freedom)


@pytest.mark.parametrize("seed", range(4))
def test_the_variances_are_the_likeliest_and_their_posterior_mean_counts(seed):
    codes, y = noisy(np.random.default_rng(seed))
    count, _, scatter = squares(codes, y)
    some = count > 1

    def unlikely(parameters):
        typical, strength = np.exp(parameters)
        freedom = count[some] - 1
        return -(f.logpdf(scatter[some] / freedom / typical, freedom, strength) - np.log(typical)).sum()

    encoder = moderated().fit(codes[:, None], y)
    within, freedom = fitted_variances(encoder)
    answer = minimize(unlikely, [0.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    typical, strength = np.exp(answer.x)
    assert freedom == pytest.approx(strength, rel=1e-6)
    prior = max(strength - 2, strength / 8)
    assert within == pytest.approx(strength * typical / prior, rel=1e-6)
    table = encoder.encoding_table(0).iloc[:-1]
    both = freedom + count - 1
    own = (prior * within + scatter) / np.maximum(both - 2, both / 8)
    np.testing.assert_allclose(table["within_sd"], np.sqrt(own), rtol=1e-6)
    assert table["within_sd"].iloc[-1] == encoder.summary_["within_sd"].item() == np.sqrt(within)


@pytest.mark.parametrize("prior", ["moments", "paule_mandel", "hedges", "npmle"])
def test_categories_are_those_of_known_variances(prior):
    codes, y = noisy(np.random.default_rng(3))
    encoder = moderated(prior, output=["mean", "sd", "reliability"]).fit(codes[:, None], y)
    variance = encoder.encoding_table(0).iloc[:-1]["within_sd"].to_numpy() ** 2
    known = EmpiricalBayesEncoder(None, prior=prior, weight_type="inverse_variance", output=encoder.output)
    known.fit(codes[:, None], y, sample_weight=1 / variance[codes])
    X = np.arange(13)[:, None]
    np.testing.assert_allclose(encoder.transform(X), known.transform(X), rtol=1e-8)
    one, other = encoder.summary_.iloc[0], known.summary_.iloc[0]
    assert one["between_sd"] == pytest.approx(other["between_sd"], rel=1e-8)
    assert one["prior_strength"] == pytest.approx(other["prior_strength"] * one["within_sd"] ** 2, rel=1e-8)
    assert np.isnan(one["log_likelihood"])


@pytest.mark.parametrize("prior", ["reml", "ml"])
def test_categories_are_pulled_in_by_the_variance_of_their_own(prior):
    codes, y = noisy(np.random.default_rng(3))
    encoder = moderated(prior, output=["mean", "sd", "reliability"]).fit(codes[:, None], y)
    table, summary = encoder.encoding_table(0).iloc[:-1], encoder.summary_.iloc[0]
    noise, between = table["within_sd"] ** 2 / table["count"], summary["between_sd"] ** 2
    trust = between / (between + noise)
    error = 1 / (1 / (between + noise)).sum()
    expected = [
        trust * table["mean"] + (1 - trust) * summary["prior_mean"],
        np.sqrt(trust * noise + (1 - trust) ** 2 * error),
        trust,
    ]
    np.testing.assert_allclose(encoder.transform(np.arange(12)[:, None]), np.column_stack(expected), rtol=1e-8)
    assert summary["prior_strength"] == pytest.approx(summary["within_sd"] ** 2 / between, rel=1e-8)
    assert np.isnan(summary["log_likelihood"])


@pytest.mark.parametrize("prior", PRIORS)
def test_each_fold_is_brute_force_and_the_order_of_rows_does_not_matter(prior):
    rng = np.random.default_rng(4)
    codes, y = noisy(rng)
    X, folds = codes[:, None], rng.integers(0, 4, 150)
    weights = rng.integers(0, 3, 150)
    encoder = moderated(prior, cv=folds, output=EVERYTHING)
    for given_weights in (None, weights):
        encoded = encoder.set_params(cv=folds).fit_transform(X, y, sample_weight=given_weights)
        for fold in range(4):
            test = folds == fold
            own = None if given_weights is None else given_weights[~test]
            alone = moderated(prior, output=EVERYTHING).fit(X[~test], y[~test], sample_weight=own)
            np.testing.assert_allclose(encoded[test, :4], alone.transform(X[test])[:, :4], rtol=1e-8)
        order = rng.permutation(150)
        encoder.set_params(cv=folds[order])
        own = None if given_weights is None else given_weights[order]
        again = encoder.fit_transform(X[order], y[order], sample_weight=own)
        np.testing.assert_allclose(again, encoded[order], rtol=1e-8)


def test_a_weight_of_two_is_two_rows():
    codes, y = noisy(np.random.default_rng(5))
    weights = np.random.default_rng(5).integers(0, 3, 150)
    one = moderated(output=EVERYTHING).fit(codes[:, None], y, sample_weight=weights)
    other = moderated(output=EVERYTHING).fit(np.repeat(codes, weights)[:, None], np.repeat(y, weights))
    np.testing.assert_allclose(one.transform(codes[:, None]), other.transform(codes[:, None]), rtol=1e-8)


@pytest.mark.parametrize("prior", PRIORS)
@settings(max_examples=8)
@given(st.data())
def test_a_fold_s_own_targets_move_no_bit(prior, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    codes, y = noisy(rng, categories=4, rows=24)
    folds = rng.integers(0, 3, 24)
    changed = np.where(folds == 0, data.draw(st.sampled_from([0.0, 1e9, 1e-9])) * rng.normal(size=24), y)
    X = np.column_stack([codes, rng.integers(0, 3, 24)])
    encoder = moderated(prior, cv=folds, output=["mean", "sd", "reliability"])
    before, after = (encoder.fit_transform(X, each) for each in (y, changed))
    assert before[folds == 0].tobytes() == after[folds == 0].tobytes()
    assert (before != after).any()


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize(("shift", "scale"), [(1e6, 1.0), (-3.0, 1e-5), (0.0, 1e80), (0.0, 1e-80)])
def test_shift_and_scale_carry_through(prior, shift, scale):
    codes, y = noisy(np.random.default_rng(6))
    X, outputs = np.arange(13)[:, None], {"output": ["mean", "sd", "reliability"]}
    plain = moderated(prior, **outputs).fit(codes[:, None], y).transform(X)
    moved = moderated(prior, **outputs).fit(codes[:, None], shift + scale * y).transform(X)
    np.testing.assert_allclose(moved, plain * [scale, scale, 1.0] + [shift, 0.0, 0.0], rtol=1e-6)


@pytest.mark.parametrize("prior", PRIORS)
def test_parts_merges_and_files_are_all_rows(prior):
    check_parts_merges_and_files(partial(moderated, prior), *noisy(np.random.default_rng(7)))


@pytest.mark.parametrize("prior", PRIORS)
def test_lazy_tables_are_frames(prior):
    check_lazy_tables(partial(moderated, prior), *noisy(np.random.default_rng(8)))


def test_small_columns_are_learned_together_and_outputs_by_themselves(table):
    y = np.column_stack([table["continuous"], table["count"]])
    encoder = moderated(cv=3, random_state=0, remainder="drop", target_type="continuous", columns=["city", "shop"])
    together = encoder.fit_transform(table["X"], y)
    for column in ("city", "shop"):
        for output, own in enumerate(y.T):
            alone = clone(encoder).set_params(columns=[column])
            found = alone.fit_transform(table["X"], own)
            expected = together[[name for name in together.columns if name.startswith(column)]].iloc[:, output]
            np.testing.assert_allclose(found[column], expected, rtol=1e-9)


def test_draws_have_the_sd_of_their_category():
    codes, y = noisy(np.random.default_rng(9))
    for prior in ("reml", "full_bayes", "scale_mixture"):
        encoder = moderated(prior, output=["mean", "sd"]).fit(codes[:, None], y)
        X = np.arange(13)[:, None]
        draws = sample_encodings(encoder, X, n_draws=1500, random_state=0)[..., 0]
        mean, sd = encoder.transform(X).T
        np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.12)
        np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.12 * sd.max())


@pytest.mark.parametrize("prior", PRIORS)
def test_data_without_variances_is_that_of_one_variance(prior):
    for codes, y in (
        ([0, 1, 2, 3], [1.5, 2.0, 4.5, 7.0]),  # one row each
        ([0, 0, 1, 1, 2], [1.5, 1.5, 4.0, 4.0, 9.0]),  # no noise
        ([0, 0, 1, 1, 2], [0.1] * 5),
        ([0, 0], [1.5, 3.0]),
    ):
        X = np.array(codes)[:, None]
        pooled = EmpiricalBayesEncoder(None, prior="reml", output=["mean", "sd"]).fit(X, y)
        own = moderated(prior, output=["mean", "sd"]).fit(X, y)
        if len(set(codes)) > 1:
            np.testing.assert_allclose(own.transform([[0], [1], [9]]), pooled.transform([[0], [1], [9]]), rtol=1e-9)
        assert np.isfinite(own.transform([[0], [9]])).all()


def test_a_category_of_equal_rows_is_no_point():
    """Ratings: most categories of two rows have none or some scatter, and the likelihood must not find a pole."""
    rng = np.random.default_rng(10)
    codes = np.repeat(np.arange(100), 2 + rng.poisson(2, 100))
    y = rng.integers(1, 6, len(codes)).astype(float)
    encoder = moderated(target_type="continuous", output=["mean", "sd"]).fit(codes[:, None], y)
    within, freedom = fitted_variances(encoder)
    assert freedom > 2
    assert 0.5 * y.var() < within < 2 * y.var()
    assert np.isfinite(encoder.transform(codes[:, None])).all()


def test_equal_variances_are_pooled():
    rng = np.random.default_rng(12)
    codes = np.repeat(np.arange(200), 20)
    y = rng.normal(size=200)[codes] + rng.normal(size=4000)
    pooled = EmpiricalBayesEncoder(None).fit(codes[:, None], y)
    own = moderated().fit(codes[:, None], y)
    assert fitted_variances(own)[1] > 100
    np.testing.assert_allclose(own.summary_["within_sd"], pooled.summary_["within_sd"], rtol=0.01)
    np.testing.assert_allclose(own.transform(codes[:, None]), pooled.transform(codes[:, None]), atol=0.02)


@pytest.mark.slow
def test_unequal_noise_costs_next_to_nothing():
    measure = runpy.run_path(str(BENCHMARK))["measure"]
    unequal, equal, small = measure(100, 20, 300, 20), measure(1, 20, 300, 20), measure(100, 3, 300, 20)
    assert unequal["moderated"] <= 1.05 < 1.2 < unequal["pooled"]
    assert equal["moderated"] <= 1.005 * equal["pooled"]
    assert small["moderated"] < 0.92 * small["pooled"]


def test_intervals_cover_noisy_and_quiet_categories_alike():
    rng = np.random.default_rng(13)
    variance = np.exp(np.log(100) * (rng.random(2000) - 0.5))
    truth, codes = rng.normal(size=2000), np.repeat(np.arange(2000), 10)
    y = truth[codes] + np.sqrt(variance)[codes] * rng.normal(size=20_000)
    errors = {}
    for within in ("pooled", "moderated"):
        table = (
            EmpiricalBayesEncoder(None, within=within).fit(codes[:, None], y).encoding_table(0, interval=0.9).iloc[:-1]
        )
        hit = (table["lower"] <= truth) & (truth <= table["upper"])
        errors[within] = [abs(hit[some].mean() - 0.9) for some in (variance < 0.3, variance > 3)]
    # t distributions are wide enough for noisy categories, and so a little too wide for quiet ones
    assert errors["moderated"][0] < 0.08
    assert errors["moderated"][1] < 0.02
    assert max(errors["pooled"]) > 0.15


@pytest.mark.parametrize(("ratio", "rows"), [(2, 3), (2, 20), (0.5, 5), (0.5, 20)])
def test_intervals_know_that_variances_are_uncertain(ratio, rows):
    hits, normal, noisy = [], [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        variance = np.exp(np.log(100) * (rng.random(1000) - 0.5))
        truth, codes = np.sqrt(ratio) * rng.normal(size=1000), np.repeat(np.arange(1000), rows)
        y = truth[codes] + np.sqrt(variance)[codes] * rng.normal(size=1000 * rows)
        table = moderated().fit(codes[:, None], y).encoding_table(0, interval=0.9)
        table = table[table["count"] > 0]
        hits.append((table["lower"] <= truth) & (truth <= table["upper"]))
        normal.append(np.abs(table["encoding"] - truth) <= norm.ppf(0.95) * table["sd"])
        noisy.append(variance > 3)
    hits, normal, noisy = (np.concatenate(each) for each in (hits, normal, noisy))
    assert 0.88 < hits.mean() < 0.95
    assert hits[noisy].mean() > normal[noisy].mean() + 0.003
    assert hits[noisy].mean() > 0.82


@pytest.mark.parametrize(
    ("categories", "rows", "ratio", "least"),
    [(300, 2, 0.02, 0.9), (300, 2, 0.1, 0.85), (1000, 2, 0.1, 0.88), (1000, 3, 0.02, 0.8)],
)
def test_a_variance_between_many_categories_that_noise_hides_is_found(categories, rows, ratio, least):
    """Where variances within were taken for known, it was too small or zero, and intervals held .2 to .8."""
    hits = {"auto": [], "reml": []}
    for seed in range(4):
        rng = np.random.default_rng(seed)
        variance = np.exp(np.log(100) * (rng.random(categories) - 0.5))
        truth, codes = np.sqrt(ratio) * rng.normal(size=categories), np.repeat(np.arange(categories), rows)
        y = truth[codes] + np.sqrt(variance)[codes] * rng.normal(size=categories * rows)
        for prior, own in hits.items():
            table = moderated(prior).fit(codes[:, None], y).encoding_table(0, interval=0.9)
            table = table[table["count"] > 0]
            own.append(((table["lower"] <= truth) & (truth <= table["upper"])).mean())
    assert np.mean(hits["auto"]) > least
    assert np.mean(hits["reml"]) > least - 0.1


def test_a_variance_between_many_categories_that_is_well_known_is_not_averaged_over():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(300), 20)
    y = rng.normal(size=300)[codes] + rng.normal(size=6000)
    for prior, components in (("auto", False), ("full_bayes", True)):
        (encoding,) = moderated(prior).fit(codes[:, None], y).tables_[0].encodings
        assert (encoding.prior.components is not None) == components


def test_an_interval_is_that_of_a_t_distribution():
    codes, y = noisy(np.random.default_rng(15))
    encoder = moderated().fit(codes[:, None], y)
    table, (_, freedom) = encoder.encoding_table(0, interval=0.8), fitted_variances(encoder)
    table = table[table["count"] > 0]
    own = (freedom + table["count"] - 1) / table["reliability"] ** 2
    half = t.ppf(0.9, own) * table["sd"]
    np.testing.assert_allclose(table["upper"] - table["encoding"], half, rtol=1e-6)
    np.testing.assert_allclose(table["encoding"] - table["lower"], half, rtol=1e-6)
    assert (half > norm.ppf(0.9) * table["sd"]).all()


def test_the_scatter_of_other_parts_is_that_of_their_rows():
    rng = np.random.default_rng(14)
    codes, parts, y = rng.integers(0, 4, 200), rng.integers(0, 5, 200), 1e6 + rng.normal(size=200)
    cells = [[y[(parts == part) & (codes == code)] for code in range(4)] for part in range(5)]
    count, total, scatter = (
        np.array([[function(cell) for cell in row] for row in cells])
        for function in (len, np.sum, lambda cell: len(cell) * cell.var())
    )
    moments = Moments(count, total, np.zeros(5), scatters=scatter)
    outside = scatter_of_others(moments)
    for part in range(5):
        rest = [y[(parts != part) & (codes == code)] for code in range(4)]
        np.testing.assert_allclose(outside[part], [len(each) * each.var() for each in rest], rtol=1e-6)
    merged = merge_scatters(count, scatter, moments.category_means)
    np.testing.assert_allclose(merged[1], [len(each) * each.var() for each in (y[codes == k] for k in range(4))])
    np.testing.assert_allclose(moments.divide(np.full(5, 2.0)).scatters, scatter / 4)


@pytest.mark.parametrize("options", [{"crossfit": "rare", "crossfit_reliability": 0.5}, {"output": "trees"}])
@pytest.mark.parametrize("cv", [4, TimeSeriesSplit(3)], ids=["folds", "past"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_other_options_work(cv, options, table):
    if cv != 4 and "crossfit" in options:
        return
    X, y = table["X"].astype({"shop": object}), table["continuous"]
    found = []
    for within in ("pooled", "moderated"):
        encoder = EmpiricalBayesEncoder(prior="reml", within=within, cv=cv, random_state=0, **options)
        found.append(encoder.fit_transform(X, y).to_numpy(dtype=float)[90:])
        if cv != 4:
            alone = clone(encoder).fit(X[:90], y[:90]).transform(X[90:])
            np.testing.assert_allclose(found[-1][:, 0], alone.iloc[:, 0], rtol=1e-9)
    assert np.isfinite(found[1]).all()
    assert not np.allclose(*found)


def test_rows_from_before_must_have_been_summed_for_it(table):
    X, y = table["X"], table["continuous"]
    encoder = EmpiricalBayesEncoder().partial_fit(X, y).set_params(within="moderated")
    with pytest.raises(ValueError, match="before the first part"):
        encoder.partial_fit(X, y)
    moderated_first = moderated().partial_fit(X, y).set_params(within="pooled").partial_fit(X, y)
    twice = EmpiricalBayesEncoder(None, prior="reml").fit(pd.concat([X, X]), np.tile(y, 2))
    np.testing.assert_allclose(moderated_first.transform(X), twice.transform(X), rtol=1e-9)


def test_what_moderated_variances_do_not_go_with(table, monkeypatch):
    X, y, weights = table["X"], table["continuous"], table["weights"] + 1
    for weight_type in ("precision", "inverse_variance"):
        with pytest.raises(ValueError, match="weights must be frequencies"):
            moderated(weight_type=weight_type).fit(X, y, sample_weight=weights)
    with pytest.raises(ValueError, match="needs a prior by name"):
        moderated(lambda moments: (0.0, 1.0)).fit(X, y)
    with pytest.raises(ValueError, match="EarlierRows"):
        moderated(cv=EarlierRows("t")).fit_transform(X.assign(t=np.arange(120)), y)
    for kind in ("binary", "multiclass", "count"):
        with pytest.raises(ValueError, match='within="moderated" goes with the normal family alone'):
            moderated(target_type=kind).fit(X, table[kind])
    for prior in ("parts", "exact"):
        with pytest.raises(ValueError, match='interaction_prior="own"'):
            moderated(interactions="pairs", interaction_prior=prior).fit(X, y)
    crossed = moderated(interactions="pairs", interaction_prior="own").fit(X, y)
    assert "within_sd" in crossed.encoding_table(("city", "shop"))

    class Other(Normal):
        name = "other"

    monkeypatch.setitem(FAMILIES, "other", Other())
    with pytest.raises(ValueError, match='not with family="other"'):
        moderated(family="other").fit(X, y)
