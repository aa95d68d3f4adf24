"""`prior_features`: prior means of categories that follow from what is known of them."""

import pickle
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold

from catpool import (
    EarlierRows,
    EmpiricalBayesEncoder,
    MixedModelEncoder,
    UnseenCategoriesWarning,
    linear,
    sample_encodings,
)
from catpool.explain.column_facts import column_facts
from catpool.explain.signal import signal_frame

N, SHOPS = 300, 30
OUTPUT = ["mean", "sd", "reliability"]


@dataclass
class Length:
    """A user's own features, which learn nothing from the categories: the numbers in their names."""

    penalized: bool = True

    def fit(self, categories):
        return _numbers


def _numbers(categories):
    return np.array([[float(name[1:]) if name[0] == "s" else np.nan] for name in categories.index])


@pytest.fixture(scope="module")
def shops():
    """A table of more shops than there are rows of, in an order of its own."""
    rng = np.random.default_rng(1)
    area = rng.normal(size=SHOPS + 5)
    table = pd.DataFrame({"shop": [f"s{k}" for k in range(SHOPS + 5)], "area": area})
    table["kind"] = np.array(["mall", "street", "market"])[np.arange(SHOPS + 5) % 3]
    return table.iloc[rng.permutation(SHOPS + 5)].reset_index(drop=True)


@pytest.fixture(scope="module")
def rows(shops):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"shop": rng.choice([f"s{k}" for k in range(SHOPS)], N), "day": np.arange(N) // 3})
    X = X.merge(shops, on="shop", how="left")
    X["other"] = rng.choice(["x", "y", "z"], N)
    effect = pd.Series(rng.normal(size=SHOPS) / 3, index=[f"s{k}" for k in range(SHOPS)])
    y = 2 + X["area"] + (X["kind"] == "mall") + effect[X["shop"]].to_numpy() + rng.normal(size=N)
    return X, y.to_numpy()


@pytest.fixture(scope="module")
def new(shops):
    """A known shop, one of the table without rows, one that nobody knows, and a missing one."""
    X = pd.DataFrame({"shop": ["s0", f"s{SHOPS}", "?", None], "day": 0, "other": "x"})
    return X.merge(shops, on="shop", how="left")


def encoder_of(features, **parameters):
    parameters = {"columns": ["shop"], "output": OUTPUT, "remainder": "drop", "cv": KFold(3)} | parameters
    return EmpiricalBayesEncoder(prior_features={"shop": features}, **parameters)


def by_name(shops):
    table = shops.set_index("shop")
    return lambda names: table.reindex(names)


def sources(shops):
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    plain = shops.astype({"shop": object, "kind": object})
    return {
        "index": shops.set_index("shop"),
        "polars": polars.from_pandas(shops),
        "arrow": pyarrow.Table.from_pandas(shops),
        "function": by_name(shops),
        "objects": plain,
        "category": shops.astype({"shop": "category", "kind": "category"}),
        "linear": linear(shops),
        "list": [linear(shops)],
    }


def test_each_kind_of_source_gives_the_same(shops, rows, new):
    X, y = rows
    expected = encoder_of(shops)
    train, later = expected.fit_transform(X, y), expected.transform(new)
    for name, source in sources(shops).items():
        encoder = encoder_of(source)
        pd.testing.assert_frame_equal(encoder.fit_transform(X, y), train, obj=name, rtol=1e-9)
        pd.testing.assert_frame_equal(encoder.transform(new), later, obj=name, rtol=1e-9)


def test_columns_of_x_say_what_a_table_of_the_shops_that_have_rows_says(shops, rows, new):
    X, y = rows
    table, columns = encoder_of(shops), encoder_of(["area", "kind"])
    pd.testing.assert_frame_equal(table.fit_transform(X, y), columns.fit_transform(X, y), rtol=1e-9)
    pd.testing.assert_frame_equal(table.transform(new), columns.transform(new), rtol=1e-9)
    for library in ("polars", "pyarrow"):
        frame = pytest.importorskip(library).DataFrame(X) if library == "polars" else X
        if library == "pyarrow":
            frame = pytest.importorskip("pyarrow").Table.from_pandas(X)
        np.testing.assert_allclose(columns.fit_transform(frame, y), table.fit_transform(X, y), rtol=1e-9)


