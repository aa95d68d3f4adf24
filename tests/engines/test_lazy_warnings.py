"""What is doubtful warns in lazy tables as it does in memory, where that takes no query of its own."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.engine_tables import ENGINES, LAZY, QUIET, in_pandas

from catpool import EmpiricalBayesEncoder, MeanEncoder, NestedEncoder, UnseenCategoriesWarning

pytestmark = QUIET

N = 60
ROW = np.arange(N)
TABLE = pd.DataFrame({"id": ROW, "city": list("abc") * 20, "shop": list("xyzxy") * 12, "zip": (ROW % 7).astype(str)})
TARGETS = {
    "ratings": ROW % 5 + 1,
    "whole floats": ROW % 5 + 1.0,
    "classes from 0": ROW % 3,
    "two": ROW % 2,
    "fractions": ROW % 5 + 0.5,
    "many": ROW.astype(float),
    "strings": (ROW % 5).astype(str),
}


def said(run, *about):
    """The messages of warnings that speak of something."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    return sorted(str(each.message) for each in caught if any(word in str(each.message) for word in about))


@pytest.mark.parametrize("engine", ENGINES)
def test_doubtful_targets_and_dates_are_those_of_memory(engine, place):
    days = pd.date_range("2024-01-01", periods=N).strftime("%Y-%m-%d")
    found = []
    for name, y in TARGETS.items():
        table = TABLE.assign(y=y, city=days)
        for rows in (table, table[:40]):
            both = [
                said(lambda X=X: MeanEncoder(["city"]).fit(X, "y"), "taken for", "dates")
                for X in (rows, LAZY[engine](rows, place))
            ]
            assert both[0] == both[1], name
            found.append(len(both[0]))
    assert found == [2, 1, 2, *[1] * 11]


ENCODERS = {
    "column": EmpiricalBayesEncoder(["city", "zip"]),
    "interaction": EmpiricalBayesEncoder([], interactions=[("city", "zip")]),
    "levels": NestedEncoder(["city", "zip"], cv=2),
}
NEW = {
    "most rows of another type": (ROW % 7, {}),
    "most values but few rows": (np.where(ROW < 25, 100 + ROW, 0), {"zip": ROW % 7}),
    "few rows": (ROW[:19], {}),
    "known": ((ROW % 7).astype(str), {}),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_rows_of_another_type_are_counted(engine, encoder, place):
    counts = []
    for name, (zips, trained) in NEW.items():
        table = TABLE.assign(y=np.sin(ROW), **trained)
        encoder.fit(table, "y")
        new = TABLE[: len(zips)].assign(zip=zips)
        both = [said(lambda X=X: encoder.transform(X), "not know") for X in (new, LAZY[engine](new, place))]
        in_memory, lazy = ([message.partition(", such as")[0] for message in own] for own in both)
        assert in_memory == lazy, name
        counts.append(len(lazy))
    assert counts == [1, 0, 0, 0]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_message_has_both_types(engine, place):
    encoder = MeanEncoder(["zip"]).fit(TABLE[["id", "zip"]], np.sin(ROW))
    with pytest.warns(UnseenCategoriesWarning, match=r"60 of 60 rows of column 'zip' .*of type int, while '0' at fit"):
        encoder.transform(LAZY[engine](TABLE[["id", "zip"]].astype(int), place))


@pytest.mark.parametrize("engine", ENGINES)
def test_joins_without_a_query_count_nothing(engine, place):
    """Documented: strings among strings are joined, so the table is never asked for its categories."""
    encoder = MeanEncoder(["zip"]).fit(TABLE[["id", "zip"]], np.sin(ROW))
    new = LAZY[engine](TABLE[["id", "zip"]].assign(zip="new"), place)
    assert said(lambda: encoder.transform(new), "not know") == []


KEYS = {
    "fractions": (ROW / 7, True),
    "whole floats": (ROW.astype(float), False),
    "a fraction among whole floats": (np.where(ROW == 7, 0.5, ROW), True),
    "infinite": (np.where(ROW == 7, np.inf, ROW), True),
    "integers": (ROW, False),
    "strings": (ROW.astype(str), False),
    "dates": (pd.date_range("2024-01-01", periods=N), False),
    "lengths of time": (pd.timedelta_range("1h", periods=N), True),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_keys_are_refused_as_in_memory(engine, place):
    for name, (keys, refused) in KEYS.items():
        if engine not in ("polars", "dask") and name == "lengths of time":  # which the others have in other types
            continue
        table = TABLE.assign(key=keys, y=np.sin(ROW))[["id", "city", "key", "y"]]
        both = []
        for X in (table, LAZY[engine](table, place)):
            try:
                in_pandas(MeanEncoder(["city"], cv=2).fit_transform(X, "y", key=["key"]))
            except (TypeError, ValueError) as error:
                both.append((type(error), str(error)))
            else:
                both.append(None)
        assert [each is not None for each in both] == [refused] * 2, (name, both)
        assert both[0] == both[1], name
