"""What a mixed model has learned, as tables."""

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import encoder_of, value_of


def test_summary(shops):
    X, y = shops
    slopes = {"shop": ["price", "size"]}
    encoder = encoder_of(["shop", "item"], covariates=["price"], slopes=slopes).fit(X, y)
    summary, model = encoder.summary_, encoder.model_
    assert summary.columns.tolist() == ["kind", "group", "term", "value", "se"]
    assert summary["kind"].unique().tolist() == ["fixed", "variance", "correlation", "icc", "model"]
    fixed = summary.query("kind == 'fixed'")
    assert fixed["term"].tolist() == ["intercept", "price"]
    np.testing.assert_array_equal(fixed["value"], model.fixed)
    np.testing.assert_array_equal(fixed["se"], np.sqrt(np.diag(model.fixed_covariance)))
    D = model.covariances[0]
    for position, term in enumerate(["intercept", "price", "size"]):
        assert value_of(encoder, "variance", group="shop", term=term) == D[position, position]
    correlation = D[0, 2] / np.sqrt(D[0, 0] * D[2, 2])
    assert value_of(encoder, "correlation", term="intercept, size") == pytest.approx(correlation)
    item = model.covariances[1].item()
    assert value_of(encoder, "variance", group="item") == item
    assert value_of(encoder, "variance", group="residual") == model.scale
    assert value_of(encoder, "icc", group="item") == pytest.approx(item / (item + D[0, 0] + model.scale))
    assert value_of(encoder, "model", term="log_likelihood") == -model.criterion / 2
    assert value_of(encoder, "model", term="aic") == model.criterion + 2 * (2 + 6 + 1 + 1)
    assert value_of(encoder, "model", term="rows") == 90
    assert summary.query("term == 'singular'")["group"].tolist() == ["shop", "item"]
    assert summary.attrs == {"method": "REML", "solver": "exact"}
    uncorrelated = encoder.set_params(correlated=False, prior="ml").fit(X, y)
    assert value_of(uncorrelated, "model", term="aic") == uncorrelated.model_.criterion + 2 * (2 + 3 + 1 + 1)
    assert uncorrelated.summary_.attrs["method"] == "ML"
    binary = encoder_of(["shop"], target_type="binary").fit(X, (y > 0).astype(int))
    variance = binary.model_.covariances[0].item()
    assert value_of(binary, "icc") == pytest.approx(variance / (variance + np.pi**2 / 3))
    assert value_of(binary, "model", term="aic") == binary.model_.criterion + 2 * 2
    assert "residual" not in set(binary.summary_["group"])
    count = encoder_of(["shop"], target_type="count").fit(X, np.abs(y).astype(int))
    assert "icc" not in set(count.summary_["kind"])


def test_encoding_table(shops):
    X, y = shops
    encoder = encoder_of(["shop", ("shop", "item")], slopes={"shop": ["price"]}, output="sd").fit(X, y)
    table = encoder.encoding_table("shop")
    numbers = ["mode", "sd", "lower", "upper"]
    assert table.columns.tolist() == ["category", "count", *numbers, *(f"price_{each}" for each in numbers)]
    assert len(table) == 5
    assert table["count"].sum() == 90
    unseen = table.iloc[-1]
    assert pd.isna(unseen["category"])
    assert unseen[["count", "mode"]].tolist() == [0, 0]
    assert unseen["sd"] == pytest.approx(np.sqrt(value_of(encoder, "variance", group="shop", term="intercept")))
    encoded, table = encoder.transform(X), table[:-1]
    for _, row in table.iterrows():
        own = encoded[X["shop"].isna() if row["category"] is None else X["shop"] == row["category"]]
        assert (own["shop_sd"] == row["sd"]).all()
        assert (own["shop_price_sd"] == row["price_sd"]).all()
    cells = encoder.encoding_table(("shop", "item"))
    assert ("north", 0) in cells["category"].tolist()
    pd.testing.assert_frame_equal(cells, encoder.encoding_table("shop_x_item"))
    with pytest.raises(ValueError, match="must be one of the factors"):
        encoder.encoding_table("price")
