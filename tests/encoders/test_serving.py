"""Looking up a single row gives what transforming it gives."""

import numpy as np
import pandas as pd
import pytest

from catpool import EmpiricalBayesEncoder, MeanEncoder


@pytest.mark.parametrize("missing", ["category", "prior", "nan"])
@pytest.mark.parametrize("output", ["mean", "trees", ["mean", "sd", "reliability", "count", "size", "code"]])
@pytest.mark.parametrize("interactions", [None, pytest.param([("city", "shop")], marks=pytest.mark.slow)])
def test_a_row_is_looked_up_as_it_is_transformed(missing, output, interactions, table):
    X, y = table["X"], table["multiclass"]
    encoder = EmpiricalBayesEncoder(["city", "shop"], output=output, missing=missing, interactions=interactions)
    encoder.fit(X, y)
    rows = [
        *X.iloc[:10].to_dict("records"),
        {"city": "a city to come", "shop": -1},
        {"city": None, "shop": X["shop"][0]},
    ]
    for row in rows:
        expected = encoder.transform(pd.DataFrame([row], dtype=object))
        found = encoder.lookup(row)
        names = encoder.get_feature_names_out().tolist()
        assert list(found) == names
        np.testing.assert_array_equal(list(found.values()), np.asarray(expected, dtype=float)[0])


def test_missing_and_unknown_values_are_looked_up_by_the_policies():
    X = pd.DataFrame({"a": ["x", None, "y"], "b": [1, 2, 2]})
    encoder = MeanEncoder(None, unknown="error", missing="error").fit(X[::2], [1.0, 2.5])
    assert encoder.lookup({"a": "x", "b": 1, "other": 3}) == {"a": 1.0, "b": 1.0}
    for row, message in (({"a": "z", "b": 1}, "z"), ({"a": None, "b": 1}, "missing"), ({"a": "x"}, r"\['b'\]")):
        with pytest.raises(ValueError, match=message):
            encoder.lookup(row)
    with pytest.raises(TypeError, match="hashable"):
        encoder.lookup({"a": ["x"], "b": 1})
    assert MeanEncoder(["a"]).fit(X, [1.0, 2.0, 4.5]).lookup({"a": float("nan")}) == {"a": 2.0}


def test_rows_are_looked_up_in_many_threads():
    from concurrent.futures import ThreadPoolExecutor

    names = np.array([f"{i:05d}" for i in range(20_000)])
    encoder = MeanEncoder().fit(pd.DataFrame({"zip": names}), np.arange(20_000.0))
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda i: encoder.lookup({"zip": names[i]})["zip"], range(0, 20_000, 7)))
        rows = list(
            pool.map(
                lambda i: np.asarray(encoder.transform(pd.DataFrame({"zip": [names[i]]})))[0, 0], range(0, 20_000, 500)
            )
        )
    assert found == [float(i) for i in range(0, 20_000, 7)]
    assert rows == [float(i) for i in range(0, 20_000, 500)]
