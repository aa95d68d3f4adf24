"""The distribution of y in each category: quantiles, spreads, skews, histograms and shares."""

import sqlite3
from contextlib import closing
from functools import partial

import numpy as np
import pandas as pd
import pytest
from conftest import ENCODERS
from helpers.law import VALUES, any_table
from helpers.strategies import targets
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import clone
from sklearn.model_selection import KFold, ShuffleSplit, TimeSeriesSplit

from catpool import (
    EarlierRows,
    EmpiricalBayesEncoder,
    MeanEncoder,
    SmoothedMeanEncoder,
    UnseenCategoriesWarning,
    check_no_leak,
    monotone_constraints,
    report,
    sample_encodings,
)
from catpool.moments.order_statistics import FEW

OUTPUT = ("q10", "mean", "median", "q90", "spread", "skew", "histogram", "share_above_0.5", "share_above_-1e3")
IN_UNITS = ("q10", "median", "q90", "spread")
FLAT = {name: ENCODERS[name] for name in ("mean", "smoothed", "bayes")}


@pytest.fixture(params=FLAT.values(), ids=FLAT)
def flat_encoder(request):
    return request.param


def shops(rows=300, categories=20, seed=0):
    rng = np.random.default_rng(seed)
    shop = rng.integers(0, categories, rows)
    y = rng.normal(size=categories)[shop] + rng.exponential(size=rows) * (1 + shop % 3)
    X = pd.DataFrame({"shop": np.where(shop == 3, None, shop.astype(str).astype(object))})
    return X, y, rng.integers(0, 4, rows)


