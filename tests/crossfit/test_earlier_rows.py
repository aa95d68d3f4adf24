"""Rows that learn from strictly earlier rows only."""

import numpy as np
import pandas as pd
import pytest

from catpool import (
    EarlierRows,
    EmpiricalBayesEncoder,
    MeanEncoder,
    SmoothedMeanEncoder,
)


@pytest.fixture
def sales():
    rng = np.random.default_rng(0)
    n = 300
    X = pd.DataFrame({"shop": rng.choice(list("abcdef"), n), "day": rng.integers(0, 50, n), "size": rng.normal(size=n)})
    return X, X["shop"].map(dict(zip("abcdef", range(6), strict=True))).to_numpy() + rng.normal(size=n)


def by_hand(X, y, gap=0, half_life=None, smoothing=0.0):
    """Row by row: the prior mean of the first 2^k rows of the past, the category's rows of all the past."""
    day, shop = X["day"].to_numpy(), X["shop"].to_numpy()
    order = np.argsort(day, kind="stable")
    result = np.full(len(X), np.nan)
    for i in range(len(X)):
        past = order[day[order] < day[i] - gap]
        if len(past):
            first = past[
                day[past] <= day[past[(1 << int(np.log2(len(past)))) - 1]]
            ]  # with all rows of the last of their times
            own = past[shop[past] == shop[i]]
            weight, prior = np.ones(len(own)), np.ones(len(first))
            if half_life:
                weight = 0.5 ** ((day[i] - day[own]) / half_life)
                prior = 0.5 ** ((day[first].max() - day[first]) / half_life)
            mean = np.average(y[first], weights=prior)
            known = weight.sum() + smoothing
            result[i] = (weight @ y[own] + smoothing * mean) / known if known > 0 else mean
    return result


@pytest.mark.parametrize("gap", [None, 3, 7.5])
@pytest.mark.parametrize("half_life", [None, 5.0, 0.1])
@pytest.mark.parametrize("smoothing", [0.0, 4.0])
def test_each_row_is_encoded_from_its_past(sales, gap, half_life, smoothing):
    X, y = sales
    encoder = SmoothedMeanEncoder(["shop"], smoothing=smoothing, cv=EarlierRows("day", gap=gap, half_life=half_life))
    encoded = encoder.fit_transform(X, y)["shop"]
    np.testing.assert_allclose(encoded, by_hand(X, y, gap or 0, half_life, smoothing), rtol=1e-9)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "count"])
def test_other_targets_and_weights(kind, sales):
    X, y = sales
    y = {"binary": (y > 2).astype(int), "multiclass": np.digitize(y, [1, 3]), "count": np.maximum(y, 0).astype(int)}[
        kind
    ]
    weights = np.arange(len(y)) % 3 + 1.0
    encoder = EmpiricalBayesEncoder(["shop"], target_type=kind, cv=EarlierRows("day"), remainder="drop")
    encoded = np.asarray(encoder.fit_transform(X, y, sample_weight=weights))
    assert np.isnan(encoded).any(axis=1).sum() == (X["day"] == X["day"].min()).sum()
    if kind == "multiclass":
        np.testing.assert_allclose(np.nansum(encoded, axis=1)[X["day"] > X["day"].min()], 1, rtol=1e-9)
    assert not np.array_equal(encoded, np.asarray(encoder.fit_transform(X, y)), equal_nan=True)


def test_transform_uses_all_rows_and_forgets(sales):
    X, y = sales
    plain = EmpiricalBayesEncoder(["shop"], cv=EarlierRows("day")).fit(X, y)
    new = X.iloc[:5].assign(day=60)
    assert plain.transform(new).equals(EmpiricalBayesEncoder(["shop"], prior="reml").fit(X, y).transform(new))
    encoder = SmoothedMeanEncoder(["shop"], cv=EarlierRows("day", half_life=5), output=["mean", "count"]).fit(X, y)
    now, later, far = (
        encoder.transform(X.iloc[:3].assign(day=day)) for day in (X["day"].max(), X["day"].max() + 5, 1e6)
    )
    np.testing.assert_allclose(later["shop_count"], now["shop_count"] / 2)
    np.testing.assert_allclose(far["shop"], encoder.summary_["prior_mean"].item())
    out_of_past = encoder.fit_transform(X, y)
    assert list(out_of_past) == list(encoder.get_feature_names_out()) == ["shop", "shop_count", "day", "size"]


