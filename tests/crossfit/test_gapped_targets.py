"""Several targets with missing values: each is encoded as if it were alone, and its gaps had a weight of 0."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold, TimeSeriesSplit

from catpool import (
    AdditiveEncoder,
    EarlierRows,
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    SmoothedMeanEncoder,
    TreeEncoder,
)
from catpool.crossfit.scheme import Scheme

N = 300
OUTPUTS = ["mean", "sd", "reliability"]


def rows(seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"shop": rng.integers(0, 20, N).astype(str), "city": rng.choice(["Bonn", "Kiel", None], N)})
    effect = rng.normal(size=20)[X["shop"].astype(int)]
    y = pd.DataFrame({"sales": 5 + effect + rng.normal(size=N)})
    y["late"] = pd.Series(np.where(effect + rng.normal(size=N) > 0, "yes", "no"), dtype=object)
    y["grade"] = pd.Series(rng.choice(["a", "b", "c"], N), dtype=object)
    y["gain"] = effect + rng.normal(size=N)
    for name in ("late", "grade", "gain"):
        y.loc[rng.random(N) < 0.3, name] = None
    return X, y, np.arange(N) % 4, rng.integers(1, 3, N).astype(float)


X, Y, FOLDS, WEIGHTS = rows()


def names_of(name, outputs=OUTPUTS):
    classes = [f"_{label}" for label in "abc"] if name == "grade" else [""]
    ends = ["" if output == "mean" else f"_{output}" for output in outputs]
    return [f"{column}_{name}{label}{end}" for column in ("shop", "city") for label in classes for end in ends]


def alone(encoder, name, method="fit_transform", weights=None):
    """What an encoder of one output makes of it, with a weight of 0 for its gaps."""
    known = Y[name].notna()
    y = Y[name].where(known, Y[name][known].iloc[0])
    y = y.astype(float) if name in ("sales", "gain") else y
    own = known.astype(float) * (1.0 if weights is None else weights)
    if method == "fit_transform":
        return clone(encoder).fit_transform(X, y, sample_weight=own)
    return clone(encoder).fit(X, y, sample_weight=own).transform(X[:50])


@pytest.mark.parametrize("encoder", [MeanEncoder, SmoothedMeanEncoder, EmpiricalBayesEncoder])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("cv", [FOLDS, KFold(3), TimeSeriesSplit(3)], ids=["labels", "KFold", "TimeSeriesSplit"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold", "ignore:.*NaN")
def test_each_output_is_that_of_an_encoder_of_its_own(encoder, weights, cv):
    own = encoder(cv=cv, output=OUTPUTS)
    found = own.fit_transform(X, Y, sample_weight=weights)
    fitted = clone(own).fit(X, Y, sample_weight=weights)
    assert fitted.target_type_ == own.target_type_ == ["continuous", "binary", "multiclass", "continuous"]
    for name in Y:
        expected = alone(own, name, weights=weights)
        np.testing.assert_allclose(found[names_of(name)], expected, rtol=1e-9, atol=1e-12)
        new = alone(own, name, "transform", weights)
        for each in (fitted, own):
            np.testing.assert_allclose(each.transform(X[:50])[names_of(name)], new, rtol=1e-9)


def test_outputs_are_those_of_brute_force():
    encoder = EmpiricalBayesEncoder(cv=FOLDS, prior="reml")
    found = encoder.fit_transform(X, Y)
    for fold in range(4):
        inside = fold == FOLDS
        fitted = clone(encoder).set_params(cv=2).fit(X[~inside], Y[~inside])
        np.testing.assert_allclose(found[inside], fitted.transform(X[inside]), rtol=1e-9)
        for name in ("sales", "gain"):
            known = ~inside & Y[name].notna()
            fitted = clone(encoder).set_params(cv=2).fit(X[known], Y[name][known].astype(float))
            np.testing.assert_allclose(found[names_of(name, ["mean"])][inside], fitted.transform(X[inside]), rtol=1e-9)


@pytest.mark.parametrize(
    "encoder", [MeanEncoder(), EmpiricalBayesEncoder(), EmpiricalBayesEncoder(interactions="pairs")]
)
def test_own_labels_change_no_bit(encoder):
    encoder = clone(encoder).set_params(cv=FOLDS)
    before = encoder.fit_transform(X, Y).to_numpy()
    for fold in range(4):
        changed, inside = Y.copy(), fold == FOLDS
        for name, other in {"sales": 99.5, "gain": -7.25, "late": "yes", "grade": "a"}.items():
            changed.loc[inside & Y[name].notna(), name] = other
        after = encoder.fit_transform(X, changed).to_numpy()
        np.testing.assert_array_equal(after[inside], before[inside])
        assert (after[~inside] != before[~inside]).any()


@pytest.mark.parametrize("prior", ["reml", "moments"])
def test_parts_are_those_of_all_rows(prior):
    encoder = EmpiricalBayesEncoder(prior=prior, output=[*OUTPUTS, "count"], cv=3)
    keys = np.arange(N)
    parts = clone(encoder)
    for some in (slice(0, 120), slice(120, N)):
        parts.partial_fit(X[some], Y[some], key=keys[some])
    np.testing.assert_allclose(parts.transform(X[:40]), clone(encoder).fit(X, Y).transform(X[:40]), rtol=1e-9)
    expected = clone(encoder).fit_transform(X, Y, key=keys)
    np.testing.assert_allclose(parts.transform_out_of_fold(X, keys), expected, rtol=1e-9)
    halves = [clone(encoder).fit(X[some], Y[some]) for some in (slice(0, 120), slice(120, N))]
    np.testing.assert_allclose(halves[0].merge(halves[1]).transform(X[:40]), parts.transform(X[:40]), rtol=1e-9)


def test_files_and_look_ups():
    fitted = EmpiricalBayesEncoder(output=[*OUTPUTS, "count"]).fit(X, Y)
    again = EmpiricalBayesEncoder.from_json(fitted.to_json())
    pd.testing.assert_frame_equal(again.transform(X[:40]), fitted.transform(X[:40]), check_exact=True)
    row = X.iloc[0].to_dict()
    assert fitted.lookup(row) == fitted.transform(X[:1]).iloc[0].to_dict()
    table = fitted.encoding_table("shop")
    known = Y["gain"].notna().groupby(X["shop"]).sum()
    found = table[(table["target"] == "gain") & table["category"].notna()].set_index("category")["count"]
    assert found.to_dict() == known.to_dict()


def test_counts_are_those_of_the_output_with_most():
    y = Y[["late", "gain"]]
    encoder = MeanEncoder(["shop"], cv=FOLDS, output=["mean", "count", "size"], remainder="drop")
    found = encoder.fit_transform(X, y)
    known = [y[name].notna() for name in y]
    sizes = np.max([each.groupby(X["shop"]).transform("sum") for each in known], axis=0)
    assert found["shop_size"].tolist() == sizes.tolist()
    for fold in range(4):
        inside, shop = fold == FOLDS, X["shop"]
        outside = [(each & ~inside).groupby(shop).sum() for each in known]
        assert (
            found["shop_count"][inside].tolist() == np.max([shop[inside].map(own) for own in outside], axis=0).tolist()
        )
    assert encoder.transform(X[:9])["shop_count"].tolist() == sizes[:9].tolist()


def test_earlier_rows():
    table = X.assign(day=np.random.default_rng(1).permutation(N) // 2)
    encoder = EmpiricalBayesEncoder(["shop"], cv=EarlierRows("day", half_life=40), prior="reml", remainder="drop")
    found = encoder.fit_transform(table, Y[["sales", "gain"]])
    own = clone(encoder).fit_transform(table, Y["gain"].fillna(0).astype(float), sample_weight=Y["gain"].notna())
    np.testing.assert_array_equal(found["shop_gain"], own["shop"])
    whole = clone(encoder).fit_transform(table, Y["sales"])
    np.testing.assert_array_equal(found["shop_sales"], whole["shop"])


@pytest.mark.parametrize("more", [{}, {"relative": True}, {"windows": [10.0, 50.0]}], ids=str)
@pytest.mark.parametrize("first", ["steady", "gapped"])
def test_each_output_has_the_half_life_that_it_has_alone(more, first):
    rng = np.random.default_rng(1)
    day, shop, known = np.sort(rng.uniform(0, 1000, 2000)), rng.integers(0, 6, 2000), rng.random(2000) < 0.8
    noise = 0.3 * rng.normal(size=(2, 2000))
    y = pd.DataFrame({"steady": shop + noise[0], "gapped": 3 * np.sin(shop + day / 40) + noise[1]})
    y = y.assign(gapped=y["gapped"].where(known))[[first, *({*y} - {first})]]
    rows, new = (pd.DataFrame({"day": times, "shop": own}) for times, own in ((day, shop), (1100.0, np.arange(6))))
    encoder = EmpiricalBayesEncoder(["shop"], cv=EarlierRows("day", half_life="auto", **more), remainder="drop")
    own = [f.rename(columns=lambda name: name.replace("_gapped", "")) for f in _both(encoder, rows, y, new)]
    pairs = zip(own, _both(encoder, rows, y["gapped"].fillna(0), new, sample_weight=known.astype(float)), strict=True)
    for found, expected in pairs:
        pd.testing.assert_frame_equal(found[[*expected]], expected)
    assert clone(encoder).fit(rows, y).summary_["half_life"].isna().sum() == 1


def _both(encoder, rows, y, new, **weights):
    """The features of training rows and of new rows."""
    return encoder.fit_transform(rows, y, **weights), encoder.transform(new)


def test_interactions_and_listed_categories():
    listed = [[str(shop) for shop in range(5)], ["Kiel"]]
    encoder = EmpiricalBayesEncoder(cv=FOLDS, interactions=[("shop", "city")], categories=listed, remainder="drop")
    with pytest.warns(UserWarning, match="does not list"):
        found = encoder.fit_transform(X, Y[["sales", "gain"]])
    with pytest.warns(UserWarning, match="does not list"):
        own = alone(encoder, "gain")
    np.testing.assert_array_equal(found[["shop_gain", "city_gain", "shop_x_city_gain"]], own)


def test_numbers_of_all_types_may_be_missing():
    y = pd.DataFrame({"a": Y["sales"], "b": pd.array([1, None, 3] * (N // 3), dtype="Int64")})
    y["c"] = pd.array([True, None, False] * (N // 3), dtype="boolean")
    found = MeanEncoder(cv=FOLDS, output="mean").fit(X, y)
    assert found.target_type_ == ["continuous", "binary", "binary"]
    polars = pytest.importorskip("polars")
    same = MeanEncoder(cv=FOLDS, output="mean").fit(X, polars.from_pandas(y))
    pd.testing.assert_frame_equal(found.transform(X[:9]), same.transform(X[:9]))


@pytest.mark.parametrize(
    "encoder",
    [
        NestedEncoder(["city", "shop"]),
        AdditiveEncoder(),
        TreeEncoder(),
        MixedModelEncoder(["shop"]),
    ],
)
def test_other_encoders_refuse_gaps(encoder):
    with pytest.raises(ValueError, match=r"y must have no missing values|several outputs"):
        encoder.fit_transform(X, Y)


def test_what_cannot_be_is_refused():
    for y in (Y["gain"], Y[["gain"]]):
        with pytest.raises(ValueError, match="y must have no missing values"):
            MeanEncoder().fit(X, y)
    with pytest.raises(ValueError, match="The output 'gain' of y must have some values, but all are missing"):
        MeanEncoder().fit(X, Y.assign(gain=np.nan))
    with pytest.raises(
        ValueError, match=r"The output 'gain' of y must have values in rows with a weight, but there is"
    ):
        MeanEncoder().fit(X, Y, sample_weight=Y["gain"].isna().astype(float))
    with pytest.raises(ValueError, match='y must have no missing values with crossfit="rare"'):
        MeanEncoder(crossfit="rare").fit_transform(X, Y)
    with pytest.raises(ValueError, match="y must have no missing values where weights are precisions"):
        MeanEncoder(weight_type="precision").fit(X, Y[["sales", "gain"]], sample_weight=WEIGHTS)
    with pytest.raises(ValueError, match="In the output 'gain' of y: "):
        MeanEncoder(cv=FOLDS).fit_transform(X, Y.assign(gain=Y["gain"].where(FOLDS == 1)))
    with pytest.raises(ValueError, match="In the output 'gain' of y: y must be finite"):
        MeanEncoder().fit(X, Y.assign(gain=Y["gain"].astype(float).where(Y.index > 0, np.inf)))


@pytest.mark.filterwarnings("ignore:.* hold categories that `categories` does not list")
def test_listed_categories_without_a_value_are_refused():
    y = Y[["sales", "gain"]].assign(gain=Y["gain"].where(X["city"] == "Bonn"))
    encoder = MeanEncoder(["city"], categories=[["Kiel"]], cv=FOLDS)
    for method in (encoder.fit, encoder.fit_transform, encoder.partial_fit):
        with pytest.raises(ValueError, match="column 'city'"):
            method(X, y)


def test_schemes_of_users_may_not_know_gaps():
    class Own(Scheme):
        def encode(self, learner, codes, size, *, counts, unlisted=None):
            raise NotImplementedError

    with pytest.raises(ValueError, match="for the scheme of `cv`, a Own, which cannot leave rows out of some outputs"):
        Own().restrict(None)


def test_rows_are_split_by_gaps_once(monkeypatch):
    from catpool.crossfit import gapped_rows

    calls, split = [], gapped_rows.split_by_gaps
    monkeypatch.setattr(gapped_rows, "split_by_gaps", lambda data: calls.append(1) or split(data))
    MeanEncoder(cv=FOLDS).fit_transform(X, Y)
    assert len(calls) == 1