@pytest.mark.parametrize("bins", [4, [-0.5, 0.7, 2.0]])
@pytest.mark.parametrize("weighted", [False, True])
def test_each_fold_gets_what_a_fit_to_the_others_gives(flat_encoder, bins, weighted):
    X, y, folds = shops()
    weights = np.random.default_rng(1).integers(0, 4, len(y)).astype(float) if weighted else None
    encoder = flat_encoder(output=OUTPUT, bins=bins, cv=folds)
    encoded = encoder.fit_transform(X, y, sample_weight=weights)
    for fold in range(4):
        test = folds == fold
        own = None if weights is None else weights[~test]
        refitted = flat_encoder(output=OUTPUT, bins=bins).fit(X[~test], y[~test], sample_weight=own)
        np.testing.assert_allclose(encoded[test], refitted.transform(X[test]), rtol=1e-7, atol=1e-9)
    again = flat_encoder(output=OUTPUT, bins=bins).fit(X, y, sample_weight=weights).transform(X)
    np.testing.assert_allclose(encoder.transform(X), again, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("bins", [4, [-0.5, 0.7, 2.0]])
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_no_bit_depends_on_targets_of_the_own_fold(flat_encoder, bins, scale):
    X, y, folds = shops()
    weights = np.random.default_rng(1).uniform(0.1, 3, len(y))
    encoder = flat_encoder(output=OUTPUT, bins=bins, cv=folds)
    before = encoder.fit_transform(X, y, sample_weight=weights)
    for fold in range(4):
        other = np.where(folds == fold, scale * np.random.default_rng(2).normal(size=len(y)), y)
        after = encoder.fit_transform(X, other, sample_weight=weights)
        np.testing.assert_array_equal(before[folds == fold], after[folds == fold])


@pytest.mark.parametrize("decimals", [0, 9])
def test_many_rows_are_brute_force_and_no_bit_depends_on_the_own_fold(flat_encoder, decimals):
    X, y, folds = shops(2 * FEW, 300)
    y = y.round(decimals)
    encoder = flat_encoder(output=OUTPUT, bins=4, cv=folds)
    before, own = encoder.fit_transform(X, y), folds == 1
    refitted = flat_encoder(output=OUTPUT, bins=4).fit(X[~own], y[~own])
    np.testing.assert_allclose(before[own], refitted.transform(X[own]), rtol=1e-7, atol=1e-9)
    after = encoder.fit_transform(X, np.where(own, np.random.default_rng(2).normal(size=len(y)), y))
    np.testing.assert_array_equal(before[own], after[own])
    assert (before[~own] != after[~own]).any(axis=None)


def test_features_are_named_in_the_order_of_the_outputs(flat_encoder):
    X, y, _ = shops()
    encoder = flat_encoder(output=("size", *OUTPUT), bins=2, random_state=0)
    names = ["q10", "", "median", "q90", "spread", "skew", "histogram_0", "histogram_1"]
    expected = [f"shop_{name}".removesuffix("_") for name in [*names, "share_above_0.5", "share_above_-1e3", "size"]]
    assert encoder.fit_transform(X, y).columns.tolist() == encoder.get_feature_names_out().tolist() == expected
    assert encoder.target_type_ == "continuous"
    two = flat_encoder(output=("median", "share_above_1"), random_state=0)
    several = two.fit_transform(X, pd.DataFrame({"sales": y, "visits": y + 1}))
    assert several.columns.tolist() == [
        f"shop_{each}" for each in ("sales_median", "sales_share_above_1", "visits_median", "visits_share_above_1")
    ]
    np.testing.assert_allclose(several["shop_visits_median"], several["shop_sales_median"] + 1)


def test_without_pooling_the_numbers_are_those_of_numpy_and_scipy():
    X, y, _ = shops()
    encoder = MeanEncoder(output=OUTPUT, bins=[0.0, 1.0]).fit(X, y)
    encoded = encoder.transform(X)
    for shop in ("0", "7", None):
        own = y[(X["shop"] == shop) if shop else X["shop"].isna()]
        row = encoder.lookup({"shop": shop})
        assert row["shop_q10"] == pytest.approx(np.quantile(own, 0.1))
        assert row["shop_median"] == pytest.approx(np.median(own))
        assert row["shop_q90"] == pytest.approx(np.quantile(own, 0.9))
        assert row["shop_spread"] == pytest.approx(own.std(ddof=1))
        assert row["shop_skew"] == pytest.approx(stats.skew(own, bias=False))
        assert row["shop_share_above_0.5"] == pytest.approx((own > 0.5).mean())
        assert row["shop_histogram_1"] == pytest.approx(((own > 0) & (own <= 1)).mean())
    assert (encoded["shop_share_above_-1e3"] == 1).all()


def test_a_given_strength_is_so_many_rows_of_all():
    X, y, _ = shops()
    encoder = SmoothedMeanEncoder(output=OUTPUT, smoothing=7.0, bins=2).fit(X, y)
    own, row = y[X["shop"] == "5"], encoder.lookup({"shop": "5"})
    share = len(own) / (len(own) + 7)
    for name, level in {"q10": 0.1, "median": 0.5, "q90": 0.9}.items():
        expected = share * np.quantile(own, level) + (1 - share) * np.quantile(y, level)
        assert row[f"shop_{name}"] == pytest.approx(expected)
    shop = X["shop"].fillna("missing")
    scatter, freedom = ((y - pd.Series(y).groupby(shop).transform("mean")) ** 2).sum(), len(y) - shop.nunique()
    variance = (own.var() * len(own) + 7 * scatter / freedom) / (len(own) - 1 + 7)
    assert row["shop_spread"] == pytest.approx(np.sqrt(variance))
    assert row["shop_histogram_1"] == pytest.approx(share * (own > np.median(y)).mean() + (1 - share) * 0.5)


def test_extremes_of_pooling(flat_encoder):
    """Categories of one row each are near the prior, and those of 10,000 rows near what they are by themselves."""
    rng = np.random.default_rng(0)
    shop = np.append(np.repeat(np.arange(3), 10_000), np.arange(3, 300))
    y = rng.exponential(size=len(shop)) * (1 + shop % 3) + shop % 3
    X = pd.DataFrame({"shop": shop.astype(str)})
    encoder = flat_encoder(output=OUTPUT, bins=5).fit(X, y)
    for each in range(3):
        own, row = y[shop == each], encoder.lookup({"shop": str(each)})
        for name, level in {"q10": 0.1, "median": 0.5, "q90": 0.9}.items():
            assert row[f"shop_{name}"] == pytest.approx(np.quantile(own, level), abs=0.02)
        assert row["shop_spread"] == pytest.approx(own.std(), rel=0.01)
        assert row["shop_skew"] == pytest.approx(stats.skew(own), abs=0.15)
        assert row["shop_share_above_0.5"] == pytest.approx((own > 0.5).mean(), abs=0.003)
        edges = np.append(np.quantile(y, np.arange(1, 5) / 5), np.inf)
        assert row["shop_histogram_0"] == pytest.approx((own <= edges[0]).mean(), abs=0.003)
    unseen, rare = (encoder.lookup({"shop": each}) for each in ("never", "7"))
    assert rare["shop_spread"] == pytest.approx(unseen["shop_spread"])
    assert rare["shop_skew"] == pytest.approx(unseen["shop_skew"])


@pytest.mark.parametrize("strength", [np.inf, 1e6])
def test_complete_pooling_gives_each_category_the_same(strength):
    X, y, _ = shops()
    encoder = SmoothedMeanEncoder(output=OUTPUT, smoothing=strength, bins=3).fit(X, y)
    encoded = encoder.transform(X)
    assert (encoded.max() - encoded.min()).max() < 1e-3
    assert encoded["shop_median"].iloc[0] == pytest.approx(np.median(y), abs=1e-3)
    assert encoded["shop_histogram_1"].iloc[0] == pytest.approx(1 / 3, abs=1e-2)


def test_weights_are_copies(flat_encoder):
    X, y, _ = shops(rows=120)
    weights = np.random.default_rng(3).integers(0, 4, len(y))
    copies = np.repeat(np.arange(len(y)), weights)
    for bins in (3, [0.0, 1.0]):
        weighed = flat_encoder(output=OUTPUT, bins=bins).fit(X, y, sample_weight=weights)
        copied = flat_encoder(output=OUTPUT, bins=bins).fit(X.iloc[copies], y[copies])
        np.testing.assert_allclose(weighed.transform(X), copied.transform(X), rtol=1e-6, atol=1e-9)


def test_the_order_of_rows_does_not_matter(flat_encoder):
    X, y, folds = shops()
    order = np.random.default_rng(0).permutation(len(y))
    one = flat_encoder(output=OUTPUT, bins=3, cv=folds).fit_transform(X, y)
    other = flat_encoder(output=OUTPUT, bins=3, cv=folds[order]).fit_transform(X.iloc[order], y[order])
    np.testing.assert_allclose(one.iloc[order], other, rtol=1e-7, atol=1e-9)


def test_shift_and_scale_carry_through(flat_encoder):
    X, y, folds = shops()
    output = ("q10", "median", "q90", "spread", "skew", "histogram")
    plain = flat_encoder(output=output, bins=3, cv=folds).fit_transform(X, y)
    moved = flat_encoder(output=output, bins=3, cv=folds).fit_transform(X, 1e6 + 1024 * y)
    for name in ("q10", "median", "q90"):
        np.testing.assert_allclose(moved[f"shop_{name}"], 1e6 + 1024 * plain[f"shop_{name}"], rtol=1e-8)
    np.testing.assert_allclose(moved["shop_spread"], 1024 * plain["shop_spread"], rtol=1e-6)
    np.testing.assert_allclose(moved.iloc[:, 4:], plain.iloc[:, 4:], rtol=1e-4, atol=1e-5)


def test_missing_and_unseen_categories(flat_encoder):
    X, y, _ = shops()
    new = pd.DataFrame({"shop": [None, "never", "1"]}, dtype=object)
    hidden = flat_encoder(output=OUTPUT, bins=2, unknown="nan", missing="nan").fit(X, y).transform(new)
    assert np.isnan(hidden.iloc[:2]).all().all()
    assert np.isfinite(hidden.iloc[2]).all()
    encoder = flat_encoder(output=OUTPUT, bins=2, missing="prior").fit(X, y)
    as_prior = encoder.transform(new)
    np.testing.assert_allclose(as_prior.iloc[0], as_prior.iloc[1])
    own = flat_encoder(output=OUTPUT, bins=2).fit(X, y).transform(new)
    assert not np.isclose(own.iloc[0], own.iloc[1])[:4].any()


def test_degenerate_rows_have_finite_outputs(flat_encoder):
    rising = np.arange(30) + 0.5
    for y in (np.full(30, 5.5), rising, rising * 1e97, rising * 1e-97, rising ** np.repeat([1.0, 40.0, 60.0], 10)):
        for categories in (np.zeros(30), np.arange(30), np.arange(30) % 7):
            X = pd.DataFrame({"shop": categories.astype(int).astype(str)})
            encoded = flat_encoder(output=OUTPUT, bins=4, cv=3, random_state=0).fit_transform(X, y)
            assert np.isfinite(np.asarray(encoded)).all()


def test_large_categories_keep_one_value_if_only_rare_ones_are_crossfitted():
    X, y, folds = shops(categories=3)
    encoder = MeanEncoder(output=OUTPUT, bins=2, crossfit="rare", crossfit_reliability=0.5, cv=folds)
    np.testing.assert_allclose(encoder.fit_transform(X, y), encoder.transform(X))


def test_cells_of_interactions_have_their_own_distribution(flat_encoder):
    X, y, folds = shops()
    X["day"] = np.where(np.arange(len(y)) % 2, "even", "odd")
    encoder = flat_encoder(output=OUTPUT, bins=2, cv=folds, interactions=[("shop", "day")])
    encoded = encoder.fit_transform(X, y)
    test = folds == 1
    refitted = flat_encoder(output=OUTPUT, bins=2, interactions=[("shop", "day")]).fit(X[~test], y[~test])
    np.testing.assert_allclose(encoded[test], refitted.transform(X[test]), rtol=1e-6, atol=1e-7)
    unseen = encoder.transform(pd.DataFrame({"shop": ["never"], "day": ["odd"]}))
    assert np.isfinite(np.asarray(unseen)).all()


def test_files_and_tables_have_the_distribution(flat_encoder):
    X, y, _ = shops()
    encoder = flat_encoder(output=OUTPUT, bins=2, random_state=0).fit(X, y)
    again = flat_encoder.from_json(encoder.to_json())
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))
    table = encoder.encoding_table("shop")
    row = table[(table["category"] == "5") & (table["target"] == "")].iloc[0]
    assert row["q90"] == encoder.lookup({"shop": "5"})["shop_q90"]
    shares = table[(table["category"] == "5") & (table["target"] == "share_above_0.5")].iloc[0]
    assert shares["encoding"] == encoder.lookup({"shop": "5"})["shop_share_above_0.5"]
    assert encoder.summary_["target"].tolist() == ["", "share_above_0.5", "share_above_-1e3"]


