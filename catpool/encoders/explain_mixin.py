"""`ExplainMixin`: the picture and the report of a fitted encoder."""

from __future__ import annotations

from collections.abc import Hashable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator

from catpool.encoders.parameters import documented

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike


@documented
class ExplainMixin(BaseEstimator):
    """An encoder that explains itself."""

    def plot(self, column: Hashable | None = None, *, target: str | None = None, ax: Axes | None = None) -> Any:
        """Draw what was learned: of all columns, which carry signal; of one column, what became of its categories.

        The pictures are displays of `catpool.explain`, which have more options. Models of several factors or levels
        show how much each of them varies, and columns whose effects are adjusted for each other are drawn with
        intervals.

        Parameters
        ----------
        column : str, int or tuple, default=None
            A column as for ``encoding_table``. None draws all columns.
        <target>
        <ax>

        Returns
        -------
        SignalDisplay, VarianceDisplay, ShrinkageDisplay or CaterpillarDisplay
            With the axes in ``ax_`` and the figure in ``figure_``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If the column is not encoded, or the target is not one of y.
        <no_matplotlib>
        """
        return _explain("choose").choose_display(self, column, target, ax)

    def report(
        self, X: IntoFrame | ArrayLike | None = None, y: ArrayLike | None = None, *, pictures: bool | None = None
    ) -> Any:
        """Describe what was learned, on one page: `catpool.report` of this encoder.

        Parameters
        ----------
        X : frame or array of shape (n, p), default=None
            The training rows. With them and y the report says what `check_no_leak` finds.
        y : array of shape (n,), default=None
            Their target.
        pictures : bool, default=None
            Whether to draw pictures. None draws them if matplotlib is installed.

        Returns
        -------
        Report
            A notebook shows it; ``save`` writes it to a file, and ``html``, ``markdown`` and ``json`` return it.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If only one of X and y is given.
        ImportError
            If pictures are asked for and matplotlib is not installed.
        """
        return _explain("report").report(self, X, y, pictures=pictures)

    def _repr_html_(self) -> str:
        """A notebook shows the short form of the report; before ``fit``, scikit-learn's diagram."""
        return _explain("short_report").short_report(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _explain(module: str) -> Any:
    """A module of pictures and reports. They are made of encoders, and so imported when they are asked for."""
    return import_module(f"catpool.explain.{module}")
