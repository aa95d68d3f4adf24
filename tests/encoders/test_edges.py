"""Arguments of unusual types, states that do not fit together, and files of other places."""

import datetime
import json

import numpy as np
import pandas as pd
import polars
import pytest
from sklearn.model_selection import KFold, TimeSeriesSplit
from sklearn.pipeline import FeatureUnion

import catpool
from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, NestedEncoder
from catpool.data.targets.target_kinds import TARGET_KINDS, TargetKind
from catpool.priors.prior import Prior, given_strength
from catpool.priors.rules import PRIORS


@pytest.fixture
def sales():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"shop": list("abc") * 20, "item": np.arange(60) % 4, "price": rng.normal(size=60), "day": range(60)}
    )
    return X, np.tile([1.0, 2.0, 5.0], 20) + rng.normal(size=60)


def test_lists_may_be_arrays(sales):
    X, y = sales
    one = MixedModelEncoder(["shop"], covariates=np.array(["price"])).fit(X, y)
    other = MixedModelEncoder(["shop"], covariates=["price"]).fit(X, y)
    pd.testing.assert_frame_equal(one.summary_, other.summary_)
    by_position = MixedModelEncoder([0], covariates=np.array([2])).fit(X.to_numpy(dtype=object), y)
    assert by_position.summary_["term"].tolist()[:2] == ["intercept", "x2"]
    for encoder in (MeanEncoder, EmpiricalBayesEncoder):
        crossed = encoder(["shop"], interactions=np.array([["shop", "item"]])).fit(X, y)
        assert crossed.columns_ == ["shop", ("shop", "item")]


@pytest.mark.parametrize("library", [lambda X: X, polars.from_pandas, lambda X: polars.from_pandas(X).to_arrow()])
def test_rows_are_kept_where_no_feature_comes_out(sales, library):
    X, _ = sales
    y = np.tile([1.5, 2.0, 3.0, 2.0, 1.5, 3.0], 10)  # which the items tell nothing of
    noise = EmpiricalBayesEncoder(["shop"], drop_noise=True, remainder="drop", cv=3, random_state=0)
    table = library(X.assign(shop=np.repeat(list("abcde"), 12)))
    assert noise.fit_transform(table, y).shape == (60, 0)
    union = FeatureUnion([("noise", noise), ("mean", MeanEncoder(["item"], remainder="drop", cv=3))])
    assert union.fit_transform(table, y).shape == (60, 1)


def test_a_changed_scheme_does_not_break_a_fit_with_a_half_life(sales):
    X, y = sales
    dated = X.assign(day=pd.date_range("2024-01-01", periods=60))
    encoder = MeanEncoder(["shop"], cv=EarlierRows("day", half_life=datetime.timedelta(days=3))).fit(dated, y)
    encoder.set_params(cv=10)
    read = MeanEncoder.from_json(encoder.to_json())
    pd.testing.assert_frame_equal(read.transform(dated[:2]), encoder.transform(dated[:2]))
    assert read.lookup({"shop": "a"})["shop"] == encoder.transform(dated[:1])["shop"].item()


def test_fading_sums_do_not_merge_and_need_rows_in_memory(sales):
    X, y = sales
    fading = MeanEncoder(["shop"], cv=EarlierRows("day", half_life=3.0)).fit(X, y)
    for one, other in ((fading, MeanEncoder(["shop"]).fit(X, y)), (MeanEncoder(["shop"]).fit(X, y), fading)):
        with pytest.raises(ValueError, match="all rows at once"):
            one.merge(other)
    with pytest.raises(ValueError, match="half-life need rows in memory"):
        fading.transform(polars.from_pandas(X).lazy())


class Fading:
    """A rule whose rows lose weight, of folds as usual."""

    reads, past_only = (), False

    def scheme(self, data):
        from catpool.crossfit.scheme import FoldScheme

        scheme = FoldScheme(3, data, 0)
        scheme.last_time = 5
        return scheme

    def fade(self, X, last_time):
        return np.full(len(X), 0.5)


