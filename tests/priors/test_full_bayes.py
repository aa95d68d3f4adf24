"""What comes out beside the mean, and how far it can be trusted: outputs, intervals, draws, full Bayes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ENCODERS
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from catpool import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder, sample_encodings

DATA = Path(__file__).parents[1] / "reference" / "data"
OUTPUTS = ("mean", "sd", "reliability", "count", "code")


@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
def test_outputs_are_named_and_out_of_fold(encoder_class, table, target_type):
    X, y, folds = table["X"], table[target_type], np.arange(120) % 3
    parameters = {"target_type": target_type, "output": OUTPUTS}
    encoder = encoder_class(["city"], cv=folds, **parameters)
    encoded = encoder.fit_transform(X, y)
    stems = ["city_low", "city_mid", "city_top"] if target_type == "multiclass" else ["city"]
    names = [stem + suffix for stem in stems for suffix in ("", "_sd", "_reliability")] + ["city_count", "city_code"]
    assert encoded.columns.tolist() == encoder.get_feature_names_out().tolist() == [*names, "shop"]
    for fold in range(3):
        test = folds == fold
        refitted = encoder_class(["city"], **parameters).fit(X[~test], y[~test]).transform(X[test])
        out_of_fold = [name for name in names if name != "city_code"]
        np.testing.assert_allclose(encoded.loc[test, out_of_fold], refitted[out_of_fold], rtol=1e-7)
    np.testing.assert_array_equal(encoded["city_code"], encoder.transform(X)["city_code"])


@pytest.mark.parametrize("output", [["sd"], "code", ("count", "mean"), ["reliability", "code", "sd"]])
def test_outputs_in_any_combination(encoder_class, table, output):
    X, y = table["X"], table["continuous"]
    whole = pd.DataFrame(
        encoder_class(output=OUTPUTS, random_state=0).set_output(transform="pandas").fit_transform(X, y)
    )
    encoder = encoder_class(output=output, random_state=0).set_output(transform="pandas")
    some = encoder.fit_transform(X, y)
    pd.testing.assert_frame_equal(some, whole[some.columns])
    assert set(encoder.transform(X).columns) == set(some.columns)
    wanted = [output] if isinstance(output, str) else output
    assert len(some.columns) == 2 * len(wanted)


@pytest.mark.parametrize("output", ["median", [], ["mean", "mean"], ["mean", "median"], 3])
def test_outputs_must_be_known(encoder_class, table, output):
    with pytest.raises(ValueError, match="output"):
        encoder_class(output=output).fit(table["X"], table["continuous"])


def test_codes_follow_the_order_of_the_categories():
    X = pd.DataFrame({"c": ["b", "a", "c", None, "a"]})
    encoder = MeanEncoder(output="code").fit(X, [1.5, 2, 3, 4, 5])
    new = pd.DataFrame({"c": ["a", "b", "c", None, "z"]})
    assert encoder.transform(new)[:, 0].tolist() == [0, 1, 2, -1, -2]


def test_counts_are_of_the_rows_that_the_encoding_rests_on(table):
    X, y = table["X"][["city"]], table["continuous"]
    counted = MeanEncoder(output="count", cv=TimeSeriesSplit(3))
    with pytest.warns(UserWarning, match="30 rows"):
        counts = counted.fit_transform(X, y, sample_weight=table["weights"])[:, 0]
    assert np.isnan(counts[:30]).all()
    city = X["city"].fillna("missing").to_numpy()
    for row in (40, 75, 119):
        past = np.arange(120) < row - row % 30
        assert counts[row] == table["weights"][past & (city == city[row])].sum()


def test_policies_hide_the_sd_with_the_mean():
    X, y = pd.DataFrame({"c": [*"aabb", None, None]}), np.arange(6.0) ** 1.3
    encoder = EmpiricalBayesEncoder(output=("mean", "sd"), unknown="nan", missing="nan", cv=[0, 1, 0, 1, 0, 1])
    assert np.isnan(encoder.fit_transform(X, y)).tolist() == [[False] * 2] * 4 + [[True] * 2] * 2
    assert np.isnan(encoder.transform(pd.DataFrame({"c": ["z", None]}))).all()


def simulated(rng, n_categories, ratio, family="normal"):
    """Truths, and rows, 1 + Poisson(4) a category."""
    rows = 1 + rng.poisson(4, n_categories)
    codes = np.repeat(np.arange(n_categories), rows)
    if family == "normal":
        truth = np.sqrt(ratio) * rng.normal(size=n_categories)
        return truth, codes[:, None], truth[codes] + rng.normal(size=len(codes))
    if family == "binomial":
        truth = rng.beta(0.3 / ratio, 0.7 / ratio, n_categories)
        return truth, codes[:, None], (rng.random(len(codes)) < truth[codes]).astype(int)
    truth = rng.gamma(2 / ratio, ratio, n_categories)
    return truth, codes[:, None], rng.poisson(truth[codes])


@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
def test_intervals_hold_the_truth_as_often_as_they_say(family):
    rng = np.random.default_rng(0)
    inside = {0.5: [], 0.9: []}
    for _ in range(20):
        truth, X, y = simulated(rng, 200, 0.25, family)
        encoder = EmpiricalBayesEncoder(family=family).fit(X, y)
        for level, hits in inside.items():
            table = encoder.encoding_table(0, level=level)
            hits.append(((table["lower"] <= truth) & (truth <= table["upper"])).mean())
    for level, hits in inside.items():
        assert np.mean(hits) == pytest.approx(level, abs=0.03)
    with pytest.raises(ValueError, match="between 0 and 1"):
        encoder.encoding_table(0, level=90)


def test_the_sd_of_each_encoder_is_its_own():
    rng = np.random.default_rng(1)
    truth, X, y = simulated(rng, 3000, 0.25)
    unseen = np.array([[-1]])
    for encoder in (MeanEncoder(), EmpiricalBayesEncoder(), SmoothedMeanEncoder(smoothing=4.0)):
        encoder.set_params(output=("mean", "sd")).fit(X, y)
        mean, sd = encoder.transform(np.arange(3000)[:, None]).T
        assert np.mean((mean - truth) ** 2) == pytest.approx(np.mean(sd**2), rel=0.1)
        assert encoder.transform(unseen)[0, 1] == pytest.approx(0.5, rel=0.1)


def test_exposure_makes_rates_of_counts(encoder_class, table):
    X = table["X"].assign(years=np.random.default_rng(0).uniform(0.1, 2, 120))
    y, folds = table["count"], np.arange(120) % 3
    encoder = encoder_class(["city"], target_type="count", cv=folds, remainder="drop")
    by_array = encoder.fit_transform(X, y, exposure=X["years"])
    np.testing.assert_array_equal(encoder.fit_transform(X, y, exposure="years"), by_array)
    test = folds == 1
    refitted = encoder_class(["city"], target_type="count", remainder="drop")
    refitted.fit(X[~test], y[~test], exposure="years")
    np.testing.assert_allclose(by_array[test], refitted.transform(X[test]), rtol=1e-7)
    plain = MeanEncoder(["city"], target_type="count", remainder="drop").fit(X, y, exposure="years")
    bonn = (X["city"] == "Bonn").to_numpy()
    assert plain.encoding_table("city").set_index("category")["mean"]["Bonn"] == pytest.approx(
        y[bonn].sum() / X["years"][bonn].sum()
    )
    assert not np.allclose(by_array, encoder.fit_transform(X, y))
    model = make_pipeline(encoder_class(["city"], target_type="count"), DecisionTreeRegressor())
    model.fit(X, y, **{f"{encoder_class.__name__.lower()}__exposure": "years"})


@pytest.mark.parametrize(
    ("exposure", "target_type", "message"),
    [
        ("miles", "count", "which X does not have"),
        (np.zeros(120), "count", "not zero"),
        (np.append(0, np.ones(119)), "count", "more than zero in each row"),
        (-np.ones(120), "count", "not negative"),
        (np.ones(119), "count", "one weight for each of the 120 rows"),
        (np.ones(120), "continuous", "goes with counts"),
    ],
)
def test_exposure_must_be_positive_and_go_with_counts(table, exposure, target_type, message):
    with pytest.raises(ValueError, match=message):
        MeanEncoder(target_type=target_type).fit(table["X"], table[target_type], exposure=exposure)


def test_precisions_are_weights_of_another_kind(table):
    X, y, weights = table["X"], table["continuous"], table["weights"] + 1
    folds = np.arange(120) % 3
    encoder = EmpiricalBayesEncoder(weight_type="precision", cv=folds)
    encoded = encoder.fit_transform(X, y, sample_weight=weights)
    scaled = EmpiricalBayesEncoder(weight_type="precision", cv=folds).fit_transform(X, y, sample_weight=7 * weights)
    np.testing.assert_allclose(encoded, scaled, rtol=1e-7)  # precisions are relative, frequencies are not
    frequencies = EmpiricalBayesEncoder(cv=folds).fit_transform(X, y, sample_weight=weights)
    assert not np.allclose(encoded, frequencies, rtol=1e-3)
    test = folds == 0
    refitted = EmpiricalBayesEncoder(weight_type="precision").fit(X[~test], y[~test], sample_weight=weights[~test])
    np.testing.assert_allclose(encoded[test], refitted.transform(X[test]), rtol=1e-7)
    with pytest.raises(ValueError, match="normal family alone"):
        EmpiricalBayesEncoder(weight_type="precision").fit(X, table["binary"], sample_weight=weights)


def schools():
    """Rows of eight schools whose means and standard errors are the published ones (Rubin 1981)."""
    means, errors = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
    rows = [2 * round(1800 / error**2) for error in errors]
    codes = np.repeat(np.arange(8), rows)
    y = np.repeat(np.array(means, dtype=float), rows) + 60.0 * np.where(np.arange(len(codes)) % 2, 1, -1)
    return codes, y


def brute_force(codes, y, scale):
    """Posterior mean and sd of each category, by summing over mean, sigma and theta."""
    groups = [y[codes == code] for code in np.unique(codes)]
    n, m = np.array([len(g) for g in groups]), np.array([g.mean() for g in groups])
    within, sd = sum(((g - g.mean()) ** 2).sum() for g in groups), y.std()
    theta = np.geomspace(1e-5, 60, 180)[:, None, None]
    sigma = sd * np.exp(np.linspace(-1.6, 1.6, 90))[None, :, None]
    mu = y.mean() + sd * np.linspace(-6, 6, 141)[None, None, :]
    height = np.log(theta) - 2 * np.log1p((theta / scale) ** 2 / 3)
    height = height - np.log(sigma) * (len(y) - len(n)) - within / 2 / sigma**2
    for size, mean in zip(n, m, strict=True):
        variance = sigma**2 * (1 / size + theta**2)
        height = height - 0.5 * np.log(variance) - (mean - mu) ** 2 / 2 / variance
    p = np.exp(height - height.max())
    p /= p.sum()
    result = []
    for size, mean in zip(n, m, strict=True):
        trust = size / (size + theta**-2)
        center, variance = trust * mean + (1 - trust) * mu, sigma**2 / (size + theta**-2)
        average = (p * center).sum()
        result.append((average, np.sqrt((p * (variance + (center - average) ** 2)).sum())))
    return np.array(result)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 0.2])
@pytest.mark.parametrize("name", ["sleepstudy", "Dyestuff", "Dyestuff2", "schools"])
def test_full_bayes_is_the_integral_over_three_dimensions(name, scale):
    if name == "schools":
        codes, y = schools()
    else:
        data = pd.read_csv(DATA / f"{name}.csv")
        factor, response = {"sleepstudy": ("Subject", "Reaction")}.get(name, ("Batch", "Yield"))
        codes, y = pd.factorize(data[factor], sort=True)[0], data[response].to_numpy(dtype=float)
    encoder = EmpiricalBayesEncoder(prior="full_bayes", prior_scale=scale, target_type="continuous")
    table = encoder.fit(codes[:, None], y).encoding_table(0)
    expected = brute_force(codes, y, scale)
    np.testing.assert_allclose(table["encoding"], expected[:, 0], rtol=1e-3)
    np.testing.assert_allclose(table["sd"], expected[:, 1], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("n_categories", [4, 10, 50])
@pytest.mark.parametrize("ratio", [0.05, 0.25, 1.0])
def test_full_bayes_covers_where_there_are_few_categories(n_categories, ratio):
    rng = np.random.default_rng(2)
    hits = []
    for _ in range(1200 // n_categories + 100):
        truth, X, y = simulated(rng, n_categories, ratio)
        table = EmpiricalBayesEncoder(prior="full_bayes").fit(X, y).encoding_table(0, level=0.9)
        hits.append(((table["lower"] <= truth) & (truth <= table["upper"])).mean())
    assert 0.85 <= np.mean(hits) <= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
def test_full_bayes_is_out_of_fold_and_close_to_the_fit_where_there_is_much_data(target_type, table):
    X, y, folds = table["X"], table[target_type], np.arange(120) % 3
    parameters = {"prior": "full_bayes", "target_type": target_type, "output": ("mean", "sd", "reliability")}
    encoded = EmpiricalBayesEncoder(cv=folds, **parameters).fit_transform(X, y)
    assert np.isfinite(encoded).all()
    test = folds == 2
    refitted = EmpiricalBayesEncoder(**parameters).fit(X[~test], y[~test])
    np.testing.assert_allclose(encoded[test], refitted.transform(X[test]), rtol=1e-6)
    if target_type == "multiclass":
        np.testing.assert_allclose(encoded[:, :9:3].sum(axis=1), 1, rtol=1e-9)


@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
def test_full_bayes_approaches_the_likeliest_prior(family):
    truth, X, y = simulated(np.random.default_rng(3), 4000, 0.25, family)
    fixed, averaged = (EmpiricalBayesEncoder(prior=prior, family=family).fit(X, y) for prior in ("reml", "full_bayes"))
    assert averaged.summary_["prior_strength"].item() == pytest.approx(
        fixed.summary_["prior_strength"].item(), rel=0.05
    )
    one, other = (encoder.encoding_table(0) for encoder in (fixed, averaged))
    np.testing.assert_allclose(other["encoding"], one["encoding"], atol=0.02 * truth.std())
    np.testing.assert_allclose(other["sd"], one["sd"], rtol=0.05)


def test_the_scale_of_the_prior_matters_where_there_are_few_categories():
    _, X, y = simulated(np.random.default_rng(4), 4, 0.05)
    strengths = [
        EmpiricalBayesEncoder(prior="full_bayes", prior_scale=scale).fit(X, y).summary_["prior_strength"].item()
        for scale in (0.1, 1.0, 10.0)
    ]
    assert strengths[0] > 1.5 * strengths[1] > 1.5 * strengths[2]
    with pytest.raises(ValueError, match="prior_scale"):
        EmpiricalBayesEncoder(prior_scale=0).fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
@pytest.mark.parametrize("prior", ["reml", "full_bayes"])
def test_draws_have_the_posterior_s_mean_and_sd(target_type, prior, table):
    X, y = table["X"][["city"]], table[target_type]
    encoder = EmpiricalBayesEncoder(target_type=target_type, prior=prior, output=("mean", "sd")).fit(X, y)
    cities = pd.DataFrame({"city": ["Bonn", "Kiel", "Jena", None]})
    draws = sample_encodings(encoder, cities, n_draws=4000, random_state=0)
    mean, sd = (encoder.transform(cities)[:, start::2] for start in (0, 1))
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * sd.max() / np.sqrt(4000))
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.12)
    if target_type == "multiclass":
        np.testing.assert_allclose(draws.sum(axis=2), 1)


def test_draws_are_reproducible_and_share_a_category_s_value(table):
    X, y = table["X"], table["continuous"]
    for encoder in (encoder() for encoder in ENCODERS.values()):
        encoder.fit(X, y)
        draws = sample_encodings(encoder, X, n_draws=3, random_state=1)
        assert draws.shape == (3, 120, 2)
        np.testing.assert_array_equal(draws, sample_encodings(encoder, X, n_draws=3, random_state=1))
        assert not np.allclose(draws, sample_encodings(encoder, X, n_draws=3, random_state=2))
        bonn = (X["city"] == "Bonn").to_numpy()
        assert np.ptp(draws[:, bonn, 0], axis=1).max() == 0
        assert np.isfinite(sample_encodings(encoder, X.assign(shop=-5), n_draws=2)).all()
    with pytest.raises(ValueError, match="at least 1"):
        sample_encodings(encoder, X, n_draws=0)


def test_draws_of_pure_categories_are_zeros_and_ones():
    X, y = np.repeat(np.arange(6), 3)[:, None], np.repeat([0, 1, 0, 1, 0, 0], 3)
    draws = sample_encodings(EmpiricalBayesEncoder().fit(X, y), [[0], [1], [99]], 3000, random_state=0)[:, :, 0]
    assert draws[:, 0].max() < 1e-6
    assert draws[:, 1].min() > 1 - 1e-6
    assert draws[:, 2].mean() == pytest.approx(1 / 3, abs=0.03)


def test_draws_stay_where_the_target_is():
    X = np.repeat([0, 1], 2)[:, None]
    shares = sample_encodings(EmpiricalBayesEncoder().fit(X, [0, 1, 0, 1]), X, 2000, random_state=0)
    assert 0 <= shares.min() < shares.max() <= 1
    counts = sample_encodings(EmpiricalBayesEncoder(target_type="count").fit(X, [0, 1, 0, 1]), X, 2000, random_state=0)
    assert counts.min() >= 0


def test_the_sd_of_a_share_is_no_more_than_that_of_zeros_and_ones():
    X, y = np.repeat(np.arange(4), 6)[:, None], np.tile([0, 1], 12)
    encoder = EmpiricalBayesEncoder(output="sd").fit(X, y, sample_weight=np.full(24, 1e-3))
    assert encoder.transform(X).max() <= 0.5


def test_full_bayes_of_a_constant_and_of_an_absent_class():
    rng = np.random.default_rng(199)
    X, weights = rng.integers(3, size=12)[:, None], rng.gamma(1, size=12) + 0.01
    encoder = EmpiricalBayesEncoder(prior="full_bayes", cv=6, random_state=0)
    np.testing.assert_allclose(encoder.fit_transform(X, np.full(12, 0.1), sample_weight=weights), 0.1)
    classes = EmpiricalBayesEncoder(prior="full_bayes", cv=[0] * 6 + [1] * 6)
    X = np.array(list("aabbaabbabab"), dtype=object)[:, None]
    encoded = classes.fit_transform(X, [0, 1, 2, 1, 0, 0, 1, 1, 0, 1, 0, 0], sample_weight=[1, 1, 0] + [1] * 9)
    assert np.isfinite(encoded).all()
    assert classes.summary_["prior_strength"].nunique() == 1


def test_full_bayes_does_not_depend_on_units():
    rng = np.random.default_rng(0)
    X, y = np.repeat(np.arange(4), 6)[:, None], rng.normal(size=24) + np.repeat([0, 1, 2, 3], 6)
    counts = rng.poisson(np.repeat([2, 4, 8, 16], 6))
    normal, rates = [], []
    for unit in (1e-6, 1.0, 1e6):
        encoder = EmpiricalBayesEncoder(prior="full_bayes", weight_type="precision")
        normal.append(encoder.fit(X, y, sample_weight=np.full(24, unit)).transform(X))
        encoder = EmpiricalBayesEncoder(prior="full_bayes", target_type="count")
        rates.append(unit * encoder.fit(X, counts, exposure=np.full(24, unit)).transform(X))
    for results in (normal, rates):
        np.testing.assert_allclose(results[0], results[1], rtol=1e-6)
        np.testing.assert_allclose(results[2], results[1], rtol=1e-6)


@pytest.mark.parametrize("prior", ["moments", "reml"])
def test_the_sd_of_a_rate_of_an_only_category_is_out_of_fold(prior):
    exposure, y = np.array([1.354, 3.9, 0.695, 0.787, 0.767, 1.555]), np.array([1, 0, 2, 0, 1, 0])
    X, folds = np.zeros((6, 1)), np.arange(6) % 3
    parameters = {"prior": prior, "target_type": "count", "output": ["mean", "sd"]}
    encoded = EmpiricalBayesEncoder(cv=folds, **parameters).fit_transform(X, y, exposure=exposure)
    for fold in range(3):
        test = folds == fold
        refitted = EmpiricalBayesEncoder(**parameters).fit(X[~test], y[~test], exposure=exposure[~test])
        np.testing.assert_allclose(encoded[test], refitted.transform(X[test]), rtol=1e-9)
