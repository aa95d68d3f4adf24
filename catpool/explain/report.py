"""`report`: what a fitted encoder learned, on one page for people and as data for machines."""

from __future__ import annotations

import json
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.base import clone

from catpool.encoders.encoder import Encoder
from catpool.engines.dispatch import read_in_memory
from catpool.evaluation.leak_check import check_no_leak
from catpool.explain.column_facts import ColumnFacts, column_facts
from catpool.explain.fitted_encoders import require_fitted
from catpool.explain.report_html import body, page
from catpool.explain.report_markdown import markdown

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike

LEAK_ROWS = 2_000  # training rows that the leak check looks at


def report(
    encoder: Encoder,
    X: IntoFrame | ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    pictures: bool | None = None,
) -> Report:
    """Describe what a fitted encoder learned: verdicts in words, columns by signal, their ends, and pictures.

    Columns are ordered by the share of a row's variance that lies between their categories,

        share = between^2 / (between^2 + within^2),

    whose 90 % interval is that of Thomas and Hultquist. A category cannot be told from the mean if its own 90 %
    interval holds the mean of all categories.

    Parameters
    ----------
    encoder : encoder of catpool
        Fitted.
    X : frame or array of shape (n, p), default=None
        The training rows, or some of them. With them and y the report says what `check_no_leak` finds in 2,000 rows,
        for each output of y.
    y : array of shape (n,) or (n, outputs), or frame, default=None
        Their target, of as many outputs as in ``fit``.
    pictures : bool, default=None
        Whether to draw pictures. None draws them if matplotlib is installed.

    Returns
    -------
    Report

    Raises
    ------
    NotFittedError
        Before ``fit``.
    TypeError
        If `encoder` is none that learns from y, as `GroupFeatures`.
    ValueError
        If only one of X and y is given.
    ImportError
        If pictures are asked for and matplotlib is not installed.

    See Also
    --------
    check_no_leak : Whether an encoder shows training rows their own targets.

    References
    ----------
    J. D. Thomas, R. A. Hultquist (1978), Interval estimation for the unbalanced case of the one-way random effects
    model, The Annals of Statistics 6, 582-587.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder, report
    >>> rng = np.random.default_rng(0)
    >>> codes = rng.integers(0, 50, size=(1000, 2))
    >>> X = pd.DataFrame(codes.astype(str), columns=["noise", "shop"])
    >>> encoder = EmpiricalBayesEncoder().fit(X, rng.normal(size=50)[codes[:, 1]] + rng.normal(size=1000))
    >>> for verdict in report(encoder).verdicts:
    ...     print(verdict)
    `shop` carries 48 % of the variance; 15 of its 50 categories cannot be told from the mean.
    `noise` says nothing: its 50 categories cannot be told from their mean.
    """
    if (X is None) != (y is None):
        raise ValueError("X and y must be given together, for the leak check. Pass both, or neither.")
    require_fitted(encoder)
    leak = None if X is None else _leak_verdict(encoder, X, y)
    return Report(encoder, column_facts(encoder), leak=leak, pictures=pictures)


def _leak_verdict(encoder: Any, X: Any, y: Any) -> str:
    """What the leak check finds; outputs of y are checked one after the other."""
    if not isinstance(encoder.target_type_, list):
        return check_no_leak(clone(encoder), X, y, max_rows=LEAK_ROWS).verdict
    outputs = read_in_memory(y, "report")
    names = list(dict.fromkeys(encoder.summary_["target"]))
    found = [
        check_no_leak(clone(encoder), X, outputs.column(label), max_rows=LEAK_ROWS).verdict for label in outputs.labels
    ]
    leaks = [f"{name}: {verdict}" for name, verdict in zip(names, found, strict=True) if verdict.startswith("LEAKS")]
    return "; ".join(leaks) or found[0]


