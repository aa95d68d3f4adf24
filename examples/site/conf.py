"""How Sphinx builds the site. `build.py` collects the pages and calls it."""

import re
from pathlib import Path

from catpool import __version__

project, author = "catpool", "The catpool developers"
copyright = author  # the name that Sphinx asks for
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["README.md", "SECURITY.md", "examples/GALLERY_HEADER.rst"]
exclude_patterns += ["examples/site/templates", "tests/benchmarks/data"]
templates_path = [str(Path(__file__).parent / "templates")]  # autosummary would look beside the pages
default_role = "py:obj"  # names in docstrings are links, where they are public

myst_heading_anchors = 3
myst_links_external_new_tab = False

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the template of classes lists them, each with its docstring
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "catpool"
html_extra_path = ["llms.txt"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_sidebars = {page: [] for page in ("examples/guide/*", "CONTRIBUTING", "CHANGELOG")}  # no pages are below them
smartquotes = False  # quotes are often those of code
html_theme_options = {
    "navigation_with_keys": False,
    "show_nav_level": 2,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
}
LONG = ["quickstart", "hierarchical_vs_forest", "larger_than_memory", "competition", "nested_radon"]  # shown, not run

sphinx_gallery_conf = {
    "examples_dirs": ["examples"],
    "gallery_dirs": ["gallery"],
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("catpool",),
    "capture_repr": (),  # a display is shown as its picture
    "filename_pattern": rf"/(?!{'|'.join(LONG)})\w+\.py$",
    "ignore_pattern": r"/site/",
    "show_memory": False,
    "min_reported_time": 10_000,
    "write_computation_times": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
}


def list_references(app, what, name, item, options, lines):
    """Make each reference of a docstring an item of a list; initials at its start would otherwise number a list."""
    start = next((number for number, line in enumerate(lines[:-1]) if line == "References"), len(lines))
    for number in range(start + 2, len(lines)):
        line = lines[number]
        if not line:
            break
        lines[number] = re.sub(r"^([A-Z])\. ", r"* \1\\. ", line) if re.match(r"[A-Z]\. ", line) else f"  {line}"


def setup(app):
    app.connect("autodoc-process-docstring", list_references, priority=100)  # before numpydoc
