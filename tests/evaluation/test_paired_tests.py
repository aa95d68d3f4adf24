"""Differences of encoders, tested in pairs."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from catpool.evaluation.paired_tests import p_value, summarize


def test_the_summary_follows_from_the_scores():
    scores = pd.DataFrame(
        {
            "encoder": ["a", "b"] * 4,
            "split": np.repeat(range(4), 2),
            "score": [0.5, 0.4, 0.6, 0.7, 0.8, 0.5, 0.9, 0.6],
            "seconds": [1.0, 2.0] * 4,
        }
    )
    table = summarize(scores, 0.25)
    assert table.index.tolist() == ["a", "b"]
    assert table["wins"].tolist() == [3, 1]
    assert table["rank"].tolist() == [1.25, 1.75]
    np.testing.assert_allclose(table["gap"], [0.025, 0.175])
    np.testing.assert_allclose(table["worst_gap"], [0.1, 0.3])
    differences = np.array([0.1, -0.1, 0.3, 0.3])
    error = np.sqrt((1 / 4 + 0.25) * differences.var(ddof=1))
    assert table.loc["b", "p_value"] == pytest.approx(2 * stats.t.sf(0.15 / error, 3))
    assert p_value(differences, 0.25) > stats.ttest_1samp(differences, 0).pvalue  # the plain test is too sure
    assert p_value([0.25, 0.25, 0.25], 0.25) == 0
    assert np.isnan(p_value([0.0, 0.0], 0.25))
    assert np.isnan(p_value([0.1], 0.25))
