"""What comes out: names, frames and other columns."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, TimeSeriesSplit


@pytest.mark.parametrize("target", ["continuous", "binary", "multiclass", "count"])
def test_names_of_features(encoder_class, table, target):
    encoder = encoder_class(["city"], target_type=target, random_state=0)
    encoder.fit(table["X"], table[target])
    expected = ["city_low", "city_mid", "city_top"] if target == "multiclass" else ["city"]
    assert encoder.get_feature_names_out().tolist() == [*expected, "shop"]
    assert encoder.transform(table["X"]).columns.tolist() == [*expected, "shop"]
    assert encoder.target_type_ == target
    assert hasattr(encoder, "classes_") == (target in ("binary", "multiclass"))


def test_names_of_features_of_an_array(encoder_class):
    X, y = np.repeat([[1, 2], [3, 4]], 6, axis=0), np.arange(12.0)
    encoder = encoder_class([1]).fit(X, y)
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1"]
    assert encoder.get_feature_names_out(["a", "b"]).tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="input_features"):
        encoder.get_feature_names_out(["a"])


def test_several_outputs_have_a_feature_each(encoder_class, table):
    y = pd.DataFrame({"price": table["continuous"], "sold": table["binary"]})
    encoder = encoder_class(None, cv=KFold(3))
    both = encoder.fit_transform(table["X"], y)
    assert encoder.get_feature_names_out().tolist() == ["city_price", "city_sold", "shop_price", "shop_sold"]
    assert encoder.summary_[["column", "target"]].values.tolist() == [
        ["city", "price"],
        ["city", "sold"],
        ["shop", "price"],
        ["shop", "sold"],
    ]
    for position, output in enumerate(y):
        alone = encoder_class(None, cv=KFold(3)).fit_transform(table["X"], y[output])
        np.testing.assert_array_equal(np.asarray(both)[:, position::2], alone)


def test_other_columns_pass_through_untouched(encoder_class):
    X = pd.DataFrame(
        {
            "day": pd.to_datetime(["2020-01-01"] * 12),
            "city": list("aabb") * 3,
            "n": np.arange(12, dtype="int8"),
            "name": pd.Categorical(list("xyz") * 4),
        },
        index=range(100, 112),
    )
    encoded = encoder_class(["city"], random_state=0).fit_transform(X, np.arange(12.0))
    pd.testing.assert_frame_equal(encoded.drop(columns="city"), X.drop(columns="city"))
    assert encoded.columns.tolist() == ["day", "city", "n", "name"]
    assert encoded["city"].dtype == float
    dropped = encoder_class(["city"], random_state=0, remainder="drop").fit_transform(X, np.arange(12.0))
    np.testing.assert_array_equal(dropped, encoded[["city"]])
    array = encoder_class([1], random_state=0).fit_transform(X.to_numpy(), np.arange(12.0))
    np.testing.assert_array_equal(np.asarray(array)[:, 1].astype(float), encoded["city"])
    assert np.asarray(array)[0, 0] == X.iloc[0, 0]
    numbers = encoder_class([0], random_state=0).fit_transform(np.arange(24).reshape(12, 2) // 3, np.arange(12.0))
    assert numbers.dtype == float


@pytest.mark.parametrize("cv", [TimeSeriesSplit(5), [(range(60), range(60, 100))]])
def test_rows_in_no_fold_are_nan_and_counted(encoder_class, table, cv):
    with pytest.warns(UserWarning, match="20 rows|80 rows") as warnings:
        encoded = encoder_class(cv=cv).fit_transform(table["X"], table["continuous"])
    assert str(np.isnan(np.asarray(encoded)[:, 0]).sum()) in str(warnings[0].message)