def test_structures_that_cannot_fade_refuse_to(sales):
    X, y = sales
    half = MeanEncoder(["shop"], cv=Fading(), output="count").fit(X, y).transform(X[:3])
    np.testing.assert_array_equal(half["shop_count"], 10.0)
    for encoder in (NestedEncoder(["shop"], cv=Fading()), MixedModelEncoder(["shop"], cv=Fading())):
        with pytest.raises(ValueError, match="cannot lose weight"):
            encoder.fit(X, y)


def test_times_are_not_encoded_in_an_interaction(sales):
    X, y = sales
    with pytest.raises(ValueError, match="which `columns` names too, or `interactions`"):
        MeanEncoder(["shop"], interactions=[("shop", "day")], cv=EarlierRows("day")).fit(X, y)


def test_a_table_of_nothing_but_the_target_is_refused(sales):
    _, y = sales
    for table in (pd.DataFrame({"y": y}), polars.DataFrame({"y": y})):
        with pytest.raises(ValueError, match="must have columns to encode"):
            MeanEncoder(cv=3).fit_transform(table, "y")


def test_a_fitted_encoder_needs_its_prior_only_to_learn(sales, monkeypatch):
    X, y = sales
    monkeypatch.setitem(
        PRIORS, "own", lambda moments, family, *, scale: [given_strength(each, 2.0) for each in moments]
    )
    encoder = EmpiricalBayesEncoder(["shop"], prior="own").fit(X, y)
    text, expected = encoder.to_json(), encoder.transform(X[:3])
    monkeypatch.delitem(PRIORS, "own")
    read = EmpiricalBayesEncoder.from_json(text)
    pd.testing.assert_frame_equal(read.transform(X[:3]), expected)
    with pytest.raises(ValueError, match="'own' is not registered"):
        read.merge(read)


def test_a_file_without_a_parameter_is_damaged(sales):
    from catpool.tables.json_file import _checksum

    X, y = sales
    content = json.loads(NestedEncoder(["shop"]).fit(X, y).to_json())
    head = {name: content.pop(name) for name in ("format", "version", "checksum")}
    del content["parameters"]["levels"]
    with pytest.raises(ValueError, match="damaged"):
        NestedEncoder.from_json(json.dumps({**head, "checksum": _checksum(content), **content}))


def test_kinds_of_classes_have_one_column_or_one_for_each_class(sales, monkeypatch):
    X, y = sales
    grades = np.digitize(y, [1.0, 4.0])
    monkeypatch.setitem(TARGET_KINDS, "passed", TargetKind("passed", "binomial", classes=True, whole=True))
    with pytest.raises(ValueError, match="must take two values"):
        MeanEncoder(["shop"], target_type="passed").fit(X, grades)
    monkeypatch.setitem(TARGET_KINDS, "grade", TargetKind("grade", "binomial", classes=True, by_class=True, whole=True))
    own = MeanEncoder(["shop"], target_type="grade").fit(X, grades)
    known = MeanEncoder(["shop"], target_type="multiclass").fit(X, grades)
    pd.testing.assert_frame_equal(own.transform(X[:5]), known.transform(X[:5]))
    monkeypatch.setitem(TARGET_KINDS, "odd", TargetKind("odd", "nothing"))
    with pytest.raises(ValueError, match="'nothing' is not registered"):
        MeanEncoder(["shop"], target_type="odd").fit(X, y)


def test_more_rows_after_a_time_ordered_fit_come_in_folds_as_usual(sales):
    X, y = sales
    encoder = MeanEncoder(["shop"], cv=EarlierRows("day")).fit(X, y).set_params(cv=KFold(3))
    assert encoder.partial_fit(X, y).summary_["rows"].item() == 120


@pytest.mark.parametrize(("mean", "strength"), [(np.nan, 1.0), (np.inf, 1.0), (2.0, -1.0), (2.0, np.nan)])
def test_registered_priors_of_no_numbers_are_refused(sales, monkeypatch, mean, strength):
    X, y = sales

    def broken(moments, family, *, scale):
        return [Prior(np.full_like(each.mean, mean), np.full_like(each.mean, strength)) for each in moments]

    monkeypatch.setitem(PRIORS, "broken", broken)
    encoder, past = (EmpiricalBayesEncoder(["shop"], prior="broken", cv=cv) for cv in (10, EarlierRows("day")))
    lazy = pytest.importorskip("polars").from_pandas(X.assign(y=y)).lazy()
    for learn in (
        lambda: encoder.fit(X, y),
        lambda: encoder.fit_transform(X, y),
        lambda: encoder.partial_fit(X, y),
        lambda: past.fit_transform(X, y),
        lambda: encoder.fit(lazy, "y"),
        lambda: encoder.fit_transform(lazy, "y", key="day"),
    ):
        with pytest.raises(ValueError, match="The prior 'broken' must return a finite mean and a strength from 0"):
            learn()


