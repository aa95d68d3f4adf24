"""What all pictures share: axes, colours and labels, and the error where matplotlib is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# of the palette of Okabe and Ito, which people who are colour-blind tell apart; they differ in grey, too
BLUE, ORANGE, GREY, PALE, DARK = "#0072B2", "#E69F00", "#B0B0B0", "#E0E0E0", "#333333"
LONGEST = 28  # characters of a name
MANY = 2_000  # points, from which on they are drawn as an image, small and transparent


def make_axes(ax: Axes | None, *, rows: int | None = None) -> Axes:
    """The axes to draw on: new ones, unless some are given.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional
    rows : int, optional
        The number of names beside the axes, which need room below each other.
    """
    pyplot = _pyplot()
    if ax is not None:
        return ax
    height = 4.0 if rows is None else min(max(2.0, 0.8 + 0.24 * rows), 12.0)
    _, made = pyplot.subplots(figsize=(6.4, height), layout="constrained")
    axes: Axes = made
    return axes


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError('Pictures need matplotlib. Install it by: pip install "catpool[plots]"') from error
    return pyplot


def shorten(label: Any) -> str:
    """A name that has room beside the axes, and no markup that matplotlib would read as a formula."""
    text = "missing" if label is None else " ".join(str(label).split())
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return text.replace("$", r"\$")


def name_rows(ax: Axes, labels: list[Any]) -> None:
    """Name the rows 0, 1, ... of the axes, the first at the top."""
    ax.set_yticks(range(len(labels)), [shorten(label) for label in labels])
    ax.set_ylim(len(labels) - 0.5, -0.5)


def finish(ax: Axes, *, title: str, x: str, y: str = "") -> None:
    """Set the title and the names of the axes, and take away the frame where it says nothing."""
    ax.set_title(title, fontsize="medium", loc="left", wrap=True)
    ax.set_xlabel(x, wrap=True)
    ax.set_ylabel(y)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def dots(number: int) -> dict[str, Any]:
    """How to draw so many points that they show where they lie on each other."""
    few = number <= MANY
    return {"alpha": 0.7 if few else max(0.05, 200 / number), "linewidths": 0, "rasterized": not few}
