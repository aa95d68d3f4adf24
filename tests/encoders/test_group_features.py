"""`GroupFeatures` describes columns by category: the numbers of pandas by hand, pooled, for every kind of input."""

import datetime
import decimal
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from catpool import EmpiricalBayesEncoder, GroupFeatures, UnseenCategoriesWarning
from catpool.tables.group_statistics import GROUP_OUTPUTS

ALL = list(GROUP_OUTPUTS)
SUMS = ["mean", "sd", "ratio", "zscore", "count"]


def rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    shop = rng.integers(0, 12, n)
    X = pd.DataFrame({"shop": [f"shop {each}" if each else None for each in shop], "month": rng.integers(1, 4, n)})
    X["price"] = (20 + 3 * rng.normal(size=12)[shop] + (1 + shop / 6) * rng.normal(size=n)).round(1)
    X["age"] = rng.integers(18, 30, n) + shop
    X["city"] = rng.choice(["Bonn", "Kiel", None], n)
    X.loc[rng.random(n) < 0.1, "price"] = np.nan
    return X


X = rows()
NEW = rows(60, 1).assign(shop=lambda frame: frame["shop"].where(frame.index > 4, "never"))


def features(table, shop="shop", **parameters):
    """The features of one column of numbers by one column, at fit."""
    return GroupFeatures([shop], of=["price"], remainder="drop", **parameters).fit_transform(table)


def by_hand(table, output, shop="shop"):
    """Raw statistics of prices by pandas."""
    groups = table.groupby(shop, dropna=False)["price"]
    transformed = {"mean": "mean", "sd": "std", "nunique": "nunique", "count": "count"}
    if output in transformed:
        return groups.transform(transformed[output])
    if output == "ratio":
        return table["price"] / groups.transform("mean")
    if output == "zscore":
        return (table["price"] - groups.transform("mean")) / groups.transform("std")
    return (groups.rank() - 0.5) / groups.transform("count")


def test_raw_statistics_are_those_of_pandas():
    found = features(X, output=ALL, prior=0)
    assert list(found) == [f"price_{output}_by_shop" for output in ALL]
    for output in ALL:
        np.testing.assert_allclose(found[f"price_{output}_by_shop"], by_hand(X, output), rtol=1e-12, err_msg=output)


def test_complete_pooling_gives_all_categories_the_statistics_of_all_rows():
    found = features(X, output=["mean", "sd", "rank"], prior=np.inf)
    price = X["price"]
    within = price - X.groupby("shop", dropna=False)["price"].transform("mean")
    typical = np.sqrt((within**2).sum() / (price.notna().sum() - X["shop"].nunique(dropna=False)))
    np.testing.assert_allclose(found["price_mean_by_shop"], price.mean())
    np.testing.assert_allclose(found["price_sd_by_shop"], typical)
    np.testing.assert_allclose(found["price_rank_by_shop"], (price.rank() - 0.5) / price.notna().sum())


@pytest.mark.parametrize("prior", ["reml", "ml", "auto", "scale_mixture", lambda moments: (20.0, 3.0)])
def test_means_are_what_an_encoder_learns_of_the_column_as_a_target(prior):
    known = X.dropna(subset="price")
    encoder = EmpiricalBayesEncoder(["shop"], prior=prior, target_type="continuous", remainder="drop")
    expected = encoder.fit(known[["shop"]], known["price"]).transform(NEW[["shop"]])["shop"]
    fitted = GroupFeatures(["shop"], of=["price"], output="mean", prior=prior, remainder="drop").fit(X)
    np.testing.assert_allclose(fitted.transform(NEW)["price_mean_by_shop"], expected, rtol=1e-10)
    summary, theirs = fitted.summary_.iloc[0], encoder.summary_.iloc[0]
    np.testing.assert_allclose(
        summary[["prior_mean", "prior_strength", "reliability"]].astype(float),
        theirs[["prior_mean", "prior_strength", "reliability"]].astype(float),
    )


