"""Effects that drift: by dense matrices, from the past alone, and with what else encoders do."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars
import pytest
from helpers.dense_drift import Rows, Variances, expected, log_likelihood, prior_mean
from helpers.later_rows import as_kind, changes
from sklearn.exceptions import ConvergenceWarning

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder, sample_encodings
from catpool.explain import SignalDisplay

AUTO = EarlierRows("day", drift="auto")
OUTPUTS = ["mean", "sd", "reliability", "count"]


@pytest.fixture(scope="module")
def sales():
    """Shops whose means drift, and cities whose means stay."""
    rng = np.random.default_rng(0)
    n = 300
    X = pd.DataFrame({"shop": rng.choice(list("abcdef"), n), "city": rng.choice(list("uvw"), n)})
    X["day"] = np.sort(rng.integers(0, 150, n)).astype(float)
    X.loc[:100, "shop"] = X.loc[:100, "shop"].replace("f", "a")  # a shop that comes later
    phase = X["shop"].map(dict(zip("abcdef", range(6), strict=True)))
    y = 3 * np.sin(X["day"] / 15 + phase) + X["city"].map({"u": 0.0, "v": 1.0, "w": 2.0}) + rng.normal(size=n)
    return X, y.to_numpy()


def encoder_of(columns=("shop",), cv=AUTO, **parameters):
    return EmpiricalBayesEncoder(list(columns), cv=cv, **{"output": OUTPUTS, "remainder": "drop", **parameters})


def dated(X):
    return X.assign(day=pd.Timestamp("2024-03-01") + pd.to_timedelta(X["day"], unit="D"))


def variances_of(row):
    return Variances(row["between_sd"] ** 2, row["drift"] ** 2, row["within_sd"] ** 2, row["shock_sd"] ** 2)


def by_hand(X, y, weights, encoder, gap):
    """Each row from its past, with variances that `encoder` learns from the first 2^k rows of the past."""
    rows = Rows(X["shop"].to_numpy(), X["day"].to_numpy(), y, weights)
    order, result, learned = np.argsort(rows.time, kind="stable"), np.full((len(X), 3), np.nan), {}
    for i in range(len(X)):
        past = order[rows.time[order] < rows.time[i] - gap]
        if len(past) < 64:
            continue
        first = past[rows.time[past] <= rows.time[past[(1 << int(np.log2(len(past)))) - 1]]]
        if len(first) not in learned:
            row = encoder.fit(X.iloc[first], y[first], sample_weight=weights[first]).summary_.iloc[0]
            learned[len(first)] = variances_of(row) if row["drift"] else None
        if learned[len(first)] is not None:
            variances = learned[len(first)]
            prior = prior_mean(rows.some(first), variances)
            result[i] = expected(rows.some(past), variances, *prior, rows.category[i], rows.time[i])
    return result


@pytest.mark.parametrize(
    ("gap", "prior", "weighted", "drift", "shaken"),
    [
        (0, "reml", False, "auto", False),
        (6.5, "reml", True, "auto", False),
        (0, "ml", True, 0.2, False),
        (6.5, "reml", False, 0.2, True),
        (0, "ml", True, "auto", True),
        (0, "reml", False, "auto", True),
    ],
)
def test_rows_are_encoded_by_dense_matrices(sales, gap, prior, weighted, drift, shaken):
    X, y = sales
    if shaken:
        X = X.assign(day=X["day"] // 5 * 5)
        y = y + 2 * np.random.default_rng(5).normal(size=200)[pd.factorize(X["shop"] + X["day"].astype(str))[0]]
    weights = np.random.default_rng(1).uniform(0.5, 2, len(y)) if weighted else np.ones(len(y))
    encoder = encoder_of(cv=EarlierRows("day", gap, drift=drift), prior=prior, weight_type="precision")
    encoded = encoder.fit_transform(X, y, sample_weight=weights)
    new = pd.DataFrame({"shop": ["a", "f", "never", "b"], "day": [151.0, 151.0, 400.0, 9.0]})
    later, row = encoder.transform(new), encoder.summary_.iloc[0]
    # the whole
    assert drift != "auto" or (row["shock_sd"] > 0) == shaken
    rows, variances = Rows(X["shop"].to_numpy(), X["day"].to_numpy(), y, weights), variances_of(row)
    mean, uncertain = prior_mean(rows, variances)
    np.testing.assert_allclose(row["prior_mean"], mean, rtol=1e-9)
    np.testing.assert_allclose(row["log_likelihood"], log_likelihood(rows, variances, prior == "reml"), rtol=1e-9)
    last = X["day"].max()
    for position, (shop, day) in enumerate(new.itertuples(index=False)):
        found = expected(rows, variances, mean, uncertain, shop, max(day, last))
        np.testing.assert_allclose(later.iloc[position, :3].astype(float), found, rtol=1e-8, atol=1e-12)
    # each past
    hand = by_hand(X, y, weights, encoder, gap)
    known = ~np.isnan(hand[:, 0])
    assert known.sum() > 150
    np.testing.assert_allclose(encoded.to_numpy()[known, :3], hand[known], rtol=1e-8, atol=1e-12)


def test_where_nothing_drifts_nothing_changes(sales):
    X, y = sales
    still = encoder_of(["city"], output=OUTPUTS)
    plain = encoder_of(["city"], cv=EarlierRows("day"))
    pd.testing.assert_frame_equal(still.fit_transform(X, y), plain.fit_transform(X, y))
    assert still.summary_["drift"].item() == 0
    assert np.isnan(still.summary_["half_life"].item())
    assert "drift" not in plain.summary_
    pd.testing.assert_frame_equal(still.transform(X[:9].drop(columns="day")), plain.transform(X[:9]))
    few = encoder_of().fit_transform(X[:64], y[:64])
    pd.testing.assert_frame_equal(few, encoder_of(cv=EarlierRows("day")).fit_transform(X[:64], y[:64]))
    assert encoder_of(cv=EarlierRows("day", drift=0.1)).fit(X[:63], y[:63]).summary_["drift"].item() == 0


def test_drift_is_found_and_predicts_better(sales):
    X, y = sales
    encoder = encoder_of(["shop", "city"])
    errors = encoder.fit_transform(X, y)["shop"] - y
    learned = encoder.summary_.set_index("column")
    assert learned["drift"]["shop"] > 0.2
    assert 1 < learned["half_life"]["shop"] < 15
    for other in (EarlierRows("day"), EarlierRows("day", half_life="auto")):
        beside = encoder_of(cv=other).fit_transform(X, y)["shop"] - y
        assert (errors[100:] ** 2).mean() < 0.9 * (beside[100:] ** 2).mean()


@pytest.mark.parametrize(
    ("kind", "drift", "output"),
    [
        ("continuous", "auto", OUTPUTS),
        ("continuous", 0.1, "trees"),
        ("binary", "auto", "trees"),
        ("multiclass", "auto", OUTPUTS),
        ("multiclass", 0.1, OUTPUTS),
        ("count", "auto", OUTPUTS),
        ("count", 0.1, "trees"),
    ],
)
def test_what_is_not_strictly_earlier_changes_nothing(sales, kind, drift, output):
    X, y = sales
    y = as_kind(y, kind, above=1, edges=[0, 2])
    encoder = encoder_of(cv=EarlierRows("day", drift=drift), target_type=kind, output=output)
    before = encoder.fit_transform(X, y).to_numpy()
    assert (encoder.summary_["drift"] > 0).all()
    shares = []
    for later, now, changed, other in changes(X, y, (40.0, 75.0, 120.0), np.random.default_rng(3)):
        same = encoder.fit_transform(X, changed).to_numpy()
        codes = before.shape[1] - (output == "trees" and "shop_code" in encoder.get_feature_names_out())
        assert before[now, :codes].tobytes() == same[now, :codes].tobytes()
        shares.append(np.mean(before[~now] != same[~now]))
        rows = encoder.fit_transform(other, changed).to_numpy()
        means = slice(0, 1) if output == "trees" else slice(None)  # codes are those of all categories
        assert before[~later][:, means].tobytes() == rows[~later][:, means].tobytes()
    assert max(shares) > 0.3


@pytest.mark.parametrize("drift", ["auto", 0.5])
@pytest.mark.parametrize("kind", ["constant", "by shop", "by time", "outliers", "one shop", "one time", "large"])
def test_odd_rows_have_finite_encodings_from_the_past_alone(kind, drift, monkeypatch):
    monkeypatch.setattr("catpool.crossfit.past.drifting_rows.FEWEST", 4)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"shop": rng.choice(list("abc"), 24), "day": rng.integers(0, 8, 24)})
    X = X.assign(**{"one shop": {"shop": "a"}, "one time": {"day": 5}}.get(kind, {}))
    odd = {
        "constant": np.full(24, 0.5),
        "by shop": 1.5 * (X["shop"] == "a").to_numpy() + 0.25,
        "by time": 1.5 * X["day"].to_numpy() + 0.25,
        "outliers": rng.choice([0.0, 1e6, -1e6, 1e-9, 0.5], 24),
        "large": 1e90 * rng.normal(size=24),
    }
    y, moment = odd.get(kind, rng.normal(size=24)), 4
    encoder = encoder_of(cv=EarlierRows("day", drift=drift), target_type="continuous")
    encoded = encoder.fit_transform(X, y).to_numpy()
    assert np.isfinite(encoded[X["day"] > X["day"].min()]).all()
    assert np.isfinite(encoder.transform(X[:5].assign(day=99))).all(axis=None)
    changed = np.where(X["day"] >= moment, rng.permutation(y), y)
    now = (X["day"] <= moment).to_numpy()
    assert encoder.fit_transform(X, changed).to_numpy()[now].tobytes() == encoded[now].tobytes()


def test_categories_that_are_all_new_have_the_prior(sales):
    X, y = sales
    day = np.arange(100.0)
    X = pd.DataFrame({"shop": [*np.resize(["a", "b"], 69), *(f"new {i}" for i in range(31))], "day": day})
    encoder = encoder_of(cv=EarlierRows("day", gap=5, drift=0.5))
    encoded, row = encoder.fit_transform(X, y[:100])[69:], encoder.fit(X[:64], y[:64]).summary_.iloc[0]
    np.testing.assert_allclose(encoded["shop"], row["prior_mean"], rtol=1e-9)
    assert (encoded["shop_reliability"] == 0).all()


def test_the_order_of_rows_does_not_matter(sales):
    X, y = sales
    order = np.random.default_rng(1).permutation(len(y))
    encoder = encoder_of()
    other = encoder.fit_transform(X.iloc[order], y[order])
    np.testing.assert_allclose(other, encoder.fit_transform(X, y).iloc[order], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("drift", ["auto", 0.2])
def test_shift_scale_and_units_of_time_carry_through(sales, drift):
    X, y = sales
    encoded = encoder_of(cv=EarlierRows("day", drift=drift)).fit_transform(X, y)
    larger = drift if drift == "auto" else 100 * drift
    moved = encoder_of(cv=EarlierRows("day", drift=larger)).fit_transform(X.assign(day=X["day"] - 9), 1e6 + 100 * y)
    np.testing.assert_allclose((moved["shop"] - 1e6) / 100, encoded["shop"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(moved["shop_sd"] / 100, encoded["shop_sd"], rtol=1e-6)
    slower = drift if drift == "auto" else drift / 2
    longer = encoder_of(cv=EarlierRows("day", drift=slower)).fit_transform(X.assign(day=4 * X["day"]), y)
    np.testing.assert_allclose(longer, encoded, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("drift", ["auto", 0.2])
def test_dates_are_days(sales, drift):
    X, y = sales
    cv = EarlierRows("day", drift=drift)
    one, other = encoder_of(cv=cv), encoder_of(cv=cv)
    np.testing.assert_allclose(one.fit_transform(X, y), other.fit_transform(dated(X), y), rtol=1e-7, atol=1e-9)
    columns = ["drift", "half_life", "between_sd"]
    np.testing.assert_allclose(one.summary_[columns], other.summary_[columns], rtol=1e-6)
    new = X[-9:].assign(day=X["day"].max() + np.arange(9) * 4)
    np.testing.assert_allclose(one.transform(new), other.transform(dated(new)), rtol=1e-6)
    assert (np.diff(one.transform(new.assign(shop="a"))["shop_sd"]) > 0).all()


@pytest.mark.parametrize("drift", ["auto", 0.2])
def test_a_weight_is_copies_of_a_row(sales, drift):
    X, y = sales
    weights = np.random.default_rng(2).integers(0, 4, len(y))
    copies = np.repeat(np.arange(len(y)), weights)
    encoder = encoder_of(cv=EarlierRows("day", drift=drift))
    learned = []
    for arguments in ((X, y, weights), (X.iloc[copies], y[copies], None)):
        encoder.fit(*arguments[:2], sample_weight=arguments[2])
        learned.append(encoder.transform(X[:20].assign(day=170.0)))
    np.testing.assert_allclose(*learned, rtol=1e-6)


def test_rows_without_weight_do_not_count(sales):
    X, y = sales
    light = np.arange(len(X)) % 3 == 0
    strange = X.assign(shop=np.where(light, "weightless", X["shop"]))
    weighed = encoder_of().fit_transform(strange, np.where(light, 1e6, y), sample_weight=1.0 - light)
    np.testing.assert_allclose(weighed[~light], encoder_of().fit_transform(X[~light], y[~light]), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("drift", ["auto", 0.05])
def test_classes_add_up_to_one(sales, drift):
    X, y = sales
    encoder = encoder_of(cv=EarlierRows("day", drift=drift), output="mean")
    encoded = encoder.fit_transform(X, np.digitize(y, [0, 2])).to_numpy()
    later = X["day"] > X["day"].min()
    np.testing.assert_allclose(encoded[later].sum(axis=1), 1, rtol=1e-9)
    assert 0 <= encoded[later].min() <= encoded[later].max() <= 1
    np.testing.assert_allclose(encoder.transform(X[:9]).sum(axis=1), 1, rtol=1e-9)
    variance = (encoder.summary_["drift"] ** 2).mean()
    assert drift == "auto" or variance == pytest.approx(drift**2)


def test_exposures_are_rates(sales):
    X, _ = sales
    rng = np.random.default_rng(0)
    exposure = rng.choice([1.0, 2.0, 20.0], len(X))
    counts = rng.poisson(np.exp(np.sin(X["day"] / 15 + X["shop"].map(ord))) * exposure)
    encoder = encoder_of(target_type="count")
    encoded = encoder.fit_transform(X, counts, exposure=exposure)
    assert encoder.summary_["drift"].item() > 0.02
    rates = encoder_of(weight_type="precision").fit_transform(X, counts / exposure, sample_weight=exposure)
    np.testing.assert_allclose(encoded["shop"][130:], rates["shop"][130:], rtol=1e-6)


def test_each_output_of_y_drifts_by_itself(sales):
    X, y = sales
    noise = np.random.default_rng(1).normal(size=len(y))
    both = pd.DataFrame({"a": y, "b": noise, "c": np.where(np.arange(len(y)) % 5, y, np.nan)})
    encoder = encoder_of()
    encoded = encoder.fit_transform(X, both)
    learned = encoder.summary_.set_index("target")["drift"]
    assert learned["b"] == 0
    pd.testing.assert_series_equal(
        encoded["shop_a_sd"], encoder_of().fit_transform(X, y)["shop_sd"], check_names=False, rtol=1e-9
    )
    alone = encoder_of().fit(X, np.nan_to_num(both["c"]), sample_weight=both["c"].notna().astype(float))
    new = X[-5:].assign(day=200.0)
    np.testing.assert_allclose(encoder.transform(new)["shop_c_sd"], alone.transform(new)["shop_sd"], rtol=1e-9)


def test_policies_apply(sales):
    X, y = sales
    gone = X.assign(shop=X["shop"].where(X.index % 7 > 0))
    encoder = encoder_of(unknown="nan", missing="nan")
    encoded = encoder.fit_transform(gone, y)
    assert encoded[["shop", "shop_sd"]][gone["shop"].isna()].isna().all(axis=None)
    new = pd.DataFrame({"shop": ["a", None, "never"], "day": 300.0})
    assert encoder.transform(new)["shop_sd"].isna().tolist() == [False, True, True]
    mean = encoder_of(missing="prior").fit(gone, y)
    assert mean.transform(new)["shop"].iloc[1] == mean.summary_["prior_mean"].item()


@pytest.mark.parametrize("output", ["mean", OUTPUTS])
def test_files_pickles_and_look_ups_know_the_drift(sales, output):
    X, y = sales
    for table in (X, dated(X)):
        encoder = encoder_of(["shop", "city"], output=output).fit(table, y)
        others = [EmpiricalBayesEncoder.from_json(encoder.to_json()), pickle.loads(pickle.dumps(encoder))]
        later = table[-5:].assign(day=table["day"].max() + (table["day"].max() - table["day"].min()) / 9)
        later.loc[later.index[0], ["shop", "city"]] = [None, "never"]
        expected = encoder.transform(later)
        for again in others:
            pd.testing.assert_frame_equal(again.transform(later), expected)
            pd.testing.assert_frame_equal(again.summary_, encoder.summary_)
            pd.testing.assert_frame_equal(again.encoding_table("shop"), encoder.encoding_table("shop"))
        for position, row in enumerate(later.to_dict("records")):
            assert list(encoder.lookup(row).values()) == expected.iloc[position].tolist()


def test_categories_that_start_alike_drift_from_their_first_row_on():
    rng, shops = np.random.default_rng(0), np.arange(400) % 20
    X = pd.DataFrame({"shop": [*map(str, shops), "once"], "day": [*(np.arange(400.0) // 4), 50.0]})
    walks = np.cumsum(0.5 * rng.normal(size=(20, 20)), axis=1)
    walks -= walks[:, :1]
    y = walks[shops, np.arange(400) // 20] + 0.1 * rng.normal(size=400)
    y[:20] = 0.0
    encoder = encoder_of(cv=EarlierRows("day", drift=0.1**0.5)).fit(X, np.append(y, 0.0))
    row = encoder.summary_.iloc[0]
    assert row["between_sd"] == 0
    new = pd.DataFrame({"shop": ["once"] * 2 + ["never"] * 2, "day": [150.0, 160.0] * 2})
    for each in (encoder, EmpiricalBayesEncoder.from_json(encoder.to_json())):
        sd = each.transform(new)["shop_sd"].to_numpy() ** 2
        np.testing.assert_allclose(np.diff(sd), [1.0, sd[2] - sd[1], 0], atol=1e-12)


def test_encoding_table_is_as_of_the_last_row(sales):
    X, y = sales
    encoder = encoder_of().fit(X, y)
    table = encoder.encoding_table("shop")
    last = encoder.transform(pd.DataFrame({"shop": [*"abcdef", "never"], "day": X["day"].max()}))
    np.testing.assert_allclose(table[["encoding", "sd", "reliability"]], last.iloc[:, :3], rtol=1e-12)
    assert (table["lower"] < table["encoding"]).all()
    trust = np.average(table["reliability"], weights=table["count"])
    assert encoder.summary_["reliability"].item() == pytest.approx(trust)


def test_statements_need_no_times_without_sd(sales):
    X, y = sales
    assert "SELECT" in encoder_of(output="mean").fit(X, y).to_sql("visits")
    with pytest.raises(ValueError, match="grow"):
        encoder_of().fit(X, y).to_sql("visits")


def test_interactions_have_their_own_prior(sales):
    X, y = sales
    cells = encoder_of([], interactions=[("shop", "city")], interaction_prior="own").fit_transform(X, y)
    joined = X.assign(both=X["shop"] + X["city"])
    np.testing.assert_array_equal(cells, encoder_of(["both"]).fit_transform(joined, y))


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        (MeanEncoder(["shop"], cv=AUTO), "EmpiricalBayesEncoder"),
        (SmoothedMeanEncoder(["shop"], cv=AUTO), "EmpiricalBayesEncoder"),
        (encoder_of(prior="moments"), 'prior="reml" or "ml"'),
        (encoder_of(prior="full_bayes"), 'Pass prior="reml"'),
        (encoder_of(prior=lambda moments: (0.0, 1.0)), 'prior="reml" or "ml"'),
        (encoder_of(weight_type="inverse_variance"), "weight_type"),
        (encoder_of(interactions=[("shop", "city")]), 'interaction_prior="own"'),
        (encoder_of(cv=EarlierRows("day", drift="best")), '`drift` must be "auto", or a positive number'),
        (encoder_of(cv=EarlierRows("day", drift=0.0)), "`drift` must be"),
        (encoder_of(cv=EarlierRows("day", drift=True)), "`drift` must be"),
        (encoder_of(cv=EarlierRows("day", drift=np.inf)), "`drift` must be"),
        (encoder_of(cv=EarlierRows("day", drift="auto", half_life=9.0)), "does not go with `half_life`"),
        (encoder_of(cv=EarlierRows("day", drift="auto", windows=[9.0])), "does not go with `windows`"),
        (encoder_of(cv=EarlierRows("day", drift="auto", relative=True)), "does not go with `relative`"),
    ],
)
def test_what_does_not_go_with_drift_is_refused(sales, encoder, words):
    X, y = sales
    for method in (encoder.fit, encoder.fit_transform):
        with pytest.raises(ValueError, match=words):
            method(X, y, sample_weight=np.ones(len(y)))


def test_draws_and_streams_are_refused(sales):
    X, y = sales
    with pytest.raises(ValueError, match="drift"):
        sample_encodings(encoder_of().fit(X, y), X)
    with pytest.raises(AttributeError, match="partial_fit"):
        encoder_of().partial_fit(X, y)


def test_lazy_tables_are_refused_only_where_sd_grows(sales):
    X, y = sales
    lazy = polars.from_pandas(X[-4:]).lazy()
    with pytest.raises(ValueError, match="grows with `drift`"):
        encoder_of().fit(X, y).transform(lazy)
    means = encoder_of(output="mean").fit(X, y)
    found = means.transform(lazy).collect()["shop"].sort()
    np.testing.assert_allclose(found, means.transform(X[-4:])["shop"].sort_values())


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_a_search_that_ends_early_warns_once_for_each_column(sales, monkeypatch, method, n_jobs):
    X, y = sales
    X = X.assign(town=X["shop"])
    monkeypatch.setattr("catpool.priors.drifting.drift_search.PRECISE", {"maxiter": 0})
    monkeypatch.setattr("catpool.priors.drifting.drift_search.RESTARTS", 1)
    monkeypatch.setattr("catpool.crossfit.threads.THREADED", 0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(encoder_of(["shop", "town"], n_jobs=n_jobs), method)(X, np.column_stack([y, -y]))
    found = sorted(str(each.message).split(", so")[0] for each in caught)
    start = "The search for the variances of effects that drift did not converge for column "
    assert found == [start + "'shop'", start + "'town'"]
    assert all(each.category is ConvergenceWarning for each in caught)


def test_effects_that_drift_are_no_noise_even_if_they_start_alike():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"c": rng.choice(["a", "b"], 300), "day": np.arange(300)})
    encoder = EmpiricalBayesEncoder(["c"], cv=EarlierRows(by="day", drift=0.5), drop_noise=True)
    encoder.fit(X, rng.normal(size=300) + X["day"] / 30 * (X["c"] == "a"))
    summary = encoder.summary_.iloc[0]
    assert summary["between_sd"] == 0
    assert summary["note"] == ""
    assert list(encoder.transform(X)) == ["c", "day"]
    assert not SignalDisplay.from_encoder(encoder).columns["noise"].any()
