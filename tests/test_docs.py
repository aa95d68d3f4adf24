"""The site: each public name and page has its place, links lead somewhere, and the code for assistants runs."""

import importlib.util
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import catpool

ROOT = Path(__file__).parent.parent
SITE, GUIDE = ROOT / "examples" / "site", ROOT / "examples" / "guide"
PAGES = [*sorted(GUIDE.glob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
PAGES.append(ROOT / "tests" / "benchmarks" / "README.md")
PICTURES = GUIDE / "pictures"


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def without_code(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    """The names that GitHub and MyST give to headings."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text()), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page):
    found = re.findall(r"\]\(([^()\s]+)\)", without_code(page.read_text()))
    return [link for link in found if not re.match(r"https?:|mailto:", link)]


def broken(page, link):
    path, _, anchor = link.partition("#")
    target = page if not path else (page.parent / path).resolve()
    return not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page):
    assert [link for link in links(page) if broken(page, link)] == []


def test_a_broken_link_is_found():
    page = GUIDE / "trees.md"
    assert broken(page, "nowhere.md")
    assert broken(page, "out_of_fold.md#nowhere")
    assert broken(page, "#nowhere")
    assert not broken(page, "out_of_fold.md#folds")


def in_toctrees():
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```$", (SITE / "index.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    entries = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    return [re.sub(r"^.*<(.*)>$", r"\1", entry) for entry in entries]


def test_each_page_is_in_one_toctree():
    pages = [str(page.relative_to(ROOT).with_suffix("")) for page in PAGES if page.name != "README.md"]
    pages += ["tests/benchmarks/README", "examples/site/api", "gallery/index"]
    assert sorted(in_toctrees()) == sorted(set(pages))


def test_the_api_page_has_each_public_name():
    listed = {}
    for line in (SITE / "api.rst").read_text().splitlines():
        if found := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = listed.setdefault(found[1], [])
        elif re.match(r"   \w+$", line):
            module.append(line.strip())
    assert sorted(listed.pop("catpool")) == sorted(catpool.__all__)
    assert sorted(listed.pop("catpool.explain")) == sorted(importlib.import_module("catpool.explain").__all__)
    assert listed == {"catpool.onnx": ["register_converters"]}


def test_the_readme_lists_all_examples():
    text = (ROOT / "README.md").read_text()
    listed = re.findall(r"^\| \[`(\w+)\.py`\]\(examples/\1\.py\) \|", text, flags=re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


def test_the_page_of_benchmarks_names_each_script():
    scripts = {path.name for path in (ROOT / "tests" / "benchmarks").glob("*.py")}
    helpers = {"accuracy_pipelines.py", "bars.py"} | {name for name in scripts if name.startswith("speed_of_")}
    assert set(re.findall(r"`(\w+\.py)`", (GUIDE / "benchmarks.md").read_text())) == scripts - helpers


def test_pictures_of_pages_are_those_that_are_drawn(tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    runpy.run_path(str(SITE / "pictures.py"))["main"](tmp_path)
    used = {Path(link).name for page in PAGES for link in links(page) if "pictures/" in link}
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == used == {path.name for path in PICTURES.iterdir()}
    assert min(path.stat().st_size for path in tmp_path.iterdir()) > 5_000


def test_the_code_for_assistants_runs(capsys):
    text = (SITE / "llms.txt").read_text()
    code = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert len(code) == 4
    exec("\n".join(code), {"__name__": "example"})
    assert "No leak was found." in capsys.readouterr().out
    assert len(text.splitlines()) <= 120, "more than a page"


def test_the_page_for_assistants_names_what_there_is():
    text = (SITE / "llms.txt").read_text()
    pages = re.findall(r"^- (examples/[\w/]+):", text, flags=re.MULTILINE)
    assert pages
    assert set(pages) <= set(in_toctrees())
    encoders = {name for name in catpool.__all__ if name.endswith("Encoder")}
    assert {name for name in encoders if f"`{name}(" not in text} == set()


@pytest.mark.slow
def test_the_site_is_built_without_warnings(tmp_path):
    for module in ("sphinx", "sphinx_gallery", "numpydoc", "myst_parser", "pydata_sphinx_theme"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    done = subprocess.run([sys.executable, SITE / "build.py", tmp_path], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} >= {"index.html", "llms.txt", "gallery", "examples"}
