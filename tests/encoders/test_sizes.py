"""`sizes`: prior means that follow from how many rows a category has."""

import json
import pickle

import numpy as np
import pandas as pd
import polars
import pytest
from helpers.json_mutations import forge
from sklearn.base import clone
from sklearn.model_selection import KFold

from catpool import EarlierRows, EmpiricalBayesEncoder, TreeEncoder, linear, ordered, sample_encodings, sizes

SIZES = np.array([1] * 12 + [2] * 8 + [4] * 6 + [9] * 5 + [30] * 4 + [60] * 2)
SHOPS = np.array([f"shop {k:02d}" for k in range(len(SIZES))])
NEW = pd.DataFrame({"shop": ["never", "shop 36", None]})
KINDS = ["continuous", "binary", "count", "multiclass"]
BOTH = pytest.mark.parametrize("new", ["smallest", "average"])


def target(kind, shop, rng):
    """Targets whose mean grows with the size of the shop."""
    eta = 0.7 * np.log(SIZES)[shop] - 1 + rng.normal(size=len(SIZES))[shop] / 2
    if kind == "continuous":
        return eta + rng.normal(size=len(shop))
    if kind == "count":
        return rng.poisson(np.exp(eta / 2))
    above = (rng.logistic(size=len(shop)) < eta).astype(int)
    return above if kind == "binary" else above + (rng.random(len(shop)) < 0.4)


