"""What factors share: moves between them that change no row, and make the effects as small as can be."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from catpool import AdditiveEncoder
from catpool.data.frames.frame import read_frame
from catpool.data.targets.weights import Weights
from catpool.models.additive.additive_rows import FactorRows
from catpool.models.additive.factors import FactorMaker


def shared_rows(missing=0.0, seed=0):
    """Rows of columns and interactions, one of them with a number, and effects of each."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.choice(list("abcd"), 600), "b": rng.choice(list("xyz"), 600), "x": rng.normal(size=600)})
    X.loc[rng.random(600) < missing, "a"] = None
    maker = FactorMaker(read_frame(X), None, ["x"])
    numbered = [maker.single(label) for label in ("a", "b", "x")]
    numbered += [maker.crossed(label) for label in [("a", "b"), ("a", "x"), ("a", "b", "x")]]
    rows = FactorRows.of(numbered, Weights(), maker)
    information = [
        np.bincount(codes, minlength=size).astype(float) for codes, size in zip(rows.codes, rows.sizes, strict=True)
    ]
    effects = [np.where(own > 0, rng.normal(size=len(own)), 0.0) for own in information]
    return rows, effects, information, rng.uniform(0.5, 2, len(rows.sizes))


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_no_row_changes_and_effects_get_smaller(missing):
    rows, effects, information, variances = shared_rows(missing)
    shared = [part.covered(rows.codes) for part in rows.shared]
    gains = []
    for part in shared:
        moves = part.moves(effects, information, variances)
        change = sum(moves[factor][rows.codes[factor]] for factor in moves)
        np.testing.assert_allclose(change, 0, atol=1e-12)
        before, after = (
            sum(((effects[factor] + own * moves[factor]) ** 2).sum() / variances[factor] for factor in moves)
            for own in (0, 1)
        )
        gains.append(before - after)
        assert all((moves[factor][information[factor] == 0] == 0).all() for factor in moves)
    assert min(gains) > -1e-12
    assert sum(np.array(gains) > 0.1) > 2


def test_moves_are_the_best_ones():
    rows, effects, information, variances = shared_rows()
    part = rows.shared[0].covered(rows.codes)
    factors, groups = list(part.groups), part.groups
    assert len(factors) > 2

    def moved(values):
        by = np.vstack([values.reshape(-1, part.size), -values.reshape(-1, part.size).sum(axis=0)])
        return {
            f: np.where((information[f] > 0) & (groups[f] >= 0), own[groups[f]], 0)
            for f, own in zip(factors, by, strict=True)
        }

    def penalty(values):
        return sum(((effects[f] + move) ** 2).sum() / variances[f] for f, move in moved(values).items())

    best = moved(minimize(penalty, np.zeros((len(factors) - 1) * part.size), tol=1e-12).x)
    found = part.moves(effects, information, variances)
    for factor in factors:
        np.testing.assert_allclose(found[factor], best[factor], atol=1e-4)


def test_factors_without_variance_are_left_alone():
    rows, effects, information, variances = shared_rows()
    for part in (part.covered(rows.codes) for part in rows.shared):
        assert part.moves(effects, information, 0 * variances) == {}
        first = next(iter(part.groups))
        moves = part.moves(effects, information, np.where(np.arange(len(variances)) == first, 1.0, 0.0))
        assert list(moves) == [first]
        np.testing.assert_allclose(moves[first], 0, atol=1e-12)


def test_effects_of_cells_that_are_all_alike_in_a_column_are_those_of_the_column():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.choice(list("abcdefgh"), 4000), "b": rng.choice(list("tuvwxyz"), 4000)})
    y = X["a"].map(dict(zip("abcdefgh", rng.normal(size=8), strict=True))).to_numpy() + rng.normal(size=4000)
    alone = AdditiveEncoder(["a"], adjust_for=[], rounded=False).fit(X, y)
    both = AdditiveEncoder(["a"], adjust_for=[], interactions=[("a", "b")], rounded=False).fit(X, y)
    own, cells = both.transform(X)[["a", "a_x_b"]].to_numpy().T
    np.testing.assert_allclose(own, alone.transform(X)["a"], atol=0.05)
    assert cells.std() < 0.05 < 0.5 < own.std()