def test_arrays_have_columns_by_position(rows):
    X, y = rows
    array = X[["shop", "area"]].to_numpy(dtype=object)
    named = encoder_of(["area"]).fit_transform(X, y)
    by_position = EmpiricalBayesEncoder([0], prior_features={0: [1]}, output=OUTPUT, remainder="drop", cv=KFold(3))
    np.testing.assert_allclose(by_position.fit_transform(array, y), named, rtol=1e-12)


def test_encodings_are_means_of_category_and_prior(shops, rows, new):
    X, y = rows
    encoder = encoder_of(shops).fit(X, y)
    table = encoder.encoding_table("shop").iloc[:-1]
    r = table["count"] / (table["count"] + encoder.summary_["prior_strength"].item())
    np.testing.assert_allclose(table["reliability"], r)
    np.testing.assert_allclose(table["encoding"], r * table["mean"] + (1 - r) * table["prior_mean"])
    assert table["prior_mean"].nunique() == len(table)
    known, later, unknown, missing = encoder.transform(new).to_numpy()
    mean = encoder.summary_["prior_mean"].item()
    assert unknown.tolist() == missing.tolist()
    assert unknown[0] == pytest.approx(mean)
    assert abs(later[0] - mean) > 0.1
    assert known[1] < later[1] < unknown[1]
    assert later[2] == unknown[2] == 0 < known[2]
    assert 0.5 < encoder.summary_["explained"].item() < 1
    last = encoder.encoding_table("shop").iloc[-1]
    assert last["prior_mean"] == pytest.approx(mean)


def test_free_effects_are_those_of_a_mixed_model_with_covariates(rows, new):
    X, y = rows
    encoder = encoder_of(linear(["area"], penalty=False)).fit(X, y)
    model = MixedModelEncoder(["shop"], covariates=["area"], prior="reml", output="prediction").fit(X, y)
    rows = pd.concat([X.iloc[:50], new.iloc[[1]]])
    found = encoder.transform(rows)["shop"]
    expected = model.transform(rows)
    np.testing.assert_allclose(found, np.asarray(expected[expected.columns[-1]]), rtol=1e-6)


def test_several_blocks_have_variances_of_their_own(shops, rows):
    X, y = rows
    together = encoder_of(["area", "kind"]).fit(X, y)
    apart = encoder_of([linear(["area"]), linear(["kind"])]).fit(X, y)
    mixed = encoder_of(["area", linear(["kind"])]).fit(X, y)
    pd.testing.assert_frame_equal(apart.summary_, mixed.summary_)
    assert apart.summary_["log_likelihood"].item() > together.summary_["log_likelihood"].item()


@pytest.mark.parametrize("kind", ["continuous", "binary", "multiclass", "count"])
@pytest.mark.parametrize("prior", ["auto", "ml"])
def test_fit_transform_is_a_refit_for_each_fold(kind, prior, rows):
    X, y = rows
    y = {"continuous": y, "binary": (y > 2).astype(int), "multiclass": np.digitize(y, [1.5, 3])}.get(
        kind, np.random.default_rng(0).poisson(np.exp(y / 3))
    )
    encoder = encoder_of([Length()], prior=prior, target_type=kind)
    encoded = encoder.fit_transform(X, y)
    for train, test in KFold(3).split(X):
        again = clone(encoder).fit(X.iloc[train], y[train])
        np.testing.assert_allclose(encoded.iloc[test], again.transform(X.iloc[test]), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["continuous", "binary", "multiclass", "count"])
@pytest.mark.parametrize("source", ["table", "columns"])
def test_own_targets_reach_no_bit(kind, source, shops, rows):
    X, y = rows
    y = {"continuous": y, "binary": (y > 2).astype(int), "multiclass": np.digitize(y, [1.5, 3])}.get(
        kind, np.random.default_rng(0).poisson(np.exp(y / 3))
    )
    encoder = encoder_of(shops if source == "table" else ["area", "kind"], target_type=kind)
    before = encoder.fit_transform(X, y).to_numpy()
    own = np.arange(N) < N // 3  # the first of three folds
    after = encoder.fit_transform(X, np.where(own, y[::-1], y)).to_numpy()
    assert before[own].tobytes() == after[own].tobytes()
    assert (before != after)[~own].any()


