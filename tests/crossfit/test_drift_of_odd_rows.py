"""Effects that drift, in small tables of odd rows and times: finite, and learned from strictly earlier rows alone."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catpool import EarlierRows, EmpiricalBayesEncoder

TIMES = {
    "days": lambda step: 1.0 * step,
    "seconds": lambda step: 1.7e9 + step,
    "milliseconds": lambda step: 1_700_000_000_000 + step,
    "beyond floats": lambda step: 2**60 + step,
    "before the epoch": lambda step: -1e6 * step.max() + 1e6 * step,
    "tiny": lambda step: 1e-200 * step,
    "large": lambda step: 1e300 * step,
    "dates": lambda step: pd.Timestamp("2024-03-01") + pd.to_timedelta(step, unit="D"),
    "nanoseconds": lambda step: pd.Timestamp("2024-03-01") + pd.to_timedelta(step, unit="ns"),
    "all equal": lambda step: 0 * step,
}
TARGETS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "constant": lambda rng, n: np.full(n, 0.3),
    "binary": lambda rng, n: (rng.random(n) < 0.3).astype(float),
    "nearly constant": lambda rng, n: np.append(np.zeros(n - 1), 1.0),
    "ratings": lambda rng, n: rng.integers(1, 4, n).astype(float),
    "large": lambda rng, n: 1e90 * rng.normal(size=n),
    "tiny": lambda rng, n: 1e-90 * rng.normal(size=n),
    "several": lambda rng, n: np.column_stack([rng.normal(size=n), np.cumsum(rng.normal(size=n))]),
    "gaps": lambda rng, n: np.where(rng.random((n, 2)) < 0.3, np.nan, rng.normal(size=(n, 2))),
}
WEIGHTS = {
    "none": lambda rng, n: None,
    "copies": lambda rng, n: rng.integers(0, 3, n) + (np.arange(n) == 0),
    "uneven": lambda rng, n: 10.0 ** rng.uniform(-6, 6, n),
}


def table(seed, n, times, few):
    """Two columns, with missing categories and some that come late, and times with ties."""
    rng = np.random.default_rng(seed)
    step = rng.integers(0, rng.choice([2, 6, 40]), n)
    if times == "nanoseconds":
        step = step // 2  # so that some tie
    shop = rng.choice(np.array(["a", "b", "c", None], dtype=object)[: 2 if few else 4], n)
    city = np.where(step > np.median(step), "late", rng.choice(["u", "v"], n))
    return rng, step, pd.DataFrame({"shop": shop, "city": city, "time": TIMES[times](step)})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The search for the variances")
@given(
    seed=st.integers(0, 999),
    n=st.sampled_from([2, 3, 8, 30, 80]),
    times=st.sampled_from(sorted(TIMES)),
    target=st.sampled_from(sorted(TARGETS)),
    weights=st.sampled_from(sorted(WEIGHTS)),
    drift=st.sampled_from(["auto", 1e-9, 0.3, 1e9]),
    gap=st.sampled_from([None, 1]),
    few=st.booleans(),
    prior=st.sampled_from(["reml", "ml"]),
)
@example(seed=0, n=2, times="days", target="normal", weights="none", drift=0.3, gap=None, few=True, prior="reml")
@example(seed=1, n=80, times="tiny", target="normal", weights="none", drift="auto", gap=None, few=False, prior="reml")
@example(seed=1, n=80, times="large", target="normal", weights="none", drift="auto", gap=None, few=False, prior="reml")
@settings(max_examples=30)
def test_odd_rows_are_encoded_from_strictly_earlier_ones(seed, n, times, target, weights, drift, gap, few, prior):
    rng, step, X = table(seed, n, times, few)
    y, w = TARGETS[target](rng, n), WEIGHTS[weights](rng, n)
    if times in ("dates", "nanoseconds") and gap is not None:
        gap = pd.Timedelta(gap, unit="D" if times == "dates" else "ns")
    if drift != "auto" and (times == "large" or target == "tiny"):
        return  # which is refused
    if not np.isfinite(y).reshape(n, -1).any(axis=0).all():
        return
    cv = EarlierRows("time", gap=gap, drift=drift)
    encoder = EmpiricalBayesEncoder(
        ["shop", "city"], cv=cv, prior=prior, output=["mean", "sd", "reliability"], remainder="drop",
        target_type="continuous",
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("catpool.crossfit.past.drifting_rows.FEWEST", 4)
        before = encoder.fit_transform(X, y, sample_weight=w).to_numpy(dtype=float)
        check_finite(encoder, X, before)
        moment = rng.integers(0, step.max() + 1)
        later, now = step >= moment, step <= moment
        changed = y.copy()
        changed[later] = rng.permutation(changed[later]) * 3 + 1
        if not np.isfinite(changed).reshape(n, -1).any(axis=0).all():
            return
        same = encoder.fit_transform(X, changed, sample_weight=w).to_numpy(dtype=float)
    if times == "all equal":
        now = np.full(n, True)
    assert same[now].tobytes() == before[now].tobytes()


@pytest.mark.parametrize(("drift", "unit"), [(1e9, 1e300), (1e-200, 1.0), ("auto", 1e-300)])
def test_drift_beyond_floats_is_refused(drift, unit):
    _, step, X = table(0, 80, "days", few=True)
    encoder = EmpiricalBayesEncoder(["city"], cv=EarlierRows("time", drift=drift))
    with pytest.raises(ValueError, match="Measure time in another unit"):
        encoder.fit(X.assign(time=step * unit), np.sin(np.arange(80.0)))


def check_finite(encoder, X, encoded):
    """Encodings are finite, and so are those of new rows; all features of a row of no past are NaN."""
    known = ~np.isnan(encoded)
    assert np.isfinite(encoded[known]).all()
    assert (known.sum(axis=1) % 3 == 0).all()
    new = pd.concat([X[:3], X[-1:].assign(shop="never", city="never")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isfinite(encoder.transform(new).to_numpy(dtype=float)).all()
