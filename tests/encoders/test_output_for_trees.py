"""Features for forests and boosted trees: rounded means, sizes, and codes of some columns."""

import numpy as np
import pandas as pd
import pytest

from catpool import EarlierRows, EmpiricalBayesEncoder, NestedEncoder
from catpool.priors.posterior import rounded_by_sd


def test_features_are_those_of_other_outputs_with_rounded_means(sales):
    X, y = sales
    encoder = EmpiricalBayesEncoder(output="trees", random_state=0).fit(X, y)
    names = ["shop", "shop_size", "shop_code", "doctor", "doctor_size", "coin", "coin_size", "coin_code"]
    assert encoder.get_feature_names_out().tolist() == names
    out = np.asarray(encoder.fit_transform(X, y))
    full = EmpiricalBayesEncoder(output=["mean", "size", "code"], random_state=0)
    kept = [list(full.fit(X, y).get_feature_names_out()).index(name) for name in names]
    means = [position for position, name in enumerate(names) if "_" not in name]
    sd = EmpiricalBayesEncoder(output="sd", random_state=0)
    for own, plain, apart in (
        (out, np.asarray(full.fit_transform(X, y))[:, kept], np.asarray(sd.fit_transform(X, y))),
        (
            np.asarray(encoder.transform(X[:9])),
            np.asarray(full.transform(X[:9]))[:, kept],
            np.asarray(sd.transform(X[:9])),
        ),
    ):
        np.testing.assert_array_equal(np.delete(own, means, axis=1), np.delete(plain, means, axis=1))
        np.testing.assert_allclose(own[:, means], plain[:, means], rtol=0, atol=(apart / np.sqrt(8)).max())
        assert (np.abs(own - plain)[:, means] <= apart / np.sqrt(8) + 1e-12).all()  # half of the widest step


def test_full_categories_have_few_values_out_of_fold(sales):
    X, y = sales
    values = {}
    for output in ("mean", "trees"):
        encoder = EmpiricalBayesEncoder(["shop"], output=output, remainder="drop", random_state=0)
        values[output] = (
            pd.Series(np.asarray(encoder.fit_transform(X, y))[:, 0]).groupby(X["shop"].to_numpy()).nunique()
        )
    assert (values["mean"] == 10).all()
    assert values["trees"].mean() < 4


def test_means_are_rounded_to_half_their_standard_deviation():
    mean, sd = np.array([1.3, 1.3, 1.3, -7.7]), np.array([0.5, 0.0, 4.0, 1e-3])
    np.testing.assert_allclose(rounded_by_sd(mean, sd), [1.25, 1.3, 2.0, np.round(-7.7 * 2048) / 2048], rtol=0)
    np.testing.assert_allclose(rounded_by_sd(mean, sd, 1.0), [1.5, 1.3, 0.0, np.round(-7.7 * 1024) / 1024], rtol=0)


def test_sizes_are_the_same_in_training_and_after(sales):
    X, y = sales
    weights = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
    encoder = EmpiricalBayesEncoder(["doctor"], output=["size", "count"], remainder="drop", random_state=0)
    out = encoder.fit_transform(X, y, sample_weight=weights)
    sizes = pd.Series(weights).groupby(X["doctor"].to_numpy()).transform("sum")
    np.testing.assert_array_equal(np.asarray(out)[:, 0], sizes)
    assert (np.asarray(out)[:, 1] < np.asarray(out)[:, 0]).all()  # of the rows of other folds alone
    new = encoder.transform(pd.DataFrame({"shop": ["1"], "doctor": ["nobody"], "coin": ["edge"]}))
    assert np.asarray(new).tolist() == [[0.0, 0.0]]
    np.testing.assert_array_equal(*np.asarray(encoder.transform(X[:50])).T)


def test_time_ordered_rows_have_no_sizes(sales):
    X, y = sales
    X = X.assign(day=np.arange(len(y)))
    encoder = EmpiricalBayesEncoder(["doctor"], output="trees", cv=EarlierRows("day"), remainder="drop").fit(X, y)
    assert encoder.get_feature_names_out().tolist() == ["doctor"]  # counts so far would tell the time of a row
    with pytest.raises(ValueError, match="count"):
        encoder.set_params(output=["mean", "size"]).fit(X, y)


def test_trees_go_with_encoders_of_single_columns(sales):
    X, y = sales
    with pytest.raises(ValueError, match="output"):
        EmpiricalBayesEncoder(output=["trees", "mean"]).fit(X, y)
    with pytest.raises(ValueError, match="output"):
        NestedEncoder(["shop", "doctor"], output="trees").fit(X, y)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("half_life", [None, 40, "auto"])
@pytest.mark.parametrize(("missing", "kind"), [("category", float), ("prior", bool), ("nan", bool)])
def test_means_of_the_past_are_rounded_to_their_standard_deviation(sales, half_life, relative, missing, kind):
    X, y = sales
    y = y if kind is float else np.asarray(y) > np.linspace(-3, 3, len(y))  # the share of true values moves
    X = X.assign(day=np.arange(len(y)) // 3).astype({"shop": object})
    X.loc[::7, "shop"] = None
    rule = EarlierRows("day", half_life=half_life, relative=relative)
    options = {"columns": ["shop", "doctor"], "prior": "reml", "cv": rule, "missing": missing, "remainder": "drop"}
    trees, exact = (EmpiricalBayesEncoder(output=each, **options) for each in ("trees", ["mean", "sd"]))
    later = X[:50].assign(day=2000)
    for out, full in (
        (trees.fit_transform(X, y), exact.fit_transform(X, y)),
        (trees.transform(later), exact.transform(later)),
    ):
        known = X["shop"][: len(out)].notna().to_numpy()  # missing ones may have the mean of the prior, not rounded
        for name in ("shop", "doctor"):
            expected = rounded_by_sd(full[name].to_numpy(), full[f"{name}_sd"].to_numpy(), 1.0)
            np.testing.assert_allclose(out[name][known], expected[known], rtol=1e-12, atol=1e-15)
    assert EmpiricalBayesEncoder.from_json(trees.to_json()).transform(later).equals(trees.transform(later))


def test_means_beside_windows_are_not_rounded(sales):
    X, y = sales
    X = X.assign(day=np.arange(len(y)))
    for relative in (False, True):
        rule = EarlierRows("day", windows=[30], relative=relative)
        options = {"columns": ["doctor"], "prior": "reml", "cv": rule, "remainder": "drop"}
        trees, exact = (EmpiricalBayesEncoder(output=each, **options) for each in ("trees", "mean"))
        pd.testing.assert_frame_equal(trees.fit_transform(X, y), exact.fit_transform(X, y))
        pd.testing.assert_frame_equal(trees.transform(X[:9]), exact.transform(X[:9]))