def test_what_has_no_distribution_is_refused(flat_encoder):
    X, y, _ = shops()
    with pytest.raises(ValueError, match="the mean is the whole distribution of classes"):
        flat_encoder(output="median").fit(X, y > 0)
    with pytest.raises(ValueError, match="`exposure`"):
        flat_encoder(output="spread", target_type="count").fit(X, np.abs(y).round(), exposure=np.ones(len(y)))
    with pytest.raises(ValueError, match="`weight_type`"):
        flat_encoder(output="q10", weight_type="precision").fit(X, y, sample_weight=np.ones(len(y)))
    with pytest.raises(ValueError, match=r"time-ordered `cv`"):
        flat_encoder(output="spread", cv=EarlierRows(by="day")).fit(X.assign(day=np.arange(len(y))), y)
    gaps = pd.DataFrame({"a": y, "b": np.where(np.arange(len(y)) < 5, np.nan, y)})
    for output in ("q10", "share_above_1.0", "spread"):
        for fit in (flat_encoder(output=output).fit, flat_encoder(output=output).fit_transform):
            with pytest.raises(ValueError, match=r"needs a value of y in each row.*Fit an encoder for each output"):
                fit(X, gaps)


@pytest.mark.parametrize("bins", [4, [-0.5, 0.7, 2.0]])
def test_priors_that_learn_no_histogram_say_so(bins):
    X, y, _ = shops()
    for prior in ("scale_mixture", "npmle"):
        with pytest.raises(ValueError, match=r"for each bin of a histogram, so the encodings of 4 classes or bins"):
            EmpiricalBayesEncoder(prior=prior, output="histogram", bins=bins).fit(X, y)
    for prior in ("paule_mandel", "hedges"):
        with pytest.raises(ValueError, match=r"shares of rows, as in histograms. Pass prior="):
            EmpiricalBayesEncoder(prior=prior, output="histogram", bins=bins).fit(X, y)


