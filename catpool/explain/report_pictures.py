"""The pictures of a report, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any

from catpool.explain.caterpillar import CaterpillarDisplay
from catpool.explain.choose import is_joint
from catpool.explain.column_facts import ColumnFacts
from catpool.explain.signal import SignalDisplay, signal_frame
from catpool.explain.variance import VarianceDisplay

MOST_COLUMNS = 3  # whose categories are drawn
MOST_CATEGORIES = 30
WIDTH = 4.6  # inches: two beside each other on a desk, one on a phone, whose text can be read


def draw_pictures(encoder: Any, columns: Sequence[ColumnFacts]) -> list[str]:
    """The picture of all columns, and the ends of those with most signal."""
    noise = {each.column: each.noise for each in columns}  # which takes a while to find
    displays: list[Any] = [
        VarianceDisplay.from_encoder(encoder)
        if is_joint(encoder)
        else SignalDisplay(signal_frame(encoder, noise=noise)).plot()
    ]
    for each in [each for each in columns if not each.noise][:MOST_COLUMNS]:
        displays.append(CaterpillarDisplay.from_encoder(encoder, each.column, most=MOST_CATEGORIES))
    return [_as_svg(display) for display in displays]


def _as_svg(display: Any) -> str:
    """The figure of a display as an SVG element, after which it is closed."""
    import matplotlib
    from matplotlib import pyplot

    display.figure_.set_figwidth(WIDTH)
    file = StringIO()
    names: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "catpool",
    }  # text stays text; the same picture, the same file
    with matplotlib.rc_context(names):
        display.figure_.savefig(file, format="svg", metadata={"Date": None})
    pyplot.close(display.figure_)
    text = file.getvalue()
    return text[text.index("<svg") :]