def test_dates_and_gaps_as_timedeltas(sales):
    X, y = sales
    dates = X.assign(day=pd.Timestamp("2024-01-01", tz="Europe/Berlin") + pd.to_timedelta(X["day"], unit="D"))
    one = MeanEncoder(["shop"], cv=EarlierRows("day", gap=2, half_life=9)).fit_transform(X, y)["shop"]
    other = MeanEncoder(["shop"], cv=EarlierRows("day", gap="2D", half_life=pd.Timedelta(days=9))).fit_transform(
        dates, y
    )
    np.testing.assert_allclose(other["shop"], one, rtol=1e-12)


def test_what_rows_without_a_past_get(sales):
    X, y = sales
    encoded = MeanEncoder(["shop"], cv=EarlierRows("day", first=-1.0)).fit_transform(X, y)["shop"]
    assert (encoded[X["day"] == X["day"].min()] == -1.0).all()
    assert encoded.notna().all()


def test_the_column_of_times_is_not_encoded(sales):
    X, y = sales
    assert MeanEncoder(cv=EarlierRows("day")).fit(X[["shop", "day"]], y).columns_ == ["shop"]


@pytest.mark.parametrize(
    ("rule", "change", "message"),
    [
        (EarlierRows("week"), {}, "which X does not have"),
        (EarlierRows("shop"), {}, "must be numbers or dates"),
        (EarlierRows("day"), {"day": np.nan}, "must not be missing"),
        (EarlierRows("day", gap="2D"), {}, "`gap` must be a number"),
        (EarlierRows("day", gap=-1), {}, "`gap` must be positive"),
        (EarlierRows("day", half_life=0), {}, "`half_life` must be positive"),
        (EarlierRows("day"), {"day": np.inf}, "must be finite"),
        (EarlierRows("day", gap=7), {"day": pd.Timestamp("2024-02-02")}, "`gap` must be a timedelta"),
        (
            EarlierRows("day", half_life=30.0),
            {"day": pd.Timestamp("2024-02-02")},
            '`half_life` must be "auto", or a timedelta',
        ),
        (EarlierRows("size"), {"shop": 0.0}, "which `columns` names too"),
    ],
)
def test_bad_times_are_refused(sales, rule, change, message):
    X, y = sales
    with pytest.raises(ValueError, match=message):
        MeanEncoder(["shop", "size"] if rule.by == "size" else ["shop"], cv=rule).fit_transform(X.assign(**change), y)


def test_what_does_not_go_with_the_order_of_time(sales):
    X, y = sales
    rule = EarlierRows("day")
    with pytest.raises(ValueError, match="`groups` does not go"):
        MeanEncoder(["shop"], cv=rule).fit_transform(X, y, groups=X["shop"])
    with pytest.raises(ValueError, match="full_bayes"):
        EmpiricalBayesEncoder(["shop"], cv=rule, prior="full_bayes").fit_transform(X, y)
    with pytest.raises(ValueError, match="crossfit"):
        MeanEncoder(["shop"], cv=rule, crossfit="rare").fit_transform(X, y)


@pytest.mark.parametrize("half_life", [None, 4.0])
def test_rows_without_weight_do_not_count(sales, half_life):
    X, y = sales
    light = np.arange(len(X)) % 3 == 0
    encoder = EmpiricalBayesEncoder(["shop"], cv=EarlierRows("day", half_life=half_life), output=["mean", "count"])
    names = ["shop", "shop_count"]
    strange = X.assign(shop=np.where(light, "weightless", X["shop"]))
    weighed = encoder.fit_transform(strange, np.where(light, 1e6, y), sample_weight=1.0 - light)[names]
    alone = encoder.fit_transform(X[~light], y[~light])[names]
    np.testing.assert_allclose(weighed[~light], alone, rtol=1e-9)


