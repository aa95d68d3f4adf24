"""Libraries that use encoders as scikit-learn's transformers."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from catpool import EmpiricalBayesEncoder, SmoothedMeanEncoder, TreeEncoder

pytestmark = pytest.mark.slow


@pytest.fixture
def sales(table):
    """Four times the rows of the shared table, and a number."""
    X = pd.concat([table["X"]] * 4, ignore_index=True).assign(size=np.arange(480.0) % 7)
    return X, np.tile(table["continuous"], 4) + X["size"].to_numpy() / 7


def test_skrub_encodes_columns_of_many_categories(sales):
    skrub = pytest.importorskip("skrub")
    X, y = sales
    vectorizer = skrub.TableVectorizer(high_cardinality=EmpiricalBayesEncoder(random_state=0), cardinality_threshold=2)
    encoded = vectorizer.fit_transform(X[["city", "size"]], y)
    assert list(encoded.columns) == ["city", "size"]
    expected = EmpiricalBayesEncoder(random_state=0).fit_transform(X[["city"]], y)
    np.testing.assert_allclose(encoded["city"], expected["city"], rtol=1e-6)
    assert np.isfinite(make_pipeline(vectorizer, Ridge()).fit(X, y).predict(X)).all()


@pytest.mark.filterwarnings("ignore")  # of other libraries
def test_mlflow_saves_and_loads_a_pipeline(sales, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    X, y = sales
    model = make_pipeline(SmoothedMeanEncoder(["city", "shop"], random_state=0), Ridge()).fit(X, y)
    for serialization in ("skops", "cloudpickle"):
        options = {"skops_trusted_types": skops_types(model)} if serialization == "skops" else {}
        path = tmp_path / serialization
        mlflow.sklearn.save_model(model, path, serialization_format=serialization, **options)
        np.testing.assert_array_equal(mlflow.sklearn.load_model(str(path)).predict(X), model.predict(X))


def skops_types(model):
    skops = pytest.importorskip("skops.io")
    return skops.get_untrusted_types(data=skops.dumps(model))


def test_optuna_searches_for_the_smoothing(sales):
    optuna = pytest.importorskip("optuna")
    X, y = sales
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def score(trial):
        encoder = SmoothedMeanEncoder(smoothing=trial.suggest_float("smoothing", 0.1, 1000, log=True), random_state=0)
        return cross_val_score(make_pipeline(encoder, Ridge()), X, y, cv=3, error_score="raise").mean()

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(0))
    study.optimize(score, n_trials=5)
    assert len({trial.value for trial in study.trials}) == 5
    assert study.best_value > 0.1


@pytest.mark.filterwarnings("ignore")
def test_shap_knows_the_names_of_features(sales):
    shap = pytest.importorskip("shap")
    X, y = sales
    features = TreeEncoder(["city", "shop"], random_state=0).fit_transform(X, y)
    forest = RandomForestRegressor(10, max_depth=4, random_state=0).fit(features, y)
    values = shap.TreeExplainer(forest)(features)
    assert values.feature_names == list(features.columns)
    np.testing.assert_allclose(values.values.sum(1) + np.ravel(values.base_values), forest.predict(features))


def test_samplers_of_imbalanced_learn_come_before_the_encoder(sales):
    imblearn = pytest.importorskip("imblearn")
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline as make_sampling_pipeline

    X, y = sales
    assert imblearn.__version__
    rare = (y > np.quantile(y, 0.9)).astype(int)
    encoder = SmoothedMeanEncoder(["city", "shop"], random_state=0)
    model = make_sampling_pipeline(RandomOverSampler(random_state=0), encoder, LogisticRegression())
    model.fit(X, rare)
    assert model[1].summary_["rows"].iloc[0] == 2 * (rare == 0).sum()  # as many of each class
    assert model.predict_proba(X)[rare == 1, 1].mean() > model.predict_proba(X)[rare == 0, 1].mean()


def boosters():
    def lightgbm():
        module = pytest.importorskip("lightgbm")
        return module.LGBMRegressor(n_estimators=200, verbose=-1, n_jobs=1), {
            "callbacks": [module.early_stopping(5, verbose=False)]
        }

    def xgboost():
        module = pytest.importorskip("xgboost")
        return module.XGBRegressor(n_estimators=200, early_stopping_rounds=5, n_jobs=1), {"verbose": False}

    def catboost():
        module = pytest.importorskip("catboost")
        options = {"early_stopping_rounds": 5, "allow_writing_files": False, "thread_count": 1}
        return module.CatBoostRegressor(n_estimators=200, **options), {"verbose": False}

    return [lightgbm, xgboost, catboost]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", boosters(), ids=lambda make: make.__name__)
def test_boosting_stops_early_on_transformed_rows(make, sales):
    booster, options = make()
    X, y = sales
    train, validation = slice(0, 360), slice(360, None)
    encoder = TreeEncoder(["city", "shop"], random_state=0)
    features = encoder.fit_transform(X.iloc[train], y[train])
    held_out = encoder.transform(X.iloc[validation])
    booster.fit(features, y[train], eval_set=[(held_out, y[validation])], **options)
    rounds = getattr(booster, "best_iteration_", None)
    assert (booster.best_iteration if rounds is None else rounds) < 199
    names = getattr(booster, "feature_names_in_", getattr(booster, "feature_names_", None))
    assert list(names) == encoder.get_feature_names_out().tolist()
    assert np.corrcoef(booster.predict(held_out), y[validation])[0, 1] > 0.3


def test_searches_route_weights_and_groups_at_once(sales):
    X, y = sales
    weights, groups = np.arange(480.0) % 3 + 1, np.arange(480) % 40
    with sklearn.config_context(enable_metadata_routing=True, transform_output="pandas"):
        encoder = SmoothedMeanEncoder(["city"], cv=4, random_state=0).set_fit_request(sample_weight=True)
        model = make_pipeline(
            encoder, Ridge().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        search = GridSearchCV(
            model, {"smoothedmeanencoder__smoothing": [1.0, 100.0]}, cv=GroupKFold(3), error_score="raise"
        )
        search.fit(X, y, groups=groups, sample_weight=weights)
        found = search.best_estimator_[0]
        expected = sklearn.clone(found).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(found.summary_["prior_mean"], expected.summary_["prior_mean"])
    assert found.summary_["rows"].item() == weights.sum()
    assert search.best_estimator_[1].feature_names_in_.tolist() == ["city", "shop", "size"]
