"""The documentation of the parameters, attributes and errors that pictures share."""

from __future__ import annotations

PICTURE_TEXTS = {
    "ax": """
ax : matplotlib.axes.Axes, default=None
    Where to draw. None makes new axes.
""",
    "target": """
target : str, default=None
    The output or class of y, if there are several. None is the first.
""",
    "drawn_column": """
column : str, int or tuple
    As for its ``encoding_table``.
""",
    "trained_column": """
column : str, int or tuple
    One of the encoded columns, a level of nested categories, or a tuple of columns that are encoded together.
""",
    "cloned": """
encoder : encoder of catpool
    It is cloned, and not changed.
""",
    "training": """
X : frame or array of shape (n, p)
    The training rows.
y : array of shape (n,)
    Their target.
""",
    "drawn": """
ax_ : matplotlib.axes.Axes
figure_ : matplotlib.figure.Figure
""",
    "no_matplotlib": """
ImportError
    Without matplotlib, which ``pip install "catpool[plots]"`` installs.
""",
}
