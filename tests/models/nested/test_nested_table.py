"""Values where rows say little: unseen and missing categories, and policies."""

import numpy as np
import pandas as pd
import pytest
from helpers.nested import LEVELS, NUMBERS, OUTPUTS, nested, new_rows
from sklearn.model_selection import KFold

from catpool import NestedEncoder

pytestmark = pytest.mark.slow  # taken together; each by itself is quick


def test_what_was_never_seen_has_the_value_of_the_level_above(land):
    encoder = nested(land["X"], land["continuous"], emit="all", output=OUTPUTS).set_output(transform="pandas")
    spread, mean = encoder.summary_.set_index("column")["between_sd"], encoder.summary_["prior_mean"][0]
    assert (spread > 0.1).all()
    new = encoder.transform(new_rows(["BE", "a", 1], ["BE", "a", 77], ["BE", "q", 1], ["XX", "a", 1]))
    assert new["zip"][1] == new["county"][1] == new["county"][0] != new["zip"][0]
    assert new["zip"][2] == new["county"][2] == new["state"][2] == new["state"][0]
    assert new["zip"][3] == new["county"][3] == new["state"][3] == mean
    for row, above, below in (
        (1, "county", "zip"),
        (2, "county", "zip"),
        (2, "state", "county"),
        (3, "state", "county"),
    ):
        assert new[f"{below}_sd"][row] ** 2 == pytest.approx(new[f"{above}_sd"][row] ** 2 + spread[below] ** 2)
    assert new["zip_sd"][0] < new["zip_sd"][1] < new["zip_sd"][2] < new["zip_sd"][3]
    assert new[["state_reliability", "county_reliability", "zip_reliability"]].ne(0).to_numpy().tolist() == [
        [True, True, True],
        [True, True, False],
        [True, False, False],
        [False, False, False],
    ]
    X = land["X"]
    county = (X["state"] == "BE") & (X["county"] == "a")
    assert new["zip_count"].tolist() == [(county & (X["zip"] == 1)).sum(), 0, 0, 0]
    assert new["county_count"].tolist() == [county.sum(), county.sum(), 0, 0]
    assert (new["zip_code"][1:] == -2).all()
    assert (new["zip_code"][0], new["county_code"][2]) != (-2, 0)


def test_zips_of_one_name_in_two_counties_are_two():
    X = pd.DataFrame({"county": list("aaaaaabbbbbb"), "zip": [1, 1, 1, 2, 2, 2] * 2})
    y = np.array([1, 1.5, 2, 5, 5.5, 6, 9, 9.5, 10, 3, 3.5, 4])
    encoder = nested(X, y, emit="deepest")
    assert len(np.unique(np.asarray(encoder.transform(X)))) == 4
    renamed = X.assign(zip=X["county"] + X["zip"].astype(str))
    np.testing.assert_array_equal(nested(renamed, y).transform(renamed), encoder.transform(X))
    assert np.asarray(encoder.transform(pd.DataFrame({"county": ["a", "b"], "zip": [1, 1]})))[
        :, 0
    ].round().tolist() == [2, 9]


def test_codes_are_places_in_the_order_of_paths():
    X = pd.DataFrame({"county": ["b", "a", "b", None, "a", "b"], "zip": [2, 9, 1, 5, None, 2]})
    encoder = nested(X, [1.5, 2, 3, 4, 5, 2.5], emit="all", output="code")
    new = pd.DataFrame({"county": ["a", "b", "b", None, "a", "a", "z"], "zip": [9, 1, 2, 5, None, 1, 1]})
    codes = encoder.transform(new)
    assert np.asarray(codes)[:, 0].tolist() == [0, 1, 1, -1, 0, 0, -2]
    assert np.asarray(codes)[[0, 1, 2, 4, 5, 6], 1].tolist() in ([0, 1, 2, -1, -2, -2], [1, 2, 3, -1, -2, -2])
    assert np.asarray(codes)[3, 1] not in (-1, -2)


def test_errors_on_unknown_and_missing_categories(land):
    X, y = land["X"].fillna("none"), land["continuous"]
    encoder = nested(X, y, unknown="error", cv=3)
    assert np.isfinite(np.asarray(encoder.fit_transform(X, y))).all()
    np.testing.assert_allclose(encoder.transform(X), nested(X, y).transform(X), rtol=1e-7)
    for row, column in ((["BE", "a", 77], "zip"), (["BE", "q", 1], "county"), (["XX", "a", 1], "state")):
        with pytest.raises(
            ValueError, match=f"Column '{column}' must hold categories that were there at fit.*{row[-1]}|XX"
        ):
            encoder.transform(new_rows(["BE", "a", 1], row))
    with pytest.raises(ValueError, match=r"Column 'state' must have no missing values, but \d+ rows"):
        nested(land["X"], y, missing="error")
    with pytest.raises(ValueError, match="Column 'x0' must have no missing values"):
        NestedEncoder([0, 1], missing="error").fit(land["X"].to_numpy(dtype=object), y)
    encoder = nested(X, y, missing="error")
    for level, column in enumerate(LEVELS):
        row = [None if position == level else value for position, value in enumerate(["BE", "a", 1])]
        with pytest.raises(ValueError, match=f"Column '{column}' must have no missing values, but 1 rows"):
            encoder.transform(new_rows(["BE", "a", 1], row))