class Report:
    """What a fitted encoder learned. A notebook shows it as a page.

    Parameters
    ----------
    encoder : encoder of catpool
    columns : list of ColumnFacts
        Those with most signal first.
    leak : str, optional
        The verdict of the leak check.
    pictures : bool, optional
        As for `report`.
    """

    def __init__(
        self, encoder: Any, columns: list[ColumnFacts], *, leak: str | None = None, pictures: bool | None = None
    ) -> None:
        self.encoder, self.columns, self.leak, self._pictures = encoder, columns, leak, pictures

    def __repr__(self) -> str:
        return "\n".join([self.title, *self.verdicts])

    def _repr_html_(self) -> str:
        return body(self.title, self.verdicts, self.columns, self.code, self._drawn)

    @property
    def title(self) -> str:
        return f"{type(self.encoder).__name__}, {len(self.columns):,} columns"

    @property
    def verdicts(self) -> list[str]:
        """A sentence or two for each column, and what the leak check found."""
        return [each.verdict for each in self.columns] + ([] if self.leak is None else [self.leak])

    @property
    def code(self) -> str:
        """Python code of an encoder of those columns that carry signal."""
        own, names = clone(self.encoder), getattr(self.encoder, "feature_names_in_", ())
        columns = [each.column for each in self.columns if not each.noise and each.column in names]
        if hasattr(own, "columns") and not hasattr(self.encoder, "interactions_") and columns:
            own.set_params(columns=columns)
        with config_context(print_changed_only=True):
            text = own.__repr__(N_CHAR_MAX=10_000).replace("first=nan", 'first=float("nan")')
        used = f"EarlierRows, {type(own).__name__}" if "EarlierRows(" in text else type(own).__name__
        return f"from catpool import {used}\n\nencoder = {text}"

    def json(self) -> str:
        """The report as JSON, which follows the schema in `Report.schema`."""
        facts = {
            "encoder": type(self.encoder).__name__,
            "verdicts": self.verdicts,
            "leak_check": self.leak,
            "code": self.code,
            "columns": [_as_data(each) for each in self.columns],
        }
        return json.dumps(facts, ensure_ascii=False, allow_nan=False)

    @staticmethod
    def schema() -> dict[str, Any]:
        """The JSON schema of `json`."""
        found: dict[str, Any] = json.loads(files("catpool.explain").joinpath("report_schema.json").read_text("utf-8"))
        return found

    def markdown(self) -> str:
        """The report as Markdown, without pictures."""
        return markdown(self.title, self.verdicts, self.columns, self.code)

    def html(self) -> str:
        """The report as one page of HTML, which needs no other file."""
        return page(self.title, self.verdicts, self.columns, self.code, self._drawn)

    def save(self, path: str | Path) -> None:
        """Write the report to a file, as its name ends: ".html", ".json" or ".md".

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        ValueError
            If the name has another ending.
        """
        kinds = {".html": self.html, ".json": self.json, ".md": self.markdown}
        make = kinds.get(Path(path).suffix.lower())
        if make is None:
            raise ValueError(f"The name of the file must end in one of {', '.join(kinds)}. Got {str(path)!r}.")
        Path(path).write_text(make(), encoding="utf-8")

    @cached_property
    def _drawn(self) -> list[str]:
        """Pictures as SVG; none where matplotlib is not installed, unless they were asked for."""
        if self._pictures is False:
            return []
        from catpool.explain.report_pictures import draw_pictures

        try:
            return draw_pictures(self.encoder, self.columns)
        except ImportError:
            if self._pictures:
                raise
            return []


def _as_data(facts: ColumnFacts) -> dict[str, Any]:
    names = ("column", "categories", "rows", "missing", "singletons", "share", "share_lower", "share_upper", "strength")
    own = {name: _plain(getattr(facts, name)) for name in (*names, "reliability", "apart", "noise", "verdict")}
    return own | {name: _ends(getattr(facts, name)) for name in ("highest", "lowest")}


def _ends(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: str(value) if name == "label" and value is not None else _plain(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    """A value that JSON has: numbers that are not finite are null."""
    if isinstance(value, bool | np.bool_ | str) or value is None:
        return bool(value) if isinstance(value, np.bool_) else value
    if isinstance(value, int | np.integer):
        return int(value)
    return float(value) if np.isfinite(value) else None
