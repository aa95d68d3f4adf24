"""Times that floats do not tell apart: nanoseconds, and whole numbers above 2^53."""

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder

START = 1_700_000_000_000_000_001  # as many nanoseconds are a date in 2023
LIBRARIES = {
    "pandas": lambda X: X,
    "polars": polars.from_pandas,
    "arrow": lambda X: pyarrow.Table.from_pandas(X, preserve_index=False),
}
KINDS = {
    "dates": lambda moments: pd.to_datetime(START + moments),
    "zoned": lambda moments: pd.to_datetime(START + moments).tz_localize("Europe/Berlin"),
    "integers": lambda moments: START + moments,
    "negative": lambda moments: moments - START,
    "unsigned": lambda moments: (START + moments).astype(np.uint64),
    "nullable": lambda moments: pd.array(START + moments, dtype="Int64"),
}


def rows(n=60, seed=0):
    rng = np.random.default_rng(seed)
    return rng.choice(list("abc"), n), rng.integers(0, 15, n), rng.normal(size=n)


def in_unit(length, kind):
    return length if length is None or kind not in ("dates", "zoned") else pd.Timedelta(length, unit="ns")


def means_before(shops, moments, y, gap, half_life=None):
    found = np.full(len(y), np.nan)
    for row in range(len(y)):
        past = (shops == shops[row]) & (moments < moments[row] - gap)
        if past.any():
            age = moments[row] - moments[past]
            found[row] = np.average(y[past], weights=None if half_life is None else 2.0 ** (-age / half_life))
    return found


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("gap", "half_life"), [(None, None), (3, None), (None, 4), (3, 4)])
def test_times_that_differ_by_one_differ(library, kind, gap, half_life):
    shops, moments, y = rows()
    X = LIBRARIES[library](pd.DataFrame({"shop": shops, "time": KINDS[kind](moments)}))
    cv = EarlierRows("time", gap=in_unit(gap, kind), half_life=in_unit(half_life, kind))
    found = MeanEncoder(["shop"], cv=cv).fit_transform(X, y)["shop"]
    expected = means_before(shops, moments, y, gap or 0, half_life)
    some = ~np.isnan(expected)
    np.testing.assert_allclose(np.asarray(found, dtype=float)[some], expected[some], rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_units_hold_the_rows_in_them(kind):
    shops, moments, y = rows()
    X = pd.DataFrame({"shop": shops, "time": KINDS[kind](moments)})
    plain = pd.DataFrame({"shop": shops, "time": moments})
    names, found = [], []
    for table, window in ((plain, 4), (X, in_unit(4, kind))):
        encoder = MeanEncoder(["shop"], cv=EarlierRows("time", windows=[window], gap=in_unit(2, kind) if names else 2))
        found.append(encoder.fit_transform(table, y).drop(columns="time"))
        names.append(encoder.get_feature_names_out())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


@pytest.mark.parametrize("gap", [None, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_drift_is_learned_from_strictly_earlier_units(kind, gap):
    shops, moments, y = rows(200)
    y = y + moments / 3 * (shops == "a")
    X = pd.DataFrame({"shop": shops, "time": KINDS[kind](moments)})
    drift = 1e6 if kind in ("dates", "zoned") else 0.5  # in a day
    cv = EarlierRows("time", gap=in_unit(gap, kind), drift=drift)
    encoder = EmpiricalBayesEncoder(["shop"], cv=cv, output=["mean", "sd"])
    before = encoder.fit_transform(X, y)[["shop", "shop_sd"]].to_numpy()
    for moment in (6, 7, 13):
        changed = np.where(moments >= moment, y + 5, y)
        same = encoder.fit_transform(X, changed)[["shop", "shop_sd"]].to_numpy()
        until = moments <= moment + (gap or 0)
        assert same[until].tobytes() == before[until].tobytes()
        assert (same[~until, 0] != before[~until, 0]).any() or not (~until).any()


@pytest.mark.parametrize("name", ["gap", "windows"])
def test_lengths_of_times_above_2_53_are_whole(name):
    shops, moments, y = rows()
    X = pd.DataFrame({"shop": shops, "time": START + moments})
    cv = EarlierRows("time", **{name: [2.5] if name == "windows" else 2.5})
    with pytest.raises(ValueError, match=f"`{name}` must be a whole number"):
        MeanEncoder(["shop"], cv=cv).fit(X, y)
    MeanEncoder(["shop"], cv=cv).fit(X.assign(time=moments), y)


def test_whole_times_beyond_64_bits_are_refused():
    shops, moments, y = rows()
    X = pd.DataFrame({"shop": shops, "time": moments.astype(np.uint64) + np.uint64(2**63)})
    with pytest.raises(ValueError, match=r"less than 2\^63, but column 'time'"):
        MeanEncoder(["shop"], cv=EarlierRows("time")).fit_transform(X, y)


@pytest.mark.parametrize("parameters", [{"half_life": 4}, {"drift": 0.5}])
def test_new_rows_fade_by_the_unit(parameters):
    shops, moments, y = rows(200)
    y = y + 2 * (shops == "a")
    X, plain = (pd.DataFrame({"shop": shops, "time": start + moments}) for start in (START, 0))
    found = []
    for table in (X, plain):
        encoder = EmpiricalBayesEncoder(["shop"], cv=EarlierRows("time", **parameters), output=["mean", "sd"])
        encoder.fit(table, y)
        again = EmpiricalBayesEncoder.from_json(encoder.to_json())
        later = table[-5:].assign(time=table["time"].max() + np.arange(5))
        found.append(again.transform(later)[["shop", "shop_sd"]].to_numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)
    assert len(np.unique(found[0][:, 1])) > 1