def made(kind="continuous"):
    rng = np.random.default_rng(3)
    shop = rng.permutation(np.repeat(np.arange(len(SIZES)), SIZES))
    X = pd.DataFrame({"shop": SHOPS[shop], "day": np.arange(len(shop)) // 7})
    return X, target(kind, shop, rng)


def encoder_of(new="smallest", beside=(), **options):
    options = {"output": ["mean", "sd"], "cv": KFold(3), "remainder": "drop"} | options
    return EmpiricalBayesEncoder(["shop"], prior_features={"shop": [*beside, sizes(new=new)]}, **options)


def logs(X, **new):
    """A table of the logarithms of sizes, with those that new categories count as."""
    counts = X["shop"].value_counts()
    return linear(pd.DataFrame({"log": [*np.log(counts), *new.values()]}, index=[*counts.index, *new]))


def average(X):
    """The mean and the variance over rows of the logarithm of the size of their category."""
    log = np.log(X.groupby("shop")["day"].transform("size"))
    return log.mean(), log.var(ddof=0)


@pytest.mark.parametrize("kind", KINDS)
@BOTH
def test_prior_means_are_those_of_a_table_of_logarithms(kind, new):
    """Of one row more than a category has, as it is for new rows."""
    X, y = made(kind)
    encoder = encoder_of(new, target_type=kind).fit(X, y)
    more = {f"{n} and one": np.log(n + 1) for n in SIZES}
    never = 0.0 if new == "smallest" else average(X)[0]
    table = clone(encoder).set_params(prior_features={"shop": logs(X, never=never, **more)}).fit(X, y)
    means = [column for column in table.get_feature_names_out() if not column.endswith("_sd")]
    np.testing.assert_allclose(encoder.transform(NEW[:1])[means], table.transform(NEW[:1])[means], rtol=1e-5)
    found = encoder.encoding_table("shop").pivot(index="category", columns=classes(kind), values="prior_mean")
    expected = table.transform(pd.DataFrame({"shop": [f"{n} and one" for n in SIZES]}))[means]
    np.testing.assert_allclose(found.loc[SHOPS].to_numpy().reshape(len(SHOPS), -1), expected, rtol=1e-5)
    explained = [each.summary_["explained"] for each in (encoder, table)]
    np.testing.assert_allclose(*explained, rtol=1e-4)
    assert explained[0].min() > 0


def classes(kind):
    return ["target"] if kind == "multiclass" else []


def test_what_new_categories_count_as_differs():
    X, y = made()
    smallest, typical = (encoder_of(new).fit(X, y).transform(NEW)["shop"] for new in ("smallest", "average"))
    assert smallest[0] < y[X.groupby("shop")["day"].transform("size") <= 4].mean() < typical[0]
    assert abs(typical[0] - y.mean()) < 0.2  # as the rows of the average row's category are on average
    assert smallest[1] == pytest.approx(typical[1], rel=1e-9)


def test_the_sd_of_an_average_row_has_the_spread_of_sizes():
    X, y = made()
    encoder = encoder_of("average").fit(X, y)
    mean, spread = average(X)
    table = encoder_of("average").set_params(prior_features={"shop": logs(X, never=mean, beyond=mean + 1)}).fit(X, y)
    near, far = table.transform(pd.DataFrame({"shop": ["never", "beyond"]})).to_numpy()
    more = encoder.transform(NEW)["shop_sd"][0] ** 2 - near[1] ** 2
    assert more == pytest.approx(spread * (far[0] - near[0]) ** 2, rel=0.1)  # and the error of the slope


@pytest.mark.parametrize("kind", KINDS)
@BOTH
def test_fit_transform_is_a_refit_on_the_rows_of_the_other_folds(kind, new):
    X, y = made(kind)
    encoder = encoder_of(new, target_type=kind)
    encoded = encoder.fit_transform(X, y)
    for train, test in KFold(3).split(X):
        again = clone(encoder).fit(X.iloc[train], y[train])
        np.testing.assert_allclose(encoded.iloc[test], again.transform(X.iloc[test]), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beside", [[], [ordered()]], ids=["alone", "beside"])
def test_own_targets_reach_no_bit(kind, beside):
    X, y = made(kind)
    encoder = encoder_of("average", beside, target_type=kind)
    before = encoder.fit_transform(X, y).to_numpy()
    own = np.arange(len(y)) < (len(y) + 2) // 3  # the first of three folds
    after = encoder.fit_transform(X, np.where(own, y[::-1], y)).to_numpy()
    assert before[own].tobytes() == after[own].tobytes()
    assert (before != after)[~own].any()


@BOTH
def test_the_past_has_sizes_of_its_own(new):
    X, y = made()
    encoder = encoder_of(new, cv=EarlierRows("day"))
    encoded = encoder.fit_transform(X, y).to_numpy()
    for day in (20, 40):
        past = X["day"] < day
        alone = clone(encoder).fit_transform(X[past], y[past]).to_numpy()
        np.testing.assert_allclose(encoded[past], alone, rtol=1e-12)
    again = clone(encoder).fit_transform(X, np.where(X["day"] < 40, y, -y)).to_numpy()
    assert encoded[X["day"] <= 40].tobytes() == again[X["day"] <= 40].tobytes()
    np.testing.assert_allclose(encoder.transform(NEW), encoder_of(new).fit(X, y).transform(NEW), rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_later_rows_have_the_prior_of_the_sizes_of_the_past(kind):
    """The prior is learned from the rows before those that the last doubling ends with."""
    X, y = made(kind)
    X = pd.DataFrame({"shop": X["shop"], "day": (np.arange(len(X)) >= 200).astype(int)})
    X = pd.concat([X[:200], NEW[:1].assign(day=1), X[200:]], ignore_index=True)
    y = np.insert(y, 200, 0)
    encoder = encoder_of("smallest", [ordered()], cv=EarlierRows("day"), target_type=kind)
    encoded = encoder.fit_transform(X, y)
    alone = encoder_of("smallest", [ordered()], target_type=kind).fit(X[:200], y[:200])
    shared = encoder_of("smallest", [ordered()], target_type=kind).fit(X, y)
    assert shared.transform(X[200:201]).shape == alone.transform(X[200:201]).shape
    np.testing.assert_allclose(encoded[201:], alone.transform(X[201:]), rtol=0.05, atol=0.05)


@BOTH
def test_weights_are_copies_of_rows(new):
    X, y = made()
    precise = encoder_of(new, weight_type="precision").fit(X, y, sample_weight=np.full(len(y), 7.0)).transform(NEW)
    np.testing.assert_allclose(precise["shop"], encoder_of(new).fit(X, y).transform(NEW)["shop"], rtol=1e-6)
    weights = np.random.default_rng(0).integers(0, 3, len(y))
    weighted = encoder_of(new).fit(X, y, sample_weight=weights).transform(NEW)
    copies = np.repeat(np.arange(len(y)), weights)
    np.testing.assert_allclose(weighted, encoder_of(new).fit(X.iloc[copies], y[copies]).transform(NEW), rtol=1e-6)


@BOTH
def test_parts_merges_files_and_pickles(new):
    X, y = made()
    at_once, one, two = (encoder_of(new, [ordered()], cv=3) for _ in range(3))
    expected = at_once.fit(X, y).transform(NEW)
    one.partial_fit(X[:100], y[:100]).partial_fit(X[100:], y[100:])
    np.testing.assert_allclose(one.transform(NEW), expected, rtol=1e-6)
    merged = encoder_of(new, [ordered()], cv=3).partial_fit(X[:100], y[:100]).merge(two.partial_fit(X[100:], y[100:]))
    np.testing.assert_allclose(merged.transform(NEW), expected, rtol=1e-6)
    for again in (EmpiricalBayesEncoder.from_json(at_once.to_json()), pickle.loads(pickle.dumps(at_once))):
        pd.testing.assert_frame_equal(again.transform(NEW), expected, rtol=0, atol=0)
        pd.testing.assert_frame_equal(again.encoding_table("shop"), at_once.encoding_table("shop"))
    assert at_once.lookup({"shop": "never"}) == pytest.approx(dict(expected.iloc[0]))


@pytest.mark.parametrize("kind", ["SizeBasis", "SizeFeatures"])
def test_a_damaged_file_is_refused(kind):
    written = encoder_of("average", cv=3).fit(*made()).to_json()
    damaged = written.replace(f'{{"type": "{kind}", "new": "average"}}', f'{{"type": "{kind}", "new": "mean"}}')
    assert damaged != written
    with pytest.raises(ValueError, match="new"):
        EmpiricalBayesEncoder.from_json(forge(json.loads(damaged)))


@BOTH
def test_lazy_tables_have_the_same_numbers(new):
    X, y = made()
    expected = encoder_of(new).fit(X, y).transform(NEW)
    lazy = polars.from_pandas(X.assign(y=y)).lazy()
    encoder = encoder_of(new, cv=3).fit(lazy, "y")
    np.testing.assert_allclose(encoder.transform(NEW), expected, rtol=1e-9)


@BOTH
def test_draws_have_the_means_of_their_sizes(new):
    X, y = made()
    several = np.column_stack([y, np.where(np.arange(len(y)) % 3, y, np.nan)])  # of which the second has other sizes
    encoder = encoder_of(new, remainder="drop").fit(X, several)
    rows = pd.concat([NEW, X[:9]], ignore_index=True)
    encoded = encoder.transform(rows).to_numpy()[:, [0, 2]]
    draws = sample_encodings(encoder, rows, n_draws=800, random_state=0)
    np.testing.assert_allclose(draws.mean(axis=0), encoded, atol=6 * draws.std() / np.sqrt(800))


@BOTH
def test_the_order_of_rows_does_not_matter(new):
    X, y = made()
    order = np.random.default_rng(1).permutation(len(y))
    one, other = encoder_of(new).fit(X, y), encoder_of(new).fit(X.iloc[order], y[order])
    np.testing.assert_allclose(one.transform(NEW), other.transform(NEW), rtol=1e-9)


def test_the_missing_value_has_a_size():
    X, y = made()
    gaps, named = X["shop"].where(X["shop"] != SHOPS[36], None), X["shop"].replace(SHOPS[36], "zzz")
    one, other = (encoder_of().fit(X.assign(shop=each), y) for each in (gaps, named))
    found, expected = one.transform(NEW[2:]), other.transform(pd.DataFrame({"shop": ["zzz"]}))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    table, named = one.encoding_table("shop"), other.encoding_table("shop")
    missing, named = table[table["count"] == 60].tail(1), named[named["category"] == "zzz"]
    assert missing["prior_mean"].item() == pytest.approx(named["prior_mean"].item())


def test_categories_of_one_size_are_as_without():
    X = pd.DataFrame({"shop": np.repeat(SHOPS[:10], 4)})
    y = np.random.default_rng(0).normal(size=40) + np.repeat(np.arange(10), 4)
    plain = EmpiricalBayesEncoder(["shop"], prior="reml", output=["mean", "sd"], remainder="drop").fit(X, y)
    for new in ("smallest", "average"):
        encoder = encoder_of(new).fit(X, y)
        np.testing.assert_allclose(encoder.transform(NEW), plain.transform(NEW), rtol=1e-6)
        assert encoder.summary_["explained"].item() == 0


def test_trees_take_them():
    X, y = made()
    encoder = TreeEncoder(prior_features={"shop": sizes()}, random_state=0)
    assert np.isfinite(np.asarray(encoder.fit_transform(X, y), dtype=float)).all()
    assert np.isfinite(np.asarray(encoder.transform(NEW.assign(day=0)), dtype=float)).all()


def test_new_must_be_known():
    with pytest.raises(ValueError, match=r"`new` must be one of \['smallest', 'average'\], but it is 'mean'"):
        sizes(new="mean")