def test_the_order_of_rows_does_not_matter(shops, rows, new):
    X, y = rows
    order = np.random.default_rng(3).permutation(N)
    one, other = encoder_of(["area", "kind"]).fit(X, y), encoder_of(["area", "kind"]).fit(X.iloc[order], y[order])
    np.testing.assert_allclose(one.transform(new), other.transform(new), rtol=1e-9)


@pytest.mark.parametrize("source", ["table", "columns", "function", "own"])
def test_rows_in_parts_teach_what_all_rows_teach(source, shops, rows, new):
    X, y = rows
    features = {"table": shops, "columns": ["area", "kind"], "function": by_name(shops), "own": Length()}[source]
    at_once = encoder_of(features, cv=3)
    encoded = at_once.fit_transform(X, y, key=np.arange(N))
    in_parts = clone(at_once)
    for part in (slice(0, 20), slice(20, None)):  # of which the first has some of the shops only
        in_parts.partial_fit(X[part], y[part], key=np.arange(N)[part])
    merged = (
        clone(at_once).fit(X[:20], y[:20]).merge(clone(at_once).fit(X[20:], y[20:])) if source != "own" else in_parts
    )
    for other in (in_parts, merged):
        np.testing.assert_allclose(other.transform(new), at_once.transform(new), rtol=1e-6)
    np.testing.assert_allclose(in_parts.transform_out_of_fold(X, key=np.arange(N)), encoded, rtol=1e-6)


def test_parts_must_agree_on_what_is_known(rows):
    X, y = rows
    encoder = encoder_of(["area"]).partial_fit(X, y)
    with pytest.raises(ValueError, match="constant within a category, but 'area' is"):
        encoder.partial_fit(X.assign(area=X["area"] + 1), y)


def test_what_is_known_later_is_added(rows, new):
    X, y = rows
    X = X.assign(shop=pd.Categorical(X["shop"]))
    encoder = encoder_of(["area"])
    for part in (slice(0, 20), slice(20, None)):  # the categories of the first have no rows there, but a level
        encoder.partial_fit(X[part], y[part])
    np.testing.assert_allclose(encoder.transform(new), encoder_of(["area"]).fit(X, y).transform(new), rtol=1e-6)


@pytest.mark.parametrize("source", ["table", "columns", "linear"])
def test_files_and_pickles_give_the_same_bits(source, shops, rows, new):
    X, y = rows
    features = {"table": shops, "columns": ["area", "kind"], "linear": [linear(shops, penalty=False), "area"]}[source]
    encoder = encoder_of(features, cv=3).fit(X, y)
    expected = encoder.transform(new)
    for again in (EmpiricalBayesEncoder.from_json(encoder.to_json()), pickle.loads(pickle.dumps(encoder))):
        pd.testing.assert_frame_equal(again.transform(new), expected, rtol=0, atol=0)
        pd.testing.assert_frame_equal(again.encoding_table("shop"), encoder.encoding_table("shop"))
        more = again.partial_fit(X, y).transform(new)
        np.testing.assert_allclose(more, encoder_of(features).fit(pd.concat([X, X]), [*y, *y]).transform(new), 1e-6)


def test_what_files_cannot_hold_is_named(shops, rows):
    X, y = rows
    for features in (Length(), by_name(shops)):
        encoder = encoder_of(features, cv=3).fit(X, y)
        with pytest.raises(ValueError, match=r"The parameter prior_features=.* cannot be written as JSON"):
            encoder.to_json()
        with pytest.raises(TypeError, match=r"Column 'shop' holds .* cannot be written as JSON"):
            encoder.set_params(prior_features=None).to_json()
    encoder = encoder_of(Length()).fit(X, y)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(encoder)).transform(X[::7]), encoder.transform(X[::7]))


def test_columns_whose_features_tell_all_are_no_noise(shops, rows):
    X, _ = rows
    y = X["area"].to_numpy() + np.random.default_rng(0).normal(size=N)
    encoder = encoder_of(shops, drop_noise=True).fit(X, y)
    assert encoder.summary_["between_sd"].item() < 0.2 < encoder.summary_["explained"].item()
    assert encoder.transform(X[::7]).shape[1] == 3
    noise = np.random.default_rng(1).normal(size=N)
    assert encoder_of(Length(), drop_noise=True).fit(X, noise).transform(X[::7]).shape[1] in (0, 3)


