"""Half-lives that are learned: by slow loops, from the past alone, and for each column."""

import numpy as np
import pandas as pd
import pytest
from helpers.later_rows import as_kind, changes

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder

AUTO = EarlierRows("day", half_life="auto", relative=False)
SMOOTHING = 2.0


@pytest.fixture(scope="module")
def sales():
    """Shops whose means drift, and cities whose means stay."""
    rng = np.random.default_rng(0)
    n = 700
    X = pd.DataFrame({"shop": rng.choice(list("abcdef"), n), "city": rng.choice(list("uvw"), n)})
    X["day"] = np.sort(rng.integers(0, 200, n)).astype(float)
    phase = X["shop"].map(dict(zip("abcdef", range(6), strict=True)))
    y = 3 * np.sin(X["day"] / 20 + phase) + X["city"].map({"u": 0.0, "v": 1.0, "w": 2.0}) + rng.normal(size=n)
    return X, y.to_numpy()


def smoothed(day, own, y, weights, at, half_life, mean):
    decayed = weights if half_life is None else weights * 0.5 ** ((at - day) / half_life)
    return (decayed[own] @ y[own] + SMOOTHING * mean) / (decayed[own].sum() + SMOOTHING)


def prior_mean(day, y, weights, half_life):
    return np.average(y, weights=weights if half_life is None else weights * 0.5 ** ((day.max() - day) / half_life))


def deviance(errors, weights, relative):
    errors = np.array(errors)
    if relative:
        block = np.arange(len(errors)) * 16 // len(errors)
        for each in range(16):
            own = block == each
            if own.any():
                errors[own] -= np.average(errors[own], weights=weights[own])
    return len(errors) * np.log(np.average(errors**2, weights=weights))


