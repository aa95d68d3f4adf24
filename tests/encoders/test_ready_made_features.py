"""`prior_features` that are ready made: of categories with an order, on a map, with names, and on a graph."""

import pickle

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold

from catpool import EmpiricalBayesEncoder, TreeEncoder, check_no_leak, coordinates, names, neighbours, ordered

N, TOWNS = 400, 40
RIVER = [(f"town {k:02d}", f"town {k + 1:02d}") for k in range(TOWNS)]
FEATURES = {
    "ordered": ordered(rank=20),
    "ordered by a column": ordered("mile", rank=20),
    "coordinates": coordinates("lat", "lon", rank=20),
    "coordinates of a plane": coordinates("mile", earth=False),
    "names": names(rank=20),
    "neighbours": neighbours(RIVER, rank=20),
    "several": [ordered(), names(), "mile"],
}


def described(town):
    """Towns along a river, with what is known of them."""
    place = pd.Series(town).str[5:].astype(int)
    return pd.DataFrame(
        {"town": town, "mile": 10.0 * place, "lat": 47 + place / 10, "lon": 8.0, "day": np.arange(len(town)) // 4}
    )


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = described([f"town {k % TOWNS:02d}" for k in range(N)])  # so that each town has rows in each fold
    return X, np.cumsum(rng.normal(0.3, 1, TOWNS))[(X["mile"] // 10).astype(int)] + rng.normal(size=N)


NEW = described(["town 00", f"town {TOWNS:02d}"])  # the last one has no rows


def encoder_of(name, **options):
    options = {"output": ["mean", "sd"], "cv": KFold(3), "remainder": "drop"} | options
    return EmpiricalBayesEncoder(["town"], prior_features={"town": FEATURES[name]}, **options)


every = pytest.mark.parametrize("name", FEATURES)


@every
def test_a_new_category_starts_near_its_neighbours(name, rows):
    X, y = rows
    encoder = encoder_of(name).fit(X, y)
    assert encoder.summary_["explained"].item() > 0.5
    (_, mean), (_, sd) = encoder.transform(NEW).to_numpy().T
    plain = EmpiricalBayesEncoder(["town"], output=["mean", "sd"], remainder="drop").fit(X, y)
    assert sd < plain.transform(NEW)["town_sd"][1]
    last = y[X["town"] == f"town {TOWNS - 1:02d}"].mean()
    if name != "names":  # of which 40 is as near to 04
        assert abs(mean - last) < abs(plain.transform(NEW)["town"][1] - last)


@every
def test_fit_transform_is_a_refit_with_the_same_features(name, rows):
    X, y = rows
    encoder = encoder_of(name)
    encoded = encoder.fit_transform(X, y)
    for train, test in KFold(3).split(X):
        again = clone(encoder).fit(X.iloc[train], y[train])
        np.testing.assert_allclose(encoded.iloc[test], again.transform(X.iloc[test]), rtol=1e-6, atol=1e-9)


@pytest.mark.filterwarnings("ignore:The fit of the effects of features did not converge")  # the law holds all the same
@every
@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_own_targets_reach_no_bit(name, kind, rows):
    X, y = rows
    y = {"continuous": y, "binary": (y > np.median(y)).astype(int), "count": np.abs(y).round().astype(int)}[kind]
    encoder = encoder_of(name, target_type=kind)
    before = encoder.fit_transform(X, y).to_numpy()
    own = np.arange(N) < N // 3  # the first of three folds
    after = encoder.fit_transform(X, np.where(own, y[::-1], y)).to_numpy()
    assert before[own].tobytes() == after[own].tobytes()
    assert (before != after)[~own].any()


@every
def test_the_order_of_rows_does_not_matter(name, rows):
    X, y = rows
    order = np.random.default_rng(1).permutation(N)
    one, other = encoder_of(name).fit(X, y), encoder_of(name).fit(X.iloc[order], y[order])
    np.testing.assert_allclose(one.transform(NEW), other.transform(NEW), rtol=1e-9)


@every
def test_files_and_pickles_give_the_same_bits(name, rows):
    X, y = rows
    encoder = encoder_of(name, cv=3).fit(X, y)
    expected = encoder.transform(NEW)
    for again in (EmpiricalBayesEncoder.from_json(encoder.to_json()), pickle.loads(pickle.dumps(encoder))):
        pd.testing.assert_frame_equal(again.transform(NEW), expected, rtol=0, atol=0)


@every
def test_trees_take_them(name, rows):
    X, y = rows
    encoder = TreeEncoder(prior_features={"town": FEATURES[name]}, random_state=0)
    encoded = encoder.fit_transform(X[["town", "mile", "lat", "lon"]], y)
    assert np.isfinite(np.asarray(encoded, dtype=float)).all()
    assert np.isfinite(np.asarray(encoder.transform(NEW[["town", "mile", "lat", "lon"]]), dtype=float)).all()


@pytest.mark.parametrize("name", ["ordered", "names", "neighbours", "ordered by a column"])
def test_rows_in_parts_teach_what_all_rows_teach(name, rows):
    X, y = rows
    at_once, in_parts = encoder_of(name, cv=3).fit(X, y), encoder_of(name, cv=3)
    for part in (slice(0, 30), slice(30, None)):  # of which the first has some of the towns only
        in_parts.partial_fit(X[part], y[part])
    np.testing.assert_allclose(in_parts.transform(NEW), at_once.transform(NEW), rtol=1e-6)


def test_leaks_are_looked_for_in_few_rows_whose_copies_are_of_one_category(rows):
    few = rows[0]["town"].isin(["town 00", "town 01"])
    X, y = rows[0].loc[few, ["town", "mile", "day"]], rows[1][few]  # the day makes rows differ
    encoder = EmpiricalBayesEncoder(["town"], prior_features={"town": ["mile"]}, cv=3, random_state=0)
    assert check_no_leak(encoder, X, y, n_flips=2, n_shuffles=2, random_state=0).verdict == "No leak was found."


SIZES = ["S", "M", "L", "XL"]


def sizes_in(library, size):
    """Sizes as a column whose type has their order."""
    if library == "pandas":
        return pd.DataFrame({"size": pd.Categorical.from_codes(size, SIZES, ordered=True), "shop": size})
    if library == "arrow":
        sizes = pyarrow.DictionaryArray.from_arrays(pyarrow.array(size), pyarrow.array(SIZES), ordered=True)
        return pyarrow.table({"size": sizes, "shop": size})
    frame = polars.DataFrame({"size": polars.Series([SIZES[each] for each in size], dtype=polars.Enum(SIZES))})
    return frame.with_columns(shop=polars.Series(size))


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
@pytest.mark.parametrize(("column", "by"), [("size", None), ("shop", "size")])
def test_types_with_an_order_are_sorted_by_it(library, column, by):
    size = np.random.default_rng(0).choice([0, 1, 3], 100)
    y = size + np.sin(np.arange(100))
    numbers = EmpiricalBayesEncoder(["shop"], prior_features={"shop": ordered()}).fit(pd.DataFrame({"shop": size}), y)
    encoder = EmpiricalBayesEncoder([column], prior_features={column: ordered(by)}).fit(sizes_in(library, size), y)
    expected = numbers.transform(pd.DataFrame({"shop": range(4)}))["shop"]
    for own in (encoder, EmpiricalBayesEncoder.from_json(encoder.to_json())):
        found = own.transform(sizes_in(library, np.arange(4)))[column]
        np.testing.assert_allclose(np.asarray(found, dtype=float), expected, rtol=1e-9)


def test_rows_in_parts_have_one_order():
    first, second = (sizes_in("pandas", np.arange(40) % number) for number in (3, 4))
    encoder = EmpiricalBayesEncoder(["size"], prior_features={"size": ordered()}, random_state=0)
    y = np.arange(40.0) % 7
    encoder.partial_fit(first, y, key=np.arange(40)).partial_fit(second, y, key=np.arange(40, 80))
    assert encoder.tables_[0].vocabulary.fitted[0].order.values == tuple(SIZES)
