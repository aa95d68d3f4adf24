"""The own-label law in lazy tables: targets of a fold move no bit of the encodings of that fold's rows."""

import numpy as np
import pandas as pd
import pytest
from helpers.engine_tables import ENGINES, LAZY, QUIET, in_pandas
from helpers.law import rows
from helpers.public_encoders import obeying

pytestmark = QUIET

FAR = 1e4  # far enough from 0 that sums are centered
CHANGES = {
    "continuous": lambda y, rng: 1e2 * rng.normal(size=len(y)),
    "outlier": lambda y, rng: np.append(1e16, y[1:] + 0.1),
    "binary": lambda y, rng: 1 - y,
    "multiclass": lambda y, rng: (y + 1) % 3,
    "count": lambda y, rng: np.append(10**12, rng.poisson(3, len(y) - 1)),
}
CASES = [(public, change) for public in obeying("lazy") for change in CHANGES if change in (*public.kinds, "outlier")]


def changed_pair(change):
    """Two tables whose targets differ in fold 1 only, and the kind of y."""
    kind = "continuous" if change == "outlier" else change
    X, y, folds, _ = rows(kind, 3)
    table = pd.DataFrame(X, columns=["a", "b"]).assign(fold=folds, id=np.arange(len(y)), y=y)
    if kind == "continuous":
        table["y"] += FAR
    own = folds == 1
    after = table.copy()
    after.loc[own, "y"] = CHANGES[change](table["y"].to_numpy()[own], np.random.default_rng(0))
    return table, after, kind


def encoded(public, kind, table, engine, place):
    encoder = public.make(["a", "b"], cv="fold", target_type=kind)
    out = in_pandas(encoder.fit_transform(LAZY[engine](table, place), "y"))
    return out.drop(columns="id").to_numpy(float)


@pytest.mark.usefixtures("one_order")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("public", "change"), CASES, ids=[f"{public}-{change}" for public, change in CASES])
def test_a_fold_s_own_targets_do_not_reach_its_encodings(engine, public, change, place):
    before, after, kind = changed_pair(change)
    own = before["fold"].to_numpy() == 1
    one, other = (encoded(public, kind, table, engine, place) for table in (before, after))
    assert one[own].tobytes() == other[own].tobytes()
    assert (one != other)[~own].any()  # or the targets would reach nothing


@pytest.mark.parametrize("engine", ENGINES)
def test_an_outlier_leaves_other_categories_as_they_are(engine, place):
    """Only the category that holds it, and what is learned from all categories, may follow it."""
    public = next(each for each in obeying("lazy") if each.name == "MeanEncoder")
    table, _, kind = changed_pair("outlier")
    table.loc[3, "y"] = 1e16
    out = encoded(public, kind, table, engine, place)
    expected = public.make(["a", "b"], cv="fold", target_type=kind).fit_transform(table, "y")
    np.testing.assert_allclose(out, expected.drop(columns="id").to_numpy(float), rtol=1e-12)


def test_many_threads_change_the_last_digits_alone(place):
    """Threads of polars add their sums in any order, so bits may differ between runs on the same rows."""
    public = next(each for each in obeying("lazy") if each.name == "EmpiricalBayesEncoder")
    before, after, kind = changed_pair("outlier")
    own = before["fold"].to_numpy() == 1
    one, other = (encoded(public, kind, table, "polars", place) for table in (before, after))
    np.testing.assert_allclose(one[own], other[own], rtol=1e-12)
