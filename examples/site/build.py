"""Build the site into a folder: pages of the guide, the gallery and the API.

    pip install --editable . --group docs && python examples/site/build.py site

Nothing is read from the network. Warnings are errors. The pages are collected in a temporary folder first, because
Sphinx writes the pages of the gallery and of the API next to them.
"""

import re
import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

ROOT = Path(__file__).resolve().parents[2]
ALSO = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md", "CITATION.cff"]
ALSO += ["tests/benchmarks/README.md", "tests/benchmarks/*.py"]


def collect(source):
    """Copy all pages and examples, at the same paths as in the repository, so that links between them hold."""
    shutil.copytree(ROOT / "examples", source / "examples", ignore=shutil.ignore_patterns("__pycache__", "README.md"))
    for pattern in ALSO:
        for path in ROOT.glob(pattern):
            target = source / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    (source / "tests/benchmarks/data").symlink_to(ROOT / "tests/benchmarks/data")
    for page in (source / "examples/guide").glob("*.md"):  # scripts are pages of the gallery here
        page.write_text(re.sub(r"\]\(\.\./(\w+)\.py\)", r"](/gallery/\1.rst)", page.read_text()))
    site = source / "examples/site"
    shutil.move(site / "index.md", source / "index.md")
    shutil.move(site / "gallery_header.rst", source / "examples/GALLERY_HEADER.rst")


def build(output):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder).resolve() / "source"
        collect(source)
        configured = ["-c", str(source / "examples/site"), "-d", str(Path(folder) / "doctrees")]
        return build_main(["-W", "--keep-going", "-q", *configured, str(source), str(output)])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Pass one folder: python examples/site/build.py FOLDER")
    sys.exit(build(Path(sys.argv[1]).resolve()))
