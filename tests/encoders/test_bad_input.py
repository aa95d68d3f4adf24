"""What a scikit-learn user asks of a transformer, and what goes wrong at its door."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import polars
import pytest
import sklearn
from conftest import ENCODERS
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, LeaveOneOut, TimeSeriesSplit, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from catpool import EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, NestedEncoder, SmoothedMeanEncoder

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
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


@pytest.fixture
def fitted(encoder_class, table):
    return encoder_class(random_state=0).fit(table["X"], table["continuous"])


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
        transformer = ColumnTransformer([("mean", MeanEncoder(cv=5), ["city", "shop"])])
        grouped = transformer.fit_transform(X, y, groups=shop)
        assert len(np.unique(grouped[:, 1])) == 5  # a shop's rows never see the shop
        model = make_pipeline(transformer, LinearRegression())
        scores = cross_validate(model, X, y, cv=GroupKFold(3), params={"groups": shop}, error_score="raise")
        assert scores["test_score"].shape == (3,)
        search = GridSearchCV(model, {"columntransformer__mean__cv": [2, 5]}, cv=GroupKFold(3), error_score="raise")
        assert search.fit(X, y, groups=shop).n_splits_ == 3


@pytest.mark.parametrize("target", ["continuous", "binary", "multiclass", "count"])
def test_names_of_features(encoder_class, table, target):
    encoder = encoder_class(["city"], target_type=target, random_state=0)
    encoder.fit(table["X"], table[target])
    expected = ["city_low", "city_mid", "city_top"] if target == "multiclass" else ["city"]
    assert encoder.get_feature_names_out().tolist() == [*expected, "shop"]
    assert encoder.transform(table["X"]).columns.tolist() == [*expected, "shop"]
    assert encoder.target_type_ == target
    assert hasattr(encoder, "classes_") == (target in ("binary", "multiclass"))


def test_names_of_features_of_an_array(encoder_class):
    X, y = np.repeat([[1, 2], [3, 4]], 6, axis=0), np.arange(12.0)
    encoder = encoder_class([1]).fit(X, y)
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1"]
    assert encoder.get_feature_names_out(["a", "b"]).tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="input_features"):
        encoder.get_feature_names_out(["a"])


def test_several_outputs_have_a_feature_each(encoder_class, table):
    y = pd.DataFrame({"price": table["continuous"], "sold": table["binary"]})
    encoder = encoder_class(cv=KFold(3))
    both = encoder.fit_transform(table["X"], y)
    assert encoder.get_feature_names_out().tolist() == ["city_price", "city_sold", "shop_price", "shop_sold"]
    assert encoder.summary_[["column", "target"]].values.tolist() == [
        ["city", "price"],
        ["city", "sold"],
        ["shop", "price"],
        ["shop", "sold"],
    ]
    for position, output in enumerate(y):
        alone = encoder_class(cv=KFold(3)).fit_transform(table["X"], y[output])
        np.testing.assert_array_equal(both[:, position::2], alone)


def test_other_columns_pass_through_untouched(encoder_class):
    X = pd.DataFrame(
        {
            "day": pd.to_datetime(["2020-01-01"] * 12),
            "city": list("aabb") * 3,
            "n": np.arange(12, dtype="int8"),
            "name": pd.Categorical(list("xyz") * 4),
        },
        index=range(100, 112),
    )
    encoded = encoder_class(["city"], random_state=0).fit_transform(X, np.arange(12.0))
    pd.testing.assert_frame_equal(encoded.drop(columns="city"), X.drop(columns="city"))
    assert encoded.columns.tolist() == ["day", "city", "n", "name"]
    assert encoded["city"].dtype == float
    dropped = encoder_class(["city"], random_state=0, remainder="drop").fit_transform(X, np.arange(12.0))
    np.testing.assert_array_equal(dropped, encoded[["city"]])
    array = encoder_class([1], random_state=0).fit_transform(X.to_numpy(), np.arange(12.0))
    np.testing.assert_array_equal(array[:, 1].astype(float), encoded["city"])
    assert array[0, 0] == X.iloc[0, 0]
    numbers = encoder_class([0], random_state=0).fit_transform(np.arange(24).reshape(12, 2) // 3, np.arange(12.0))
    assert numbers.dtype == float


@pytest.mark.parametrize("columns", [None, ["city"]])
def test_containers(encoder_class, table, columns):
    X, y = table["X"], table["continuous"]
    plain = encoder_class(columns, random_state=0)
    expected = np.asarray(plain.fit_transform(X, y))
    for container, kind in (("pandas", pd.DataFrame), ("polars", polars.DataFrame)):
        encoder = encoder_class(columns, random_state=0).set_output(transform=container)
        for result in (encoder.fit_transform(X, y), encoder.transform(X)):
            assert isinstance(result, kind)
            assert list(result.columns) == ["city", "shop"]
        np.testing.assert_array_equal(encoder.fit_transform(X, y).to_numpy(), expected)
    default = encoder_class(columns).set_output(transform="default").fit_transform(X, y)
    assert isinstance(default, np.ndarray if columns is None else pd.DataFrame)


def test_polars_frames_go_in_and_come_out(encoder_class, table):
    X = polars.DataFrame(
        {
            "city": table["X"]["city"].astype(object).where(table["X"]["city"].notna(), None).tolist(),
            "shop": table["X"]["shop"].tolist(),
        }
    )
    expected = encoder_class(random_state=0).fit_transform(table["X"], table["continuous"])
    np.testing.assert_array_equal(encoder_class(random_state=0).fit_transform(X, table["continuous"]), expected)
    one = encoder_class(["city"], random_state=0).fit_transform(X, table["continuous"])
    assert isinstance(one, polars.DataFrame)
    np.testing.assert_array_equal(one["city"], expected[:, 0])
    assert one["shop"].equals(X["shop"])


def test_summary(table):
    X, y = table["X"], table["continuous"]
    encoder = SmoothedMeanEncoder(smoothing=5.0).fit(X, y)
    summary = encoder.summary_
    assert summary["column"].tolist() == ["city", "shop"]
    assert summary["categories"].tolist() == [5, X["shop"].nunique()]
    assert (summary["rows"] == 120).all()
    np.testing.assert_allclose(summary["prior_mean"], y.mean())
    assert (summary["prior_strength"] == 5).all()
    counts = X["shop"].value_counts()
    assert summary["reliability"][1] == pytest.approx((counts * counts / (counts + 5)).sum() / 120)
    learned = EmpiricalBayesEncoder().fit(X, y).summary_
    between, within = learned["between_sd"], learned["within_sd"]
    assert between[0] == pytest.approx(1, abs=0.5)
    assert within[0] == pytest.approx(1, abs=0.2)
    np.testing.assert_allclose(learned["prior_strength"], within**2 / between**2)
    closed = EmpiricalBayesEncoder(prior="moments").fit(X, y).summary_
    np.testing.assert_array_equal(summary["within_sd"], closed["within_sd"])
    np.testing.assert_allclose(closed["within_sd"], within, rtol=0.05)
    assert summary["log_likelihood"].isna().all()
    assert np.isfinite(learned["log_likelihood"]).all()


@pytest.mark.parametrize(
    ("target_type", "draw", "within"),
    [
        ("continuous", lambda rng, effect: 3 + effect + 2 * rng.normal(size=len(effect)), 2.0),
        ("binary", lambda rng, effect: (rng.random(len(effect)) < 0.5 + 0.1 * effect).astype(int), 0.49),
        ("count", lambda rng, effect: rng.poisson(4 + effect), 2.0),
    ],
)
def test_both_standard_deviations_are_recovered(target_type, draw, within):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 1000, 50_000)
    effect = rng.normal(size=1000).clip(-3, 3)
    y = draw(rng, effect[codes])
    summary = EmpiricalBayesEncoder(target_type=target_type).fit(codes[:, None], y).summary_
    scale = 0.1 if target_type == "binary" else 1.0
    assert summary["between_sd"].item() == pytest.approx(scale, rel=0.05)
    assert summary["within_sd"].item() == pytest.approx(within, rel=0.02)


def test_encoding_table(fitted, table):
    X, y = table["X"], table["continuous"]
    learned = fitted.encoding_table("city")
    columns = ["category", "count", "mean", "encoding", "sd", "lower", "upper", "reliability"]
    assert learned.columns.tolist() == columns
    assert learned["count"].sum() == 120
    expected = pd.Series(y).groupby(X["city"].fillna("missing")).agg(["size", "mean"])
    by_name = learned.assign(category=learned["category"].fillna("missing")).set_index("category")
    np.testing.assert_allclose(by_name.loc[expected.index, ["count", "mean"]], expected)
    np.testing.assert_array_equal(
        fitted.transform(X.assign(city=X["city"]))[:, 0], by_name["encoding"].loc[X["city"].fillna("missing")]
    )
    numbered = MeanEncoder().fit(X.to_numpy(), y)
    pd.testing.assert_frame_equal(numbered.encoding_table("x1"), numbered.encoding_table(1))
    with pytest.raises(ValueError, match="must be one of the encoded columns"):
        fitted.encoding_table("zip")
    many = MeanEncoder().fit(X, table["multiclass"]).encoding_table("city")
    assert many["target"].unique().tolist() == ["low", "mid", "top"]
    np.testing.assert_allclose(many.groupby(many["category"].fillna("missing"))["mean"].sum(), 1)


def test_refitting_leaves_nothing_of_the_first_fit(encoder_class, table):
    encoder = encoder_class(random_state=0).fit(table["X"], table["multiclass"])
    encoder.fit(table["X"].to_numpy()[:, :1], table["continuous"])
    assert not hasattr(encoder, "classes_")
    assert not hasattr(encoder, "feature_names_in_")
    assert encoder.n_features_in_ == 1
    assert encoder.transform(table["X"].to_numpy()[:, :1]).shape == (120, 1)


@pytest.mark.parametrize("cv", [TimeSeriesSplit(5), [(range(60), range(60, 100))]])
def test_rows_in_no_fold_are_nan_and_counted(encoder_class, table, cv):
    with pytest.warns(UserWarning, match="20 rows|80 rows") as warnings:
        encoded = encoder_class(cv=cv).fit_transform(table["X"], table["continuous"])
    assert str(np.isnan(encoded[:, 0]).sum()) in str(warnings[0].message)


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (pd.DataFrame({"c": ["a"] * 12}), np.arange(12.0)),
        (pd.DataFrame({"c": list("ab") * 6}), ["x"] * 12),
        (pd.DataFrame({"c": [None] * 12}), np.arange(12.0)),
        (pd.DataFrame({"c": list("ab") * 6}), np.full(12, 7.1)),
        (pd.DataFrame({"c": range(12)}), np.arange(12.0)),
        (pd.DataFrame({"c": range(12)}), [0, 1] * 6),
        (pd.DataFrame({"c": list("a" * 11 + "b")}), np.arange(12.0)),
    ],
    ids=["one category", "one class", "all missing", "constant", "a row each", "a row each, binary", "one fold"],
)
@pytest.mark.parametrize("weights", [None, [0, 1] * 6])
def test_what_is_odd_but_legal(encoder_class, X, y, weights):
    encoder = encoder_class(cv=3, random_state=0)
    assert np.isfinite(encoder.fit_transform(X, y, sample_weight=weights)).all()
    assert np.isfinite(encoder.transform(X)).all()
    summary = encoder.summary_
    numbers = summary[["categories", "rows", "prior_mean", "between_sd", "within_sd", "reliability"]]
    assert np.isfinite(numbers.to_numpy(dtype=float)).all()
    assert (summary["prior_strength"] >= 0).all()


X = pd.DataFrame({"city": list("aabbcc") * 4, "n": range(24)})
Z = np.arange(24.0)
BAD = {
    "y with NaN": (X, np.where(Z == 3, np.nan, Z), {}, {}, "NaN"),
    "y with infinity": (X, np.where(Z == 3, np.inf, Z), {}, {}, "infinity"),
    "lengths": (X, Z[1:], {}, {}, "X has 24 rows and y has 23"),
    "no rows": (X[:0], Z[:0], {}, {}, "0 sample"),
    "no columns": (X[[]], Z, {}, {}, "0 feature"),
    "no rows in an array": (np.empty((0, 2)), Z[:0], {}, {}, "0 sample"),
    "one dimension": (Z, Z, {}, {}, "Expected 2D array"),
    "a series": (X["city"], Z, {}, {}, "Expected a 2-dimensional container"),
    "unknown column": (X, Z, {"columns": ["town"]}, {}, r"names \['town'\], which X does not have"),
    "unknown position": (X.to_numpy(), Z, {"columns": [2]}, {}, r"names \[2\], which X does not have"),
    "column twice": (X, Z, {"columns": ["city", "city"]}, {}, "name each column once"),
    "a name for columns": (X, Z, {"columns": "city"}, {}, "'columns' parameter"),
    "a mask for columns": (X.to_numpy(), Z, {"columns": [True, False]}, {}, "name each column once"),
    "no column chosen": (X, Z, {"columns": []}, {}, "at least one column"),
    "names twice": (X.set_axis(["a", "a"], axis=1), Z, {}, {}, "different names"),
    "a feature's name twice": (
        X.assign(city_x=1),
        ["x", "y", "z"] * 8,
        {"columns": ["city"]},
        {},
        "'city_x'. would occur twice",
    ),
    "few rows": (X[:5], Z[:5], {}, {}, "cv=10 needs at least 10 rows, but X has 5"),
    "few groups": (X, Z, {}, {"groups": Z // 12}, "cv=10 needs at least 10 groups, but `groups` has 2"),
    "groups' length": (X, Z, {}, {"groups": Z[1:]}, "one label for each of the 24 rows"),
    "negative weights": (X, Z, {}, {"sample_weight": Z - 1}, "not negative"),
    "NaN weights": (X, Z, {}, {"sample_weight": Z * np.nan}, "finite"),
    "no weight": (X, Z, {}, {"sample_weight": Z * 0}, "not zero"),
    "a fold of no weight": (X, Z, {"cv": Z < 12}, {"sample_weight": Z < 12}, "must have some weight"),
    "text": (X, X["city"], {"target_type": "continuous"}, {}, "must be numeric"),
    "integers": (X, range(24), {}, {}, 'target_type="continuous", "count" or "multiclass"'),
    "target_type": (X, Z, {"target_type": "ordinal"}, {}, "'target_type' parameter"),
    "unknown": (X, Z, {"unknown": "raise"}, {}, "'unknown' parameter"),
    "missing": (X, Z, {"missing": "drop"}, {}, "'missing' parameter"),
    "remainder": (X, Z, {"remainder": "keep"}, {}, "'remainder' parameter"),
    "cv": (X, Z, {"cv": "five"}, {}, "number of folds"),
    "outputs' names twice": (X, pd.DataFrame(np.c_[Z, Z], columns=["y", "y"]), {}, {}, "outputs or classes of y"),
    "random_state": (X, Z, {"random_state": "seed"}, {}, "'random_state' parameter"),
}


KNOWN_TO_FOLDS_ONLY = {"few rows", "few groups", "a fold of no weight"}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_says_what_is_wrong_and_fits_nothing(encoder_class, name):
    X, y, parameters, arguments, message = BAD[name]
    encoder = encoder_class(**parameters)
    with pytest.raises(ValueError, match=message):
        encoder.fit_transform(X, y, **arguments)
    if name not in KNOWN_TO_FOLDS_ONLY:
        with pytest.raises(ValueError, match=message):
            encoder.fit(X, y, **arguments)
        with pytest.raises(NotFittedError):
            encoder.transform(X)
        assert not [name for name in vars(encoder) if name.endswith("_")]


def test_a_refused_refit_leaves_the_first_fit(fitted, table):
    expected = fitted.transform(table["X"])
    with pytest.raises(ValueError, match="NaN"):
        fitted.fit(table["X"][:3], [1.0, np.nan, 2.5])
    np.testing.assert_array_equal(fitted.transform(table["X"]), expected)


@pytest.mark.parametrize("cv", [1, 101, "five", LeaveOneOut(), None])
def test_fit_refuses_folds_that_cannot_be(encoder_class, cv):
    with pytest.raises(ValueError, match="`cv`|refused"):
        encoder_class(cv=cv).fit(X, Z)
    with pytest.raises(ValueError, match="`groups` must hold one label"):
        encoder_class().fit(X, Z, groups=[1])


@pytest.mark.parametrize("smoothing", [-1, np.nan, "auto", None])
def test_smoothing_must_be_a_number_from_nought(smoothing):
    with pytest.raises(ValueError, match="'smoothing' parameter"):
        SmoothedMeanEncoder(smoothing=smoothing).fit(X, Z)


def test_columns_are_found_by_name(encoder_class):
    encoder = encoder_class(["city"]).fit(X, Z)
    expected = encoder.transform(X)
    pd.testing.assert_frame_equal(encoder.transform(X[["n", "city"]]), expected)
    for bad in (X[["city"]], X[["n"]]):
        with pytest.raises(ValueError, match="yet now missing"):
            encoder.transform(bad)
    with pytest.raises(ValueError, match=r"unseen at fit time: \['extra'\]"):
        encoder.transform(X.assign(extra=1))
    dropping = encoder_class(["city"], remainder="drop").fit(X, Z)
    np.testing.assert_array_equal(dropping.transform(X[["city"]].assign(extra=1)), expected[["city"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(dropping.transform(X.to_numpy()), expected[["city"]])
    with pytest.raises(ValueError, match="X has 1 features, but .*Encoder is expecting 2 features"):
        encoder_class().fit(X.to_numpy(), Z).transform(X[["city"]].to_numpy())


def test_transform_before_fit(encoder_class):
    for ask in ("summary_", "get_feature_names_out", "encoding_table", "transform"):
        with pytest.raises(NotFittedError):
            getattr(encoder_class(), ask)(X) if ask != "summary_" else encoder_class().summary_


@pytest.mark.parametrize("missing", ["category", "prior", "nan"])
@pytest.mark.parametrize("output", ["mean", "trees", ["mean", "sd", "reliability", "count", "size", "code"]])
@pytest.mark.parametrize("interactions", [None, pytest.param([("city", "shop")], marks=pytest.mark.slow)])
def test_a_row_is_looked_up_as_it_is_transformed(missing, output, interactions, table):
    X, y = table["X"], table["multiclass"]
    encoder = EmpiricalBayesEncoder(["city", "shop"], output=output, missing=missing, interactions=interactions)
    encoder.fit(X, y)
    rows = [
        *X.iloc[:10].to_dict("records"),
        {"city": "a city to come", "shop": -1},
        {"city": None, "shop": X["shop"][0]},
    ]
    for row in rows:
        expected = encoder.transform(pd.DataFrame([row], dtype=object))
        found = encoder.lookup(row)
        names = encoder.get_feature_names_out().tolist()
        assert list(found) == names
        np.testing.assert_array_equal(list(found.values()), np.asarray(expected, dtype=float)[0])


def test_rows_that_say_nothing_are_looked_up_by_the_policies():
    X = pd.DataFrame({"a": ["x", None, "y"], "b": [1, 2, 2]})
    encoder = MeanEncoder(unknown="error", missing="error").fit(X[::2], [1.0, 2.5])
    assert encoder.lookup({"a": "x", "b": 1, "other": 3}) == {"a": 1.0, "b": 1.0}
    for row, message in (({"a": "z", "b": 1}, "z"), ({"a": None, "b": 1}, "missing"), ({"a": "x"}, r"\['b'\]")):
        with pytest.raises(ValueError, match=message):
            encoder.lookup(row)
    with pytest.raises(TypeError, match="hashable"):
        encoder.lookup({"a": ["x"], "b": 1})
    assert MeanEncoder(["a"]).fit(X, [1.0, 2.0, 4.5]).lookup({"a": float("nan")}) == {"a": 2.0}


def test_rows_are_looked_up_in_many_threads():
    from concurrent.futures import ThreadPoolExecutor

    names = np.array([f"{i:05d}" for i in range(20_000)])
    encoder = MeanEncoder().fit(pd.DataFrame({"zip": names}), np.arange(20_000.0))
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda i: encoder.lookup({"zip": names[i]})["zip"], range(0, 20_000, 7)))
        rows = list(
            pool.map(lambda i: encoder.transform(pd.DataFrame({"zip": [names[i]]}))[0, 0], range(0, 20_000, 500))
        )
    assert found == [float(i) for i in range(0, 20_000, 7)]
    assert rows == [float(i) for i in range(0, 20_000, 500)]


@pytest.mark.parametrize(
    "encoder",
    [
        EmpiricalBayesEncoder(interactions=[("city", "zip")]),
        NestedEncoder(["zip", "city"]),
        MixedModelEncoder(["city"], remainder="drop"),
    ],
)
def test_encoding_tables_come_in_three_kinds(encoder):
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    X = pd.DataFrame({"city": ["x", None, "y", "x"], "zip": [1, 2, 1, 3]})
    encoder.fit(X, [1.0, 2.0, 4.0, 5.0])
    plain = encoder.encoding_table("city")
    kinds = {"pandas": pd.DataFrame, "polars": polars.DataFrame, "pyarrow": pyarrow.Table}
    for backend, kind in kinds.items():
        table = encoder.encoding_table("city", backend=backend)
        assert isinstance(table, kind)
        read = table if backend == "pandas" else table.to_pandas()
        pd.testing.assert_frame_equal(read, plain, check_dtype=False)
    with pytest.raises(ValueError, match="backend"):
        encoder.encoding_table("city", backend="spark")


def test_categories_of_several_types_have_no_column_in_arrow():
    pytest.importorskip("polars")
    encoder = MeanEncoder().fit(pd.DataFrame({"c": ["x", 1, 2.5]}), [1.0, 2.0, 4.0])
    for backend in ("polars", "pyarrow"):
        with pytest.raises(TypeError, match="pandas"):
            encoder.encoding_table("c", backend=backend)
