"""Training rows that are transformed are known again."""

import numpy as np
import pandas as pd
import pytest
from conftest import ENCODERS
from sklearn.compose import make_column_transformer
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline

from catpool import (
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    TrainingRowsWarning,
)

ALL = {
    **{name: encoder(["city"]) for name, encoder in ENCODERS.items()},
    "nested": NestedEncoder(["shop", "city"]),
    "mixed": MixedModelEncoder(["city"]),
}


@pytest.mark.parametrize("encoder", ALL.values(), ids=ALL)
@pytest.mark.parametrize("how", ["the frame", "a copy"])
def test_training_rows_are_known_again(encoder, how, table):
    encoder.fit(table["X"], table["continuous"])
    with pytest.warns(TrainingRowsWarning, match=r"call fit_transform\(X, y\)"):
        encoder.transform(table["X"] if how == "the frame" else table["X"].copy())


@pytest.mark.parametrize("encoder", ALL.values(), ids=ALL)
@pytest.mark.filterwarnings("error::catpool.data.fingerprint.TrainingRowsWarning")
def test_other_rows_are_not_taken_for_training_rows(encoder, table):
    X = table["X"]
    encoder.fit_transform(X, table["continuous"])
    encoder.transform(X.iloc[:-1])
    encoder.transform(X.iloc[::-1])
    encoder.transform(X.set_axis(range(1000, 1000 + len(X))))
    encoder.transform(X.assign(city=X["city"].fillna("elsewhere")))
    EmpiricalBayesEncoder().fit([["a"]], [1.5]).transform([["a"]])


@pytest.mark.parametrize("remainder", ["passthrough", "drop"])
@pytest.mark.filterwarnings("error::catpool.data.fingerprint.TrainingRowsWarning")
def test_next_year_s_rows_of_a_balanced_panel_are_other_rows(remainder, table):
    X = table["X"].assign(year=2024)
    encoder = EmpiricalBayesEncoder(["city", "shop"], remainder=remainder)
    encoder.fit_transform(X, table["continuous"])
    encoder.transform(X.assign(year=2025))


def test_many_columns_are_known_again(table):
    X = pd.concat([table["X"], pd.DataFrame(np.arange(120 * 1000).reshape(120, 1000)).add_prefix("x")], axis=1)
    encoder = MeanEncoder(["city"]).fit(X, table["continuous"])
    with pytest.warns(TrainingRowsWarning):
        encoder.transform(X)


@pytest.mark.filterwarnings("error::catpool.data.fingerprint.TrainingRowsWarning")
def test_scores_of_training_rows_are_no_mistake(table):
    X, y = table["X"], table["continuous"]
    columns = make_column_transformer((EmpiricalBayesEncoder(), ["city", "shop"]))
    for encoder in (EmpiricalBayesEncoder(), columns):
        model = make_pipeline(encoder, LinearRegression())
        cross_validate(model, X, y, cv=3, return_train_score=True)
        permutation_importance(model.fit(X, y), X, y, n_repeats=1)
        partial_dependence(model, X, ["shop"], categorical_features=["shop"], kind="average")
        model.predict(X)


def test_a_pipeline_that_transforms_its_training_rows_is_a_mistake(table):
    model = make_pipeline(EmpiricalBayesEncoder()).fit(table["X"], table["continuous"])
    with pytest.warns(TrainingRowsWarning):
        model.transform(table["X"])


@pytest.mark.slow
def test_training_rows_are_known_again_after_pickling_in_another_process(table, tmp_path):
    import pickle
    import subprocess
    import sys

    path = tmp_path / "fitted.pickle"
    path.write_bytes(pickle.dumps((MeanEncoder(["city"]).fit(table["X"], table["continuous"]), table["X"])))
    code = "import pickle, sys; encoder, X = pickle.load(open(sys.argv[1], 'rb')); encoder.transform(X)"
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "TrainingRowsWarning" in run.stderr


def test_missing_values_of_the_user_s_table_stay_what_they_are():  # pandas 2 may hand out its own memory
    X = pd.DataFrame({"city": np.array(["Bonn", np.nan, "Kiel", pd.NaT], dtype=object)})
    MeanEncoder(cv=2).fit(X, [1.0, 2.0, 3.5, 4.0])
    assert [type(value) for value in X["city"]] == [str, float, str, type(pd.NaT)]
