"""Which levels keep one value for all rows of a category."""

import numpy as np
import pandas as pd
import pytest

from catpool import (
    NestedEncoder,
)


def towns(rng, apart, rows=2000):
    """A county of one full town and five of a row each, towns that lie so far apart; and counties of ten full ones."""
    town = np.concatenate([np.zeros(rows, dtype=int), np.arange(1, 6), np.repeat(np.arange(6, 46), rows // 4)])
    county = np.concatenate([np.zeros(rows + 5, dtype=int), np.repeat(np.arange(1, 5), 10 * (rows // 4))])
    effects = 10.0 * np.arange(5)[county] + apart * rng.normal(size=46)[town]
    return pd.DataFrame({"county": county, "town": town}), effects + rng.normal(size=len(town))


@pytest.mark.slow
@pytest.mark.parametrize(("apart", "county", "large_town"), [(0.0, True, False), (1.0, False, True)])
def test_a_rare_town_keeps_its_county_out_of_fold_where_towns_differ(apart, county, large_town):
    X, y = towns(np.random.default_rng(0), apart)
    encoder = NestedEncoder(["county", "town"], emit="all", crossfit="rare", random_state=0)
    out, whole = encoder.fit_transform(X, y).to_numpy(), encoder.transform(X).to_numpy()
    one_value = (out == whole)[: 2000 + 5]
    assert one_value[:, 0].all() == county
    assert one_value[:2000, 1].all() == large_town  # where towns do not differ, its own rows do not decide its value
    assert not one_value[2000:, 1].any()
    plain = NestedEncoder(["county", "town"], emit="all", random_state=0).fit_transform(X, y)
    np.testing.assert_array_equal(out[out != whole], plain.to_numpy()[out != whole])


@pytest.mark.slow
def test_levels_without_variance_pass_on_what_lies_below_them():
    """Counties do not differ, zips in them do: a rare zip has a great say in its state's value all the same."""
    rng = np.random.default_rng(4)
    full = [(state, 0, "big") for state in range(12) for _ in range(300)]
    X = pd.DataFrame(full + [(s, 1, f"r{j}") for s in range(12) for j in range(10)], columns=["state", "county", "zip"])
    zips = X.groupby(["state", "county", "zip"]).ngroup().to_numpy()
    y = 30 * rng.normal(size=12)[X["state"]] + 3 * rng.normal(size=zips.max() + 1)[zips] + 0.3 * rng.normal(size=len(X))
    encoder = NestedEncoder(list(X), prior="reml", emit="all", crossfit="rare", random_state=0)
    before = np.asarray(encoder.fit_transform(X, y))[-1]
    assert encoder.summary_["between_sd"].iloc[1] < 1e-3
    np.testing.assert_array_equal(
        np.asarray(encoder.fit_transform(X, y + (np.arange(len(y)) == len(y) - 1)))[-1], before
    )


@pytest.mark.usefixtures("few_points")
def test_a_group_of_rows_keeps_its_levels_out_of_fold():
    X, y = towns(np.random.default_rng(0), 0.0)
    encoder = NestedEncoder(["county", "town"], emit="all", crossfit="rare", random_state=0)
    groups = np.arange(len(X)) // 3
    groups[:500] = groups.max() + 1  # a quarter of the first county
    out = np.asarray(encoder.fit_transform(X, y, groups=groups))[:, 0] == np.asarray(encoder.transform(X))[:, 0]
    assert not out[:2005].any()
    assert out[2005:].all()