def half_of(day):
    """How many rows are in the earlier half, with all rows of the last of its times."""
    return int(np.searchsorted(day, day[len(day) // 2 - 1], side="right")) if len(day) > 1 else 0


def learned_by_hand(day, shop, y, weights, gap, relative):
    """The half-life of some rows in the order of time, if their earlier half has one as well."""
    half = slice(0, half_of(day))
    before = best_by_hand(day[half], shop[half], y[half], weights[half], gap, relative)
    return None if before is None else best_by_hand(day, shop, y, weights, gap, relative)


def best_by_hand(day, shop, y, weights, gap, relative):
    half, span = half_of(day), day[-1] - day[0] if len(day) else 0
    if len(y) < 64 or span <= 0:
        return None
    later = [i for i in range(half, len(y)) if shop[i] in shop[:half]]
    first, level = np.arange(half), np.average(y[:half], weights=weights[:half])
    found = {"level": 2 * deviance([y[i] - level for i in later], weights[later], relative)}
    for half_life in [None, *(2.0 ** (np.floor(np.log2(span)) - power) for power in range(6, -1, -1))]:
        mean = prior_mean(day[:half], y[:half], weights[:half], half_life)
        errors = [[], []]
        for i in later:
            for which, past in zip(errors, (np.flatnonzero(day < day[i] - gap), first), strict=True):
                own = past[shop[past] == shop[i]]
                which.append(y[i] - smoothed(day, own, y, weights, day[i], half_life, mean))
        found[half_life] = sum(deviance(each, weights[later], relative) for each in errors)
    enough = max(20, 0.2 * (found.pop("level") - found[None]))
    best = min(found, key=found.get)
    return best if found[best] < found[None] - enough else None


def encoded_by_hand(X, y, weights, gap, relative):
    day, shop, result = X["day"].to_numpy(), X["shop"].to_numpy(), np.full(len(X), np.nan)
    order, lives = np.argsort(day, kind="stable"), {}
    for i in range(len(X)):
        past = order[day[order] < day[i] - gap]
        if len(past):
            first = past[
                day[past] <= day[past[(1 << int(np.log2(len(past)))) - 1]]
            ]  # with all rows of the last of their times
            if len(first) not in lives:
                lives[len(first)] = learned_by_hand(day[first], shop[first], y[first], weights[first], gap, relative)
            life = lives[len(first)]
            own, mean = past[shop[past] == shop[i]], prior_mean(day[first], y[first], weights[first], life)
            if relative:
                decayed = weights[past] if life is None else weights[past] * 0.5 ** ((day[i] - day[past]) / life)
                level = np.average(y[past], weights=decayed)
                result[i] = smoothed(day, own, y - level, weights, day[i], life, 0.0)
            else:
                result[i] = smoothed(day, own, y, weights, day[i], life, mean)
    return result, lives


@pytest.mark.parametrize("gap", [0, 5.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_half_lives_are_those_of_slow_loops(sales, gap, weighted, relative):
    X, y = (each[:400] for each in sales)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(y)) if weighted else np.ones(len(y))
    rule = EarlierRows("day", gap, "auto", relative=relative)
    encoder = SmoothedMeanEncoder(["shop"], smoothing=SMOOTHING, cv=rule)
    encoded = encoder.fit_transform(X, y, sample_weight=weights if weighted else None)["shop"]
    expected, lives = encoded_by_hand(X, y, weights, gap, relative)
    np.testing.assert_allclose(encoded, expected, rtol=1e-7, atol=1e-12)
    assert gap or {*lives.values()} != {None}
    whole = learned_by_hand(X["day"].to_numpy(), X["shop"].to_numpy(), y, weights, gap, relative)
    assert encoder.summary_["half_life"].item() == whole


def test_each_column_has_its_own(sales):
    X, y = sales
    encoder = EmpiricalBayesEncoder(["shop", "city"], cv=AUTO).fit(X, y)
    learned = encoder.summary_.set_index("column")["half_life"]
    assert 4 <= learned["shop"] <= 32
    assert np.isnan(learned["city"])
    new = X[-9:].assign(day=X["day"].max() + np.arange(9) * 4)
    for column, half_life in (("shop", learned["shop"]), ("city", None)):
        given = EmpiricalBayesEncoder([column], cv=EarlierRows("day", half_life=half_life)).fit(X, y)
        np.testing.assert_array_equal(encoder.transform(new)[column], given.transform(new)[column])


@pytest.mark.parametrize("kind", ["continuous", "binary", "multiclass", "count"])
def test_what_is_not_strictly_earlier_changes_nothing(sales, kind):
    X, y = sales
    y = as_kind(y, kind, above=1, edges=[0, 2])
    outputs = ["mean", "sd", "count"]
    encoder = EmpiricalBayesEncoder(["shop"], cv=AUTO, target_type=kind, output=outputs, remainder="drop")
    before = encoder.fit_transform(X, y).to_numpy()
    shares = []
    for later, now, changed, other in changes(X, y, (30.0, 95.0, 150.0), np.random.default_rng(3)):
        same = encoder.fit_transform(X, changed).to_numpy()
        assert before[now].tobytes() == same[now].tobytes()
        shares.append(np.mean(before[~now] != same[~now]))
        rows = encoder.fit_transform(other, changed).to_numpy()
        assert before[~later].tobytes() == rows[~later].tobytes()
    assert max(shares) > 0.3


def test_dates_are_days(sales):
    X, y = sales
    dates = X.assign(day=pd.Timestamp("2024-03-01") + pd.to_timedelta(X["day"], unit="D"))
    one, other = (MeanEncoder(["shop"], cv=AUTO).fit(each, y) for each in (X, dates))
    assert other.summary_["half_life"].item() == pd.Timedelta(days=one.summary_["half_life"].item())
    np.testing.assert_allclose(
        other.fit_transform(dates, y)["shop"], one.fit_transform(X, y)["shop"], rtol=1e-9, equal_nan=True
    )
    still = SmoothedMeanEncoder(["city"], cv=AUTO).fit(dates, np.random.default_rng(0).normal(size=len(y)))
    assert still.summary_["half_life"].isna().all()


def test_files_and_look_ups_know_the_half_life(sales):
    X, y = sales
    dates = X.assign(day=pd.Timestamp("2024-03-01") + pd.to_timedelta(X["day"], unit="D"))
    for table in (X, dates):
        encoder = EmpiricalBayesEncoder(["shop", "city"], cv=AUTO, remainder="drop").fit(table, y)
        again = EmpiricalBayesEncoder.from_json(encoder.to_json())
        later = table[-5:].assign(day=table["day"].max() + (table["day"].max() - table["day"].min()) / 9)
        later.loc[later.index[0], ["shop", "city"]] = [None, "never"]
        expected = encoder.transform(later)
        pd.testing.assert_frame_equal(again.transform(later), expected)
        pd.testing.assert_frame_equal(again.summary_, encoder.summary_)
        for position, row in enumerate(later.to_dict("records")):
            assert list(again.lookup(row).values()) == expected.iloc[position].tolist()


def test_too_little_past_keeps_all_weights(sales):
    X, y = sales
    rules = [EarlierRows("day", half_life=each, relative=False) for each in ("auto", None)]
    few, kept = ({"columns": ["shop"], "cv": rule} for rule in rules)
    learned = MeanEncoder(**few).fit(X[:127], y[:127])
    assert np.isnan(learned.summary_["half_life"].item())
    assert "half_life" not in MeanEncoder(**kept).fit(X, y).summary_
    for rows in (slice(0, 127), slice(0, 128)):
        pd.testing.assert_frame_equal(
            MeanEncoder(**few).fit_transform(X[rows], y[rows]), MeanEncoder(**kept).fit_transform(X[rows], y[rows])
        )
    at_once = X.assign(day=1.0)
    assert np.isnan(MeanEncoder(**few).fit(at_once, y).summary_["half_life"].item())
    strangers = X.assign(shop=np.arange(len(X)).astype(str))
    assert np.isnan(SmoothedMeanEncoder(**few).fit(strangers, y).summary_["half_life"].item())


def test_several_targets_share_the_half_life(sales):
    X, y = sales
    both = pd.DataFrame({"a": y, "b": 1e3 * np.random.default_rng(1).normal(size=len(y))})
    alone, noise, joint = (
        MeanEncoder(["shop"], cv=AUTO).fit(X, each).summary_["half_life"] for each in (y, both["b"], both)
    )
    assert joint.nunique() == 1
    assert alone.item() <= joint[0] <= 2 * alone.item()
    assert np.isnan(noise.item())


def test_rows_without_weight_do_not_count_for_half_lives(sales):
    X, y = sales
    light = np.arange(len(X)) % 3 == 0
    strange = X.assign(shop=np.where(light, "weightless", X["shop"]))
    encoder = SmoothedMeanEncoder(["shop"], cv=AUTO, remainder="drop")
    weighed = encoder.fit_transform(strange, np.where(light, 1e6, y), sample_weight=1.0 - light)
    learned = encoder.summary_["half_life"].item()
    alone = encoder.fit_transform(X[~light], y[~light])
    np.testing.assert_allclose(weighed[~light], alone, rtol=1e-9)
    assert encoder.summary_["half_life"].item() == learned


def test_exposures_are_rates(sales):
    X, _ = sales
    rng = np.random.default_rng(0)
    exposure = rng.choice([0.5, 1.0, 20.0], len(X))
    rate = np.exp(np.sin(X["day"] / 20 + X["shop"].map(ord)))
    encoder = MeanEncoder(["shop"], target_type="count", cv=AUTO)
    learned = encoder.fit(X, rng.poisson(rate * exposure), exposure=exposure).summary_["half_life"].item()
    assert 2 <= learned <= 32
    assert np.isnan(encoder.fit(X, rng.poisson(exposure), exposure=exposure).summary_["half_life"].item())


def test_a_half_life_that_is_not_found_allows_sql(sales):
    X, y = sales
    assert "SELECT" in MeanEncoder(["city"], cv=AUTO).fit(X, y).to_sql("visits")
    with pytest.raises(ValueError, match="cannot fade"):
        MeanEncoder(["shop"], cv=AUTO).fit(X, y).to_sql("visits")


def test_other_words_are_no_half_life(sales):
    X, y = sales
    with pytest.raises(ValueError, match='`half_life` must be "auto", or a number'):
        MeanEncoder(["shop"], cv=EarlierRows("day", half_life="best")).fit(X, y)
