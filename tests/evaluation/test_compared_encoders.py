"""Which encoders are compared, and what is said of them."""

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from catpool import MeanEncoder, compare_encoders
from catpool.evaluation.baselines import OwnCategories, own_categories
from catpool.evaluation.paired_tests import conclude

TREE = DecisionTreeRegressor(max_depth=4, random_state=0)


@pytest.fixture
def shops():
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 300, 1200)
    X = pd.DataFrame({"shop": shop.astype(str), "area": rng.normal(size=1200)})
    return X, rng.normal(size=300)[shop] + 0.5 * X["area"].to_numpy() + 0.5 * rng.normal(size=1200)


def compared(shops, model=TREE, encoders=None, **options):
    return compare_encoders(*shops, model, encoders, **{"cv": 3, "verbose": False, **options})


def test_the_defaults_and_mine(shops):
    mine = MeanEncoder(random_state=0)
    alone = set(compared(shops).index)
    assert set(compared(shops, encoders={"mine": mine}).index) == {"mine"}
    both = compared(shops, encoders={"mine": mine, "TargetEncoder": mine}, defaults=True)
    assert set(both.index) == alone | {"mine"}
    assert both.loc["TargetEncoder", "score"] == both.loc["mine", "score"]
    some = compared(shops, encoders={"mine": mine, "ordinal codes": None, "MeanEncoder": None})
    assert set(some.index) == {"mine", "ordinal codes", "MeanEncoder"}
    assert some.loc["MeanEncoder", "score"] == some.loc["mine", "score"]
    with pytest.raises(ValueError, match=r"defaults \['mean'\]"):
        compared(shops, encoders={"mean": None})


def test_a_model_without_the_columns(shops):
    X, y = shops
    encoders = {"without these columns": None}
    table = compared(shops, encoders=encoders)
    codes = compared((X.assign(shop="one"), y), encoders={"ordinal codes": None})
    assert table["score"].item() == pytest.approx(codes["score"].item())
    alone = compare_encoders(X[["shop"]], y, DummyRegressor(), encoders, cv=3, verbose=False)
    assert alone["score"].item() <= 0


@pytest.mark.parametrize(
    "model",
    [
        LGBMRegressor(n_estimators=20, min_child_samples=5, n_jobs=1, verbosity=-1),
        HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=5),
    ],
    ids=["LightGBM", "HistGradientBoosting"],
)
def test_models_take_categories_themselves(shops, model):
    X, y = shops
    X = X.assign(city=(X["shop"].astype(int) % 15).astype(str))
    X["shop"] = X["shop"].where(X["area"] < 2)
    table = compared((X, y + 2 * np.sin(7.0 * X["city"].astype(int))), model)
    name = f"{type(model).__name__[:-9].replace('LGBM', 'LightGBM')}'s own categories"
    assert table.loc[name, "score"] > table.loc["without these columns", "score"] + 0.1
    assert table.loc[name, "score"] != table.loc["ordinal codes", "score"]


def test_other_models_do_not():
    assert own_categories(TREE) == {}


@pytest.mark.parametrize("library", ["xgboost", "catboost"])
def test_categories_of_other_libraries(shops, library):
    module = pytest.importorskip(library)
    options = {"n_estimators": 20, "random_state": 0}
    model = module.XGBRegressor(**options) if library == "xgboost" else module.CatBoostRegressor(verbose=0, **options)
    X, y = shops
    table = compared((X.assign(shop=X["shop"].where(X["area"] < 2)), y), model)
    assert table.index.str.contains("own categories").sum() == 1


def test_models_are_told_of_their_categories():
    class Model:
        def set_params(self, **options):
            self.options = options

    X = pd.DataFrame({"shop": ["a", "b", None, "b"]})
    for library, options in (
        ("XGBoost", {"enable_categorical": True}),
        ("CatBoost", {"cat_features": [0]}),
        ("HistGradientBoosting", {"categorical_features": "from_dtype"}),
    ):
        encoder, model = OwnCategories(library), Model()
        encoder.prepare(model, encoder.fit_transform(X))
        assert model.options == options
    new = pd.DataFrame({"shop": ["c", None, "a"]})
    assert OwnCategories("XGBoost").fit(X).transform(new)[0].isna().tolist() == [True, True, False]
    assert OwnCategories("CatBoost").fit(X).transform(new)[0].tolist() == ["missing value"] * 2 + ["a"]


def test_the_metric_is_printed(shops):
    X, y = shops
    encoders = {"mean": MeanEncoder(random_state=0)}
    assert "R squared" in str(compared(shops, encoders=encoders))
    assert "neg_mean_absolute_error" in compared(shops, encoders=encoders, scoring="neg_mean_absolute_error").title
    error = make_scorer(mean_absolute_error, greater_is_better=False)
    assert "mean_absolute_error" in compared(shops, encoders=encoders, scoring=error).title
    assert "one_scorer" in compared(shops, encoders=encoders, scoring=one_scorer).title
    classes = compared((X, y > 0), DecisionTreeClassifier(max_depth=2), encoders)
    assert classes.title == "Mean accuracy of 3 splits of 1200 rows; higher is better"


def one_scorer(model, X, y):
    return 1.0


def test_all_is_printed(shops):
    table = compared(shops)
    with pd.option_context("display.width", 40, "display.max_columns", 3, "display.max_rows", 3):
        lines = str(table).splitlines()
        assert "..." not in str(table)
    assert len(lines) == len(table) + 4  # the title, the header, the name of the index and the verdict
    assert lines[-1] == table.verdict
    assert lines[1].split() == ["score", "rank", "gap", "worst_gap", "wins", "p_value", "seconds"]


def scored(p_values, seconds):
    names = ["first", "second", "third"][: len(seconds)]
    return pd.DataFrame({"p_value": [np.nan, *p_values], "seconds": seconds}, index=names)


def test_the_verdict():
    def verdict(p_values, seconds, n_splits=5):
        return conclude(scored(p_values, seconds), n_splits)

    assert verdict([0.5, 0.01], [0.3, 0.2, 0.1]) == (
        "'first' is best, and ties with 'second' (p >= .05); the cheapest of these is 'second', with 0.2 seconds to "
        "encode a split."
    )
    assert "ties with 'second' and 'third'" in verdict([np.nan, 0.05], [0.1, 0.2, 0.3])
    assert "cheapest of these is 'first'" in verdict([np.nan, 0.05], [0.1, 0.2, 0.3])
    assert verdict([0.01, 0.049], [0.3, 0.2, 0.1]).endswith("significantly better than all others (p < .05).")
    assert verdict([], [0.3]) == "'first' is the only encoder."
    assert verdict([np.nan], [0.3, 0.1], 1) == (
        "'first' is best in the only split, which does not tell whether by chance."
    )


def test_a_verdict_on_data(shops):
    encoders = {"mean": MeanEncoder(random_state=0), "same": MeanEncoder(random_state=0), "without these columns": None}
    table = compared(shops, encoders=encoders, cv=5)
    assert "ties with" in table.verdict
    assert "without" not in table.verdict
