"""Pictures show what the tables say, for few and for many categories, and say what is wrong where they cannot."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from explain.pictures import IMAGES, PICTURES, encoder, save, shops

from catpool import (
    AdditiveEncoder,
    EmpiricalBayesEncoder,
    GroupFeatures,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    TreeEncoder,
    check_no_leak,
    compare_encoders,
    report,
)
from catpool.explain import (
    CaterpillarDisplay,
    ComparisonDisplay,
    LeakDisplay,
    OutOfFoldDisplay,
    ResidualDisplay,
    ShiftDisplay,
    ShrinkageDisplay,
    SignalDisplay,
    SlopeDisplay,
    VarianceDisplay,
)

TOLERANCE = 12  # of the root mean square, of 255; versions of matplotlib smooth edges differently


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_look_as_they_were_looked_at(name, tmp_path):
    from matplotlib.testing.compare import compare_images

    save(PICTURES[name](), tmp_path / f"{name}.png")
    assert compare_images(str(IMAGES / f"{name}.png"), str(tmp_path / f"{name}.png"), TOLERANCE) is None


def test_another_picture_is_not_within_the_tolerance(tmp_path):
    from matplotlib.testing.compare import compare_images

    X, y = shops(seed=1)
    save(ShrinkageDisplay.from_encoder(encoder().fit(X, y), "shop"), tmp_path / "other.png")
    assert compare_images(str(IMAGES / "shrinkage.png"), str(tmp_path / "other.png"), TOLERANCE) is not None


@pytest.fixture
def fitted():
    X, y = shops()
    return encoder().fit(X, y)


def known(table):
    """The rows of a table but for that of a new category."""
    return table[table["count"] > 0]


def drawn_points(display):
    [points] = [each for each in display.ax_.collections if len(each.get_offsets()) > 1]
    return np.asarray(points.get_offsets())


def test_shrinkage_draws_raw_means_and_encodings(fitted):
    table = known(fitted.encoding_table("shop"))
    points = drawn_points(ShrinkageDisplay.from_encoder(fitted, "shop"))
    expected = table.sort_values("count", ascending=False)[["mean", "encoding"]].to_numpy()
    np.testing.assert_allclose(np.sort(points, axis=0), np.sort(expected, axis=0))


def test_caterpillars_count_the_categories_that_differ(fitted):
    table = known(fitted.encoding_table("shop", interval=0.5))
    mean = fitted.summary_["prior_mean"][0]
    differ = ((table["lower"] > mean) | (table["upper"] < mean)).sum()
    display = CaterpillarDisplay.from_encoder(fitted, "shop", interval=0.5)
    assert f"{len(table)} categories, {differ} of them apart" in display.ax_.get_title(loc="left")
    assert "50 % intervals" in display.ax_.get_xlabel()
    few = CaterpillarDisplay.from_encoder(fitted, "shop", most=6)
    ordered = table.sort_values("encoding", ascending=False)["category"]
    names = [label.get_text() for label in few.ax_.get_yticklabels()]
    assert len(names) == 6
    assert [name[:7] for name in names] == [str(name)[:7] for name in [*ordered[:3], *ordered[-3:]]]
    assert max(map(len, names)) <= 28
    with pytest.raises(ValueError, match="`most` must be 2 or more"):
        CaterpillarDisplay.from_encoder(fitted, "shop", most=1)


def test_signal_is_the_share_of_variance_between_categories(fitted):
    display = SignalDisplay.from_encoder(fitted)
    summary = fitted.summary_.set_index("column")
    share = summary["between_sd"] ** 2 / (summary["between_sd"] ** 2 + summary["within_sd"] ** 2)
    np.testing.assert_allclose(display.columns.set_index("column")["share"], share.sort_values(ascending=False))
    assert display.columns.set_index("column")["noise"].to_dict()["noise"]
    assert not display.columns["noise"].iloc[0]
    tree = SignalDisplay.from_encoder(TreeEncoder(random_state=0).fit(*shops()))
    assert tree.columns["column"].iloc[0] == "shop"


def test_differences_are_those_of_training_and_new_encodings():
    X, y = shops()
    own = encoder().set_params(columns=["shop"])
    display = OutOfFoldDisplay.from_encoder(own, X, y, "shop")
    train, new = own.fit_transform(X, y)["shop"], own.transform(X)["shop"]
    np.testing.assert_allclose(display.rows["difference"], train - new)
    counts = X["shop"].map(X["shop"].value_counts()).fillna(X["shop"].isna().sum())
    np.testing.assert_array_equal(display.rows["count"], counts)
    within = own.summary_["within_sd"].iloc[0]
    assert display.spread == pytest.approx(within / np.sqrt(own.cv - 1))
    by_labels = own.set_params(cv=np.arange(len(y)) % 3)
    assert np.isnan(OutOfFoldDisplay.from_encoder(by_labels, X, y, "shop").spread)


def test_shifts_count_unseen_categories():
    X, y = shops()
    new, _ = shops(100, 500, seed=2)
    display = ShiftDisplay.from_encoder(encoder(), X, y, new, "shop")
    assert display.unseen == pytest.approx((~new["shop"].isin(X["shop"].unique())).mean())
    assert f"{100 * display.unseen:.3g} % of new rows" in display.ax_.get_title(loc="left")
    assert ShiftDisplay.from_encoder(encoder(), X, y, X, "shop").unseen == 0


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_residuals_are_normal_where_the_model_holds_and_elsewhere_not(kind):
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 40, 4000)
    X, rate = pd.DataFrame({"shop": shop.astype(str)}), rng.gamma(3, 1, 40)[shop]
    y = {
        "continuous": rate + rng.normal(size=4000),
        "binary": rng.binomial(1, rate / 15),
        "count": rng.poisson(rate),
    }[kind]
    own = EmpiricalBayesEncoder(target_type=kind, random_state=0)
    residuals = ResidualDisplay.from_encoder(own, X, y, "shop").residuals
    assert abs(residuals.mean()) < 0.06
    assert abs(residuals.std() - 1) < 0.05
    assert not np.array_equal(residuals, ResidualDisplay.from_encoder(own, X, y, "shop", random_state=1).residuals) or (
        kind == "continuous"
    )
    if kind == "count":
        wild = rng.negative_binomial(0.5, 0.5 / (0.5 + rate))
        assert ResidualDisplay.from_encoder(own, X, wild, "shop").residuals.std() > 1.15


def test_variances_are_those_of_the_summary():
    X, y = shops()
    nested = NestedEncoder(["city", "shop"]).fit(X, y)
    components = VarianceDisplay.from_encoder(nested).components.set_index("component")["sd"]
    summary = nested.summary_.set_index("column")
    assert components["shop"] == pytest.approx(summary.loc["shop", "between_sd"])
    assert components.index[-1] == "residual"
    mixed = MixedModelEncoder(["shop", "city"]).fit(X, y)
    components = VarianceDisplay.from_encoder(mixed).components.set_index("component")["sd"]
    own = mixed.summary_
    own = own[own["kind"] == "variance"].set_index("group")["value"]
    np.testing.assert_allclose(components**2, own[components.index])
    additive = VarianceDisplay.from_encoder(AdditiveEncoder(random_state=0).fit(X, y)).components
    assert set(additive["component"]) >= {"shop", "city", "noise"}
    with pytest.raises(TypeError, match=r"no model together. Draw them by SignalDisplay"):
        VarianceDisplay.from_encoder(encoder().fit(X, y))


def test_lines_are_those_of_the_categories():
    X, y = shops()
    model = MixedModelEncoder(["shop"], covariates=["price"], slopes={"shop": ["price"]}).fit(X, y)
    display = SlopeDisplay.from_encoder(model, "shop", "price")
    table, fixed = model.encoding_table("shop"), model.summary_.set_index("term")["value"]
    table = table[table["count"] > 0]
    np.testing.assert_allclose(display.lines["slope"], fixed["price"].iloc[0] + table["price_mode"])
    np.testing.assert_allclose(display.lines["intercept"], fixed["intercept"].iloc[0] + table["mode"])
    with pytest.raises(ValueError, match="has no slope of 'city'"):
        SlopeDisplay.from_encoder(model, "shop", "city")


@pytest.mark.parametrize(
    ("own", "all_columns", "one"),
    [
        (MeanEncoder(), SignalDisplay, ShrinkageDisplay),
        (EmpiricalBayesEncoder(), SignalDisplay, ShrinkageDisplay),
        (NestedEncoder(["city", "shop"]), VarianceDisplay, ShrinkageDisplay),
        (MixedModelEncoder(["shop", "city"]), VarianceDisplay, CaterpillarDisplay),
        (TreeEncoder(random_state=0), SignalDisplay, CaterpillarDisplay),
        (AdditiveEncoder(random_state=0), VarianceDisplay, CaterpillarDisplay),
    ],
    ids=lambda each: type(each).__name__,
)
def test_plot_chooses_the_picture(own, all_columns, one):
    from matplotlib import pyplot

    own = own.fit(*shops())
    assert type(own.plot()) is all_columns
    _, axes = pyplot.subplots()
    display = own.plot("shop", ax=axes)
    assert type(display) is one
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
    again = display.plot()
    assert again.ax_ is not axes
    with pytest.raises(ValueError, match="`column` must be one of"):
        own.plot("no such column")


def test_targets_of_several_columns_are_drawn_by_name():
    X, y = shops()
    own = encoder().fit(X, pd.DataFrame({"a": y, "b": -2 * y}))
    first, second = own.plot("shop"), own.plot("shop", target="b")
    np.testing.assert_allclose(second.categories["value"], -2 * first.categories["value"], atol=1e-9)
    assert own.plot(target="b").columns["share"].iloc[0] == pytest.approx(own.plot().columns["share"].iloc[0])
    for wrong in (lambda: own.plot("shop", target="c"), lambda: own.plot(target="c")):
        with pytest.raises(ValueError, match="`target` must be one of"):
            wrong()
    with pytest.raises(ValueError, match="`target` must be None"):
        encoder().fit(X, y).plot("shop", target="a")


@pytest.mark.parametrize("number", [2, 5, 50, 3000, pytest.param(50_000, marks=pytest.mark.slow)])
def test_any_number_of_categories_is_drawn(number):
    X, y = shops(number, max(100, 3 * number))
    own = encoder().set_params(columns=["shop"])
    done = own.fit(X, y)
    displays = [ShrinkageDisplay.from_encoder(done, "shop"), CaterpillarDisplay.from_encoder(done, "shop")]
    displays += [each.from_encoder(own, X, y, "shop") for each in (OutOfFoldDisplay, ResidualDisplay)]
    displays += [SignalDisplay.from_encoder(done), ShiftDisplay.from_encoder(own, X, y, X, "shop")]
    for display in displays:
        display.figure_.canvas.draw()
        width, height = display.figure_.get_size_inches()
        assert width <= 7
        assert height <= 12
        box = display.ax_.get_window_extent()
        assert box.width > 0.4 * display.figure_.bbox.width  # long names leave room for the picture


def test_many_lines_are_bands_of_all_and_some_of_them():
    lines = pd.DataFrame({"intercept": np.linspace(-1, 1, 1001), "slope": np.linspace(-2, 2, 1001)})
    display = SlopeDisplay(lines, values=(0, 1), names=("shop", "price"), common=(0, 0)).plot()
    narrow = display.ax_.collections[1].get_paths()[0].vertices
    assert (narrow[:, 1].min(), narrow[:, 1].max()) == pytest.approx((-1.5, 1.5), abs=0.01)  # the quartiles at price 1
    slopes = [np.ptp(line.get_ydata()) for line in display.ax_.lines]
    assert len(slopes) == 21
    assert max(slopes) == pytest.approx(2)
    told = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert told == ["90 % of the categories", "50 % of the categories", "20 of them, by their slopes", "all together"]


@pytest.mark.parametrize(("family", "unit"), [("auto", "y"), ("gamma", "the linear predictor")])
def test_effects_are_told_on_their_scale(family, unit):
    X, y = shops()
    model = MixedModelEncoder(["shop"], covariates=["price"], slopes={"shop": ["price"]}, family=family)
    model.fit(X, np.exp(y / 4))
    assert SlopeDisplay.from_encoder(model, "shop", "price").ax_.get_ylabel() == unit
    assert VarianceDisplay.from_encoder(model).ax_.get_xlabel().endswith(f"in units of {unit}")


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_values_are_called_so(missing):
    X = pd.DataFrame({"shop": pd.Series([*"aabb", missing, missing] * 5, dtype=object), "city": list("abcabc") * 5})
    single = CaterpillarDisplay.from_encoder(MeanEncoder().fit(X, np.arange(30.0)), "shop")
    assert "missing" in [label.get_text() for label in single.ax_.get_yticklabels()]
    nested = CaterpillarDisplay.from_encoder(NestedEncoder(["city", "shop"]).fit(X, np.arange(30.0)), "shop")
    assert sum("missing" in label.get_text() for label in nested.ax_.get_yticklabels()) == 2


def test_names_are_no_markup():
    X = pd.DataFrame({"shop": ["a$b$", "$\\frac{", "<b>", "line\nbreak"] * 10})
    display = CaterpillarDisplay.from_encoder(MeanEncoder().fit(X, np.arange(40.0)), "shop")
    display.figure_.canvas.draw()
    names = {label.get_text() for label in display.ax_.get_yticklabels()}
    assert {"<b>", "line break"} <= names


def test_doors():
    X, y = shops()
    with pytest.raises(TypeError, match=r"adjusted for each other.*CaterpillarDisplay"):
        ShrinkageDisplay.from_encoder(TreeEncoder(random_state=0).fit(X, y), "shop")
    with pytest.raises(TypeError, match=r"no strength for each column. Draw it by VarianceDisplay"):
        SignalDisplay.from_encoder(MixedModelEncoder(["shop"]).fit(X, y))
    with pytest.raises(ValueError, match=r"takes one column of numbers, counts or two classes"):
        ResidualDisplay.from_encoder(encoder(), X, np.array(list("abc"))[np.arange(len(y)) % 3], "shop")
    with pytest.raises(ValueError, match=r"`column` must be one of the encoded columns. Got 'size'"):
        OutOfFoldDisplay.from_encoder(encoder(), X, y, "size")
    groups = GroupFeatures(["shop"], of=["size"]).fit(X.assign(size=y))
    for describe in (report, SignalDisplay.from_encoder, VarianceDisplay.from_encoder):
        with pytest.raises(TypeError, match=r"are of encoders that learn from y.*Got GroupFeatures"):
            describe(groups)


def test_without_matplotlib_the_error_names_the_extra(monkeypatch, fitted):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "catpool\[plots\]"'):
        fitted.plot()


def test_importing_catpool_imports_no_matplotlib():
    code = "import sys, catpool, catpool.explain; catpool.TreeEncoder; print('matplotlib' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert found.stdout.strip() == "False"


def test_comparisons_and_leak_checks_draw_themselves():
    from sklearn.tree import DecisionTreeRegressor

    X, y = shops()
    encoders = {"mean": MeanEncoder(random_state=0), "partial": EmpiricalBayesEncoder(random_state=0)}
    table = compare_encoders(X, y, DecisionTreeRegressor(random_state=0), encoders, cv=3, verbose=False)
    display = table.draw()
    assert type(display) is ComparisonDisplay
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == table.index.tolist()
    assert display.ax_.get_title(loc="left") == table.title
    found = check_no_leak(MeanEncoder(["shop"]), X, y, n_flips=5, n_shuffles=2)
    display = found.draw()
    assert type(display) is LeakDisplay
    assert display.ax_.get_title(loc="left") == found.verdict
    assert len(display.ax_.texts) == len(found)
    failed = LeakDisplay(pd.DataFrame(found).assign(passed=False), verdict="LEAKS").plot(display.ax_)
    assert failed.ax_ is display.ax_
    for each in (table.draw(), found.draw()):
        each.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("own", "columns"),
    [
        (NestedEncoder(["city", "shop"], random_state=0), ("city", "shop")),
        (MixedModelEncoder(["shop", ("city", "kind")], cv=3, random_state=0), ("shop", ("city", "kind"))),
        (EmpiricalBayesEncoder(["shop"], interactions=[("shop", "kind")], random_state=0), (("shop", "kind"),)),
    ],
    ids=["nested", "mixed", "interactions"],
)
def test_levels_factors_and_interactions_shift(own, columns):
    X, y = shops()
    X = X.assign(kind=np.where(np.arange(len(X)) % 5, "a", None))
    new = X.iloc[:100].assign(city=["5", "1", "1", "5"] * 25, kind=["a", "b", "a", "a"] * 25)
    for column in columns:
        parts = list(column) if isinstance(column, tuple) else [column]
        if isinstance(own, NestedEncoder):
            parts = ["city", "shop"][: 1 + (column == "shop")]
        known, later = (each[parts].where(each[parts].notna(), "none") for each in (X, new))
        if isinstance(column, tuple):  # one part that is missing is enough
            known, later = (each.where((each != "none").all(axis=1), "none") for each in (known, later))
        expected = np.mean([row not in set(map(tuple, known.to_numpy())) for row in map(tuple, later.to_numpy())])
        assert 0 < expected < 1 or parts == ["shop"]
        display = ShiftDisplay.from_encoder(own, X, y, new, column)
        assert display.unseen == pytest.approx(expected)
        counts = OutOfFoldDisplay.from_encoder(own, X, y, column).rows["count"]
        sizes = known.groupby(parts)[parts[0]].transform("size")
        np.testing.assert_array_equal(counts, sizes)


@pytest.mark.parametrize("labels", [[0, 1], [("shop", 1), ("shop", 2)]], ids=["numbers", "tuples"])
def test_columns_are_found_by_labels_and_by_names(labels):
    rng = np.random.default_rng(0)
    X, y = pd.DataFrame(rng.integers(0, 5, size=(100, 2)).astype(str)), rng.normal(size=100)
    X.columns = pd.Index(labels, tupleize_cols=False)
    fitted = EmpiricalBayesEncoder(interactions=[tuple(labels)], random_state=0).fit(X, y)
    means = dict(zip(fitted.summary_["column"], fitted.summary_["prior_mean"], strict=True))
    for names in ((labels[1], "x1"), (tuple(labels), "x0_x_x1")):
        assert {ShrinkageDisplay.from_encoder(fitted, each).prior_mean for each in names} == {means[names[1]]}


def test_features_are_those_of_the_column():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(0, 5, size=(100, 2)).astype(str), columns=["shop_name", "shop"]).assign(shop_size=1.0)
    y, fitted = rng.normal(size=100), EmpiricalBayesEncoder(["shop_name", "shop"], cv=np.arange(100) % 5)
    expected = fitted.fit_transform(X, y)["shop"]
    np.testing.assert_array_equal(ShiftDisplay.from_encoder(fitted, X, y, X, "shop").train, expected)
    with pytest.raises(ValueError, match="`column` must be one of the encoded columns"):
        ShiftDisplay.from_encoder(fitted, X, y, X, "shop_size")


@pytest.mark.parametrize("options", [{"family": "negative_binomial"}, {"family": "normal"}], ids=str)
def test_residuals_of_counts_are_of_their_family(options):
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 20, size=3000)
    dispersed = "negative_binomial" in options.values()
    rates = 20 * np.exp(0.3 * rng.normal(size=20))[shop] * (rng.gamma(2, 0.5, 3000) if dispersed else 1.0)
    y = rng.poisson(rates) if dispersed else np.maximum(np.round(rates + rng.normal(size=3000)), 0).astype(int)
    fitted = EmpiricalBayesEncoder(target_type="count", random_state=0, **options)
    residuals = ResidualDisplay.from_encoder(fitted, pd.DataFrame({"shop": shop.astype(str)}), y, "shop").residuals
    assert abs(residuals.std() - 1) < 0.05