@pytest.mark.parametrize("learned", ["missing in one county", "nowhere missing"])
def test_a_missing_value_without_rows_is_missing_not_unknown(learned):
    """As a missing value of one column, it is never unknown; without rows it has the value of the level above."""
    last = None if learned == "missing in one county" else 3
    X = pd.DataFrame({"county": list("aaaabbbb"), "zip": [1, 1, 2, 2, 1, 1, last, last]}, dtype=object)
    y, new = [1, 2, 3.5, 4, 7, 8, 9, 11], pd.DataFrame({"county": ["a"], "zip": [None]}, dtype=object)
    county = np.asarray(nested(X, y, emit="all").transform(new))[0, 0]
    for unknown in ("prior", "nan", "error"):
        for missing in ("category", "prior"):
            assert nested(X, y, unknown=unknown, missing=missing).transform(new).squeeze() == county
        assert np.isnan(nested(X, y, unknown=unknown, missing="nan").transform(new).squeeze())


def test_a_missing_value_is_a_category_within_its_parent(land):
    X, y = land["X"], land["continuous"]
    for cv in (np.arange(120) % 4, KFold(3)):
        parameters = {"cv": cv, "emit": "all", "output": NUMBERS}
        one = NestedEncoder(LEVELS, **parameters).fit_transform(X, y)
        np.testing.assert_allclose(
            NestedEncoder(LEVELS, **parameters).fit_transform(X.fillna("none"), y), one, rtol=1e-9
        )
    encoder = nested(X, y)
    both = encoder.transform(new_rows(["BE", None, 1], ["NW", None, 1], ["BE", "a", None], ["NW", "a", None]))
    assert len(np.unique(np.asarray(both))) == 4
    of_each_sort = encoder.transform(new_rows([None, None, None], [np.nan, pd.NA, pd.NaT]))
    assert np.asarray(of_each_sort)[0] == np.asarray(of_each_sort)[1]


def test_missing_prior_gives_the_value_of_the_level_above(land):
    encoder = nested(land["X"], land["continuous"], missing="prior", emit="all")
    state, county, zip_code = np.asarray(
        encoder.transform(new_rows(["BE", None, None], ["BE", "a", None], [None, None, None]))
    ).T
    assert county[0] == zip_code[0] == state[0]
    assert zip_code[1] == county[1] != state[1]
    assert state[2] == county[2] == zip_code[2] == encoder.summary_["prior_mean"][0]


def test_missing_and_unknown_nan(land):
    parameters = {"emit": "all", "output": ["mean", "sd"]}
    rows = new_rows(["BE", "a", 1], ["BE", "a", 77], ["BE", "q", 1], ["BE", "a", None], ["NW", None, 1])
    unknown = nested(land["X"], land["continuous"], unknown="nan", **parameters).transform(rows)
    assert np.isnan(np.asarray(unknown)[:, ::2]).tolist() == np.isnan(np.asarray(unknown)[:, 1::2]).tolist()
    assert np.isnan(np.asarray(unknown)[:3, ::2]).tolist() == [[False] * 3, [False, False, True], [False, True, True]]
    missing = nested(land["X"], land["continuous"], missing="nan", **parameters).transform(rows)
    assert np.isnan(np.asarray(missing)[:, ::2]).tolist()[:4] == [[False] * 3] * 3 + [[False, False, True]]
    assert np.isnan(np.asarray(missing)[4, ::2]).tolist()[:2] == [False, True]


@pytest.mark.parametrize("how", ["a categorical type", "no weight"])
@pytest.mark.parametrize("levels", [["c"], ["c", "d"], ["d", "c"]])
def test_a_category_without_rows_is_unknown(how, levels):
    X = pd.DataFrame({"c": pd.Categorical(list("aabbz"), categories=list("abz")), "d": list("ppppp")})
    y, rows = np.array([1, 2, 5, 7, 100.0]), slice(None) if how == "no weight" else slice(4)
    arguments = {"sample_weight": [1, 1, 1, 1, 0]} if how == "no weight" else {}
    new = X[4:].reset_index(drop=True)
    known = nested(X[:4], y[:4], levels, remainder="drop", output=NUMBERS).transform(new)
    encoder = nested(X[rows], y[rows], levels, remainder="drop", output=NUMBERS, **arguments)
    np.testing.assert_allclose(encoder.transform(new), known, rtol=1e-9)
    assert np.isnan(
        np.asarray(encoder.set_params(unknown="nan").fit(X[rows], y[rows], **arguments).transform(new))[0, 0]
    )
    encoder.set_params(unknown="error").fit(X[rows], y[rows], **arguments)
    with pytest.raises(ValueError, match="Column 'c' must hold categories that were there at fit"):
        encoder.transform(new)
