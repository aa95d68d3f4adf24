"""What trees gain from: the recipe, its codes, and columns that are noise."""

import numpy as np
import pandas as pd
import pytest

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, NestedEncoder, recommended_encoder
from catpool.priors.posterior import rounded_by_sd


@pytest.fixture
def sales():
    """A shop that matters in every row, a doctor who does so now and then, and a coin that never does."""
    rng = np.random.default_rng(0)
    n = 2000
    X = pd.DataFrame(
        {
            "shop": rng.integers(0, 20, n).astype(str),
            "doctor": rng.integers(0, 400, n).astype(str),
            "coin": np.array(["heads", "tails", "edge"])[np.arange(n) % 3],
        }
    )
    shops, doctors = 3 * rng.normal(size=20), 0.5 * rng.normal(size=400)
    y = shops[X["shop"].astype(int)] + doctors[X["doctor"].astype(int)] + rng.normal(size=n)
    return X, y - pd.Series(y).groupby(X["coin"]).transform("mean").to_numpy()


def test_only_reliable_columns_have_codes(sales):
    X, y = sales
    encoder = EmpiricalBayesEncoder(output="trees", random_state=0).fit(X, y)
    assert (encoder.summary_["reliability"].to_numpy() > 0.85).tolist() == [True, False, False]
    names = ["shop", "shop_size", "shop_code", "doctor", "doctor_size", "coin", "coin_size"]
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


def test_a_column_that_tells_one_of_several_targets_has_its_code(sales):
    X, y = sales
    noise = np.random.default_rng(1).normal(size=len(y))
    encoder = EmpiricalBayesEncoder(["shop"], output="trees", remainder="drop").fit(X, np.column_stack([noise, y]))
    assert encoder.get_feature_names_out().tolist() == ["shop_0", "shop_1", "shop_size", "shop_code"]


@pytest.mark.parametrize("prior", ["reml", "moments"])
@pytest.mark.parametrize("output", ["mean", "trees", ["mean", "sd"]])
def test_noise_is_named_and_dropped(sales, prior, output):
    X, y = sales
    encoder = EmpiricalBayesEncoder(prior=prior, output=output, random_state=0).fit(X, y)
    notes = encoder.summary_.set_index("column")["note"]
    assert notes["coin"] == "no spread between categories"
    assert not notes["shop"]
    names = list(encoder.get_feature_names_out())
    kept = [name for name in names if not name.startswith("coin")]
    dropping = EmpiricalBayesEncoder(prior=prior, output=output, random_state=0, drop_noise=True)
    np.testing.assert_array_equal(
        dropping.fit_transform(X, y), np.asarray(encoder.fit_transform(X, y))[:, [names.index(name) for name in kept]]
    )
    assert dropping.get_feature_names_out().tolist() == kept
    assert dropping.transform(X[:5]).shape == (5, len(kept))
    assert dropping.columns_ == list(X)


def test_a_frame_loses_the_columns_that_are_noise(sales):
    X, y = sales
    out = EmpiricalBayesEncoder(["coin"], drop_noise=True).fit_transform(X, y)
    assert out.columns.tolist() == ["shop", "doctor"]
    given = MeanEncoder(["coin"], drop_noise=True).fit(X, y)  # whose prior tells no variances
    assert given.summary_["note"].item() == "no spread between categories"
    assert given.transform(X[:3]).columns.tolist() == ["shop", "doctor"]


def test_a_column_is_dropped_only_where_it_tells_no_target(sales):
    X, y = sales
    outputs = np.column_stack([y, np.where(X["coin"] == "edge", 5.0, 0.0) + 0.1 * y])
    encoder = EmpiricalBayesEncoder(["coin"], drop_noise=True, remainder="drop").fit(X, outputs)
    assert encoder.get_feature_names_out().tolist() == ["coin_0", "coin_1"]


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
    assert encoder.get_feature_names_out().tolist() == ["doctor", "doctor_count"]
    with pytest.raises(ValueError, match="count"):
        encoder.set_params(output=["mean", "size"]).fit(X, y)


def test_the_recommended_encoder_says_what_it_is(sales):
    X, y = sales
    X = X.assign(area=np.arange(2000.0), when=pd.date_range("2020", periods=2000), big=True)
    X["kind"] = pd.Categorical(np.arange(2000) % 3)
    encoder = recommended_encoder(X, y)
    assert encoder.columns == ["shop", "doctor", "coin", "kind"]
    assert (encoder.output, encoder.target_type, encoder.crossfit) == ("trees", "continuous", "all")
    assert encoder.crossfit_reliability == EmpiricalBayesEncoder().crossfit_reliability  # which "all" does not use
    assert recommended_encoder(X, y > 0, crossfit="rare", cv=5).get_params() == {
        **encoder.get_params(),
        "target_type": "binary",
        "crossfit": "rare",
        "crossfit_reliability": 0.9,
        "cv": 5,
    }
    assert recommended_encoder(X, y, columns=["big"]).columns == ["big"]
    assert recommended_encoder(X, np.arange(2000) % 4, target_type="count").target_type == "count"
    outputs = pd.DataFrame({"a": y, "b": y > 0})
    assert recommended_encoder(X, outputs).target_type == "auto"
    out = encoder.fit_transform(X, y)
    assert {"shop_code", "doctor_size", "area", "when"} <= set(out.columns)
    objects = recommended_encoder(X[["shop", "area"]].to_numpy(dtype=object), y)
    assert objects.columns == [0]


def test_a_table_of_numbers_alone_has_no_recommendation():
    with pytest.raises(ValueError, match=r"columns=\[...\]"):
        recommended_encoder(pd.DataFrame({"zip": [1, 2, 3]}), [1.0, 2.0, 3.5])


def test_trees_go_with_encoders_of_single_columns(sales):
    X, y = sales
    with pytest.raises(ValueError, match="output"):
        EmpiricalBayesEncoder(output=["trees", "mean"]).fit(X, y)
    with pytest.raises(ValueError, match="output"):
        NestedEncoder(["shop", "doctor"], output="trees").fit(X, y)


def test_only_categories_are_encoded(sales):
    import datetime
    import decimal

    X, y = sales
    others = {
        "price": pd.Series([decimal.Decimal("1.5")] * 2000, dtype=object),
        "day": pd.Series([datetime.date(2020, 1, 1)] * 2000, dtype=object),
        "month": pd.Series(pd.period_range("2020", periods=2000, freq="M")),
        "flag": pd.Series([True, None] * 1000, dtype=object),
    }
    assert recommended_encoder(X.assign(**others), y).columns == ["shop", "doctor", "coin"]
    assert recommended_encoder(X, np.arange(2000) % 50, family="poisson").target_type == "count"
    assert recommended_encoder(X, np.arange(2000) % 5, family="normal").target_type == "continuous"
