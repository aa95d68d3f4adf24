"""Windows of time, and means relative to the level, by slow loops."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from helpers.later_rows import as_kind, changes

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder, sample_encodings

NAMES = ["shop", "shop_5", "shop_20", "shop_5_minus_20", "shop_20_minus_all"]
SMOOTHING = 2.0


@pytest.fixture(scope="module")
def sales():
    rng = np.random.default_rng(0)
    n = 300
    X = pd.DataFrame({"shop": rng.choice(np.array([*"abcdef", None], dtype=object), n), "day": rng.integers(0, 60, n)})
    y = X["shop"].map(dict(zip("abcdef", range(6), strict=True))).fillna(2.5) + X["day"] / 10 + rng.normal(size=n)
    return X, y.to_numpy(), rng.uniform(0.5, 2.0, n)


def levels(own, rows, y, weights, relative):
    """Weight and total of a category's rows, relative to the mean of all of the rows or not."""
    level = np.average(y[rows], weights=weights[rows]) if relative and len(rows) else 0.0
    return weights[own].sum(), weights[own] @ (y[own] - level)


def chained(mean, parts):
    """Means of windows, the longest first in `parts`, with their differences."""
    values = [mean]
    for count, total in parts:
        values.insert(0, (total + SMOOTHING * values[0]) / (count + SMOOTHING))
    return [mean, *values[:-1], *(short - long for short, long in pairwise(values))]


def by_hand(X, y, weights, gap, half_life, relative):
    day, shop = X["day"].to_numpy(), X["shop"].fillna("missing").to_numpy()
    order, result = np.argsort(day, kind="stable"), np.full((len(X), 5), np.nan)
    for i in range(len(X)):
        past = order[day[order] < day[i] - gap]
        if not len(past):
            continue
        first = past[
            day[past] <= day[past[(1 << int(np.log2(len(past)))) - 1]]
        ]  # with all rows of the last of their times
        left = weights if half_life is None else weights * 0.5 ** ((day[i] - day) / half_life)
        mean = 0.0 if relative else np.average(y[first], weights=left[first])
        count, total = levels(past[shop[past] == shop[i]], past, y, left, relative)
        parts = []
        for length in (20, 5):
            rows = past[day[past] >= day[i] - gap - length]
            parts.append(levels(rows[shop[rows] == shop[i]], rows, y, weights, relative))
        result[i] = chained((total + SMOOTHING * mean) / (count + SMOOTHING), parts)
    return result


