"""What goes wrong in other target encoders, and must not here.

B1 to B13 are kinds of faults that were found in them; B5 (cuML's folds) and B10 (a prior that leaks) are also in
`reference/test_other_libraries.py`. Of B11, what concerns encoders that catpool does not have (ordered statistics,
added noise, wrappers) is left out, and of B13 the faults of quantile and sampling encoders.
"""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from catpool import EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder


def noise_and_truth(rng, n_categories, rows, spread):
    """Categories of so many rows, their true means, and targets of unit noise."""
    truth = spread * rng.normal(size=n_categories)
    codes = np.repeat(np.arange(n_categories), rows)
    return codes[:, None], truth, truth[codes] + rng.normal(size=len(codes))


@pytest.mark.parametrize(("rows", "spread", "bar"), [(5, 0.0, 0.06), (5, 0.2, 0.22), (20, 0.2, 0.17), (5, 1.0, 0.43)])
def test_shrinkage_is_as_strong_as_the_noise_asks(rows, spread, bar):
    """B1: scikit-learn's "auto" leaves an error of 0.389, 0.425, 0.204 and 0.430 here."""
    X, truth, y = noise_and_truth(np.random.default_rng(0), 400, rows, spread)
    encoder = EmpiricalBayesEncoder().fit(X, y)
    error = np.asarray(encoder.transform(np.arange(400)[:, None]))[:, 0] - truth
    assert np.sqrt(np.mean(error**2)) < bar


def test_pure_categories_and_singletons_are_shrunk_too():
    """B1."""
    rng = np.random.default_rng(1)
    X, y = np.repeat(np.arange(400), 5)[:, None], rng.integers(0, 2, 2000)
    shares = EmpiricalBayesEncoder().fit(X, y).transform(np.arange(400)[:, None])
    assert 0.3 < np.asarray(shares).min() < np.asarray(shares).max() < 0.7


def test_full_categories_are_shrunk_less_than_rare_ones():
    """B6: category_encoders' JamesStein does the reverse, or shrinks all alike, and its slope never comes to one."""
    rng = np.random.default_rng(2)
    rows = np.tile([1, 500], 60)
    truth = rng.normal(size=120)
    codes = np.repeat(np.arange(120), rows)
    encoder = EmpiricalBayesEncoder().fit(codes[:, None], truth[codes] + rng.normal(size=len(codes)))
    encoding, raw = (encoder.encoding_table(0).iloc[:-1][name] for name in ("encoding", "mean"))
    slope = [np.polyfit(raw[rows == n], encoding[rows == n], 1)[0] for n in (1, 500)]
    assert slope[0] < 0.65
    assert slope[1] > 0.99


def test_noisier_targets_are_shrunk_more():
    """B7: embed's step_lencode(smooth = TRUE) has the variances the wrong way round."""
    rng = np.random.default_rng(3)
    X, truth, y = noise_and_truth(rng, 100, 10, 1.0)
    noisy = truth[X[:, 0]] + 5 * (y - truth[X[:, 0]])
    strengths = [EmpiricalBayesEncoder().fit(X, each).summary_["prior_strength"].item() for each in (y, noisy)]
    assert strengths[0] < 2 < 10 < strengths[1]


def test_strength_of_pure_noise_does_not_count_noise_as_spread():
    """B8: vtreat takes the variance of the observed means for that of the true ones: a factor of 0.514 here."""
    X, _, y = noise_and_truth(np.random.default_rng(4), 400, 4, 0.0)
    assert EmpiricalBayesEncoder().fit(X, y).summary_["reliability"].item() < 0.1


@pytest.mark.parametrize("routing", [False, True])
def test_groups_are_a_plain_argument_with_routing_or_without(routing, table, encoder_class):
    """B2: scikit-learn's TargetEncoder raises KeyError or TypeError for some of these."""
    X, y, shop = table["X"], table["continuous"], table["X"]["shop"]
    with sklearn.config_context(enable_metadata_routing=routing):
        for cv in (5, GroupKFold(5)):
            grouped = encoder_class(None, cv=cv, random_state=0).fit_transform(X, y, groups=shop)
            # shops are groups, so a shop's rows never see the shop: each gets its fold's prior mean
            assert len(np.unique(np.asarray(grouped)[:, 1])) == 5
        plain = encoder_class(None, random_state=0).fit_transform(X, y)
        np.testing.assert_array_equal(plain, encoder_class(None, random_state=0).fit_transform(X, y, groups=None))
        model = make_pipeline(encoder_class(None, random_state=0), LinearRegression())
        assert np.isfinite(cross_val_score(model, X, y, cv=3, params={})).all()


