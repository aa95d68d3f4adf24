"""Features of categories of any type, and of columns that are constant within them."""

import json

import numpy as np
import pandas as pd
import pytest

from catpool import EmpiricalBayesEncoder, linear
from catpool.tables.json_file import _checksum


@pytest.mark.parametrize(
    "values",
    [
        pd.date_range("2024-01-01", periods=6),
        pd.date_range("2024-01-01", periods=6, tz="Europe/Berlin"),
        [3, 1, 4, 10, 5, 9],
        [0.5, 2.5, -1.0, 7.0, 8.0, 9.5],
        [(1, "a"), (2, "a"), (1, "b"), (2, "b"), (3, "a"), (3, "b")],
        pd.period_range("2024-01", periods=6, freq="M"),
    ],
    ids=["dates", "zoned dates", "integers", "floats", "tuples", "periods"],
)
def test_categories_of_any_type_are_found_in_tables(values):
    """The sixth category has no rows."""
    numbers, rng = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 9.0]), np.random.default_rng(0)
    keys = pd.Series(list(values), dtype=object if isinstance(values[0], tuple) else None)
    table = pd.DataFrame({"key": keys, "number": numbers})
    codes = rng.integers(0, 5, 100)
    X, y = pd.DataFrame({"key": keys.iloc[codes].reset_index(drop=True)}), numbers[codes] + rng.normal(size=100) / 9
    for source in (
        table,
        linear(lambda names: pd.DataFrame({"number": numbers[[list(values).index(n) for n in names]]})),
    ):
        encoder = EmpiricalBayesEncoder(["key"], prior_features={"key": source}, remainder="drop").fit(X, y)
        assert encoder.transform(table[["key"]])["key"].to_numpy() == pytest.approx(numbers, abs=0.3)
        assert encoder.lookup({"key": keys[5]})["key"] == pytest.approx(9.0, abs=0.3)
        if source is table:
            again = EmpiricalBayesEncoder.from_json(encoder.to_json())
            assert again.transform(table[["key"]])["key"].tolist() == encoder.transform(table[["key"]])["key"].tolist()


def test_values_of_columns_may_be_missing_in_all_rows_of_a_category():
    X = pd.DataFrame({"key": list("aabbccdd"), "number": [1.0, 1.0, np.nan, np.nan, 3.0, 3.0, 9.0, 9.0]})
    encoder = EmpiricalBayesEncoder(["key"], prior_features={"key": ["number"]})
    table = encoder.fit(X, [1.2, 0.8, 5.1, 4.9, 3.1, 2.9, 9.2, 8.9]).encoding_table("key")
    assert table["prior_mean"].iloc[1] == pytest.approx(table["prior_mean"].iloc[-1])
    with pytest.raises(ValueError, match=r"'number' is 1\.0 and nan where 'key' is 'a'"):
        encoder.fit(X.assign(number=[1.0, np.nan, *X["number"][2:]]), np.arange(8.0) + 0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda words: words.update(label="other"), "other features than those of 'key'"),
        (lambda words: words.update(fitted=[]), "features that are not fitted"),
        (lambda words: words["traits"].update(items=[]), "features of other columns"),
        (lambda words: words["traits"]["items"][0][1].update(shape=[1], values=[1.0]), "do not match their categories"),
    ],
)
def test_forged_features_are_refused(change, message):
    X = pd.DataFrame({"key": list("aabbccdd"), "number": [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 9.0, 9.0]})
    encoder = EmpiricalBayesEncoder(["key"], prior_features={"key": ["number"]})
    content = json.loads(encoder.fit(X, np.arange(8.0) + 0.5).to_json())
    change(content["fitted"]["state"]["tables"][0]["vocabulary"])
    content["checksum"] = _checksum({name: content[name] for name in ("class", "parameters", "fitted")})
    with pytest.raises(ValueError, match=message):
        EmpiricalBayesEncoder.from_json(json.dumps(content))