@pytest.mark.parametrize("bins", [[], [2.0, 1.0], [1.0, 1.0], [np.nan], [[1.0]], ["a"], 1, 1001])
def test_bins_must_be_a_number_or_rising_edges(bins):
    X, y, _ = shops()
    with pytest.raises(ValueError, match="bins"):
        MeanEncoder(output="histogram", bins=bins).fit(X, y)


@pytest.mark.parametrize("name", ["q00", "q100", "q5", "share_above_", "share_above_a", "share_above_1.2.3", "Median"])
def test_names_with_numbers_must_be_right(name):
    X, y, _ = shops()
    with pytest.raises(ValueError, match=r"share_above_<number>"):
        MeanEncoder(output=("mean", name)).fit(X, y)


def test_rows_in_parts_add_up_to_shares_spreads_and_histograms_of_given_bins(flat_encoder):
    X, y, _ = shops()
    output, bins, key = ("spread", "mean", "histogram", "share_above_0.5"), [-0.5, 0.7], np.arange(len(y))
    encoder = flat_encoder(output=output, bins=bins, cv=3)
    for part in (slice(0, 100), slice(100, None)):
        encoder.partial_fit(X[part], y[part], key=key[part])
    whole = flat_encoder(output=output, bins=bins, cv=3)
    encoded = whole.fit_transform(X, y, key=key)
    np.testing.assert_allclose(encoder.transform_out_of_fold(X, key), encoded, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(encoder.transform(X), whole.transform(X), rtol=1e-6, atol=1e-9)
    one, other = (
        flat_encoder(output=output, bins=bins).fit(X[part], y[part]) for part in (X.index < 90, X.index >= 90)
    )
    np.testing.assert_allclose(one.merge(other).transform(X), whole.transform(X), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("output", ["median", "q01", "skew", "histogram"])
def test_what_does_not_add_up_over_parts_is_refused(flat_encoder, output):
    X, y, _ = shops()
    with pytest.raises(ValueError, match=f"output='{output}' needs all rows in memory"):
        flat_encoder(output=output).partial_fit(X, y)
    fitted = flat_encoder(output=("mean", output)).fit(X, y)
    with pytest.raises(ValueError, match=f"output='{output}' needs all rows in memory"):
        fitted.merge(fitted)
    with pytest.raises(ValueError, match=f"output='{output}' needs all rows in memory"):
        fitted.partial_fit(X, y)


def test_a_spread_needs_its_sums_from_the_first_part_on(flat_encoder):
    X, y, _ = shops()
    encoder = flat_encoder().partial_fit(X, y).set_params(output="spread")
    with pytest.raises(ValueError, match='output="spread"'):
        encoder.partial_fit(X, y)


def test_reports_and_pictures_are_of_y_and_not_of_its_shares():
    pytest.importorskip("matplotlib")
    X, y, _ = shops()
    plain, encoder = (
        EmpiricalBayesEncoder(output=output, random_state=0).fit(X, y)
        for output in (["mean", "q10"], ["mean", "q10", "share_above_1"])
    )
    told = [report(each).markdown().split("## Code")[0] for each in (plain, encoder)]
    assert told[0] == told[1]
    encoder.plot("shop", target="share_above_1")


def test_noise_is_dropped_with_its_distribution():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"coin": np.tile(["a", "b"], 200), "shop": rng.integers(0, 5, 400).astype(str)})
    y = np.repeat(rng.normal(size=200), 2) + 3.0 * (X["shop"] == "1")
    encoder = EmpiricalBayesEncoder(output=("median", "share_above_1"), drop_noise=True, prior="reml", random_state=0)
    assert encoder.fit_transform(X, y).columns.tolist() == ["shop_median", "shop_share_above_1"]