def test_pooled_statistics_lie_between_those_of_the_category_and_of_all_rows():
    found = features(X, output=["mean", "sd", "rank"])
    summary = GroupFeatures(["shop"], of=["price"]).fit(X).summary_.iloc[0]
    groups = X.groupby("shop", dropna=False)["price"]
    n, own = groups.transform("count"), groups.transform("mean")
    reliability = n / (n + summary["prior_strength"])
    expected = reliability * own + (1 - reliability) * summary["prior_mean"]
    np.testing.assert_allclose(found["price_mean_by_shop"], expected)
    variance = (summary["sd_strength"] * summary["typical_sd"] ** 2 + (n - 1) * groups.transform("var")) / (
        summary["sd_strength"] + n - 1
    )
    np.testing.assert_allclose(found["price_sd_by_shop"], np.sqrt(variance))
    overall = (X["price"].rank() - 0.5) / X["price"].notna().sum()
    rank = reliability * by_hand(X, "rank") + (1 - reliability) * overall
    np.testing.assert_allclose(found["price_rank_by_shop"], rank)


def test_rare_categories_are_near_the_typical_one_and_frequent_ones_near_their_own_rows():
    rng = np.random.default_rng(3)
    shop = np.repeat([*range(200), 200], [*rng.integers(1, 6, 200), 10_000])
    effects, sds = rng.normal(size=201), np.sqrt(5 / np.append(rng.chisquare(6, 200), 5))
    frame = pd.DataFrame({"shop": shop, "price": effects[shop] + sds[shop] * rng.normal(size=len(shop))})
    table = GroupFeatures(["shop"], of=["price"]).fit(frame).encoding_table("shop")
    raw = frame.groupby("shop")["price"].std()
    last = table.iloc[-1]
    assert last["encoding"] == pytest.approx(last["mean"], abs=1e-3)
    assert last["within_sd"] == pytest.approx(raw.iloc[-1], rel=2e-3)
    alone = table[table["count"] == 1]
    assert alone["within_sd"].nunique() == 1
    assert alone["reliability"].max() < 0.7
    assert ((table["encoding"] - effects) ** 2).mean() < 0.8 * ((table["mean"] - effects) ** 2).mean()
    several = (table["count"] > 1).to_numpy()
    pooled, own = (((each - sds)[several] ** 2).mean() for each in (table["within_sd"], raw.to_numpy()))
    assert pooled < 0.7 * own


def test_fit_transform_is_fit_and_transform_bit_for_bit():
    for prior in ("reml", 0, 2.5, np.inf):
        groups = GroupFeatures(["shop", ("shop", "month")], of=["price", "age", "city"], output=ALL, prior=prior)
        pd.testing.assert_frame_equal(groups.fit_transform(X), groups.fit(X).transform(X), check_exact=True)


def test_missing_values_are_a_category_and_unseen_ones_have_the_prior():
    fitted = GroupFeatures(["shop"], of=["price"], output=ALL, remainder="drop").fit(X)
    new = pd.DataFrame({"shop": [None, "never", "shop 1"], "month": 1, "price": [20.0, 21.0, np.nan], "age": 1})
    found = fitted.transform(new.assign(city="Bonn")).set_axis(ALL, axis=1)
    summary = fitted.summary_.iloc[0]
    gaps = X["price"][X["shop"].isna()]
    assert found["count"].tolist() == [gaps.count(), 0, X["price"][X["shop"] == "shop 1"].count()]
    assert found["nunique"].tolist()[:2] == [gaps.nunique(), 0]
    assert found["mean"][1] == pytest.approx(summary["prior_mean"])
    assert found["sd"][1] == pytest.approx(summary["typical_sd"])
    assert found["rank"][1] == pytest.approx(
        ((X["price"] < 21).sum() + (X["price"] == 21).sum() / 2) / X["price"].count()
    )
    assert found["zscore"][1] == pytest.approx((21 - summary["prior_mean"]) / summary["typical_sd"])
    assert found.loc[2, ["mean", "sd", "nunique", "count"]].notna().all()
    assert found.loc[2, ["ratio", "zscore", "rank"]].isna().all()


def test_combinations_are_categories_and_missing_with_a_missing_part():
    found = features(X, ("shop", "month"), output=["mean", "count"], prior=0)
    assert list(found) == ["price_mean_by_shop_x_month", "price_count_by_shop_x_month"]
    joined = (X["shop"] + "/" + X["month"].astype(str)).where(X["shop"].notna())
    np.testing.assert_allclose(
        found["price_mean_by_shop_x_month"], X.groupby(joined, dropna=False)["price"].transform("mean")
    )
    same = GroupFeatures([["shop", "month"]], of=["price"], output="mean", prior=0, remainder="drop").fit_transform(X)
    pd.testing.assert_frame_equal(same, found[["price_mean_by_shop_x_month"]])


