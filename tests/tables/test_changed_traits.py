"""New rows that say something else of a known category than its training rows did."""

import warnings

import numpy as np
import pandas as pd
import pytest

from catpool import EmpiricalBayesEncoder, TreeEncoder, coordinates, linear, ordered, sample_encodings

K = np.arange(60)
X = pd.DataFrame(
    {"shop": [f"s{k % 10}" for k in K], "area": K % 10 * 1.5 + 1, "kind": np.array(list("abc"))[K % 10 % 3]}
)
X["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(K % 10, unit="D")
X["seats"] = K % 10 * 7
Y = K % 10 + np.sin(K)
NEW = X.iloc[[13, 3, 5, 7]].reset_index(drop=True)


def encoder_of(features, kind=EmpiricalBayesEncoder, **options):
    return kind(["shop"], prior_features={"shop": features}, **options).fit(X, Y)


def changed(column, values, rows=slice(None)):
    frame = NEW.copy()
    frame[column] = frame[column].astype(object)
    frame.loc[frame.index[rows], column] = values
    return frame


@pytest.mark.parametrize("kind", [EmpiricalBayesEncoder, TreeEncoder])
def test_a_change_is_named_once(kind):
    encoder = encoder_of(["area", "kind"], kind)
    message = (
        r"New rows say something else of known categories of column 'shop' than the training rows did, in the columns "
        r"\['area'\]: 'area' is 9\.0 where 'shop' is 's5', but was 8\.5\. Known categories keep the features"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        found = encoder.transform(changed("area", 9.0, [2]))
    assert len(caught) == 1
    np.testing.assert_array_equal(found["shop"], encoder.transform(NEW)["shop"])


def test_many_rows_are_compared_by_the_first_of_each_category():
    encoder, later = encoder_of(["area"]), X[::-1].reset_index(drop=True)
    with pytest.warns(UserWarning, match=r"'area' is 101\.0 where 'shop' is 's0', but was 1\.0"):
        encoder.transform(later.assign(area=later["area"] + 100))


def test_all_columns_that_changed_are_named():
    encoder = encoder_of(["area", "kind", "seats"])
    with pytest.warns(
        UserWarning, match=r"in the columns \['kind', 'seats'\]: 'kind' is 'z' where 'shop' is 's3', but was 'a'"
    ):
        encoder.transform(changed("kind", "z").assign(seats=-1))


@pytest.mark.parametrize(
    ("features", "column", "values"),
    [
        (ordered("day"), "day", pd.Timestamp("2030-01-01")),
        (coordinates("area", "seats", earth=False), "seats", 10.5),
        (linear(["kind"]), "kind", "A"),
        (["seats"], "seats", 22),
    ],
)
def test_every_kind_of_column_is_compared(features, column, values):
    with pytest.warns(UserWarning, match=f"'{column}' is .* where 'shop' is 's.'"):
        encoder_of(features).transform(changed(column, values, [2]).infer_objects())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "change",
    [
        lambda new: new,
        lambda new: new.assign(area=new["area"].astype(np.float32)),
        lambda new: new.assign(seats=new["seats"].astype(float)),
        lambda new: new.assign(day=new["day"].astype("datetime64[s]"), kind=new["kind"].astype("category")),
        lambda new: new.assign(day=new["day"].dt.date),
        lambda new: new.assign(day=new["day"].dt.tz_localize("UTC")),
        lambda new: new.assign(area=np.nan, kind=None, day=pd.NaT),
        lambda new: new.assign(shop=["new", "other", None, "one more"], area=-7.0),
        lambda new: new.astype({"area": "Float64", "seats": "Int64", "kind": "string"}),
        lambda new: pytest.importorskip("polars").from_pandas(new),
    ],
)
def test_what_says_the_same_or_nothing_raises_no_warning(change):
    assert len(encoder_of(["area", "kind", "seats", ordered("day")]).transform(change(NEW))) == 4


def test_what_was_missing_at_fit_is_a_change():
    gaps = X.assign(area=X["area"].where(X["shop"] != "s3"), kind=X["kind"].where(X["shop"] != "s3", None))
    encoder = EmpiricalBayesEncoder(["shop"], prior_features={"shop": ["area", "kind"]}).fit(gaps, Y)
    with pytest.warns(
        UserWarning, match=r"in the columns \['area', 'kind'\]: 'area' is 5\.5 where 'shop' is 's3', but was nan"
    ):
        encoder.transform(NEW)


def test_draws_and_rows_that_are_looked_up_warn_too():
    encoder = encoder_of(["area"])
    with pytest.warns(UserWarning, match="New rows say something else of known categories"):
        sample_encodings(encoder, changed("area", 9.0), n_draws=2)
    with pytest.warns(UserWarning, match="New rows say something else of known categories"):
        encoder.lookup({"shop": "s3", "area": 9.0})


def test_tables_are_not_compared():
    table = X[["shop", "area"]].drop_duplicates()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder_of(table).transform(changed("area", 9.0))


def test_what_sums_leave_in_place_of_zero_is_no_change():
    encoder, first = encoder_of(["seats"]), X.iloc[[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.transform(first.assign(seats=1e-15))
    with pytest.warns(UserWarning, match="'seats' is 1e-05 where 'shop' is 's0', but was 0"):
        encoder.transform(first.assign(seats=1e-5))


@pytest.mark.parametrize("shift", ["1D", "1h"])
def test_dates_of_another_kind_are_compared(shift):
    later = NEW.assign(day=(NEW["day"] + pd.Timedelta(shift)).dt.tz_localize("UTC"))
    with pytest.warns(UserWarning, match="'day' is .* where 'shop' is 's3'"):
        encoder_of(ordered("day")).transform(later)