def test_sql_has_the_distribution(flat_encoder):
    pytest.importorskip("sqlglot")
    X, y, _ = shops()
    encoder = flat_encoder(output=OUTPUT, bins=2).fit(X, y)
    with closing(sqlite3.connect(":memory:")) as connection:
        X.to_sql("orders", connection, index=False)
        found = pd.read_sql(encoder.to_sql("orders", dialect="sqlite"), connection)
    np.testing.assert_allclose(found, encoder.transform(X), rtol=1e-12)


def test_draws_and_leak_checks_take_encoders_with_distributions():
    X, y, _ = shops()
    plain = EmpiricalBayesEncoder(prior="reml", random_state=0)
    encoder = clone(plain).set_params(output=("median", "mean", "share_above_1"))
    draws = [sample_encodings(each.fit(X, y), X, 5, random_state=0) for each in (plain, encoder)]
    np.testing.assert_array_equal(*draws)
    assert monotone_constraints(encoder) == [0, 1, 0]
    assert check_no_leak(encoder, X, y)["passed"].all()


def test_lazy_tables_refuse_what_does_not_add_up(flat_encoder):
    polars = pytest.importorskip("polars")
    X, y, folds = shops()
    lazy = polars.from_pandas(X.assign(y=y, fold=folds)).lazy()
    for output in ("q10", "skew", "histogram"):
        with pytest.raises(ValueError, match=f"output='{output}' needs all rows in memory"):
            flat_encoder(["shop"], output=output, cv="fold").fit_transform(lazy, y="y")
    with pytest.raises(ValueError, match="the mean is the whole distribution"):
        flat_encoder(["shop"], output="spread", target_type="multiclass").fit(lazy, y="fold")
    counts = lazy.with_columns(polars.col("fold") + 1.0)
    with pytest.raises(ValueError, match="`exposure`"):
        flat_encoder(["shop"], output="share_above_1").fit(counts, y="fold", exposure="fold")


