"""The report says what the tables say, escapes what it shows, and asks for nothing from elsewhere."""

import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from explain.pictures import encoder, shops
from helpers.browser import CHROMIUM, browser
from helpers.public_encoders import PUBLIC

import catpool
from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, NestedEncoder, TreeEncoder
from catpool.explain.column_facts import column_facts
from catpool.explain.signal import signal_frame

EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """The tags, addresses and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.open, self.texts = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("href", "src", "xlink:href", "srcset")]
        if tag not in ("meta", "br", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def fitted():
    return encoder(interactions=[("shop", "city")]).fit(*shops())


def test_facts_are_those_of_the_tables(fitted):
    facts = {each.column: each for each in column_facts(fitted)}
    table, summary = fitted.encoding_table("shop"), fitted.summary_.set_index("column")
    table = table[table["count"] > 0]
    shop, mean = facts["shop"], summary.loc["shop", "prior_mean"]
    assert shop.categories == len(table)
    assert shop.singletons == (table["count"] == 1).sum()
    assert shop.missing == pytest.approx(table.loc[table["category"].isna(), "count"].sum() / table["count"].sum())
    assert shop.apart == ((table["lower"] > mean) | (table["upper"] < mean)).sum()
    assert shop.strength == summary.loc["shop", "prior_strength"]
    between, within = summary.loc["shop", "between_sd"] ** 2, summary.loc["shop", "within_sd"] ** 2
    assert shop.share == pytest.approx(between / (between + within))
    np.testing.assert_array_equal(shop.highest["value"], table["encoding"].nlargest(10))
    np.testing.assert_array_equal(shop.lowest["value"], table["encoding"].nsmallest(10))
    assert facts["noise"].noise
    assert next(iter(facts)) == "shop"
    assert list(facts)[-1] in ("noise", "shop_x_city")


@pytest.mark.parametrize("kind", ["flat", "tree"])
def test_pictures_and_verdicts_agree_on_noise(kind):
    rng = np.random.default_rng(3)
    X = pd.DataFrame({f"c{i}": rng.integers(0, 9, 400).astype(str) for i in range(12)})
    y = rng.normal(size=9)[X["c0"].astype(int)] + rng.normal(size=400)
    own = (EmpiricalBayesEncoder(random_state=0) if kind == "flat" else TreeEncoder(random_state=0)).fit(X, y)
    facts = {each.column: each.noise for each in column_facts(own)}
    drawn = signal_frame(own).set_index("column")["noise"].to_dict()
    assert drawn == {name: facts[name] for name in drawn}
    assert any(drawn.values())
    assert not drawn["c0"]
    pd.testing.assert_frame_equal(signal_frame(own, noise=facts), signal_frame(own))


def test_few_categories_are_listed_once():
    [city] = column_facts(MeanEncoder(["city"]).fit(*shops()))
    names = [*city.highest["label"], *city.lowest["label"]]
    assert sorted(names) == sorted(set(names)) == ["0", "1", "2", "3", "4"]


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [0.05, 0.3, 1.0])
def test_the_interval_of_the_share_holds_it(ratio):
    rng, hits = np.random.default_rng(5), 0
    for _ in range(400):
        code = np.repeat(np.arange(40), 1 + rng.poisson(6, 40))
        y = np.sqrt(ratio) * rng.normal(size=40)[code] + rng.normal(size=len(code))
        [facts] = column_facts(EmpiricalBayesEncoder().fit(pd.DataFrame({"c": code.astype(str)}), y))
        hits += facts.share_lower <= ratio / (1 + ratio) <= facts.share_upper
        assert facts.share_lower <= facts.share <= facts.share_upper
    assert 0.85 <= hits / 400 <= 0.95


def test_shares_of_levels_add_up_with_that_of_a_row():
    nested = NestedEncoder(["city", "shop"]).fit(*shops())
    shares, summary = [each.share for each in column_facts(nested)], nested.summary_
    variances = np.append(summary["between_sd"], summary["within_sd"].iloc[0]) ** 2
    assert sum(shares) == pytest.approx(1 - variances[-1] / variances.sum())
    mixed = MixedModelEncoder(["shop", "city"]).fit(*shops())
    own = mixed.summary_
    icc = own[own["kind"] == "icc"].set_index("group")["value"]
    assert {each.column: each.share for each in column_facts(mixed)} == icc.to_dict()


def test_verdicts_are_words_first(fitted):
    report = catpool.report(fitted)
    shop = column_facts(fitted)[0]
    assert report.verdicts[0] == (
        f"`shop` carries {100 * shop.share:.0f} % of the variance; {shop.categories - shop.apart} of its "
        f"{shop.categories} categories cannot be told from the mean."
    )
    assert "`noise` says nothing: its 9 categories cannot be told from their mean." in report.verdicts
    assert str(report).splitlines()[0] == "EmpiricalBayesEncoder, 4 columns"


def test_the_code_runs_and_names_the_columns_with_signal(fitted):
    scope = {}
    exec(catpool.report(fitted).code, scope)
    made = scope["encoder"]
    assert type(made) is EmpiricalBayesEncoder
    assert "shop" in made.columns
    assert "noise" not in made.columns
    assert made.interactions == [("shop", "city")]
    made.fit(*shops())
    exec(TreeEncoder(random_state=0).fit(*shops()).report().code, scope)
    assert scope["encoder"].get_params() == TreeEncoder(random_state=0).get_params()
    exec(MeanEncoder(None).fit(np.arange(20).reshape(10, 2) % 3, np.arange(10.0)).report().code, scope)
    assert scope["encoder"].columns is None


def check_schema(value, schema, root):
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    kinds["number"] = (int, float)
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    assert any(isinstance(value, kinds[name]) for name in types), (root, value)
    if isinstance(value, dict):
        assert set(value) == set(schema["properties"]) == set(schema["required"]), root
        for name, each in value.items():
            check_schema(each, schema["properties"][name], f"{root}.{name}")
    if isinstance(value, list):
        for each in value:
            check_schema(each, schema["items"], f"{root}[]")


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.name)
def test_each_encoder_reports_by_the_schema(public):
    X, y = shops()
    own = public.make(["shop", "city"][: public.setup.few], target_type="continuous").fit(X[["shop", "city"]], y)
    report = own.report(pictures=False)
    data = json.loads(report.json())
    check_schema(data, report.schema(), "report")
    assert data["verdicts"] == report.verdicts
    assert len(data["columns"]) == len(column_facts(own))
    assert own._repr_html_().startswith("<style>")
    assert all(each["verdict"] in report.markdown() for each in data["columns"])


@pytest.mark.parametrize("kind", ["binary", "multiclass", "count", "several"])
def test_other_targets(kind):
    X, y = shops()
    y = {
        "binary": (y > 0).astype(int),
        "multiclass": np.array(list("abc"))[np.digitize(y, [-1, 1])],
        "count": np.rint(np.exp(y)).astype(int),
        "several": pd.DataFrame({"a": y, "b": y**2}),
    }[kind]
    own = encoder(target_type="auto" if kind == "several" else kind).fit(X, y)
    report = own.report(pictures=True)
    check_schema(json.loads(report.json()), report.schema(), "report")
    assert "<svg" in report.html()


def test_names_are_shown_as_text():
    X, y = shops()
    X = X.rename(columns={"shop": f"{EVIL}`|"})
    X.loc[30:60, f"{EVIL}`|"] = f"{EVIL}&amp;|\n"
    report = EmpiricalBayesEncoder(random_state=0).fit(X, y).report(pictures=True)
    for text in (report.html(), report._repr_html_(), report.encoder._repr_html_()):
        page = Page(text)
        assert not page.open
        assert not {"script", "img", "iframe", "object"} & set(page.tags[: page.tags.index("table")])
        assert any(EVIL in each for each in page.texts)
    own = Page(report.html())
    assert "script" not in own.tags
    assert "<script" not in re.sub(
        "`[^`\n]*`", "", report.markdown().split("## Code")[0]
    )  # but for code, which is text
    assert EVIL in json.loads(report.json())["columns"][0]["column"]


def test_nothing_is_asked_for_from_elsewhere(fitted):
    html = fitted.report(pictures=True).html()
    assert all(address.startswith(("#", "data:")) for address in Page(html).addresses)
    assert not re.search(r"@import|url\((?!#)", html)
    links = set(re.findall(r"https?://[^\"'\s<>]+", html))
    assert all(
        link.startswith(
            ("http://www.w3.org/", "https://matplotlib.org", "http://purl.org", "http://creativecommons.org")
        )
        for link in links
    )


def test_pictures_are_left_out_or_missed(fitted, monkeypatch):
    assert fitted.report(pictures=True).html().count("<svg") >= 2
    assert "<svg" not in fitted.report(pictures=False).html()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "<svg" not in fitted.report().html()
    with pytest.raises(ImportError, match=r"catpool\[plots\]"):
        fitted.report(pictures=True).html()


def test_the_same_report_twice_is_the_same_text(fitted):
    assert fitted.report(pictures=True).html() == fitted.report(pictures=True).html()


def test_the_leak_check_is_told(fitted):
    X, y = shops()
    assert fitted.report(X, y).verdicts[-1] == "No leak was found."

    class InSample(MeanEncoder):
        def fit_transform(self, X, y=None, **rows):
            return self.fit(X, y).transform(X)

    leaky = InSample(["shop"]).fit(X, y)
    assert leaky.report(X, y).leak.startswith("LEAKS")
    assert fitted.report().leak is None
    with pytest.raises(ValueError, match="X and y must be given together"):
        fitted.report(X)


class LeaksOfClasses(MeanEncoder):
    def fit_transform(self, X, y=None, **rows):
        if self.fit(X, y).target_type_ == "binary":
            return self.transform(X)
        return super().fit_transform(X, y, **rows)


@pytest.mark.parametrize("made", [pd.DataFrame, lambda table: pd.DataFrame(table).to_numpy()], ids=["frame", "array"])
def test_the_leak_check_takes_several_outputs(made):
    X, y = shops()
    several = made({"value": y, "high": (y > 0).astype(float)})
    assert encoder().fit(X, several).report(X, several).leak == "No leak was found."
    leaky = LeaksOfClasses(["shop"]).fit(X, several)
    name = leaky.summary_["target"].iloc[-1]
    assert leaky.report(X, several).leak == f"{name}: LEAKS: 'shop'"


def test_reports_are_saved_by_their_ending(fitted, tmp_path):
    report = fitted.report(pictures=False)
    for name, text in (("a.html", report.html()), ("a.json", report.json()), ("a.md", report.markdown())):
        report.save(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == text
    with pytest.raises(ValueError, match=r"must end in one of .html, .json, .md. Got .*a.pdf"):
        report.save(tmp_path / "a.pdf")


def test_notebooks_show_fitted_encoders_and_diagrams_of_others(fitted):
    bundle = fitted._repr_mimebundle_()
    assert bundle["text/plain"] == repr(fitted)
    assert "carries" in bundle["text/html"]
    assert "sk-estimator" in EmpiricalBayesEncoder()._repr_html_()
    assert "carries" not in EmpiricalBayesEncoder()._repr_html_()


def test_unfitted_encoders_have_no_report():
    with pytest.raises(Exception, match="not fitted"):
        catpool.report(MeanEncoder())


WIDE = (  # what sticks out, but for tables, which have a scroll bar of their own
    "[...document.querySelectorAll('.catpool *')].filter("
    "each => each.getBoundingClientRect().right > innerWidth && !each.closest('.wide')).length"
)
SHOWN = "[...document.querySelectorAll('details table')].every(each => each.checkVisibility())"
IN_BROWSER = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture
def saved(tmp_path):
    X, y = shops()
    X.loc[30:80, "shop"], y[30:81] = EVIL, y[30:81] + 5
    path = tmp_path / "report.html"
    encoder().fit(X, y).report(X, y, pictures=True).save(path)
    return path.as_uri()


@pytest.mark.slow
@IN_BROWSER
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 1000])
def test_a_browser_shows_it_without_errors(saved, width, dark):
    with browser() as page:
        page.open(saved, width=width, dark=dark)
        assert page.requests == [saved]
        assert page.complaints == []
        assert page.run("document.querySelectorAll('script').length") == 0
        assert EVIL in page.run("document.querySelector('svg').closest('.catpool').textContent")
        assert page.run("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
        assert page.run(WIDE) == 0
        color = "rgb(28, 28, 28)" if dark else "rgb(255, 255, 255)"
        assert page.run("getComputedStyle(document.querySelector('.catpool')).backgroundColor") == color
        assert page.picture().startswith(b"\x89PNG")


@pytest.mark.slow
@IN_BROWSER
def test_a_browser_prints_all_of_it_on_white(saved):
    with browser() as page:
        page.open(saved, width=720, dark=True, media="print")
        assert page.run(SHOWN)
        assert page.run("getComputedStyle(document.querySelector('.catpool')).backgroundColor") == "rgb(255, 255, 255)"
        assert page.run("document.documentElement.scrollWidth") == 720
        printed = page.pdf()
        assert printed.startswith(b"%PDF")
        assert len(printed) > 10_000
        assert page.complaints == []
        page.open(saved)
        assert not page.run(SHOWN)


@pytest.mark.slow
@IN_BROWSER
def test_the_browser_tells_what_goes_wrong(tmp_path):
    path = tmp_path / "wrong.html"
    path.write_text("<img src='none.png'><script>console.error('no'); missing()</script>")
    with browser() as page:
        page.open(path.as_uri())
        assert page.requests == [path.as_uri(), (tmp_path / "none.png").as_uri()]
        assert len(page.complaints) == 3  # the file that is missing, too


def test_code_of_earlier_rows_runs():
    X = pd.DataFrame({"shop": list("abcabc"), "day": [1, 1, 2, 3, 4, 5]})
    fitted = EmpiricalBayesEncoder(["shop"], cv=EarlierRows("day", windows=[2])).fit(X, [1.0, 2, 3, 2, 3, 5])
    made = {}
    exec(fitted.report().code, made)
    assert repr(made["encoder"].cv) == repr(fitted.cv)