@pytest.mark.parametrize(
    ("between", "within"), [(np.nan, 1.0), (1.0, np.nan), (-1.0, 1.0), (1.0, None), (None, 1.0)], ids=str
)
def test_registered_priors_of_no_variances_are_refused(sales, monkeypatch, between, within):
    X, y = sales
    variances = [None if each is None else np.array(each) for each in (between, within)]
    own = [Prior(np.array(1.0), np.array(2.0), *variances)]
    monkeypatch.setitem(PRIORS, "broken", lambda moments, family, *, scale: own)
    with pytest.raises(ValueError, match="The prior 'broken' must return both `between` and `within`, or neither"):
        EmpiricalBayesEncoder(["shop"], prior="broken", output="sd").fit(X, y)


@pytest.mark.parametrize("answer", [None, [], [(1.0, 2.0)]], ids=str)
def test_registered_priors_must_be_one_for_each_class(sales, monkeypatch, answer):
    X, y = sales
    monkeypatch.setitem(PRIORS, "broken", lambda moments, family, *, scale: answer)
    with pytest.raises(TypeError, match="The prior 'broken' must return a list of Prior objects, one for each class"):
        EmpiricalBayesEncoder(["shop"], prior="broken").fit(X, y)


@pytest.mark.parametrize("encoder", [NestedEncoder(["shop"]), MixedModelEncoder(["shop"])], ids=["nested", "mixed"])
def test_levels_and_factors_do_not_go_with_earlier_rows(sales, encoder):
    X, y = sales
    encoder.set_params(cv=EarlierRows("day"))
    with pytest.raises(ValueError, match=f"not with {type(encoder).__name__}. Pass for example cv=TimeSeriesSplit"):
        encoder.fit(X, y)


def test_levels_must_be_some(sales):
    X, y = sales
    with pytest.raises(ValueError, match=r"`levels` must name at least one column of X, which are \['shop', 'item'"):
        NestedEncoder([]).fit(X, y)


def test_names_of_columns_are_all_strings_or_none(sales):
    X, y = sales
    with pytest.raises(
        TypeError, match=r"only supported if all input features have string names, but X has \['shop', 1"
    ):
        MeanEncoder(["shop"]).fit(X.set_axis(["shop", 1, 2, 3], axis=1), y)
    encoder = MeanEncoder([0]).fit(X.to_numpy(dtype=object), y)
    with pytest.warns(UserWarning, match="X has feature names, but MeanEncoder was fitted without feature names"):
        encoder.transform(X)
    with pytest.raises(AttributeError, match="no `feature_names_in_`, because the columns of X had no names"):
        encoder.feature_names_in_  # noqa: B018
    with pytest.raises(AttributeError, match="no `classes_`, because y is not one column of classes"):
        encoder.classes_  # noqa: B018


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="module 'catpool' has no attribute 'OneHotEncoder'"):
        catpool.OneHotEncoder  # noqa: B018


def test_warnings_of_a_fit_point_at_the_line_that_fits():
    X = pd.DataFrame({"a": list("abcd") * 10, "id": [f"u{number}" for number in range(40)]})
    y = np.arange(40) % 7 + 0.5
    with pytest.warns(UserWarning, match="are in no test fold") as caught:
        MeanEncoder(["a"], cv=TimeSeriesSplit(3)).fit_transform(X, y)
    assert [each.filename for each in caught] == [__file__]
    with pytest.warns(UserWarning, match="have a category of their own in each row") as caught:
        catpool.TreeEncoder().fit(X, y)
    assert [each.filename for each in caught] == [__file__]