def test_groups_reach_the_encoder_through_a_pipeline(table):
    """B2."""
    X, y, shop = table["X"][["shop"]], table["continuous"], table["X"]["shop"].to_numpy()

    def fitted(**arguments):
        tree = DecisionTreeRegressor(max_leaf_nodes=200)
        model = make_pipeline(MeanEncoder(None, cv=GroupKFold(5)), tree)
        return model.fit(X, y, **arguments)[-1].get_n_leaves()

    assert fitted(meanencoder__groups=shop) <= 5
    with sklearn.config_context(enable_metadata_routing=True):
        assert fitted(groups=shop) <= 5
        with pytest.raises(ValueError, match="groups"):
            fitted()


def test_rows_of_an_unlisted_category_do_not_see_their_own_target(encoder_class):
    """B3: scikit-learn gives them all the last fold's mean when the categories are listed."""
    X = pd.DataFrame({"c": pd.Categorical([*"aabb", None, None, None, None, *"ab"], categories=["a", "b"])})
    y = np.arange(10.0) ** 1.5
    cv = np.arange(10) % 3
    before = encoder_class(cv=cv, missing="prior").fit_transform(X, y)
    for row in np.flatnonzero(X["c"].isna()):
        changed = y.copy()
        changed[row] += 100
        assert (
            np.asarray(encoder_class(cv=cv, missing="prior").fit_transform(X, changed))[row] == np.asarray(before)[row]
        )


def test_lists_of_lists_and_iterables_of_splits_go_together(encoder_class):
    """B4."""
    splits = list(KFold(2).split(np.zeros(6)))
    encoded = encoder_class(cv=splits).fit_transform(
        [["a", 1], ["b", 1], ["a", 2], ["b", 2], ["a", 1], ["b", 2]], [0.5, 1, 2, 3, 4, 5]
    )
    array = np.array([["a", 1], ["b", 1], ["a", 2], ["b", 2], ["a", 1], ["b", 2]], dtype=object)
    np.testing.assert_array_equal(
        encoded, encoder_class(cv=[0, 0, 0, 1, 1, 1]).fit_transform(array, [0.5, 1, 2, 3, 4, 5])
    )


def test_splits_that_name_rows_are_refused_where_there_are_fewer(table):
    """B4: an outer cross-validation hands over fewer rows than an iterable of splits was made for."""
    splits = list(KFold(4).split(np.zeros(120)))
    with pytest.raises(ValueError, match="positions, 0 to 79"):
        MeanEncoder(cv=splits).fit_transform(table["X"][:80], table["continuous"][:80])


def test_a_generator_of_splits_serves_again(encoder_class, table):
    """B4."""
    encoder = encoder_class(cv=(split for split in KFold(4).split(table["X"])))
    once = encoder.fit_transform(table["X"], table["continuous"])
    np.testing.assert_array_equal(once, encoder.fit_transform(table["X"], table["continuous"]))


def test_counts_are_not_classes(encoder_class, table):
    """B4."""
    counts = encoder_class(None, target_type="count", random_state=0).fit_transform(table["X"], table["count"])
    assert counts.shape == (120, 2)
    assert 0.5 * table["count"].mean() < np.asarray(counts).mean() < 2 * table["count"].mean()


def test_prior_does_not_leak(encoder_class):
    """B10: cuML, NVTabular and H2O draw towards the mean of all rows, the row's own included."""
    X, y = np.array([["a"], ["a"], ["b"], ["b"]]), np.array([1.0, 2.0, 3.0, 4.0])
    before = encoder_class(cv=[0, 1, 0, 1]).fit_transform(X, y)
    for row in range(4):
        changed = y.copy()
        changed[row] = -50.0
        assert np.asarray(encoder_class(cv=[0, 1, 0, 1]).fit_transform(X, changed))[row] == np.asarray(before)[row]


