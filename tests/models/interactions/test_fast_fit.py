"""The quick fit of an interaction's parts against the exact one, and what `interactions` and its prior may be."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from catpool import EmpiricalBayesEncoder, MeanEncoder
from catpool.models.interactions import sparse_equations, variance_components

KINDS = ["continuous", "binary", "multiclass", "count"]
PARTS = [("a", "b"), ("a", "b", "c")]


def rows(seed, n=400, sizes=(8, 5, 4)):
    """Three columns with effects, of which the first two interact, and each kind of target."""
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, size, n) for size in sizes]
    X = pd.DataFrame({name: [f"{name}{code}" for code in own] for name, own in zip("abc", codes, strict=True)})
    effect = sum(rng.normal(0, 0.5, size)[own] for own, size in zip(codes, sizes, strict=True))
    effect = effect + rng.normal(0, 0.6, sizes[:2])[codes[0], codes[1]]
    noisy = effect + rng.normal(size=n)
    return X, {
        "continuous": noisy,
        "binary": (effect + rng.logistic(size=n) > 0).astype(int),
        "multiclass": np.digitize(noisy, [-0.5, 0.5]),
        "count": rng.poisson(np.exp(0.6 * effect)),
    }


def both(parts, kind, **parameters):
    parameters |= {"interactions": [parts], "target_type": kind, "random_state": 0, "remainder": "drop"}
    return [EmpiricalBayesEncoder([], interaction_prior=prior, **parameters) for prior in ("parts", "exact")]


@pytest.mark.parametrize("kind", ["continuous", *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[1:])])
@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("prior", ["reml", "ml"])
def test_the_quick_fit_is_nearly_the_exact_one(parts, kind, prior):
    X, y = rows(3)
    weights = np.random.default_rng(0).choice([0.5, 1.0, 3.0], len(X))
    quick, exact = both(parts, kind, prior=prior, cv=3, output=["mean", "sd"])
    numbers = [np.asarray(each.fit_transform(X, y[kind], sample_weight=weights)) for each in (quick, exact)]
    assert np.abs(numbers[0] - numbers[1]).max() < 0.005 * numbers[1].std(axis=0).max()
    unseen = X.assign(b="never")
    numbers = [each.transform(unseen).to_numpy() for each in (quick, exact)]
    assert np.abs(numbers[0] - numbers[1]).max() < 0.005 * numbers[1].std(axis=0).max()
    for own, other in zip(quick.tables_[0].encodings, exact.tables_[0].encodings, strict=True):
        for name in ("between", "within"):
            np.testing.assert_allclose(getattr(own.prior, name), getattr(other.prior, name), rtol=5e-3, atol=1e-6)
        for variances, others in zip(own.prior.regression.variances, other.prior.regression.variances, strict=True):
            np.testing.assert_allclose(variances[-1], others[-1], rtol=5e-3, atol=1e-5)


def test_many_categories_are_fitted_without_dense_matrices(monkeypatch):
    X, y = rows(0, n=3000, sizes=(60, 50, 4))
    quick, exact = both(("a", "b"), "continuous", cv=2)
    dense = quick.fit_transform(X, y["continuous"]).to_numpy()
    assert np.isfinite(quick.summary_["log_likelihood"]).all()
    monkeypatch.setattr(variance_components, "COST", 0)
    sparse = quick.fit_transform(X, y["continuous"]).to_numpy()
    assert not np.array_equal(sparse, dense)
    assert np.abs(sparse - dense).max() < 0.02 * dense.std()
    assert quick.summary_["log_likelihood"].isna().all()  # which would need the determinant of a dense matrix
    assert np.isfinite(exact.fit(X, y["continuous"]).summary_["log_likelihood"]).all()


@pytest.mark.parametrize("kind", ["continuous", "count"])
def test_what_does_not_converge_is_fitted_exactly(monkeypatch, kind):
    X, y = rows(3, n=120)
    quick, exact = both(("a", "b"), kind, cv=2)
    monkeypatch.setattr(variance_components, "ROUNDS", 1)
    np.testing.assert_array_equal(quick.fit_transform(X, y[kind]), exact.fit_transform(X, y[kind]))


@pytest.mark.parametrize(
    ("module", "limit", "words"),
    [
        (variance_components, "ROUNDS", "The fit of an interaction did not converge"),
        (sparse_equations, "STEPS", "The effects of an interaction's parts did not converge within 1"),
    ],
)
def test_large_tables_that_do_not_converge_warn(monkeypatch, module, limit, words):
    X, y = rows(3, n=120)
    quick = both(("a", "b"), "continuous")[0]
    monkeypatch.setattr(variance_components, "COST", 0)
    monkeypatch.setattr(module, limit, 1)
    with pytest.warns(ConvergenceWarning, match=words):
        quick.fit(X, y["continuous"])


@pytest.mark.parametrize("seed", [1, 5])
def test_a_variance_does_not_stay_at_zero_from_an_early_round(seed):
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 300), rng.integers(0, 4, 300)
    effect = rng.normal(0, 0.5, 5)[a] + rng.normal(0, 0.3, 4)[b] + rng.normal(0, 0.3, (5, 4))[a, b]
    X = pd.DataFrame({"a": a, "b": b, "c": rng.integers(0, 6, 300)}).astype(str)
    for _ in range(seed + 1):
        y = np.digitize(effect + rng.normal(size=300), [-0.5, 0.5])
    exact = both(("a", "b", "c"), "binary")[1].fit(X, (y == 0).astype(int))
    assert exact.tables_[0].encodings[0].prior.regression.variances[2][-1] > 0.005


@pytest.mark.parametrize("order", ["pairs", 2, 3])
@pytest.mark.parametrize("encoder", [EmpiricalBayesEncoder, MeanEncoder])
def test_all_combinations_up_to_an_order_are_encoded(encoder, order):
    X, y = rows(0)
    orders = [2, 3] if order == 3 else [2]
    listed = [parts for size in orders for parts in combinations("abc", size)]
    whole = encoder(interactions=order, random_state=0).fit(X, y["continuous"])
    assert whole.columns_ == ["a", "b", "c", *listed]
    expected = encoder(interactions=listed, random_state=0).fit_transform(X, y["continuous"])
    pd.testing.assert_frame_equal(
        encoder(interactions=order, random_state=0).fit_transform(X, y["continuous"]), expected
    )
    again = encoder.from_json(whole.to_json())
    pd.testing.assert_frame_equal(again.transform(X.iloc[:20]), whole.transform(X.iloc[:20]))
    stream = encoder(interactions=order).partial_fit(X, y["continuous"])
    assert stream.columns_ == whole.columns_


def test_listed_categories_go_with_all_pairs():
    X, y = rows(0)
    lists = [sorted(X[name].unique())[1:] for name in X]
    encoder = MeanEncoder(categories=lists, interactions="pairs").fit(X, y["continuous"])
    assert [len(table.vocabulary.categories) for table in encoder.tables_[:3]] == [7, 4, 3]


def test_pairs_need_two_columns():
    X, y = rows(0)
    with pytest.raises(ValueError, match=r"there must be two at least\. They are \['a'\]"):
        MeanEncoder(["a"], interactions="pairs").fit(X, y["continuous"])


def test_two_orders_of_the_same_columns_are_one_interaction():
    X, y = rows(0)
    encoder = EmpiricalBayesEncoder([], interactions=[("a", "b"), ["b", "a"]]).fit(X, y["continuous"])
    assert encoder.columns_ == [("a", "b")]
    other = EmpiricalBayesEncoder([], interactions=[("b", "a")], remainder="drop").fit(X, y["continuous"])
    ours = encoder.transform(X.iloc[:50])["a_x_b"]
    np.testing.assert_allclose(ours, other.transform(X.iloc[:50])["b_x_a"], rtol=1e-9)


@pytest.mark.parametrize("prior", ["reml", "moments", "full_bayes", "scale_mixture", "npmle"])
def test_a_prior_of_its_own_treats_cells_as_categories(prior):
    X, y = rows(0, n=120)
    cells = X.assign(cell=X["a"] + X["b"])
    own = EmpiricalBayesEncoder(
        [], interactions=[("a", "b")], interaction_prior="own", prior=prior, cv=3, random_state=0
    )
    single = EmpiricalBayesEncoder(["cell"], prior=prior, cv=3, random_state=0)
    ours, theirs = own.fit_transform(X, y["continuous"]), single.fit_transform(cells, y["continuous"])
    np.testing.assert_allclose(ours["a_x_b"], theirs["cell"], rtol=1e-9)


@pytest.mark.parametrize("kind", ["binary", "count", "continuous"])
@pytest.mark.parametrize("seed", [6, 29, 111])
def test_a_fold_whose_targets_make_no_fit_possible_moves_no_bit_of_others(kind, seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.integers(0, 6, 30), "b": rng.integers(0, 7, 30)})
    folds = rng.integers(0, 3, 30)
    y = {"binary": (rng.random(30) < 0.2).astype(int), "count": rng.poisson(0.3, 30), "continuous": rng.normal(size=30)}
    changed = np.where(folds == 0, 0, y[kind])  # the other two folds see them alone, as one of them
    encoder = EmpiricalBayesEncoder(None, interactions="pairs", cv=folds, target_type=kind)
    before, after = (encoder.fit_transform(X, each)[folds == 0].to_numpy() for each in (y[kind], changed))
    assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize("prior", ["parts", "exact"])
def test_parts_have_effects_where_each_cell_has_one_row(prior):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": np.repeat(np.arange(6), 5), "b": np.tile(np.arange(5), 6)})
    y = 2 * rng.normal(size=6)[X["a"]] + 2 * rng.normal(size=5)[X["b"]] + 0.3 * rng.normal(size=30)
    encoder = EmpiricalBayesEncoder([], interactions=[("a", "b")], interaction_prior=prior, cv=rng.integers(0, 3, 30))
    near = encoder.fit_transform(X, y)["a_x_b"]
    far = encoder.fit_transform(X, y + 1e6)["a_x_b"] - 1e6
    assert near.std() > 1.5
    np.testing.assert_allclose(far, near, atol=1e-4)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # two ones among sixty may be separated
def test_rare_classes_are_fitted(seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.integers(0, 6, 60), "b": rng.integers(0, 5, 60)})
    y, weights = np.zeros(60, dtype=int), rng.choice([0.5, 1.0, 2.0], 60)
    y[rng.choice(60, 2, replace=False)] = 1
    for prior in ("parts", "exact"):
        encoder = EmpiricalBayesEncoder(None, interactions="pairs", interaction_prior=prior)
        assert np.isfinite(encoder.fit(X, y, sample_weight=weights).transform(X).to_numpy()).all()
