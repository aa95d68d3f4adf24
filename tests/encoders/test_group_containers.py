"""`GroupFeatures` gives the same numbers for tables of every library, in files, look-ups and tables to look at."""

import datetime
import json
import random
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.json_mutations import damage, forge, mutate

from catpool import GroupFeatures, MeanEncoder
from catpool.tables.group_statistics import GROUP_OUTPUTS

ALL = list(GROUP_OUTPUTS)


def rows(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"shop": rng.choice(["a", "b", "c", None], n), "month": rng.integers(1, 4, n)})
    X["price"] = rng.normal(10, 2, n).round(1) + X["month"]
    X["city"] = rng.choice(["Bonn", "Kiel", "Ulm"], n)
    X.loc[rng.random(n) < 0.1, "price"] = np.nan
    return X


X = rows()
NEW = rows(40, 1).assign(shop=lambda table: table["shop"].where(table.index > 3, "never"))


def grouped(**parameters):
    defaults = {"columns": ["shop", ("shop", "month")], "of": ["price", "city"], "output": ALL}
    return GroupFeatures(**defaults | parameters)


def frame_of(library, table):
    if library == "pandas":
        return table
    if library == "polars":
        return pytest.importorskip("polars").from_pandas(table)
    return pytest.importorskip("pyarrow").Table.from_pandas(table, preserve_index=False)


def numbers(table, names=None):
    """The columns of numbers of a frame of any library."""
    frame = table if isinstance(table, pd.DataFrame) else table.to_pandas()
    return frame[names or [name for name in frame if "_by_" in name]].to_numpy(dtype=float)


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
@pytest.mark.parametrize("remainder", ["passthrough", "drop"])
def test_frames_of_all_libraries_have_the_same_numbers(library, remainder):
    groups = grouped(remainder=remainder)
    expected = groups.fit_transform(X), groups.transform(NEW)
    table = frame_of(library, X)
    fitted = groups.fit_transform(table)
    assert type(fitted) is type(table)
    np.testing.assert_array_equal(numbers(fitted), numbers(expected[0]))
    new = groups.transform(frame_of(library, NEW))
    np.testing.assert_array_equal(numbers(new), numbers(expected[1]))
    assert list(new.columns if library != "arrow" else new.column_names) == list(expected[1])
    np.testing.assert_array_equal(numbers(groups.transform(NEW)), numbers(expected[1]))


def test_arrays_have_the_same_numbers():
    array = X[["month", "price"]].to_numpy()
    expected = GroupFeatures(["month"], of=["price"], output=ALL).fit_transform(X)
    found = GroupFeatures([0], of=[1], output=ALL).fit_transform(array)
    np.testing.assert_array_equal(found[:, :2], array)
    np.testing.assert_array_equal(found[:, 2:], numbers(expected))
    objects = X[["shop", "price"]].to_numpy(dtype=object)
    found = GroupFeatures([0], output="mean", remainder="drop").fit(objects)
    expected = GroupFeatures(["shop"], of=["price"], output="mean", remainder="drop").fit_transform(X)
    np.testing.assert_array_equal(found.transform(objects), expected.to_numpy())
    assert found.get_feature_names_out().tolist() == ["x1_mean_by_x0"]
    assert found.get_feature_names_out(["shop", "price"]).tolist() == ["price_mean_by_shop"]


def test_a_frame_s_groups_serve_arrays():
    table = X[["month", "price"]]
    fitted = GroupFeatures(["month"], of=["price"]).fit(table)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but GroupFeatures was fitted with"):
        served = fitted.transform(table.to_numpy())
    np.testing.assert_array_equal(served[:, 2:], numbers(fitted.transform(table)))


@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_set_output(output, library):
    pytest.importorskip("polars")
    result = grouped().set_output(transform=output).fit_transform(frame_of(library, X))
    assert type(result).__module__.startswith(output)
    np.testing.assert_array_equal(numbers(result), numbers(grouped().fit_transform(X)))


def test_set_output_of_arrays():
    result = GroupFeatures([0], output="mean").set_output(transform="pandas").fit_transform(np.eye(4)[:, :2])
    assert list(result) == ["x0", "x1", "x1_mean_by_x0"]


@pytest.mark.parametrize("prior", ["reml", "auto", "scale_mixture", 0, 2.5, np.inf])
def test_files_hold_all_bits(prior, tmp_path):
    X["day"] = X["month"].map(lambda month: datetime.date(2024, month, 1))
    for columns in (["shop"], ["day", ("shop", "day")]):
        fitted = grouped(columns=columns, prior=prior).fit(X)
        fitted.to_json(tmp_path / "groups.json")
        again = GroupFeatures.from_json(tmp_path / "groups.json")
        assert again.get_params() == fitted.get_params()
        new = NEW.assign(day=datetime.date(2024, 2, 1))
        np.testing.assert_array_equal(numbers(again.transform(new)), numbers(fitted.transform(new)))
        pd.testing.assert_frame_equal(again.summary_, fitted.summary_)
    del X["day"]
    sums = grouped(of=["price"], output=["mean", "sd"], prior=prior)
    again = GroupFeatures.from_json(sums.partial_fit(X[:100]).to_json()).partial_fit(X[100:])
    np.testing.assert_array_equal(numbers(again.transform(NEW)), numbers(sums.partial_fit(X[100:]).transform(NEW)))


def test_a_function_as_prior_is_no_json():
    with pytest.raises(ValueError, match=r"The parameter prior=.* cannot be written as JSON"):
        grouped(prior=lambda moments: (1.0, 1.0)).fit(X).to_json()