@pytest.mark.parametrize("kind", ["continuous", "count"])
@pytest.mark.parametrize("encoder", [MeanEncoder, partial(EmpiricalBayesEncoder, prior="reml")])
def test_no_bit_of_any_rows_depends_on_targets_of_the_own_fold(kind, encoder):

    @settings(max_examples=10)
    @given(any_table(kind), st.data())
    def holds(table, data):
        table.folds[3] = 0
        own, changed = table.folds == 0, table.y.copy()
        changed[own] = data.draw(targets(VALUES[kind], own))
        fitted = encoder(None, output=OUTPUT, bins=3, cv=table.folds, target_type=kind)
        before, after = (fitted.fit_transform(table.X, y) for y in (table.y, changed))
        assert before[own].tobytes() == after[own].tobytes()

    holds()


@settings(max_examples=15)
@given(any_table("continuous"), st.sampled_from([2, [0.0], [-1.5, 3.0]]))
def test_any_rows_have_ordered_quantiles_and_shares(table, bins):
    output = ("q01", "q10", "median", "q90", "q99", "spread", "skew", "histogram", "share_above_0")
    for encoder in FLAT.values():
        fitted = encoder(None, output=output, bins=bins, cv=table.folds)
        for encoded in (fitted.fit_transform(table.X, table.y), fitted.transform(table.X[::-1])):
            assert np.isfinite(encoded).all()
            per_column = encoded.reshape(len(encoded), 2, -1)
            rising = np.diff(per_column[:, :, :5])
            assert (rising >= -1e-9 * table.scale).all()
            assert (per_column[:, :, 5] >= 0).all()
            shares = per_column[:, :, 7:]
            assert (shares >= 0).all()
            assert (shares <= 1 + 1e-12).all()
            np.testing.assert_allclose(shares[:, :, :-1].sum(axis=2), 1.0, rtol=1e-9)