def test_columns_of_categories_are_counted_alone():
    found = GroupFeatures(["shop"], of=["price", "city"], output=["mean", "nunique"], remainder="drop").fit_transform(X)
    assert list(found) == ["price_mean_by_shop", "price_nunique_by_shop", "city_nunique_by_shop"]
    expected = X.groupby("shop", dropna=False)["city"].transform("nunique")
    assert found["city_nunique_by_shop"].tolist() == expected.tolist()
    dates = X.assign(day=pd.Timestamp("2024-01-01") + pd.to_timedelta(X["age"], unit="D"))
    found = GroupFeatures(["shop"], of=["day"], output="nunique").fit_transform(dates)
    assert found["day_nunique_by_shop"].tolist() == X.groupby("shop", dropna=False)["age"].transform("nunique").tolist()


def test_a_column_is_not_described_by_itself():
    found = GroupFeatures(["shop", "city"], of=["city"], output="nunique", remainder="drop")
    with pytest.raises(ValueError, match=r"`of` must name another column than \['city'\], which no other column would"):
        found.fit(X)
    found = GroupFeatures(["shop", "city"], of=["city", "shop"], output="nunique", remainder="drop").fit_transform(X)
    assert list(found) == ["city_nunique_by_shop", "shop_nunique_by_city"]


def test_by_default_categories_group_and_numbers_are_described():
    found = GroupFeatures(output="mean", remainder="drop").fit_transform(X)
    names = [f"{number}_mean_by_{group}" for group in ("shop", "city") for number in ("month", "price", "age")]
    assert list(found) == names
    found = GroupFeatures(["month"], output="mean", remainder="drop").fit_transform(X)
    assert list(found) == ["price_mean_by_month", "age_mean_by_month"]
    flags = X.assign(late=X["age"] > 25)
    found = GroupFeatures(["shop"], of=["late"], output="mean", prior=0, remainder="drop").fit_transform(flags)
    np.testing.assert_allclose(
        found["late_mean_by_shop"], flags.groupby("shop", dropna=False)["late"].transform("mean")
    )


def test_columns_pass_through_unless_they_are_dropped():
    groups = GroupFeatures(["shop"], of=["price"], output="mean")
    found = groups.fit_transform(X)
    pd.testing.assert_frame_equal(found[list(X)], X)
    assert list(found) == [*X, "price_mean_by_shop"] == groups.get_feature_names_out().tolist()
    groups.set_params(remainder="drop")
    assert list(groups.transform(X)) == ["price_mean_by_shop"] == groups.get_feature_names_out().tolist()
    assert list(groups.transform(X[["shop"]])) == ["price_mean_by_shop"]
    with pytest.raises(ValueError, match=r"now missing: \['price'\]"):
        groups.set_params(output="ratio").fit(X).transform(X[["shop"]])


@pytest.mark.parametrize("prior", ["reml", 0, 3.0, np.inf])
def test_weights_are_copies(prior):
    weights = np.random.default_rng(5).integers(0, 4, len(X))
    copies = X.loc[X.index.repeat(weights)]
    groups = GroupFeatures(["shop"], of=["price", "age", "city"], output=ALL, prior=prior, remainder="drop")
    expected = groups.fit(copies).transform(NEW)
    np.testing.assert_allclose(groups.fit(X, sample_weight=weights).transform(NEW), expected, rtol=1e-9)
    named = groups.fit(X.assign(copies=weights), sample_weight="copies")
    np.testing.assert_allclose(named.transform(NEW), expected, rtol=1e-9)
    np.testing.assert_allclose(named.transform(NEW.assign(copies=7)), expected, rtol=1e-9)
    assert named.feature_names_in_.tolist() == list(X)