@pytest.mark.parametrize("gap", [0, 4])
@pytest.mark.parametrize("half_life", [None, 7.0])
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_windows_are_those_of_slow_loops(sales, gap, half_life, relative, weighted):
    X, y, weights = sales
    rule = EarlierRows("day", gap, half_life, windows=[20, 5], relative=relative)
    encoder = SmoothedMeanEncoder(["shop"], smoothing=SMOOTHING, cv=rule, remainder="drop")
    encoded = encoder.fit_transform(X, y, sample_weight=weights if weighted else None)
    assert list(encoded) == list(encoder.get_feature_names_out()) == NAMES
    expected = by_hand(X, y, weights if weighted else np.ones(len(y)), gap, half_life, relative)
    np.testing.assert_allclose(encoded, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("half_life", [None, 7.0])
@pytest.mark.parametrize("relative", [False, True])
def test_new_rows_get_the_last_windows(sales, half_life, relative):
    X, y, weights = sales
    day, shop = X["day"].to_numpy(), X["shop"].fillna("missing").to_numpy()
    rule = EarlierRows("day", half_life=half_life, windows=[5, 20], relative=relative)
    encoder = SmoothedMeanEncoder(["shop"], smoothing=SMOOTHING, cv=rule, remainder="drop")
    encoder.fit(X, y, sample_weight=weights)
    new = pd.DataFrame({"shop": ["a", "e", None, "never"], "day": [59, 70, 60, 99]})
    encoded = encoder.transform(new)
    for i in range(len(new)):
        name = new["shop"].fillna("missing")[i]
        own, all_rows = np.flatnonzero(shop == name), np.arange(len(y))
        left = weights if half_life is None else weights * 0.5 ** ((day.max() - day) / half_life)
        fade = 1.0 if half_life is None else 0.5 ** (max(new["day"][i] - day.max(), 0) / half_life)
        level = np.average(y, weights=left)
        total, mean = fade * (left[own] @ y[own]), (fade * left[own].sum() + SMOOTHING)
        mean = (total + SMOOTHING * level) / mean - (level if relative else 0.0)
        parts = []
        for length in (20, 5):
            rows = all_rows[day > day.max() - length]
            parts.append(levels(rows[shop[rows] == name], rows, y, weights, relative))
        np.testing.assert_allclose(encoded.iloc[i], chained(mean, parts), rtol=1e-7, atol=1e-9)
    assert not encoded.iloc[3, 3:].any()


@pytest.mark.parametrize("kind", ["continuous", "binary", "multiclass", "count"])
@pytest.mark.parametrize("relative", [False, True])
def test_windows_and_levels_know_nothing_of_later_rows(sales, kind, relative):
    X, y, _ = sales
    y = as_kind(y, kind, above=5, edges=[3, 6])
    rule = EarlierRows("day", 1, windows=[9, 2], relative=relative)
    outputs = ["mean", "sd", "reliability", "count"]
    encoder = EmpiricalBayesEncoder(["shop"], cv=rule, target_type=kind, output=outputs, remainder="drop")
    before = encoder.fit_transform(X, y).to_numpy()
    for later, now, changed, other in changes(X, y, (10, 30, 45), np.random.default_rng(3)):
        same, rows = (encoder.fit_transform(each, changed).to_numpy() for each in (X, other))
        assert before[now].tobytes() == same[now].tobytes()
        assert before[~later].tobytes() == rows[~later].tobytes()
        assert (before[~now] != same[~now]).any()


def test_windows_go_with_policies_files_and_look_ups(sales):
    X, y, _ = sales
    rule = EarlierRows("day", windows=["5D", pd.Timedelta(days=20)], half_life="9D")
    dated = X.assign(day=pd.Timestamp("2024-01-01") + pd.to_timedelta(X["day"], unit="D"))
    new = dated[-6:].assign(shop=["a", "b", None, "never", "c", "d"])
    encoder = EmpiricalBayesEncoder(["shop"], cv=rule, unknown="nan", missing="prior", remainder="drop")
    encoded = encoder.fit(dated, y).transform(new)
    assert list(encoded) == [name.replace("_5", "_5D").replace("_20", "_20D") for name in NAMES]
    assert encoded.iloc[3].isna().all()
    assert encoded.iloc[2].nunique() == 2  # the mean, thrice, and no difference
    again = EmpiricalBayesEncoder.from_json(encoder.to_json())
    pd.testing.assert_frame_equal(again.transform(new), encoded)
    for position, row in enumerate(new.to_dict("records")):
        np.testing.assert_array_equal(list(again.lookup(row).values()), encoded.iloc[position])


def test_without_a_half_life_windows_are_looked_up(sales):
    X, y, _ = sales
    encoder = MeanEncoder(["shop"], cv=EarlierRows("day", half_life=None, windows=[5]), remainder="drop").fit(X, y)
    expected = encoder.transform(X[:1].assign(day=70)).iloc[0].to_dict()
    assert encoder.lookup({"shop": X["shop"][0]}) == expected
    assert "shop_5_minus_all" in encoder.to_sql("sales")


def test_interactions_and_several_targets_have_windows(sales):
    X, y, _ = sales
    X = X.assign(kind=np.where(X["day"] % 2, "odd", "even"))
    both = pd.DataFrame({"a": y, "b": (y > 5).astype(float)})
    rule = EarlierRows("day", windows=[9], relative=True)
    encoder = EmpiricalBayesEncoder([], interactions=[("shop", "kind")], cv=rule, remainder="drop")
    names = [f"shop_x_kind_{end}" for end in ("a", "a_9", "a_9_minus_all", "b", "b_9", "b_9_minus_all")]
    assert list(encoder.fit_transform(X, both)) == names
    cells = pd.DataFrame({"shop": ["a", "never"], "kind": ["none", "odd"], "day": 99})
    new = encoder.transform(cells)
    np.testing.assert_array_equal(new["shop_x_kind_a_9"], new["shop_x_kind_a"])
    assert not new["shop_x_kind_b_9_minus_all"].any()
    assert new["shop_x_kind_a"].nunique() == 2


def test_levels_are_taken_from_means_alone(sales):
    X, y, _ = sales
    outputs = ["mean", "sd", "reliability", "count", "code"]
    plain, relative = (
        EmpiricalBayesEncoder(
            ["shop"], cv=EarlierRows("day", half_life=None, relative=each), output=outputs, remainder="drop"
        )
        for each in (False, True)
    )
    before, after = (each.fit_transform(X, y) for each in (plain, relative))
    pd.testing.assert_frame_equal(after.drop(columns="shop"), before.drop(columns="shop"))
    np.testing.assert_allclose(relative.transform(X[:9])["shop"], plain.transform(X[:9])["shop"] - y.mean())
    pd.testing.assert_frame_equal(relative.summary_, plain.summary_)
    pd.testing.assert_frame_equal(relative.encoding_table("shop"), plain.encoding_table("shop"))
    draws = [sample_encodings(each, X[:3], n_draws=2, random_state=0) for each in (plain, relative)]
    np.testing.assert_allclose(draws[1], draws[0] - y.mean())
    only = relative.set_params(output="sd").fit_transform(X, y)
    pd.testing.assert_series_equal(only["shop_sd"], before["shop_sd"])


def test_a_level_that_drifts_changes_nothing(sales):
    X, y, _ = sales
    once = X.assign(day=np.arange(len(y)))  # so that all rows share the level of a time
    steps = np.where(once["day"] < 100, 0.0, 50.0)
    encoder = MeanEncoder(["shop"], cv=EarlierRows("day", relative=True, half_life=0.5))
    still, moved = (encoder.fit_transform(once, each)["shop"].to_numpy() for each in (y, y + steps))
    np.testing.assert_allclose(moved[:101], still[:101])
    assert np.nanmax(np.abs(moved[200:])) < 20


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ("30D", "`windows` must be a list of lengths"),
        ([], "`windows` must be a list of lengths"),
        (5, "`windows` must be a list of lengths"),
        ([5, 5.0], "must have different lengths"),
        (["5D", "120h"], "must have different lengths"),
        ([0, 5], "`windows` must be positive"),
        ([5, np.inf], "`windows` must be positive"),
        (["5D"], "`windows` must be a number"),
        (["soon"], "`windows` must be a list of lengths"),
        ([None], "`windows` must be a list of lengths"),
        ([True], "`windows` must be a list of lengths"),
        (np.array([5, 20]), "`windows` must be a list of lengths"),
    ],
)
def test_other_windows_are_refused(sales, windows, message):
    X, y, _ = sales
    with pytest.raises(ValueError, match=message):
        MeanEncoder(["shop"], cv=EarlierRows("day", windows=windows)).fit_transform(X, y)


