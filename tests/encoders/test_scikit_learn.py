"""What a scikit-learn user asks of a transformer."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from conftest import ENCODERS
from helpers.public_encoders import PUBLIC
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from catpool import MeanEncoder, SmoothedMeanEncoder

OUT_OF_FOLD = "fit_transform is out of fold on purpose, so it differs from fit followed by transform"


NOT_FOR_US = {  # scikit-learn's data has hardly a category twice, so that the others give the prior mean both times
    "SmoothedMeanEncoder": {
        "check_transformer_general": OUT_OF_FOLD,
        "check_transformer_data_not_an_array": OUT_OF_FOLD,
    }
}


@parametrize_with_checks(
    [encoder() for encoder in ENCODERS.values()],
    expected_failed_checks=lambda estimator: NOT_FOR_US.get(type(estimator).__name__, {}),
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning", "ignore:X has no column of strings")
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("public", PUBLIC, ids=str)
@pytest.mark.parametrize("missing", ["category", "prior", "nan", "error"])
def test_tags_say_whether_missing_values_are_taken(public, missing):
    assert get_tags(public.make(["city"], missing=missing)).input_tags.allow_nan == (missing != "error")


def test_parameters_are_stored_as_given(encoder_class):
    given = {name: [name] for name in encoder_class().get_params()}
    encoder = encoder_class(**given)
    assert all(getattr(encoder, name) is value for name, value in given.items())
    assert clone(encoder).get_params() == given
    assert encoder_class().get_params().keys() >= {"columns", "cv", "random_state", "n_jobs", "missing", "unknown"}


@pytest.mark.parametrize("copy", [clone, lambda x: pickle.loads(pickle.dumps(x))], ids=["clone", "pickle"])
def test_a_copy_does_the_same(encoder_class, table, copy):
    encoder = encoder_class(random_state=0)
    expected = encoder.fit_transform(table["X"], table["continuous"])
    np.testing.assert_array_equal(copy(encoder).fit_transform(table["X"], table["continuous"]), expected)


def test_a_fitted_encoder_survives_pickle_and_joblib(fitted, table):
    expected = fitted.transform(table["X"])
    file = io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    for again in (pickle.loads(pickle.dumps(fitted)), joblib.load(file)):
        np.testing.assert_array_equal(again.transform(table["X"]), expected)
        pd.testing.assert_frame_equal(again.summary_, fitted.summary_)


def test_its_repr_is_short_and_shown_in_notebooks():
    encoder = SmoothedMeanEncoder(["zip"], smoothing=3.0)
    assert repr(encoder) == "SmoothedMeanEncoder(columns=['zip'], smoothing=3.0)"
    assert "SmoothedMeanEncoder" in encoder._repr_html_()


def test_in_pipelines_searches_and_column_transformers(table):
    X, y = table["X"].assign(size=np.arange(120.0)), table["continuous"]
    transformer = make_column_transformer(
        (SmoothedMeanEncoder(random_state=0), ["city", "shop"]), remainder="passthrough"
    )
    model = make_pipeline(transformer, LinearRegression())
    assert cross_validate(model, X, y, cv=3, error_score="raise")["test_score"].shape == (3,)
    grid = {"columntransformer__smoothedmeanencoder__smoothing": [0.0, 1.0, 10.0, 100.0]}
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    assert transformer.fit(X, y).get_feature_names_out().tolist() == [
        "smoothedmeanencoder__city",
        "smoothedmeanencoder__shop",
        "remainder__size",
    ]


def test_classes_in_a_pipeline(encoder_class, table):
    model = make_pipeline(encoder_class(random_state=0), GaussianNB())
    predicted = model.fit(table["X"], table["multiclass"]).predict(table["X"])
    assert set(predicted) <= {"low", "mid", "top"}
    assert (predicted == table["multiclass"]).mean() > 1.2 * pd.Series(table["multiclass"]).value_counts(
        normalize=True
    ).max()


def test_weights_are_routed(table):
    X, y, weights = table["X"], table["continuous"], table["weights"]
    expected = MeanEncoder(cv=KFold(3)).fit_transform(X, y, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        encoder = MeanEncoder(cv=KFold(3)).set_fit_request(sample_weight=True)
        transformer = ColumnTransformer([("mean", encoder, ["city", "shop"])])
        np.testing.assert_array_equal(transformer.fit_transform(X, y, sample_weight=weights), expected)


def test_groups_are_routed_through_searches_and_column_transformers(table):
    X, y, shop = table["X"], table["continuous"], table["X"]["shop"].to_numpy()
    with sklearn.config_context(enable_metadata_routing=True):
        transformer = ColumnTransformer([("mean", MeanEncoder(None, cv=5), ["city", "shop"])])
        grouped = transformer.fit_transform(X, y, groups=shop)
        assert len(np.unique(np.asarray(grouped)[:, 1])) == 5  # a shop's rows never see the shop
        model = make_pipeline(transformer, LinearRegression())
        scores = cross_validate(model, X, y, cv=GroupKFold(3), params={"groups": shop}, error_score="raise")
        assert scores["test_score"].shape == (3,)
        search = GridSearchCV(model, {"columntransformer__mean__cv": [2, 5]}, cv=GroupKFold(3), error_score="raise")
        assert search.fit(X, y, groups=shop).n_splits_ == 3


def test_refitting_leaves_nothing_of_the_first_fit(encoder_class, table):
    encoder = encoder_class(random_state=0).fit(table["X"], table["multiclass"])
    encoder.fit(table["X"].to_numpy()[:, :1], table["continuous"])
    assert not hasattr(encoder, "classes_")
    assert not hasattr(encoder, "feature_names_in_")
    assert encoder.n_features_in_ == 1
    assert encoder.transform(table["X"].to_numpy()[:, :1]).shape == (120, 1)
