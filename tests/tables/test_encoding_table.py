"""What an encoder has learned, as tables."""

import numpy as np
import pandas as pd
import pytest

from catpool import EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, NestedEncoder, SmoothedMeanEncoder
from catpool.priors.posterior import posterior_sd


def test_summary(table):
    X, y = table["X"], table["continuous"]
    encoder = SmoothedMeanEncoder(None, smoothing=5.0).fit(X, y)
    summary = encoder.summary_
    assert summary["column"].tolist() == ["city", "shop"]
    assert summary["categories"].tolist() == [5, X["shop"].nunique()]
    assert (summary["rows"] == 120).all()
    np.testing.assert_allclose(summary["prior_mean"], y.mean())
    assert (summary["prior_strength"] == 5).all()
    counts = X["shop"].value_counts()
    assert summary["reliability"][1] == pytest.approx((counts * counts / (counts + 5)).sum() / 120)
    learned = EmpiricalBayesEncoder(None, prior="reml").fit(X, y).summary_
    between, within = learned["between_sd"], learned["within_sd"]
    assert between[0] == pytest.approx(1, abs=0.5)
    assert within[0] == pytest.approx(1, abs=0.2)
    np.testing.assert_allclose(learned["prior_strength"], within**2 / between**2)
    closed = EmpiricalBayesEncoder(None, prior="moments").fit(X, y).summary_
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
    new, learned = learned.iloc[-1], learned.iloc[:-1]
    assert learned["count"].sum() == 120
    assert new["category"] is None or np.isnan(new["category"])
    assert new["count"] == new["reliability"] == 0
    assert np.isnan(new["mean"])
    assert new["encoding"] == np.asarray(fitted.transform(X.iloc[:1].assign(city="never")))[0, 0]
    encoding = fitted.tables_[0].encodings[0]
    assert new["sd"] == posterior_sd(encoding.moments, encoding.prior, encoding.family)[-1] > 0
    assert new["lower"] < new["encoding"] < new["upper"]
    expected = pd.Series(y).groupby(X["city"].fillna("missing")).agg(["size", "mean"])
    by_name = learned.assign(category=learned["category"].fillna("missing")).set_index("category")
    np.testing.assert_allclose(by_name.loc[expected.index, ["count", "mean"]], expected)
    np.testing.assert_array_equal(
        np.asarray(fitted.transform(X.assign(city=X["city"])))[:, 0],
        by_name["encoding"].loc[X["city"].fillna("missing")],
    )
    numbered = MeanEncoder().fit(X.to_numpy(), y)
    pd.testing.assert_frame_equal(numbered.encoding_table("x1"), numbered.encoding_table(1))
    with pytest.raises(ValueError, match="must be one of the encoded columns"):
        fitted.encoding_table("zip")
    many = MeanEncoder().fit(X, table["multiclass"]).encoding_table("city")
    assert many["target"].unique().tolist() == ["low", "mid", "top"]
    assert (many["count"] == 0).sum() == 3  # a new category of each class
    many = many[many["count"] > 0]
    np.testing.assert_allclose(many.groupby(many["category"].fillna("missing"))["mean"].sum(), 1)


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