def test_changed_files_are_refused_or_work():
    rng, refused = random.Random(1), 0
    texts = [
        grouped().fit(X[:40]).to_json(),
        grouped(of=["price"], prior="scale_mixture", output=["mean", "sd"]).fit(X[:40]).to_json(),
    ]
    for number in range(400):
        try:
            changed = damage(texts[0], rng) if number % 10 == 0 else forge(mutate(json.loads(texts[number % 2]), rng))
            again = GroupFeatures.from_json(changed)
        except (ValueError, FileNotFoundError):
            refused += 1
            continue
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of columns whose type has changed, say
            if again.feature_names_in_.tolist() == list(X):
                assert len(again.transform(NEW)) == len(NEW)
    assert refused > 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table["statistics"][0].update(outputs={"type": "tuple", "items": ["median"]}), "`outputs`"),
        (lambda table: table["statistics"][0].update(prior=None), "sums without a prior"),
        (lambda table: table["statistics"][0].update(variance=None), "a variance without scatters"),
        (lambda table: table["statistics"][0].update(ranks=None), "statistics without ranks"),
        (lambda table: table["statistics"][0].update(distinct=None), "statistics without numbers of values"),
        (lambda table: table["statistics"][0]["variance"].update(typical=-1.0), "a variance that is negative"),
        (lambda table: table["statistics"][0]["ranks"].update(size=3), "pairs of other values"),
        (lambda table: table["statistics"][0]["ranks"].update(size=300), "ranks in other categories"),
        (lambda table: table["statistics"][0].update(label="absent"), r"features of the columns \['absent'\]"),
        (lambda table: table.update(statistics=[]), "a table without statistics"),
        (lambda table: table["statistics"].append(table["statistics"][1]), "would occur twice"),
        (lambda table: table.update(sizes=table["statistics"][0]["ranks"]["values"]), "sizes of other categories"),
    ],
)
def test_forged_files_are_refused(change, message):
    content = json.loads(grouped(columns=["shop"]).fit(X).to_json())
    change(content["fitted"]["state"]["tables"][0])
    with pytest.raises(ValueError, match=message):
        GroupFeatures.from_json(forge(content))


def test_files_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="The file holds a MeanEncoder, not a GroupFeatures"):
        GroupFeatures.from_json(MeanEncoder().fit(X, np.arange(200.0)).to_json())


def test_look_ups_are_transform_of_one_row():
    fitted = grouped(remainder="drop").fit(X)
    for row in NEW[["shop", "month", "price"]].to_dict("records")[:12]:
        expected = fitted.transform(pd.DataFrame([row])).iloc[0]
        assert fitted.lookup(row) == pytest.approx(expected.to_dict(), nan_ok=True, abs=0)
    with pytest.raises(ValueError, match=r"but \['price'\] are not in it"):
        fitted.lookup({"shop": "a", "month": 1})
    with pytest.raises(ValueError, match="Column 'price' must be finite"):
        fitted.lookup({"shop": "a", "month": 1, "price": np.inf})
    means = grouped(columns=["shop"], of=["price"], output="mean").fit(X)
    assert means.lookup({"shop": "a"}) == {"price_mean_by_shop": means.encoding_table("shop")["encoding"][0]}


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_tables_to_look_at(backend):
    if backend != "pandas":
        pytest.importorskip(backend)
    fitted = grouped(prior=0).fit(X)
    table = fitted.encoding_table("shop", backend=backend)
    table = table if backend == "pandas" else table.to_pandas()
    assert table["category"].tolist()[:3] == ["a", "b", "c"]
    assert table["category"].isna().tolist() == [False, False, False, True] * 2
    assert table["of"].tolist() == ["price"] * 4 + ["city"] * 4
    groups = X.groupby("shop", dropna=False)
    prices = table[:4]
    np.testing.assert_array_equal(prices["count"], groups["price"].count())
    for name in ("mean", "encoding"):
        np.testing.assert_allclose(prices[name], groups["price"].mean())
    np.testing.assert_allclose(prices["within_sd"], groups["price"].std())
    np.testing.assert_array_equal(table["nunique"], [*groups["price"].nunique(), *groups["city"].nunique()])
    assert prices["reliability"].tolist() == [1.0] * 4


def test_tables_of_combinations_and_of_means_alone():
    fitted = grouped(of=["price"], output="mean").fit(X)
    assert "within_sd" not in fitted.encoding_table("shop")
    for name in (("shop", "month"), "shop_x_month"):
        assert fitted.encoding_table(name)["category"][0] == ("a", 1)
    with pytest.raises(
        ValueError, match=r"`column` must be one of the grouping columns \['shop', \('shop', 'month'\)\]"
    ):
        fitted.encoding_table("month")


def test_the_summary_has_a_row_for_each_pair():
    summary = grouped().fit(X).summary_
    assert summary["column"].tolist() == ["shop", "shop", "shop_x_month", "shop_x_month"]
    assert summary["of"].tolist() == ["price", "city"] * 2
    assert summary["categories"].tolist() == [4, 4, 10, 10]
    assert summary["rows"].tolist()[0] == X["price"].count()
    assert summary["rows"].isna().tolist() == [False, True] * 2
    means = grouped(of=["price"], output="mean").fit(X).summary_
    assert means[["typical_sd", "sd_strength"]].isna().all().all()
    pd.testing.assert_series_equal(means["prior_strength"], summary["prior_strength"][[0, 2]].reset_index(drop=True))