@pytest.mark.parametrize("prior", ["reml", 1.5])
def test_the_order_of_rows_the_names_of_categories_and_threads_do_not_matter(prior):
    groups = GroupFeatures(["shop"], of=["price", "age"], output=ALL, prior=prior, remainder="drop")
    expected = groups.fit_transform(X)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(groups.fit_transform(X.iloc[order]), expected.iloc[order], rtol=1e-9)
    renamed = X.assign(shop=X["shop"].map(lambda name: (name, 1), na_action="ignore"))
    np.testing.assert_allclose(groups.fit_transform(renamed), expected, rtol=1e-9)
    large = pd.concat([X] * 1500, ignore_index=True)
    one, two = (groups.set_params(n_jobs=jobs).fit_transform(large) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_shifts_and_scales_carry_through():
    groups = GroupFeatures(["shop"], of=["price"], output=ALL, remainder="drop")
    plain = groups.fit_transform(X).set_axis(ALL, axis=1)
    moved = groups.fit_transform(X.assign(price=1e6 + 1000 * X["price"])).set_axis(ALL, axis=1)
    np.testing.assert_allclose(moved["mean"], 1e6 + 1000 * plain["mean"], rtol=1e-9)
    np.testing.assert_allclose(moved["sd"], 1000 * plain["sd"], rtol=1e-6)
    for output in ("zscore", "rank", "nunique"):
        np.testing.assert_allclose(moved[output], plain[output], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("outputs", [SUMS, ["mean"], ["count", "ratio"]])
def test_parts_give_what_all_rows_give(outputs):
    groups = GroupFeatures(["shop", ("shop", "month")], of=["price", "age"], output=outputs, remainder="drop")
    expected = groups.fit(X).transform(NEW)
    parts = clone(groups)
    for part in (X[:100], X[100:250].assign(price=np.nan), X[250:]):
        parts.partial_fit(part)
    whole = X.copy()
    whole.loc[100:249, "price"] = np.nan
    np.testing.assert_allclose(parts.transform(NEW), clone(groups).fit(whole).transform(NEW), rtol=1e-9)
    weights = np.arange(len(X)) % 3
    parts = clone(groups).fit(X[:200], sample_weight=weights[:200])
    parts.partial_fit(X[200:][[*X][::-1]], sample_weight=weights[200:])
    np.testing.assert_allclose(
        parts.transform(NEW), clone(groups).fit(X, sample_weight=weights).transform(NEW), rtol=1e-9
    )
    assert len(expected) == len(NEW)


def test_parts_whose_columns_are_not_named_have_those_of_the_first():
    groups = GroupFeatures(output="mean", remainder="drop").partial_fit(X[:200])
    groups.partial_fit(X[200:].assign(price=pd.Series([None] * 200, index=X.index[200:], dtype=object)))
    assert list(groups.transform(X)) == list(GroupFeatures(output="mean", remainder="drop").fit(X).transform(X))


def test_what_does_not_follow_from_sums_refuses_parts():
    groups = GroupFeatures(["shop"], of=["price"], output=["mean", "rank", "nunique"])
    with pytest.raises(AttributeError, match="This 'GroupFeatures' has no attribute 'partial_fit'") as refused:
        groups.partial_fit(X)
    assert "`partial_fit` keeps sums, from which ['rank', 'nunique'] do not follow" in str(refused.value.__cause__)
    groups.set_params(output="mean").partial_fit(X)
    before = groups.transform(NEW)
    with pytest.raises(ValueError, match="were not summed for all statistics in `output`"):
        groups.set_params(output=["mean", "sd"]).partial_fit(X)
    with pytest.raises(ValueError, match="Each part must be described by the same columns"):
        groups.set_params(output="mean", of=["age"]).partial_fit(X)
    with pytest.raises(ValueError, match="must hold categories of one type in each part"):
        groups.set_params(of=["price"]).partial_fit(X.assign(shop=1))
    pd.testing.assert_frame_equal(groups.transform(NEW), before)
    counted = GroupFeatures(["shop"], of=["city"], output="nunique").fit(X)
    with pytest.raises(ValueError, match="holds values of kind 'category'"):
        counted.set_params(output="mean").partial_fit(X)


@pytest.mark.parametrize("prior", ["reml", 0])
def test_ratios_to_a_mean_of_zero_are_nan_with_a_warning(prior):
    frame = pd.DataFrame({"shop": ["a", "a", "b", "b"], "gain": [-1.0, 1.0, -1.0, 1.0]})
    groups = GroupFeatures(["shop"], output="ratio", prior=prior, remainder="drop")
    with pytest.warns(
        UserWarning, match="The mean of column 'gain' is 0 in 4 categories of 'shop', where its ratio is"
    ):
        assert groups.fit_transform(frame).isna().all().all()


def test_values_that_do_not_vary_have_zscores_of_zero():
    frame = pd.DataFrame({"shop": ["a", "a", "b", "b", "c"], "height": [0.1, 0.1, 0.7, 0.7, 0.3]})
    groups = GroupFeatures(["shop"], output=["sd", "zscore"], remainder="drop").fit(frame)
    assert groups.transform(frame).to_numpy().tolist() == [[0.0, 0.0]] * 5
    assert np.isnan(groups.transform(pd.DataFrame({"shop": ["a"], "height": [0.2]})).iloc[0, 1])
    with pytest.warns(UserWarning, match="Column 'height' does not vary within 3 categories of 'shop', whose mean is"):
        pulled = groups.set_params(prior=1.0).fit_transform(frame)
    assert pulled["height_zscore_by_shop"].isna().all()
    raw = GroupFeatures(["shop"], output=["sd", "zscore"], prior=0, remainder="drop")
    some = raw.fit_transform(frame.assign(height=[0.1, 0.1, 0.6, 0.8, 0.3]))
    assert some["height_sd_by_shop"].tolist() == pytest.approx([0, 0, 0.02**0.5, 0.02**0.5, 0.01**0.5], abs=1e-12)
    assert some["height_zscore_by_shop"].tolist() == pytest.approx([0, 0, -(0.5**0.5), 0.5**0.5, 0], abs=1e-12)


def test_without_several_rows_in_a_category_the_deviation_is_that_of_all_rows():
    frame = pd.DataFrame({"shop": list("abcd"), "price": [1.0, 2.0, 4.0, 9.0]})
    for prior in ("reml", 0, 3):
        found = features(frame, output=["sd"], prior=prior)
        np.testing.assert_allclose(found["price_sd_by_shop"], frame["price"].std())
    one = features(frame[:1], output=["mean", "sd", "zscore"])
    assert one.to_numpy().tolist() == [[1.0, 0.0, 0.0]]


@parametrize_with_checks(
    [
        GroupFeatures([0], of=[0, 1]),
        GroupFeatures([0], output=ALL),
        GroupFeatures([0], output=["mean", "sd", "rank"], prior=0, remainder="drop"),
        GroupFeatures([(0, 1)], of=[1], output="mean", n_jobs=2),
    ],
    expected_failed_checks=lambda groups: {"check_fit2d_1feature": "a column is described by another one"},
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning", "ignore:The mean of column")
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


def test_pipelines_searches_clones_and_pickles():
    groups = GroupFeatures(["shop"], of=["price"], output=["mean", "zscore", "rank"], remainder="drop")
    fitted = pickle.loads(pickle.dumps(clone(groups).fit(X)))
    pd.testing.assert_frame_equal(fitted.transform(NEW), groups.fit(X).transform(NEW), check_exact=True)
    known = X.dropna()
    pipeline = make_pipeline(clone(groups), Ridge())
    search = GridSearchCV(pipeline, {"groupfeatures__prior": ["reml", 0.0]}, cv=2).fit(known, known["age"])
    assert len(search.predict(known)) == len(known)


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.25, 2.5, np.nan, 4.0], dtype=np.float32),
        pd.array([1.25, 2.5, None, 4.0], dtype="Float64"),
        pd.Series([decimal.Decimal("1.25"), decimal.Decimal("2.5"), None, decimal.Decimal(4)], dtype=object),
        pd.Series([1.25, 2.5, None, 4], dtype=object),
    ],
    ids=["float32", "Float64", "decimals", "objects"],
)
def test_numbers_of_all_types_are_described(values):
    frame = pd.DataFrame({"shop": ["a", "a", "a", "b"], "price": values})
    found = features(frame, output=["mean", "nunique"], prior=0)
    assert found.to_numpy().tolist() == [[1.875, 2.0]] * 3 + [[4.0, 1.0]]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"columns": ["absent"]}, r"`columns` names \['absent'\], which X does not have"),
        ({"columns": []}, "`columns` must name at least one column of X"),
        ({"columns": ["shop", "shop"]}, "`columns` must name each column once"),
        ({"columns": [("shop", "absent")]}, r"`columns` must combine two or more different columns of X"),
        ({"columns": [("shop", "month"), ("month", "shop")]}, "`columns` must name each combination once"),
        ({"columns": "shop"}, "The 'columns' parameter of GroupFeatures must be"),
        ({"of": ["absent"]}, r"`of` names \['absent'\], which X does not have"),
        ({"of": []}, "`of` must name at least one column of X"),
        (
            {"of": ["city"]},
            "Column 'city' must hold numbers, or `output` have \"nunique\", but it holds values of kind",
        ),
        ({"of": ["shop"], "output": "nunique"}, r"`of` must name another column than \['shop'\]"),
        ({"output": "median"}, "`output` must be one or several of"),
        ({"output": []}, "`output` must be one or several of"),
        ({"output": ["mean", "mean"]}, "`output` must be one or several of"),
        ({"prior": "strong"}, "The 'prior' parameter of GroupFeatures must be"),
        ({"prior": -1.0}, "The 'prior' parameter of GroupFeatures must be"),
        ({"prior": np.nan}, "The 'prior' parameter of GroupFeatures must be"),
        ({"prior": lambda moments: None}, "`prior` must return two numbers"),
        ({"remainder": "keep"}, "The 'remainder' parameter of GroupFeatures must be"),
    ],
)
def test_what_cannot_be_is_refused(parameters, message):
    fitted = GroupFeatures(["shop"], of=["price"]).fit(X)
    before = fitted.transform(NEW)
    with pytest.raises(ValueError, match=message):
        fitted.set_params(**parameters).fit(X)
    fitted.set_params(remainder="passthrough")
    pd.testing.assert_frame_equal(fitted.transform(NEW), before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": np.inf}, r"Column 'price' must be finite, .* but it is inf \(infinity\)"),
        ({"price": -np.inf}, r"Column 'price' must be finite"),
        ({"price": 1e200}, r"but it is 1e\+200 \(out of range\). Make these values missing, or rescale it"),
        ({"price": np.nan}, "Column 'price' must hold some numbers in rows with a weight, but all are missing"),
        ({"price": None}, "Column 'price' must hold some numbers in rows with a weight, but all are missing"),
        ({"price": "much"}, "Column 'price' must hold numbers"),
        ({"price": datetime.datetime(2024, 1, 1)}, "Column 'price' must hold numbers"),
        ({"price_mean_by_shop": 1}, r"must have different names, but \['price_mean_by_shop'\] would occur twice"),
    ],
)
def test_tables_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        GroupFeatures(["shop"], of=["price"]).fit(X.assign(**change))


