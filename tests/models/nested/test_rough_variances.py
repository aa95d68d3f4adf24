import numpy as np
import pandas as pd
import pytest

from catpool import NestedEncoder
from catpool.models.nested import normal_levels
from catpool.models.nested.rough_variances import rough_lambdas
from catpool.models.nested.tree import Tree
from catpool.moments.moments import Moments

BOTH = np.array([True, True])


def nodes(rng, parents, children, rows):
    """Moments of the deepest nodes, with variances 0.4 and 0.2 relative to that of a row."""
    above = np.repeat(np.arange(parents), children)
    means = np.sqrt(0.4) * rng.normal(size=parents)[above] + np.sqrt(0.2 + 1 / rows) * rng.normal(size=len(above))
    return Tree([above], parents), Moments(rows.astype(float), rows * means, np.array(0.0))


def test_variances_of_many_nodes_are_found_nearly():
    rng = np.random.default_rng(0)
    tree, moments = nodes(rng, 4000, 5, rng.integers(1, 30, 20_000))
    np.testing.assert_allclose(rough_lambdas(tree, moments, BOTH, 1.0), [0.4, 0.2], rtol=0.05)


def test_a_balanced_design_has_the_variances_of_the_analysis_of_variance():
    tree, moments = nodes(np.random.default_rng(0), 30, 4, np.full(120, 7))
    means = moments.category_means.reshape(30, 4)
    below = means.var(axis=1, ddof=1).mean()
    expected = [means.mean(axis=1).var(ddof=1) - below / 4, below - 1 / 7]
    np.testing.assert_allclose(rough_lambdas(tree, moments, BOTH, 1.0), expected)


def test_nodes_without_rows_change_nothing():
    tree, moments = nodes(np.random.default_rng(0), 30, 4, np.full(120, 7))
    wider = Tree([np.append(tree.parents[0], [3, 30])], 31)
    empty = Moments(np.append(moments.count, [0, 0]), np.append(moments.total, [0, 0]), moments.scatter)
    np.testing.assert_allclose(rough_lambdas(wider, empty, BOTH, 1.0), rough_lambdas(tree, moments, BOTH, 1.0))


def test_a_level_that_is_not_identified_has_no_variance():
    tree, moments = nodes(np.random.default_rng(0), 30, 4, np.full(120, 7))
    lambdas = rough_lambdas(tree, moments, np.array([True, False]), 1.0)
    assert lambdas[0] > 0 == lambdas[1]


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_where_a_search_starts_does_not_change_what_it_finds(monkeypatch, spread):
    rng = np.random.default_rng(0)
    zips = rng.integers(0, 2000, 20_000)
    X = pd.DataFrame({"county": zips % 100, "zip": zips})
    y = spread * rng.normal(size=2000)[zips] + rng.normal(size=len(X))
    near = NestedEncoder(["county", "zip"]).fit(X, y).summary_
    monkeypatch.setattr(normal_levels, "rough_lambdas", lambda tree, moments, active, residual: np.ones(len(active)))
    far = NestedEncoder(["county", "zip"]).fit(X, y).summary_
    pd.testing.assert_frame_equal(near, far, rtol=1e-6)
