"""Interactions that are found: those that are there, once each, and none where there is nothing to find."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from catpool import AdditiveEncoder, TreeEncoder
from catpool.models.additive.screening import Residuals, judge_cells


def found(X, y, **parameters):
    encoder = AdditiveEncoder(interactions="auto", random_state=0, **parameters).fit(X, y)
    return [frozenset(columns) for columns in encoder.interactions_["columns"]]


def columns(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    sizes = {"shop": 30, "month": 12, "coin": 2, "town": 60}
    X = pd.DataFrame({name: rng.integers(0, size, n).astype(str) for name, size in sizes.items()})
    return X.assign(price=rng.normal(size=n), noise=rng.normal(size=n)), rng


def cell_effects(X, labels, rng, sd=1.0):
    cells = X.groupby(labels, sort=False).ngroup().to_numpy()
    return sd * rng.normal(size=cells.max() + 1)[cells]


def test_a_pair_is_found_and_its_effects_are_features():
    X, rng = columns()
    effect = cell_effects(X, ["shop", "month"], rng)
    y = effect + rng.normal(size=len(X))
    encoder = TreeEncoder(random_state=0)
    features = encoder.fit_transform(X, y)
    assert encoder.interactions_["columns"].tolist() == [("shop", "month")]
    assert 0.2 < encoder.interactions_["share"][0] < 0.6
    assert np.corrcoef(features["shop_x_month_adjusted"], effect)[0, 1] > 0.8


@pytest.mark.parametrize("kind", ["continuous", "binary", "count", "multiclass"])
def test_a_category_and_a_number_are_found_for_each_kind_of_target(kind):
    X, rng = columns()
    slope = rng.normal(size=30)[X["shop"].astype(int)] * X["price"]
    y = {
        "continuous": lambda: slope + rng.normal(size=len(X)),
        "binary": lambda: (2 * slope + rng.logistic(size=len(X)) > 0).astype(int),
        "count": lambda: rng.poisson(np.exp(slope.clip(-3, 3))),
        "multiclass": lambda: np.digitize(2 * slope + rng.logistic(size=len(X)), [-1, 1]),
    }[kind]()
    assert found(X, y, target_type=kind)[0] == {"shop", "price"}


def test_a_triple_is_found_from_a_pair():
    X, rng = columns(n=20_000)
    y = cell_effects(X, ["shop", "month", "coin"], rng) + rng.normal(size=len(X))
    assert {"shop", "month", "coin"} in found(X, y)


def test_two_numbers_are_left_to_the_trees():
    X, rng = columns()
    y = X["price"] * X["noise"] + 0.1 * rng.normal(size=len(X))
    assert found(X, y) == []


def dates(n=6000, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"month": rng.integers(1, 13, n), "day": rng.integers(1, 32, n), "coin": rng.integers(0, 2, n)})
    return X, cell_effects(X, ["month", "day"], rng), rng


def test_two_numbers_of_few_values_are_combined_value_by_value():
    X, effect, rng = dates()
    encoder = TreeEncoder(random_state=0)
    features = encoder.fit_transform(X, effect + rng.normal(size=len(X)))
    assert encoder.interactions_["columns"].tolist() == [("month", "day")]
    assert np.corrcoef(features["month_x_day_adjusted"], effect)[0, 1] > 0.9
    pairs = encoder.summary_.set_index("column")["categories"]
    assert pairs["month_x_day"] == 12 * 31


def test_combinations_of_numbers_that_are_new_or_missing_have_no_effect():
    X, effect, rng = dates()
    encoder = TreeEncoder(random_state=0).fit(X, effect + rng.normal(size=len(X)))
    new = pd.DataFrame({"month": [12, 13, 12, 12], "day": [31.0, 31.0, 99.0, np.nan], "coin": 0})
    effects = encoder.transform(new)["month_x_day_adjusted"].tolist()
    assert effects[0] != 0
    assert effects[1:] == [0, 0, 0]


def test_two_numbers_with_missing_values_are_left_to_the_trees():
    X, effect, rng = dates()
    assert found(X.assign(day=X["day"].mask(X["day"] == 7)), effect + rng.normal(size=len(X))) == []


def test_two_numbers_of_few_combinations_are_left_to_the_trees():
    X, _, rng = dates()
    y = cell_effects(X, ["coin", "day"], rng) + 0.1 * rng.normal(size=len(X))
    assert found(X, y) == []


def test_two_numbers_without_an_interaction_are_not_combined():
    X, _, rng = dates()
    y = np.sin(X["month"]) + np.cos(X["day"]) + rng.normal(size=len(X))
    assert found(X, y) == []


def test_a_category_joins_two_numbers_of_few_values():
    X, _, rng = dates(n=20_000)
    X["half"] = np.where(X["coin"] == 1, "late", "early")
    y = cell_effects(X, ["month", "day", "half"], rng) + rng.normal(size=len(X))
    encoder = TreeEncoder(random_state=0).fit(X.drop(columns="coin"), y)
    triple = encoder.summary_.query("column.str.count('_x_') == 2")
    assert triple["categories"].tolist() == [12 * 31 * 2]


def test_a_number_of_many_values_joins_two_of_few_in_ranges():
    X, _, rng = dates(n=40_000)
    X["price"] = rng.normal(size=len(X))
    y = cell_effects(X.assign(high=X["price"] > 0), ["month", "day", "high"], rng) + rng.normal(size=len(X))
    encoder = TreeEncoder(random_state=0).fit(X.drop(columns="coin"), y)
    triple = encoder.summary_.query("column.str.count('_x_') == 2")
    assert triple["categories"].tolist() == [12 * 31 * 8]


def test_given_numbers_of_few_values_are_combined_value_by_value():
    X, effect, _ = dates()
    encoder = TreeEncoder(interactions=[("month", "day")]).fit(X, effect)
    assert encoder.summary_["categories"].iloc[-1] == 12 * 31
    assert encoder.encoding_table("month_x_day").shape[0] >= 12 * 31
    same = TreeEncoder.from_json(encoder.to_json())
    pd.testing.assert_frame_equal(same.transform(X.head(9)), encoder.transform(X.head(9)))


def test_numbers_of_rows_without_weight_do_not_count():
    X, effect, rng = dates()
    y = effect + rng.normal(size=len(X))
    more = pd.concat([X, X.assign(day=np.arange(len(X)))])
    weights = np.repeat([1.0, 0.0], len(X))
    whole = TreeEncoder().fit(X, y).interactions_
    same = TreeEncoder().fit(more, np.r_[y, y], sample_weight=weights).interactions_
    assert whole["columns"].tolist() == [("month", "day")]
    pd.testing.assert_frame_equal(whole, same, rtol=1e-6)


def test_what_columns_say_by_themselves_is_no_interaction():
    X, rng = columns()
    y = rng.normal(size=30)[X["shop"].astype(int)] + rng.normal(size=12)[X["month"].astype(int)]
    assert found(X, y + rng.normal(size=len(X))) == []


def test_cells_that_repeat_a_column_or_a_chosen_pair_are_left_out():
    X, rng = columns()
    X["region"] = "r" + (X["shop"].astype(int) // 6).astype(str)  # each shop is in one region
    X["season"] = "s" + X["month"]  # the months by other names
    y = cell_effects(X, ["shop", "month"], rng) + rng.normal(size=len(X))
    pairs = found(X, y)
    assert len(pairs) == 1
    assert pairs[0] in ({"shop", "month"}, {"shop", "season"})
    X["cell"] = X["shop"] + "/" + X["month"]
    assert found(X, y) == []


def test_at_most_so_many_are_chosen():
    X, rng = columns(n=8000)
    pairs = (["shop", "month"], ["town", "month"], ["coin", "shop"])
    y = sum(cell_effects(X, pair, rng) for pair in pairs) + rng.normal(size=len(X))
    assert {frozenset(pair) for pair in pairs} <= set(found(X, y))
    assert len(found(X, y, max_interactions=2)) == 2
    assert found(X, y, max_interactions=2) == found(X, y)[:2]
    assert found(X, y, max_interactions=0) == []


def test_rows_without_weight_and_the_order_of_rows_do_not_matter():
    X, rng = columns(n=2000)
    y = cell_effects(X, ["shop", "month"], rng) + rng.normal(size=len(X))
    whole = AdditiveEncoder(interactions="auto").fit(X, y).interactions_
    order = rng.permutation(len(X))
    other = AdditiveEncoder(interactions="auto").fit(X.iloc[order], y[order]).interactions_
    pd.testing.assert_frame_equal(whole, other, rtol=1e-6)
    more, weights = pd.concat([X, X]), np.repeat([1.0, 0.0], len(X))
    noise = np.concatenate([y, 100 * rng.normal(size=len(X))])
    same = AdditiveEncoder(interactions="auto").fit(more, noise, sample_weight=weights).interactions_
    pd.testing.assert_frame_equal(whole, same, rtol=1e-6)


def judged_cells(cells, values):
    return judge_cells(np.bincount(cells), *Residuals(values, np.ones(len(values))).sums(cells, cells.max() + 1))


@pytest.mark.parametrize(("draw", "n"), [("normal", 300), ("exponential", 300), ("rare", 2000)])
def test_p_values_are_those_of_residuals_dealt_to_rows_at_random(draw, n):
    rng = np.random.default_rng(0)
    cells = np.minimum(rng.geometric(0.08, n), 40)
    values = {
        "normal": lambda: rng.normal(size=n),
        "exponential": lambda: rng.exponential(size=n),
        "rare": lambda: (rng.random(n) < 0.05).astype(float),
    }[draw]()
    values -= values.mean()
    dealt = [judged_cells(cells, rng.permutation(values)) for _ in range(2000)]
    p_values = np.array([each.p_value for each in dealt if each.explained > 0])
    for level in (0.01, 0.05, 0.2):
        share = (p_values < level).sum() / len(dealt)
        assert share <= level + 3 * np.sqrt(level / len(dealt)) + 0.3 * level
        assert share >= level / (4 if draw == "normal" else 10)


def test_what_cells_explain_is_what_the_method_of_moments_says():
    rng = np.random.default_rng(0)
    cells, effects = np.repeat(np.arange(50), 40), rng.normal(size=50)
    values = effects[cells] + 2 * rng.normal(size=2000)
    values -= values.mean()
    judged = judged_cells(cells, values)
    groups = [values[cells == cell] for cell in range(50)]
    f = stats.f_oneway(*groups).statistic
    within = np.mean([group.var(ddof=1) for group in groups])
    between = within * (f - 1) / 40
    expected = [within / between, between * (1 - 1 / f)]
    np.testing.assert_allclose([judged.strength, judged.explained], expected, rtol=0.04)


@pytest.mark.parametrize("tables", [10, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["normal", "skewed", "rare", "counts"])
def test_nothing_is_found_in_noise(kind, tables):
    rng = np.random.default_rng(0)
    false = 0
    for _ in range(tables):
        X = pd.DataFrame({f"c{each}": rng.geometric(1 / (3 + 9 * each), 600).astype(str) for each in range(4)})
        X = X.assign(x=rng.normal(size=600), z=rng.normal(size=600))
        y = {
            "normal": lambda: rng.normal(size=600),
            "skewed": lambda: np.exp(2 * rng.normal(size=600)),
            "rare": lambda: np.append([0, 1], (rng.random(598) < 0.03).astype(int)),
            "counts": lambda: rng.negative_binomial(0.5, 0.2, 600),
        }[kind]()
        kinds = {"rare": "binary", "counts": "count"}
        false += bool(found(X, y, target_type=kinds.get(kind, "continuous")))
    assert false <= tables // 100


@pytest.mark.parametrize("tables", [10, pytest.param(60, marks=pytest.mark.slow)])
def test_noise_whose_variance_differs_between_rows_is_no_interaction(tables):
    false = 0
    for seed in range(tables):
        rng = np.random.default_rng(seed)
        X = pd.DataFrame({name: rng.integers(0, size, 3000) for name, size in {"g": 20, "h": 30, "f": 12}.items()})
        y = rng.normal(size=3000) * np.where(X["g"] < 2, 5.0, 0.5)
        false += bool(found(X.astype(str), y))
    assert false == 0


def test_effects_of_columns_that_go_together_are_no_interaction():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        a = rng.integers(0, 30, 3000)
        b = np.where(rng.random(3000) < 0.97, a // 3, rng.integers(0, 10, 3000))
        y = rng.normal(size=30)[a] + rng.normal(size=10)[b] + 0.3 * rng.normal(size=3000)
        assert found(pd.DataFrame({"a": a.astype(str), "b": b.astype(str)}), y) == []


@pytest.mark.parametrize("unit", [1e-9, 2.0, 1e6])
def test_the_unit_of_precisions_does_not_matter(unit):
    X, rng = columns(n=2000)
    y = cell_effects(X, ["shop", "month"], rng) + rng.normal(size=len(X))
    weights = rng.uniform(0.5, 2, len(X))
    encoder = AdditiveEncoder(interactions="auto", weight_type="precision", rounded=False)
    one = encoder.fit(X, y, sample_weight=weights).transform(X)
    other = encoder.fit(X, y, sample_weight=weights * unit).transform(X)
    assert encoder.interactions_["columns"].tolist() == [("shop", "month")]
    np.testing.assert_allclose(other, one, rtol=1e-6)
    assert len(encoder.fit(X, rng.normal(size=len(X)), sample_weight=weights * unit).interactions_) == 0


def test_what_columns_explain_to_all_digits_leaves_no_interaction():
    X, rng = columns()
    assert found(X, rng.normal(size=30)[X["shop"].astype(int)]) == []