def test_other_tables_that_cannot_be_are_refused():
    groups = GroupFeatures(["shop"], of=["price"])
    with pytest.raises(ValueError, match="y must not be the name of a column, but it is 'age'"):
        groups.fit(X, "age")
    with pytest.raises(ValueError, match="`sample_weight` must be finite"):
        groups.fit(X, sample_weight=np.full(len(X), -1.0))
    with pytest.raises(ValueError, match="has no column of strings, objects, categories or booleans that could group"):
        GroupFeatures().fit(X[["price", "age"]])
    with pytest.raises(ValueError, match="has no column of strings, objects, categories or booleans that could group"):
        GroupFeatures().fit(np.ones((3, 2)))
    with pytest.raises(ValueError, match="X has no column of numbers beside those that group"):
        GroupFeatures().fit(X[["shop", "city"]])
    for call in (groups.transform, groups.lookup, groups.encoding_table):
        with pytest.raises(NotFittedError):
            call({} if call == groups.lookup else "shop" if call == groups.encoding_table else X)


def test_new_tables_that_cannot_be_are_refused():
    fitted = GroupFeatures(["shop"], of=["price"]).fit(X)
    with pytest.raises(ValueError, match="Column 'price' must be finite"):
        fitted.transform(NEW.assign(price=np.inf))
    with pytest.raises(ValueError, match="Column 'price' must hold numbers"):
        fitted.transform(NEW.assign(price="much"))
    with pytest.raises(ValueError, match=r"unseen at fit time: \['more'\]"):
        fitted.transform(NEW.assign(more=1))


def test_columns_that_have_changed_are_warned_of():
    fitted = GroupFeatures(["shop"], of=["price"]).fit(X)
    with pytest.warns(UnseenCategoriesWarning, match="of column 'shop' hold categories that the encoder does not know"):
        fitted.transform(NEW.assign(shop=7))
    days = X.assign(shop=[f"2024-01-{1 + row % 28:02}" for row in range(len(X))])
    with pytest.warns(UserWarning, match="Column 'shop' holds dates as strings"):
        GroupFeatures(["shop"], of=["price"]).fit(days)
