"""What comes out beside the mean."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import TimeSeriesSplit

from catpool import EmpiricalBayesEncoder, MeanEncoder

OUTPUTS = ("mean", "sd", "reliability", "count", "code")


@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
def test_outputs_are_named_and_out_of_fold(encoder_class, table, target_type):
    X, y, folds = table["X"], table[target_type], np.arange(120) % 3
    parameters = {"target_type": target_type, "output": OUTPUTS}
    encoder = encoder_class(["city"], cv=folds, **parameters)
    encoded = encoder.fit_transform(X, y)
    stems = ["city_low", "city_mid", "city_top"] if target_type == "multiclass" else ["city"]
    names = [stem + suffix for stem in stems for suffix in ("", "_sd", "_reliability")] + ["city_count", "city_code"]
    assert encoded.columns.tolist() == encoder.get_feature_names_out().tolist() == [*names, "shop"]
    for fold in range(3):
        test = folds == fold
        refitted = encoder_class(["city"], **parameters).fit(X[~test], y[~test]).transform(X[test])
        out_of_fold = [name for name in names if name != "city_code"]
        np.testing.assert_allclose(encoded.loc[test, out_of_fold], refitted[out_of_fold], rtol=1e-7)
    np.testing.assert_array_equal(encoded["city_code"], encoder.transform(X)["city_code"])


@pytest.mark.parametrize("output", [["sd"], "code", ("count", "mean"), ["reliability", "code", "sd"]])
def test_outputs_in_any_combination(encoder_class, table, output):
    X, y = table["X"], table["continuous"]
    whole = pd.DataFrame(
        encoder_class(None, output=OUTPUTS, random_state=0).set_output(transform="pandas").fit_transform(X, y)
    )
    encoder = encoder_class(None, output=output, random_state=0).set_output(transform="pandas")
    some = encoder.fit_transform(X, y)
    pd.testing.assert_frame_equal(some, whole[some.columns])
    assert set(encoder.transform(X).columns) == set(some.columns)
    wanted = [output] if isinstance(output, str) else output
    assert len(some.columns) == 2 * len(wanted)


@pytest.mark.parametrize("output", ["most", [], ["mean", "mean"], ["mean", "most"], 3])
def test_outputs_must_be_known(encoder_class, table, output):
    with pytest.raises(ValueError, match="output"):
        encoder_class(output=output).fit(table["X"], table["continuous"])


def test_codes_follow_the_order_of_the_categories():
    X = pd.DataFrame({"c": ["b", "a", "c", None, "a"]})
    encoder = MeanEncoder(output="code").fit(X, [1.5, 2, 3, 4, 5])
    new = pd.DataFrame({"c": ["a", "b", "c", None, "z"]})
    assert np.asarray(encoder.transform(new))[:, 0].tolist() == [0, 1, 2, -1, -2]


def test_counts_are_of_the_rows_that_the_encoding_rests_on(table):
    X, y = table["X"][["city"]], table["continuous"]
    counted = MeanEncoder(output="count", cv=TimeSeriesSplit(3))
    with pytest.warns(UserWarning, match="30 rows"):
        counts = np.asarray(counted.fit_transform(X, y, sample_weight=table["weights"]))[:, 0]
    assert np.isnan(counts[:30]).all()
    city = X["city"].fillna("missing").to_numpy()
    for row in (40, 75, 119):
        past = np.arange(120) < row - row % 30
        assert counts[row] == table["weights"][past & (city == city[row])].sum()


def test_policies_hide_the_sd_with_the_mean():
    X, y = pd.DataFrame({"c": [*"aabb", None, None]}), np.arange(6.0) ** 1.3
    encoder = EmpiricalBayesEncoder(output=("mean", "sd"), unknown="nan", missing="nan", cv=[0, 1, 0, 1, 0, 1])
    assert np.isnan(np.asarray(encoder.fit_transform(X, y))).tolist() == [[False] * 2] * 4 + [[True] * 2] * 2
    assert np.isnan(np.asarray(encoder.transform(pd.DataFrame({"c": ["z", None]})))).all()