def test_ids_carry_no_signal(encoder_class):
    """B11: category_encoders turns 100 ids and one repeated into the target itself."""
    rng = np.random.default_rng(5)
    ids, y = np.append(np.arange(99), 0)[:, None], rng.normal(size=100)
    encoded = np.asarray(encoder_class(random_state=0).fit_transform(ids, y))[1:-1, 0]
    assert abs(np.corrcoef(encoded, y[1:-1])[0, 1]) < 0.5
    twice = np.repeat(np.arange(300), 2)[:, None]
    assert np.asarray(EmpiricalBayesEncoder().fit(twice, rng.normal(size=600)).transform(twice)).std() < 0.5


def test_noise_stays_noise_out_of_fold():
    """B11: In sample, noise in 500 categories of four rows is correlated with the target."""
    rng = np.random.default_rng(6)
    X = rng.integers(0, 500, (2000, 5))
    y = rng.integers(0, 2, 2000)
    encoder = MeanEncoder(random_state=0)
    train = encoder.fit_transform(X, y)
    apart = [np.corrcoef(feature, y)[0, 1] for feature in np.asarray(train).T]
    in_sample = [np.corrcoef(feature, y)[0, 1] for feature in np.asarray(encoder.transform(X)).T]
    assert max(np.abs(apart)) < 0.15
    assert min(in_sample) > 0.4


def test_few_folds_give_less_of_the_target_away():
    """B9: Each fold's values are anti-correlated with its own targets: with leave-one-out a tree reads them all."""
    rng = np.random.default_rng(7)
    X, y = rng.permuted(np.tile(np.repeat(np.arange(5), 400)[:, None], 5), axis=0), rng.integers(0, 2, 2000)
    area = {}
    for k in (2, 10, 100):
        train = MeanEncoder(cv=k, random_state=0).fit_transform(X, y)
        tree = DecisionTreeRegressor(max_depth=5, random_state=0).fit(train, y)
        area[k] = roc_auc_score(y, tree.predict(train))
    assert area[2] < area[10] < area[100]
    with pytest.raises(ValueError, match="LeaveOneOut is refused"):
        MeanEncoder(cv=LeaveOneOut()).fit_transform(X, y)


def test_one_and_its_string_are_two_categories_in_training_and_after():
    """B11."""
    X = np.array([[1], ["1"], [1], ["1"], [np.nan], ["nan"]], dtype=object)
    y = [1.0, 2.0, 3.0, 4.0, 10.0, 20.0]
    encoder = MeanEncoder().fit(X, y)
    np.testing.assert_array_equal(np.asarray(encoder.transform(X))[:, 0], [2, 3, 2, 3, 10, 20])


def test_every_row_gets_an_encoding_and_sorted_targets_do_not_matter():
    """B13: KirillTushin's encoder leaves rows at zero; an ordered one reads the order of the rows."""
    rng = np.random.default_rng(8)
    X, y = rng.integers(0, 500, (3000, 1)), np.sort(rng.normal(size=3000)) + 10
    encoded = SmoothedMeanEncoder(random_state=0).fit_transform(X, y)
    assert (np.asarray(encoded) > 5).all()
    assert abs(np.corrcoef(np.asarray(encoded)[:, 0], y)[0, 1]) < 0.1


def test_many_categories_are_no_burden_and_stay_on_the_target_s_scale():
    """B12: category_encoders' GLMMEncoder takes 21 s for a twentieth of these rows, and gives deviations."""
    rng = np.random.default_rng(9)
    X, truth, y = noise_and_truth(rng, 4000, 20, 0.5)
    encoder = EmpiricalBayesEncoder(random_state=0).fit(X, y + 7)
    assert np.corrcoef(np.asarray(encoder.transform(np.arange(4000)[:, None]))[:, 0], truth)[0, 1] > 0.9
    assert encoder.summary_["prior_mean"].item() == pytest.approx(7, abs=0.05)