@pytest.mark.parametrize("output", ["count", "code", ["mean", "sd", "reliability", "count", "code"]])
def test_forgetting_gives_any_output(sales, output):
    X, y = sales
    encoder = SmoothedMeanEncoder(["shop"], cv=EarlierRows("day", half_life=5), output=output).fit(X, y)
    now = encoder.transform(X.iloc[:9].assign(day=X["day"].max()))
    plain = SmoothedMeanEncoder(["shop"], output=output)
    weights = 0.5 ** ((X["day"].max() - X["day"]) / 5)
    expected = plain.fit(X, y, sample_weight=weights).transform(X.iloc[:9])
    np.testing.assert_allclose(now.drop(columns="day"), expected.drop(columns="day"), rtol=1e-9)


def test_an_unseen_cell_gets_its_main_effects_where_rows_are_forgotten_too(sales):
    X, y = sales
    X["kind"] = np.where(X["shop"] < "c", X["shop"], "z")
    new = pd.DataFrame({"shop": ["a", "b"], "kind": ["z", "z"], "day": X["day"].max(), "size": 0.0})
    rule = EarlierRows("day", half_life=1e9)
    faded = EmpiricalBayesEncoder([], interactions=[("shop", "kind")], cv=rule).fit(X, y).transform(new)
    plain = EmpiricalBayesEncoder([], interactions=[("shop", "kind")]).fit(X, y).transform(new)
    np.testing.assert_allclose(faded["shop_x_kind"], plain["shop_x_kind"], rtol=1e-5)
    assert faded["shop_x_kind"].nunique() == 2


@pytest.mark.parametrize("options", [{}, {"half_life": "auto"}, {"windows": [5, 20], "gap": 2}], ids=str)
def test_rows_of_one_time_have_no_order(sales, options):
    X, y = sales
    encoder = EmpiricalBayesEncoder(["shop"], cv=EarlierRows("day", **options), output=["mean", "sd"])
    order = np.random.default_rng(1).permutation(len(y))
    other = encoder.fit_transform(X.iloc[order], y[order])
    np.testing.assert_allclose(other, encoder.fit_transform(X, y).iloc[order], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("dates", "numbers"),
    [
        ({"gap": "80000D"}, {"gap": 80000}),
        ({"half_life": "20000D"}, {"half_life": 20000}),
        ({"half_life": "20D"}, {"half_life": 20}),
        ({"half_life": "auto"}, {"half_life": "auto"}),
        ({"windows": ["50000D", "100000D"], "gap": "90000D"}, {"windows": [50000, 100000], "gap": 90000}),
        ({"drift": "auto"}, {"drift": "auto"}),
    ],
    ids=str,
)
def test_dates_may_be_centuries_apart(dates, numbers):
    rng = np.random.default_rng(0)
    day = np.where(rng.random(200) < 0.2, 0, rng.integers(108_000, 190_000, 200))  # as where 1700 stands for "unknown"
    X = pd.DataFrame({"shop": rng.choice(list("abc"), 200), "day": day})
    y = X["shop"].map({"a": 0.0, "b": 1.0, "c": 2.0}) + np.sin(day / 9000) * 3 + rng.normal(size=200)
    dated = X.assign(day=np.datetime64("1700-01-01", "D") + day.astype("timedelta64[D]"))
    by_date, by_number = (
        EmpiricalBayesEncoder(
            ["shop"], output=["mean", "sd"] if "drift" in each else "mean", cv=EarlierRows("day", **each)
        )
        for each in (dates, numbers)
    )
    early = day < 108_000
    expected = by_number.fit_transform(X, y).drop(columns="day")
    np.testing.assert_allclose(by_date.fit_transform(dated, y).drop(columns="day"), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        by_date.fit(dated[early], y[early]).transform(dated).drop(columns="day"),
        by_number.fit(X[early], y[early]).transform(X).drop(columns="day"),
        rtol=1e-9,
        atol=1e-12,
    )
