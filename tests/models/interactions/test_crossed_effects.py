"""Columns encoded together: how cells are numbered, and what their priors are."""

import numpy as np
import pandas as pd
import pytest
from conftest import ENCODERS
from helpers.strategies import numbers, targets
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import KFold, TimeSeriesSplit

from catpool import EarlierRows, EmpiricalBayesEncoder, MixedModelEncoder, sample_encodings

TYPES = ["continuous", "binary", "multiclass", "count"]


def crossed(rng, n=240):
    """Rows of 4 makes and 6 years, one combination of them absent, with a target of each type."""
    make, year = rng.choice(list("ABCD"), n), rng.integers(2000, 2006, n)
    absent = (make == "A") & (year == 2001)
    make[absent] = "B"
    effect = np.array([{"A": 1.5, "B": -1.0, "C": 0.0, "D": 0.5}[each] for each in make]) + 0.6 * (year - 2002)
    continuous = effect + rng.normal(size=n)
    return pd.DataFrame({"make": make, "year": year}), {
        "continuous": continuous,
        "binary": (continuous > 0).astype(int),
        "multiclass": np.array(["low", "mid", "top"])[np.digitize(continuous, [-0.7, 0.7])],
        "count": rng.poisson(np.exp(0.3 * effect)),
    }


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("cv", [KFold(4), TimeSeriesSplit(3), "labels"], ids=str)
@pytest.mark.slow
def test_out_of_fold_is_fitting_on_the_training_rows(encoder, kind, cv):
    X, y = crossed(np.random.default_rng(3))
    cv = np.arange(len(X)) % 4 if cv == "labels" else cv
    y, weights = y[kind], np.arange(len(X)) % 3 + 1.0
    model = encoder(interactions=[("make", "year")], cv=cv, target_type=kind, output=["mean", "count"])
    splits = (
        cv.split(X) if hasattr(cv, "split") else [(np.flatnonzero(cv != f), np.flatnonzero(cv == f)) for f in range(4)]
    )
    splits = list(splits)
    if isinstance(cv, TimeSeriesSplit):
        with pytest.warns(UserWarning, match="no test fold"):
            encoded = model.fit_transform(X, y, sample_weight=weights)
    else:
        encoded = model.fit_transform(X, y, sample_weight=weights)
    for train, test in splits:
        refit = clone(model).set_params(cv=2).fit(X.iloc[train], y[train], sample_weight=weights[train])
        np.testing.assert_allclose(np.asarray(encoded)[test], refit.transform(X.iloc[test]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "encoder",
    [pytest.param(own, id=name, marks=[pytest.mark.slow] if name == "bayes" else []) for name, own in ENCODERS.items()],
)
@settings(max_examples=10)
@given(data=st.data())
def test_a_fold_s_own_targets_do_not_reach_its_cells(encoder, data):
    n = 24
    column = st.lists(st.sampled_from("abc"), min_size=n, max_size=n)
    X = np.column_stack([np.array(data.draw(column), dtype=object) for _ in range(2)])
    y = np.array(data.draw(targets(numbers, range(n))))
    folds = np.arange(n) % 3
    changed = y.copy()
    changed[folds == 0] = np.array(data.draw(targets(numbers, range(n // 3)))) + 1e6
    model = encoder([], interactions=[(0, 1)], cv=folds, target_type="continuous", remainder="drop")
    before, after = model.fit_transform(X, y), model.fit_transform(X, changed)
    assert np.asarray(before)[folds == 0].tobytes() == np.asarray(after)[folds == 0].tobytes()


@pytest.mark.parametrize(("fit", "near"), [("exact", 1e-9), ("parts", 1e-4)])
@pytest.mark.parametrize("prior", ["reml", "ml"])
def test_a_cell_is_the_crossed_model_s_sum(prior, fit, near):
    X, y = crossed(np.random.default_rng(1))
    cells = EmpiricalBayesEncoder(
        [],
        interactions=[("make", "year")],
        interaction_prior=fit,
        prior=prior,
        remainder="drop",
        output=["mean", "sd"],
    )
    model = MixedModelEncoder(["make", "year", ("make", "year")], prior=prior, output="prediction", remainder="drop")
    encoded = cells.fit(X, y["continuous"]).transform(X)
    expected = model.fit(X, y["continuous"]).transform(X)
    np.testing.assert_allclose(np.asarray(encoded)[:, 0], np.asarray(expected)[:, 0], rtol=near)
    new = pd.DataFrame({"make": ["A", "A", "E"], "year": [2001, 1999, 1999]})
    np.testing.assert_allclose(
        np.asarray(cells.transform(new))[:, 0], np.asarray(model.transform(new))[:, 0], rtol=near
    )
    assert (np.asarray(cells.transform(new))[:, 1] > np.asarray(encoded)[:, 1].max()).all()


@pytest.mark.parametrize("kind", TYPES)
def test_a_cell_without_rows_gets_its_main_effects(kind):
    X, y = crossed(np.random.default_rng(2), 600)
    encoder = EmpiricalBayesEncoder(interactions=[("make", "year")], target_type=kind).fit(X, y[kind])
    label = {"multiclass": "_top"}.get(kind, "")
    names = list(encoder.get_feature_names_out())
    new = pd.DataFrame({"make": ["A", "B", "Z"], "year": [2001, 2000, 1990]})
    absent, low, stranger = np.asarray(encoder.transform(new))[:, names.index(f"make_x_year{label}")]
    grand = encoder.summary_.query("column == 'make_x_year'")["prior_mean"].iloc[-1]
    assert (
        low
        < grand
        < np.asarray(encoder.transform(pd.DataFrame({"make": ["A"], "year": [2005]})))[
            0, names.index(f"make_x_year{label}")
        ]
    )
    assert stranger == pytest.approx(grand)
    assert absent != pytest.approx(grand, abs=1e-3)


@pytest.mark.slow
def test_classes_sum_to_one():
    X, y = crossed(np.random.default_rng(2))
    encoder = EmpiricalBayesEncoder([], interactions=[("make", "year")], remainder="drop", random_state=0)
    np.testing.assert_allclose(np.asarray(encoder.fit_transform(X, y["multiclass"])).sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("kind", ["constant", "one row a cell", "one cell", "no noise"])
def test_odd_tables(kind):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": np.repeat(list("abcd"), 6), "b": np.tile(np.arange(6), 4)})
    y = rng.normal(size=24)
    if kind == "constant":
        y = np.full(24, 3.25)
    if kind == "one cell":
        X = X.assign(a="a", b=1)
    if kind == "no noise":
        X, y = pd.concat([X, X], ignore_index=True), np.tile(y, 2)
    encoder = EmpiricalBayesEncoder(None, interactions=[("a", "b")], cv=3, random_state=0)
    encoded = encoder.fit_transform(X, y)
    assert np.isfinite(np.asarray(encoded)).all()
    assert np.isfinite(np.asarray(encoder.transform(X.assign(a="new")))).all()
    if kind == "constant":
        np.testing.assert_array_equal(encoded, 3.25)


def test_policies_of_cells():
    X, y = crossed(np.random.default_rng(2))
    X.loc[:9, "make"] = None
    new = pd.DataFrame({"make": ["A", None, "Z"], "year": [2001, 2001, 1990]})

    def encoded(**parameters):
        encoder = EmpiricalBayesEncoder([], interactions=[("make", "year")], remainder="drop", **parameters)
        return np.asarray(encoder.fit(X, y["continuous"]).transform(new))[:, 0]

    assert np.isnan(encoded(unknown="nan")).tolist() == [True, False, True]
    assert np.isnan(encoded(missing="nan")).tolist() == [False, True, False]
    assert encoded()[1] != encoded(missing="prior")[1]
    with pytest.raises(ValueError, match=r"2 were not, such as \[\('A', 2001\), \('Z', 1990\)\]"):
        encoded(unknown="error")
    with pytest.raises(ValueError, match="must have no missing values"):
        encoded(missing="error")


def test_names_places_and_what_comes_with_them():
    X, y = crossed(np.random.default_rng(2))
    X["z"] = 1.0
    encoder = EmpiricalBayesEncoder(["year"], interactions=[("make", "year")], output=["mean", "code", "count"], cv=3)
    out = encoder.fit_transform(X, y["continuous"])
    assert list(out) == list(encoder.get_feature_names_out())
    assert list(out) == [
        "make",
        "year",
        "year_code",
        "year_count",
        "z",
        *(f"make_x_year{s}" for s in ("", "_code", "_count")),
    ]
    assert out["make"].tolist() == X["make"].tolist()
    table = encoder.encoding_table(("make", "year"))
    assert table["category"].tolist() == [*sorted(set(zip(X["make"], X["year"], strict=True))), None]
    assert encoder.encoding_table("make_x_year").equals(table)
    assert sample_encodings(encoder, X, n_draws=3, random_state=0).shape == (3, len(X), 2)
    array = EmpiricalBayesEncoder([1], interactions=[(0, 1)], cv=3).fit(X.to_numpy(dtype=object), y["continuous"])
    assert array.get_feature_names_out().tolist() == ["x0", "x1", "x2", "x0_x_x1"]


@pytest.mark.parametrize("kind", TYPES)
def test_means_of_cells_follow_from_effects_and_files_may_hold_them(kind):
    X, y = crossed(np.random.default_rng(2))
    encoder = EmpiricalBayesEncoder(
        columns=[], interactions=[("make", "year")], target_type=kind, output=["mean", "sd"]
    )
    encoder.fit(X, y[kind])
    (table,) = encoder.tables_
    assert all(each.prior.offset is None for each in table.encodings)
    shown = encoder.encoding_table("make_x_year")
    cells = pd.DataFrame(shown["category"].dropna().drop_duplicates().tolist(), columns=["make", "year"])
    features = encoder.transform(cells).iloc[:, 2:]
    seen, new = shown[shown["count"] > 0], shown[shown["count"] == 0]
    np.testing.assert_allclose(seen["encoding"], features.iloc[:, ::2].to_numpy().T.ravel(), rtol=1e-12)
    np.testing.assert_allclose(seen["sd"], features.iloc[:, 1::2].to_numpy().T.ravel(), rtol=1e-12)
    unseen = encoder.transform(pd.DataFrame({"make": ["never"], "year": ["never"]})).iloc[0, 2:].to_numpy(dtype=float)
    mean, sd = unseen[::2], unseen[1::2]
    if kind in ("binary", "multiclass"):  # of shares the table has no sd that is larger than possible
        sd = np.minimum(sd, np.sqrt(mean * (1 - mean)))
    np.testing.assert_allclose(new[["encoding", "sd"]], np.column_stack([mean, sd]), rtol=1e-12)
    for each in table.encodings:
        each.prior = table.prior(each)
    assert table.encodings[0].prior.offset.shape == (table.vocabulary.size,)
    text = encoder.to_json()
    assert '"type": "Sums"' in text  # what files call the effects, whatever the name of the class
    read = EmpiricalBayesEncoder.from_json(text)
    assert read.tables_[0].encodings[0].prior.offset is not None
    pd.testing.assert_frame_equal(read.encoding_table("make_x_year"), shown)


@pytest.mark.parametrize("interactions", [[("make",)], [("make", "make")], [("make", "color")]])
def test_interactions_are_of_several_columns(interactions):
    X, y = crossed(np.random.default_rng(2))
    with pytest.raises(ValueError, match="two or more different columns"):
        EmpiricalBayesEncoder(interactions=interactions).fit(X, y["continuous"])


@pytest.mark.parametrize("prior", ["moments", "full_bayes", "scale_mixture", "npmle", lambda moments: (0.0, 1.0)])
def test_priors_that_know_no_parts_are_refused(prior):
    X, y = crossed(np.random.default_rng(2))
    with pytest.raises(ValueError, match='prior="reml" or "ml"'):
        EmpiricalBayesEncoder(interactions=[("make", "year")], prior=prior).fit(X, y["continuous"])


@pytest.mark.parametrize("kind", ["continuous", pytest.param("count", marks=pytest.mark.slow)])
def test_categories_of_later_rows_do_not_change_earlier_cells(kind):
    rng = np.random.default_rng(5)
    X, y = crossed(rng, n=80)
    X["time"] = rng.permutation(len(X)) // 2
    encoder = EmpiricalBayesEncoder(
        [], interactions=[("make", "year")], cv=EarlierRows("time"), target_type=kind, output=["mean", "sd"]
    )
    before = encoder.fit_transform(X, y[kind])
    later = (X["time"] >= 20).to_numpy()
    X.loc[later, "make"] = rng.choice(list("AXYZ"), later.sum())
    X.loc[later, "year"] = rng.choice([1999, 2000, 2030], later.sum())
    after = encoder.fit_transform(X, y[kind])
    features = ["make_x_year", "make_x_year_sd"]
    assert before.loc[~later, features].to_numpy().tobytes() == after.loc[~later, features].to_numpy().tobytes()


def test_an_unseen_cell_of_classes_is_no_more_uncertain_than_a_share_can_be():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.integers(0, 5, 60).astype(str), "b": rng.integers(0, 5, 60).astype(str)})
    y = (((X["a"] == "1") & X["b"].isin(["1", "2"])) | (X["a"] == "3")).astype(int)
    encoder = EmpiricalBayesEncoder(interactions=[("a", "b")], output=["mean", "sd"]).fit(X, y)
    found = encoder.transform(pd.DataFrame({"a": ["new", "1"], "b": ["new", "new"]}))
    mean, sd = found["a_x_b"], found["a_x_b_sd"]
    np.testing.assert_allclose(sd, np.sqrt(mean * (1 - mean)))
    assert (encoder.transform(X)["a_x_b_sd"] < sd.max()).all()