def test_tuples_and_large_numbers_are_windows(sales):
    X, y, _ = sales
    windows = (np.float64(2_592_000), 2_635_200)
    encoder = MeanEncoder(["shop"], cv=EarlierRows("day", windows=windows)).fit(X.assign(day=86_400 * X["day"]), y)
    names = [name for name in encoder.get_feature_names_out() if name.startswith("shop_")]
    assert names == ["shop_2592000", "shop_2635200", "shop_2592000_minus_2635200", "shop_2635200_minus_all"]
    saved = MeanEncoder.from_json(encoder.to_json())
    assert saved.get_feature_names_out().tolist() == encoder.get_feature_names_out().tolist()


def test_durations_of_numpy_are_those_of_pandas(sales):
    X, y, _ = sales
    dated, three = (
        X.assign(day=pd.Timestamp("2024-01-01") + pd.to_timedelta(X["day"], unit="D")),
        np.timedelta64(3, "D"),
    )
    found, expected = (
        MeanEncoder(["shop"], cv=EarlierRows("day", gap=each, half_life=each, windows=[each])).fit_transform(dated, y)
        for each in (three, "3D")
    )
    pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(ValueError, match="`gap` must be a number, as the times are numbers"):
        MeanEncoder(["shop"], cv=EarlierRows("day", gap=three)).fit(X, y)


def test_windows_need_means_and_relative_a_truth_value(sales):
    X, y, _ = sales
    with pytest.raises(ValueError, match='Add "mean" to it'):
        MeanEncoder(["shop"], cv=EarlierRows("day", windows=[5]), output="sd").fit(X, y)
    with pytest.raises(ValueError, match="`relative` must be True or False"):
        MeanEncoder(["shop"], cv=EarlierRows("day", relative="yes")).fit(X, y)