@pytest.mark.parametrize("cv", [TimeSeriesSplit(3, gap=5), ShuffleSplit(1, random_state=0), KFold(2)])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_splitters_are_brute_force(flat_encoder, cv):
    X, y, _ = shops(rows=150, categories=4)
    encoded = flat_encoder(output=OUTPUT, bins=3, cv=cv).fit_transform(X, y)
    seen = np.zeros(len(y), dtype=bool)
    for train, test in cv.split(X):
        refitted = flat_encoder(output=OUTPUT, bins=3).fit(X.iloc[train], y[train])
        np.testing.assert_allclose(encoded.iloc[test], refitted.transform(X.iloc[test]), rtol=1e-6, atol=1e-9)
        seen[test] = True
    assert encoded[~seen].isna().all().all()


def test_listed_categories_learn_as_if_other_rows_were_not_there(flat_encoder):
    X, y, folds = shops()
    listed = [["1", "2", "never"]]
    encoder = flat_encoder(output=OUTPUT, bins=3, categories=listed, cv=folds)
    with pytest.warns(UnseenCategoriesWarning):
        encoded = encoder.fit_transform(X, y)
    some = np.asarray(X["shop"].isin(["1", "2"]) | X["shop"].isna())
    alone = flat_encoder(output=OUTPUT, bins=3, categories=listed, cv=folds[some]).fit_transform(X[some], y[some])
    np.testing.assert_allclose(encoded[some], alone, rtol=1e-7, atol=1e-9)
    unlisted = encoder.transform(pd.DataFrame({"shop": ["never", "elsewhere"]}))
    np.testing.assert_array_equal(unlisted.iloc[0], unlisted.iloc[1])


def test_a_function_as_prior_gives_quantiles_and_no_shares():
    X, y, _ = shops()
    encoder = EmpiricalBayesEncoder(prior=lambda moments: (1.0, 7.0), output=("median", "spread")).fit(X, y)
    smoothed = SmoothedMeanEncoder(smoothing=7.0, output=("median", "spread")).fit(X, y)
    np.testing.assert_allclose(encoder.transform(X), smoothed.transform(X))
    for output in ("skew", "histogram", "share_above_1"):
        with pytest.raises(ValueError, match="`prior` is a function"):
            EmpiricalBayesEncoder(prior=lambda moments: (1.0, 7.0), output=output).fit(X, y)


def test_moderated_variances_are_the_spread():
    X, y, _ = shops()
    encoder = EmpiricalBayesEncoder(within="moderated", output=("mean", "spread", "median", "share_above_1")).fit(X, y)
    table = encoder.encoding_table("shop")
    own = table[table["target"] == ""]
    np.testing.assert_allclose(own["spread"], own["within_sd"])
    pooled = EmpiricalBayesEncoder(output="spread").fit(X, y).encoding_table("shop")
    np.testing.assert_allclose(own["spread"], pooled["spread"])