@pytest.mark.parametrize("half_life", [None, 20.0, "auto"])
def test_rows_of_the_past_alone(half_life, shops, rows, new):
    X, y = rows
    encoder = encoder_of(shops, cv=EarlierRows("day", half_life=half_life), output=["mean", "sd"])
    before = encoder.fit_transform(X, y).to_numpy()
    later = (X["day"] >= 50).to_numpy()
    after = encoder.fit_transform(X, np.where(later, y[::-1], y)).to_numpy()
    now = (X["day"] <= 50).to_numpy()
    assert before[now].tobytes() == after[now].tobytes()
    assert (before != after)[~now].any()
    known, other, unknown, _ = encoder.fit(X, y).transform(new)["shop"]
    assert len({known, other, unknown}) == 3


@pytest.mark.filterwarnings("error")
def test_new_categories_with_features_raise_no_warning_and_others_do(shops, rows):
    X, y = rows
    encoder = encoder_of(["area"]).fit(X, y)
    later = X.assign(shop=[f"n{k % 40}" for k in range(N)])
    encoder.transform(later)
    with pytest.warns(UnseenCategoriesWarning, match=f"{N} of {N} rows of column 'shop' .* such as 'n0'"):
        encoder_of(shops).fit(X, y).transform(later)
    with pytest.warns(UnseenCategoriesWarning, match=f"220 of {N} rows of column 'shop' .* such as 'n10'"):
        encoder.transform(later.assign(area=later["area"].mask(np.arange(N) % 40 >= 10)))
    with pytest.warns(UnseenCategoriesWarning, match=f"{N} of {N} rows"):
        encoder_of(["area"], unknown="nan").fit(X, y).transform(later)


def test_effects_that_drift_have_no_features(shops, rows):
    with pytest.raises(ValueError, match=r"`cv` has `drift`.* but with `prior_features` each has its own"):
        encoder_of(shops, cv=EarlierRows("day", drift="auto"), output="mean").fit_transform(*rows)


def test_policies_of_unknown_and_missing_values(shops, rows, new):
    X, y = rows
    assert np.isnan(encoder_of(shops, unknown="nan").fit(X, y).transform(new)["shop"]).tolist() == [0, 1, 1, 0]
    with pytest.raises(ValueError, match="categories that were there at fit"):
        encoder_of(shops, unknown="error").fit(X, y).transform(new)
    gaps = X.assign(shop=X["shop"].where(np.arange(N) % 5 > 0, None), area=X["area"].where(np.arange(N) % 5 > 0, 0.0))
    encoder = encoder_of(["area"], missing="prior").fit(gaps, y)
    assert encoder.transform(new)["shop"][3] == pytest.approx(encoder.summary_["prior_mean"].item())


def test_a_row_is_looked_up_as_it_is_transformed(shops, rows, new):
    X, y = rows
    for encoder in (encoder_of(shops).fit(X, y), encoder_of(["area"]).fit(X, y)):
        for _, row in new.iterrows():
            expected = encoder.transform(pd.DataFrame([row.to_dict()]))
            np.testing.assert_array_equal(list(encoder.lookup(row.to_dict()).values()), expected.to_numpy()[0])


def test_draws_are_about_the_encodings(rows, new):
    X, y = rows
    encoder = encoder_of(["area"]).fit(X, y)
    later = pd.concat([new, new.assign(shop=new["shop"].replace({f"s{SHOPS}": "another one"}))])
    draws, expected = sample_encodings(encoder, later, n_draws=4000, random_state=0)[:, :, 0], encoder.transform(later)
    np.testing.assert_allclose(draws.mean(axis=0), expected["shop"], atol=0.06)
    np.testing.assert_allclose(draws.std(axis=0), expected["shop_sd"], rtol=0.06)
    assert (draws[:, 0] == draws[:, 4]).all()
    assert (draws[:, 1] != draws[:, 5]).all()  # two new shops of the same features


