"""Bad values raise the same errors in a lazy table as in memory."""

import numpy as np
import pandas as pd
import pytest
from helpers.engine_tables import ENGINES, LAZY, QUIET, in_pandas

from catpool import MeanEncoder

pytestmark = QUIET

N = 12
GOOD = {
    "c": list("abcabcabcabc"),
    "f": [0, 1, 2] * 4,
    "y": np.arange(N) / 2 + 0.25,
    "k": np.arange(N) % 5,
    "w": np.ones(N),
    "e": np.ones(N) / 2,
}
ROW = np.arange(N)
BAD = {
    "a missing y": ({"y": np.where(ROW == 3, np.nan, GOOD["y"])}, {}),
    "an infinite y": ({"y": np.where(ROW == 3, np.inf, GOOD["y"])}, {}),
    "a negative infinite y": ({"y": np.where(ROW == 3, -np.inf, GOOD["y"])}, {}),
    "a huge y": ({"y": np.where(ROW == 3, 1e101, GOOD["y"])}, {}),
    "an infinite class": ({"y": np.where(ROW % 2, np.inf, 1.0)}, {"target_type": "binary"}),
    "a missing class": ({"y": np.where(ROW == 3, None, "u")}, {}),
    "three classes": ({"y": np.array(list("uvw" * 4), dtype=object)}, {"target_type": "binary"}),
    "broken counts": ({"y": GOOD["y"]}, {"target_type": "count"}),
    "negative counts": ({"y": np.arange(N) - 3}, {"target_type": "count"}),
    "many integers": ({"y": np.arange(N) * 10}, {"copies": 2}),
    "no numbers": ({"y": GOOD["c"]}, {"target_type": "continuous"}),
    "a negative weight": ({"w": np.where(ROW == 3, -1.0, 1.0)}, {"sample_weight": "w"}),
    "a missing weight": ({"w": np.where(ROW == 3, np.nan, 1.0)}, {"sample_weight": "w"}),
    "an infinite weight": ({"w": np.where(ROW == 3, np.inf, 1.0)}, {"sample_weight": "w"}),
    "a tiny weight": ({"w": np.where(ROW == 3, 1e-60, np.where(ROW == 4, 0.0, 1.0))}, {"sample_weight": "w"}),
    "no weight": ({"w": np.zeros(N)}, {"sample_weight": "w"}),
    "a fold without weight": ({"w": np.where(ROW % 3 == 1, 1.0, 0.0)}, {"sample_weight": "w"}),
    "text weights": ({"w": GOOD["c"]}, {"sample_weight": "w"}),
    "no exposure": ({"e": np.where(ROW == 3, 0.0, 1.0)}, {"exposure": "e", "y": "k", "target_type": "count"}),
    "a negative exposure": ({"e": np.where(ROW == 3, -1.0, 1.0)}, {"exposure": "e", "y": "k", "target_type": "count"}),
    "a missing exposure": ({"e": np.where(ROW == 3, np.nan, 1.0)}, {"exposure": "e", "y": "k", "target_type": "count"}),
    "an exposure of no count": ({}, {"exposure": "e"}),
    "precisions of a count": ({}, {"y": "k", "target_type": "count", "weight_type": "precision", "sample_weight": "w"}),
    "a missing fold": ({"f": np.where(ROW == 3, None, GOOD["c"])}, {}),
    "one fold": ({"f": np.zeros(N)}, {}),
    "many folds": ({"f": np.arange(N * 30) // 2}, {"copies": 30}),
    "no column of y": ({}, {"y": "nothing"}),
    "no column of weights": ({}, {"sample_weight": "nothing"}),
    "no column of exposures": ({}, {"exposure": "nothing", "y": "k", "target_type": "count"}),
    "no column of folds": ({}, {"cv": "nothing"}),
    "no column to encode": ({}, {"columns": ["nothing"]}),
    "a missing key": ({"f": np.where(ROW == 3, None, GOOD["c"])}, {"cv": 2, "key": "f"}),
    "one fold alone": ({}, {"cv": 1, "key": "k"}),
    "no rows": ({}, {"copies": 0}),
}


def message(table, columns=("c",), y="y", cv="f", sample_weight=None, exposure=None, key=None, **parameters):
    """What the error says."""
    encoder = MeanEncoder(list(columns), cv=cv, **parameters)
    with pytest.raises((ValueError, TypeError)) as error:
        encoder.fit_transform(table, y, sample_weight=sample_weight, exposure=exposure, key=key)
    return str(error.value)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_errors_are_those_of_memory(engine, place):
    for fault, (columns, arguments) in BAD.items():
        arguments = dict(arguments)
        copies = arguments.pop("copies", 1)
        table = pd.DataFrame(GOOD).iloc[np.repeat(ROW, copies)].reset_index(drop=True)
        for name, values in columns.items():
            fits = len(values) == len(table)
            table[name] = values if fits else np.arange(len(table)) * 10  # another value in each row
        expected, found = (message(each, **arguments) for each in (table, LAZY[engine](table, place)))
        assert found == expected, fault


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_one_class_is_no_fault(engine, kind, place):
    for value in (0, 1, "u"):
        table = pd.DataFrame(GOOD).assign(y=value, id=ROW)[["c", "f", "id", "y"]]
        encoder = MeanEncoder(["c"], cv="f", target_type=kind)
        expected = encoder.fit_transform(table, "y").drop(columns="id")
        found = in_pandas(encoder.fit_transform(LAZY[engine](table, place), "y"))
        np.testing.assert_allclose(found[expected.columns].to_numpy(float), expected.to_numpy(float))
