"""The examples run, and show what they say."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def quickstart():
    return runpy.run_path(str(EXAMPLES / "quickstart.py"))


def test_quickstart_shows_the_leak_and_the_gain(quickstart):
    table = quickstart["scores"](n_splits=1)
    assert list(table.index) == list(quickstart["ENCODINGS"])
    assert (table.loc["mean, in sample (leaks)"] < table.loc["no zip code"]).all()
    for encoder in ("MeanEncoder", "SmoothedMeanEncoder", "EmpiricalBayesEncoder"):
        assert (table.loc[encoder] > table.loc["no zip code"] + 0.02).all()
    assert (table.loc["ordinal codes and EmpiricalBayes"] > table.loc["ordinal codes"] + 0.005).all()


@pytest.mark.slow
def test_quickstart_prints_its_table(quickstart, capsys):
    quickstart["main"]()
    printed = capsys.readouterr().out
    for encoding in quickstart["ENCODINGS"]:
        assert encoding in printed
    assert "prior_strength" in printed