def test_other_columns_and_interactions_stay_as_they_are(shops, rows):
    X, y = rows
    options = {"columns": ["shop", "other"], "interactions": [("shop", "other")], "output": "mean"}
    features = encoder_of(shops, **options).fit_transform(X, y)
    plain = encoder_of(shops, **options).set_params(prior_features=None).fit_transform(X, y)
    pd.testing.assert_frame_equal(features.drop(columns="shop"), plain.drop(columns="shop"), rtol=0, atol=0)
    assert not np.allclose(features["shop"], plain["shop"])
    empty = encoder_of(shops, **options).set_params(prior_features={}).fit_transform(X, y)
    pd.testing.assert_frame_equal(empty, plain, rtol=0, atol=0)


def test_listed_categories_without_rows_have_their_prior_mean(shops, rows, new):
    X, y = rows
    listed = encoder_of(shops, categories=[shops["shop"].tolist()]).fit(X, y)
    frame = listed.encoding_table("shop")
    assert len(frame) == SHOPS + 1
    later = listed.transform(new)["shop"]
    assert abs(later[1] - listed.summary_["prior_mean"].item()) > 0.1
    with pytest.raises(ValueError, match="`categories` must list all categories of column 'shop'"):
        encoder_of(shops, categories=[[f"s{k}" for k in range(5)]]).fit(X, y)


BAD = [
    ({"shops": ["area"]}, ValueError, r"must be a dict from encoded columns, as \{'shop': ...\}, but \['shops'\]"),
    ({"other": ["area"]}, ValueError, r"but \['other'\] are none. The encoded columns are \['shop'\]"),
    ({"shop": "area"}, ValueError, "must be a table, a list of columns of X.*Got 'area'"),
    ({"shop": None}, ValueError, "must be a table"),
    ({"shop": []}, ValueError, "Got an empty list"),
    ({"shop": [pd.DataFrame({"a": [1]})]}, ValueError, r"Got a DataFrame in a list. .* pass linear\(...\)"),
    ({"shop": [["area"]]}, ValueError, "Got a list in a list"),
    ({"shop": ["areas"]}, ValueError, r"`prior_features` names \['areas'\], which X does not have"),
    ({"shop": ["shop"]}, ValueError, r"column 'shop' must read other columns. Remove it from \['shop'\]"),
    ({"shop": ["other"]}, ValueError, "constant within a category, but 'other' is '.' and '.' where 'shop' is 's"),
    ({"shop": pd.DataFrame({"shop": ["s1", "s1"], "a": [1, 2]})}, ValueError, "one row for each .* 's1' has several"),
    ({"shop": pd.DataFrame({"shop": ["s1", None], "a": [1, 2]})}, ValueError, "a missing value has one"),
    ({"shop": pd.DataFrame({"shop": ["s1", "s2"]})}, ValueError, "it has no other column"),
    ({"shop": pd.DataFrame({"a": [1, 2]})}, ValueError, "but knows none of them, such as 's0'. Compare the types"),
    ({"shop": lambda names: pd.DataFrame({"a": [1, 2]})}, ValueError, "a row for each .* there were 30. .* 2 rows"),
    ({"shop": lambda names: 7}, TypeError, "must return a table with a row for each category. It returned a int"),
    ({"shop": linear(["day0"], penalty=True)}, ValueError, r"names \['day0'\]"),
]


@pytest.mark.parametrize(("features", "error", "message"), BAD)
def test_what_is_no_feature_is_refused_at_the_door(features, error, message, rows):
    X, y = rows
    for method in ("fit", "fit_transform"):
        with pytest.raises(error, match=message):
            getattr(EmpiricalBayesEncoder(["shop"], prior_features=features), method)(X, y)


@pytest.mark.parametrize(
    "parameters",
    [
        {"prior": "moments"},
        {"prior": "full_bayes"},
        {"prior": "scale_mixture"},
        {"prior": lambda moments: (0.0, 1.0)},
        {"within": "moderated"},
        {"weight_type": "inverse_variance"},
        {"family": "negative_binomial", "target_type": "count"},
    ],
    ids=lambda parameters: "-".join(parameters),
)
def test_priors_without_effects_are_refused(parameters, shops, rows):
    X, y = rows
    with pytest.raises(ValueError, match="`prior_features`"):
        encoder_of(shops, **parameters).fit(X, np.abs(np.round(y)), sample_weight=np.ones(N))


class Bad:
    def __init__(self, result):
        self.result = result

    def fit(self, categories):
        return lambda categories: self.result(len(categories))


