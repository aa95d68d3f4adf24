"""Files of encoders with `prior_features`: tables of every library, each of them once, and files of before."""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.json_mutations import forge
from sklearn.base import clone

from catpool import EmpiricalBayesEncoder, TreeEncoder, linear, neighbours, ordered

OLD = Path(__file__).parents[1] / "reference" / "encoder_with_features.json"  # tables wherever they are needed
K = np.arange(48)
X = pd.DataFrame({"shop": [f"s{k}" for k in K * 5 % 8], "town": K * 7 % 11 % 8, "day": np.array(list("xyz"))[K % 3]})
Y = np.round(3 + K * 5 % 8 / 2 + np.sin(K * 7 % 11 % 8) + np.cos(7 * K), 3)
NEW = pd.DataFrame({"shop": ["s0", "s3", "s8", "s9"], "town": [0, 5, 8, 9], "day": ["x", "y", "z", "w"]})
LAST = "the last shop"
AREA = [1.0, 2.0, 2.5, 4.0, 5.0, 6.0, np.nan, 8.0, 9.5, 11.0]
SHOPS = pd.DataFrame({"shop": [*(f"s{k}" for k in range(9)), LAST], "area": AREA, "kind": [*"abcabcab", None, "c"]})


def as_arrow(frame):
    return pytest.importorskip("pyarrow").Table.from_pandas(frame, preserve_index=False)


LIBRARIES = {
    "pandas": lambda frame: frame,
    "polars": lambda frame: pytest.importorskip("polars").from_pandas(frame),
    "arrow": as_arrow,
}


def encoder_of(table, kind=EmpiricalBayesEncoder, **options):
    return kind(["shop"], prior_features={"shop": table}, **options)


@pytest.mark.parametrize("library", LIBRARIES)
def test_tables_of_every_library_are_saved(library):
    table = LIBRARIES[library](SHOPS)
    encoder = encoder_of(table, cv=3).fit(X, Y)
    text = encoder.to_json()
    read = EmpiricalBayesEncoder.from_json(text)
    pd.testing.assert_frame_equal(read.transform(NEW), encoder.transform(NEW), rtol=0, atol=0)
    assert read.to_json() == text
    held = read.get_params()["prior_features"]["shop"]
    assert held.isna().equals(SHOPS.isna())
    pd.testing.assert_frame_equal(held.dropna(), SHOPS.dropna(), check_dtype=False)
    again = EmpiricalBayesEncoder(**read.get_params()).fit(X, Y)
    pd.testing.assert_frame_equal(again.transform(NEW), encoder.transform(NEW), rtol=0, atol=0)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "copied",
    [clone, copy.deepcopy, lambda encoder: pickle.loads(pickle.dumps(encoder))],
    ids=["clone", "copy", "pickle"],
)
def test_copies_hold_tables_of_every_library(library, copied):
    table = LIBRARIES[library](SHOPS)
    encoder = copied(encoder_of(table, cv=3))
    assert type(encoder.get_params()["prior_features"]["shop"]) is type(table)
    expected = encoder_of(table, cv=3).fit(X, Y).transform(NEW)
    pd.testing.assert_frame_equal(encoder.fit(X, Y).transform(NEW), expected, rtol=0, atol=0)


def in_parts(encoder):
    return encoder.partial_fit(X[:24], Y[:24]).partial_fit(X[24:], Y[24:])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("wrap", [lambda table: table, linear, lambda table: [linear(table, penalty=False), ordered()]])
@pytest.mark.parametrize("kind", [EmpiricalBayesEncoder, TreeEncoder])
def test_a_file_holds_a_table_once(library, wrap, kind):
    encoder = encoder_of(wrap(LIBRARIES[library](SHOPS)), kind, cv=3)
    assert encoder.fit(X, Y).to_json().count(LAST) == 1
    if kind is EmpiricalBayesEncoder:
        assert in_parts(encoder).to_json().count(LAST) == 1


def test_two_tables_are_both_held():
    other = SHOPS.assign(area=SHOPS["area"] ** 2)
    encoder = encoder_of([linear(SHOPS), linear(other)], cv=3).fit(X, Y)
    text = encoder.to_json()
    assert text.count(LAST) == 2
    expected = encoder.transform(NEW)
    pd.testing.assert_frame_equal(EmpiricalBayesEncoder.from_json(text).transform(NEW), expected, rtol=0, atol=0)


def test_a_table_that_is_set_after_the_fit_is_a_second_one():
    encoder = encoder_of(SHOPS, cv=3).fit(X, Y).set_params(prior_features={"shop": SHOPS[::-1]})
    read = EmpiricalBayesEncoder.from_json(encoder.to_json())
    pd.testing.assert_frame_equal(read.get_params()["prior_features"]["shop"], SHOPS[::-1], check_dtype=False)
    pd.testing.assert_frame_equal(read.transform(NEW), encoder.transform(NEW), rtol=0, atol=0)


def test_a_file_holds_a_graph_once():
    edges = neighbours([*((k, k + 1) for k in range(8)), (8, 123456)], rank=3)
    encoder = EmpiricalBayesEncoder(["town"], prior_features={"town": edges}, remainder="drop", cv=3)
    encoder = encoder.fit(X, Y)
    text = encoder.to_json()
    assert text.count("123456") == 2  # in the graph, and beside its functions
    read = EmpiricalBayesEncoder.from_json(text)
    pd.testing.assert_frame_equal(read.transform(NEW), encoder.transform(NEW), rtol=0, atol=0)
    assert read.to_json() == text


def test_files_without_tables_have_no_place_for_them():
    assert "shared" not in json.loads(EmpiricalBayesEncoder().fit(X, Y).to_json())


@pytest.mark.parametrize("number", [1, "0", None])
def test_forged_numbers_of_tables_are_refused(number):
    content = json.loads(encoder_of(SHOPS, cv=3).fit(X, Y).to_json())
    content["fitted"]["state"]["tables"][0]["vocabulary"]["features"][0]["table"]["number"] = number
    with pytest.raises(ValueError, match="The file is damaged"):
        EmpiricalBayesEncoder.from_json(forge(content))


def test_a_table_of_something_else_is_refused():
    content = json.loads(encoder_of(SHOPS, cv=3).fit(X, Y).to_json())
    content["shared"][0] = 7
    with pytest.raises(ValueError, match="The file is damaged: it holds a table of something else"):
        EmpiricalBayesEncoder.from_json(forge(content))


def test_files_of_before_are_read():
    encoder = EmpiricalBayesEncoder.from_json(OLD)
    expected = [
        [3.164425678332203, 0.32772879461711546, 5.4186726262646765, 0.3896053184249556],
        [4.434717466711938, 0.32002178249588636, 3.1187461777904293, 0.44496513777302915],
        [8.616859595609816, 0.8930262749676642, 6.5185523318319145, 0.839320526570112],
        [5.0025208333333335, 1.441200230523109, 4.720029362305832, 1.0406239319798285],
    ]
    found = encoder.transform(NEW)
    np.testing.assert_allclose(found[["shop", "shop_sd", "town", "town_sd"]], expected, rtol=1e-12)
    again = EmpiricalBayesEncoder.from_json(encoder.to_json())
    pd.testing.assert_frame_equal(again.transform(NEW), found, rtol=0, atol=0)
    refitted = again.fit(X, Y).transform(NEW)
    np.testing.assert_allclose(refitted[["shop", "shop_sd"]], found[["shop", "shop_sd"]], rtol=1e-6)
