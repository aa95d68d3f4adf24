"""The short form of a report, which notebooks show in place of a fitted encoder."""

from __future__ import annotations

from typing import Any

from sklearn.utils import estimator_html_repr

from catpool.explain.column_facts import column_facts
from catpool.explain.report_html import short_body


def short_report(encoder: Any) -> str:
    """The verdicts and the table of columns of a fitted encoder as HTML; before ``fit``, scikit-learn's diagram."""
    diagram: str = estimator_html_repr(encoder)
    if not encoder.__sklearn_is_fitted__():
        return diagram
    columns = column_facts(encoder)
    title = f"{type(encoder).__name__}, {len(columns):,} columns"
    return short_body(title, [each.verdict for each in columns], columns) + diagram
