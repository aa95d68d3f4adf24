"""Pictures are drawn without a window, and closed after each test."""

import pytest


@pytest.fixture(autouse=True)
def _no_windows():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    yield
    from matplotlib import pyplot

    pyplot.close("all")