@pytest.mark.parametrize(
    "result",
    [
        lambda m: np.zeros(m),
        lambda m: np.zeros((m, 0)),
        lambda m: np.zeros((m + 1, 2)),
        lambda m: np.full((m, 2), [np.nan, 1.0]),
        lambda m: np.full((m, 2), np.inf),
    ],
)
def test_features_of_a_user_are_checked(result, rows):
    X, y = rows
    with pytest.raises(ValueError, match=r"The features .* of column 'shop' must give an array of shape \(30, q\)"):
        encoder_of(Bad(result)).fit(X, y)


def test_columns_that_features_read_must_be_there_in_transform(rows, new):
    X, y = rows
    encoder = encoder_of(["area"]).fit(X, y)
    with pytest.raises(ValueError, match="area"):
        encoder.transform(new[["shop"]])
    pd.testing.assert_frame_equal(encoder.transform(new[["shop", "area"]]), encoder.transform(new))


def test_sql_and_onnx_say_that_they_cannot(shops, rows):
    pytest.importorskip("sqlglot")
    X, y = rows
    encoder = encoder_of(shops, output="mean").fit(X, y)
    with pytest.raises(ValueError, match="`to_sql` does not support `prior_features`"):
        encoder.to_sql("sales")


def test_onnx_says_that_it_cannot_and_does_without_unknown_categories(shops, rows):
    pytest.importorskip("skl2onnx")
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import StringTensorType

    from catpool.onnx import register_converters

    register_converters()
    X, y = rows
    X, types = X[["shop"]], [("shop", StringTensorType([None, 1]))]
    with pytest.raises(TypeError, match="ONNX graphs cannot have `prior_features`"):
        to_onnx(encoder_of(shops, output="mean").fit(X, y), initial_types=types)
    assert to_onnx(encoder_of(shops, output="mean", unknown="nan").fit(X, y), initial_types=types)


def test_lazy_tables_take_features_that_are_no_columns(shops, rows, new):
    polars = pytest.importorskip("polars")
    X, y = rows
    table, later = X.assign(y=y, key=np.arange(N)), polars.from_pandas(new)
    lazy = polars.from_pandas(table).lazy()
    options = {"cv": 3, "columns": ["shop"]}
    in_memory, engine = encoder_of(shops, **options), encoder_of(shops, **options)
    in_memory.fit(table, "y", key="key")
    engine.fit(lazy, "y", key="key")
    expected = in_memory.transform(later)
    wanted = np.sort(expected.to_numpy(), axis=0)  # as joins may change the order of rows
    for encoder in (engine, in_memory):
        found = encoder.transform(later.lazy()).collect().to_numpy()
        np.testing.assert_allclose(np.sort(found, axis=0), wanted, rtol=1e-9)
    columns = encoder_of(["area"], **options)
    for call in (lambda: columns.fit(lazy, "y"), lambda: columns.fit(table, "y").transform(later.lazy())):
        with pytest.raises(ValueError, match=r"`prior_features` of column 'shop' reads \['area'\] of X.*lazy table"):
            call()


def test_lazy_tables_warn_of_new_categories_without_features(shops, rows):
    polars = pytest.importorskip("polars")
    X, y = rows
    encoder = encoder_of(shops).fit(X, y)
    later = polars.DataFrame({"shop": [f"s{SHOPS + k % 5}" for k in range(40)] + ["?"] * 10})
    encoder.transform(later.lazy()).collect()
    with pytest.warns(UnseenCategoriesWarning, match=r"30 of 40 rows of column 'shop' .* such as '\?'"):
        encoder.transform(polars.DataFrame({"shop": [f"s{SHOPS}"] * 10 + ["?"] * 30}).lazy()).collect()


def test_pictures_and_reports_do_not_take_what_features_tell_for_noise(shops, rows):
    X, y = rows
    y = X["area"].to_numpy() + np.random.default_rng(0).normal(size=N)
    encoder = encoder_of(shops, columns=["shop", "other"], output="mean").fit(X, y)
    assert encoder.summary_["reliability"][0] < 0.3 < encoder.summary_["explained"][0]
    assert encoder.summary_["explained"].isna().tolist() == [False, True]
    assert signal_frame(encoder).set_index("column")["noise"].to_dict()["shop"] is False
    assert not next(each for each in column_facts(encoder) if each.column == "shop").noise
