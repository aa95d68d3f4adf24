"""`ComparisonDisplay` and `LeakDisplay`: the tables of `compare_encoders` and `check_no_leak` as pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from catpool.encoders.parameters import documented
from catpool.evaluation.paired_tests import LEVEL
from catpool.explain.canvas import BLUE, GREY, ORANGE, finish, name_rows, shorten
from catpool.explain.display import Display


@documented
class ComparisonDisplay(Display):
    """The mean score of each encoder, and its mean distance from the best score of a split.

    Encoders that tie with the best are blue, the others grey. Two encoders tie if the corrected t-test of their
    differences d, with their variance v over J splits, has a p-value of .05 or more:

        t = mean(d) / sqrt((1 / J + test rows / training rows) v).

    Parameters
    ----------
    table : pandas.DataFrame
        As `compare_encoders` returns it.
    title : str
        What the scores are.

    Attributes
    ----------
    <drawn>

    References
    ----------
    C. Nadeau, Y. Bengio (2003), Inference for the generalization error, Machine Learning 52, 239-281.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool.explain import ComparisonDisplay
    >>> scores = {"score": [0.5, 0.4], "gap": [0.01, 0.11], "p_value": [None, 0.002]}
    >>> table = pd.DataFrame(scores, index=["partial pooling", "no pooling"])
    >>> display = ComparisonDisplay(table, title="Mean R squared").plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['partial pooling', 'no pooling']
    """

    def __init__(self, table: pd.DataFrame, *, title: str) -> None:
        self.table, self.title = table, title

    @property
    def _named_rows(self) -> int | None:
        return len(self.table)

    def _draw(self) -> None:
        table, rows = self.table, np.arange(len(self.table))
        p_value = pd.to_numeric(table["p_value"]).fillna(1.0)
        colors = np.where(p_value >= LEVEL, BLUE, GREY).tolist()
        self.ax_.hlines(rows, table["score"], table["score"] + table["gap"], colors=colors, linewidth=1.4)
        self.ax_.scatter(table["score"], rows, c=colors, s=40, zorder=3)
        name_rows(self.ax_, table.index.tolist())
        finish(self.ax_, title=self.title, x="score, and distance from the best of each split (lines)")


@documented
class LeakDisplay(Display):
    """The tests of a leak check: which were passed, and how near their statistics are to the limits.

    A test passes if its statistic is on the right side of its limit: at most

        1.5    for the weight of a row's own target in its feature,

    for example. Dots have passed, crosses have not.

    Parameters
    ----------
    table : pandas.DataFrame
        As `check_no_leak` returns it.
    verdict : str
        What the check found.

    Attributes
    ----------
    <drawn>

    References
    ----------
    C. Perlich, G. Swirszcz (2011), On cross-validation and stacking: building seemingly predictive models on random
    data, SIGKDD Explorations 12, 11-15.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool.explain import LeakDisplay
    >>> test = {"test": ["flip: own feature changes"], "feature": ["shop"], "statistic": [0.1], "limit": [1.5]}
    >>> display = LeakDisplay(pd.DataFrame(test | {"passed": [True]}), verdict="No leak was found.").plot()
    >>> display.ax_.get_title(loc="left")
    'No leak was found.'
    """

    def __init__(self, table: pd.DataFrame, *, verdict: str) -> None:
        self.table, self.verdict = table, verdict

    @property
    def _named_rows(self) -> int | None:
        return 2 * len(self.table)

    def _draw(self) -> None:
        table = self.table
        for row, test in enumerate(table.itertuples()):
            marker, color = ("o", BLUE) if test.passed else ("X", ORANGE)
            self.ax_.scatter([0], [row], marker=marker, color=color, s=60)
            self.ax_.text(0.06, row, f"{test.test}\n{_told(test)}", va="center", fontsize="small")
        self.ax_.set_yticks([])
        self.ax_.set_ylim(len(table) - 0.5, -0.5)
        self.ax_.set_xlim(-0.05, 1)
        self.ax_.set_xticks([])
        finish(self.ax_, title=self.verdict, x="")


def _told(test: Any) -> str:
    """What a test found, beside its limit."""
    if np.isnan(test.statistic):
        return "no rows to test it on"
    return f"{test.statistic:.3g} of {shorten(test.feature)}; limit {test.limit:.3g}"
