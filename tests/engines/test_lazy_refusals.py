"""What lazy tables cannot do, and how it is said."""

import numpy as np
import pytest
from helpers.engine_tables import BUT_SPARK, ENGINES, LAZY, QUIET, in_pandas
from helpers.public_encoders import breaking

from catpool import EarlierRows, MeanEncoder
from catpool.engines.dispatch import ENGINES as KNOWN

pytestmark = QUIET


def test_every_engine_is_tested():
    assert LAZY.keys() == KNOWN.keys()


@pytest.mark.parametrize("engine", ENGINES)
def test_policies_hold_in_lazy_tables(engine, rows, place):
    table = rows[["id", "city", "continuous"]]
    native = LAZY[engine](table, place)
    with pytest.raises(ValueError, match="missing"):
        MeanEncoder(["city"], missing="error").fit(native, y="continuous")
    encoder = MeanEncoder(["city"], unknown="error", missing="nan").fit(native, y="continuous")
    new = table[["id", "city"]].assign(city="elsewhere")
    with pytest.raises(ValueError, match="elsewhere"):
        encoder.transform(LAZY[engine](new, place))
    out = in_pandas(encoder.transform(LAZY[engine](table[["id", "city"]], place)))
    assert (out["city"].isna() == table["city"].isna()).all()


@pytest.mark.parametrize("engine", BUT_SPARK)
def test_what_a_lazy_table_cannot_do_is_refused(engine, rows, place):
    table = rows[["id", "city", "size", "weight", "continuous", "binary", "count"]]
    native = LAZY[engine](table, place)
    for public in breaking("lazy"):
        with pytest.raises(TypeError, match="Collect"):
            public.make(["city"]).fit(native, y="continuous")
    with pytest.raises(ValueError, match="in memory"):
        MeanEncoder(["city"], cv=EarlierRows("size")).fit(native, y="continuous")
    with pytest.raises(ValueError, match="in memory"):
        MeanEncoder(["city"], crossfit="rare").fit_transform(native, y="continuous", key="id")
    with pytest.raises(ValueError, match="in memory"):
        MeanEncoder(["city"]).fit_transform(native, y="continuous", key="id", groups=np.arange(600))
    with pytest.raises(ValueError, match="folds must come from a column"):
        MeanEncoder(["city"], cv="id").fit_transform(native, y="continuous", key="id")
    with pytest.raises(ValueError, match="`key` must name at least one column of X"):
        MeanEncoder(["city"]).fit_transform(native, y="continuous", key=[])
    folds = LAZY[engine](table.assign(fold=np.where(table["id"] < 9, None, "a")), place)
    with pytest.raises(ValueError, match="`cv` must have no missing"):
        MeanEncoder(["city"], cv="fold").fit_transform(folds, y="continuous")
    gaps = LAZY[engine](table.assign(weight=table["weight"].mask(table["id"] == 3)), place)
    with pytest.raises(ValueError, match="`sample_weight` must"):
        MeanEncoder(["city"]).fit(gaps, y="continuous", sample_weight="weight")
    if engine == "polars":  # where NaN is not null
        gaps = native.with_columns(weight=native.collect()["weight"].replace(1.0, float("nan")))
        with pytest.raises(ValueError, match="`sample_weight` must"):
            MeanEncoder(["city"]).fit(gaps, y="continuous", sample_weight="weight")
    with pytest.raises(ValueError, match=r"`y` names \['nothing'\], which X does not have"):
        MeanEncoder(["city"]).fit(native, y="nothing")
    for y in (None, np.arange(600)):
        with pytest.raises(ValueError, match="must be the name of one of its columns"):
            MeanEncoder(["city"]).fit(native, y=y)
    for argument in ("sample_weight", "exposure"):
        with pytest.raises(ValueError, match=f"`{argument}` must be the name of a column"):
            MeanEncoder(["city"]).fit(native, y="count", **{argument: np.ones(600)})
    for name in ("sample_weight", "exposure"):
        with pytest.raises(ValueError, match=name):
            MeanEncoder(["city"]).fit(native, y="count", **{name: "nothing"})
    with pytest.raises(ValueError, match="exposure"):
        MeanEncoder(["city"]).fit(native, y="continuous", exposure="weight")
    with pytest.raises(ValueError, match="finite"):
        MeanEncoder(["city"]).fit(native, y="continuous", sample_weight="size")
    with pytest.raises(ValueError, match="`cv` names"):
        MeanEncoder(["city"], cv="nothing").fit_transform(native, y="continuous")
    with pytest.raises(ValueError, match="target_type"):
        MeanEncoder(["city"]).fit(native, y="id")
    with pytest.raises(ValueError, match="two values"):
        MeanEncoder(["city"], target_type="binary").fit(native, y="count")
    with pytest.raises(ValueError, match="counts"):
        MeanEncoder(["city"], target_type="count").fit(native, y="continuous")
    broken = LAZY[engine](table.assign(continuous=table["continuous"].mask(table["size"] > 1)), place)
    with pytest.raises(ValueError, match="y must"):
        MeanEncoder(["city"]).fit(broken, y="continuous")
    encoder = MeanEncoder(["city"]).fit(native, y="continuous")
    with pytest.raises(ValueError, match="missing"):
        encoder.transform(LAZY[engine](table[["id", "size"]], place))
    for y in ("continuous", "binary"):
        with pytest.raises(ValueError, match=r"0 sample|at least one row"):
            MeanEncoder(["city"]).fit(LAZY[engine](table.head(0), place), y=y)


def test_tables_of_unknown_engines_are_refused(rows, place, monkeypatch):
    monkeypatch.delitem(KNOWN, "polars")
    table = LAZY["polars"](rows[["id", "city", "continuous"]], place)
    with pytest.raises(TypeError, match=r"must come from one of duckdb, .* comes from polars.* Collect it"):
        MeanEncoder(["city"]).fit_transform(table, "continuous", key="id")
