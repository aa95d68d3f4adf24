"""Codes are features for trees where a category has many rows, or means are alike in order."""

import numpy as np
import pytest

from catpool import EmpiricalBayesEncoder

CATEGORIES = 300
IN_ORDER = 2 * np.sin(np.arange(CATEGORIES) / 30)


def has_code(effects, rows, noise=1.0, targets=()):
    """Whether a column has a code, of categories with these effects and so many rows each."""
    rng = np.random.default_rng(0)
    category = np.repeat(np.arange(len(effects)), rows)
    y = effects[category] + noise * rng.normal(size=len(category))
    X = np.array([f"{each:03d}" for each in category], dtype=object)[:, None]
    encoder = EmpiricalBayesEncoder(output="trees").fit(X, np.column_stack([*(each(rng, y) for each in targets), y]))
    return any(name.endswith("_code") for name in encoder.get_feature_names_out())


def shuffled(effects):
    return np.random.default_rng(1).permutation(effects)


def test_codes_of_means_that_are_alike_in_order():
    assert has_code(IN_ORDER, rows=20)


def test_no_codes_in_an_order_that_says_nothing():
    assert not has_code(shuffled(IN_ORDER), rows=20)


def test_no_codes_of_unreliable_means():
    assert not has_code(IN_ORDER, rows=20, noise=4.0)


def test_an_order_may_say_a_little_in_many_categories_only():
    effects = np.random.default_rng(2).normal(size=3000)
    alike = effects + 0.5 * np.roll(effects, 1)  # neighbors are correlated by .4
    assert has_code(alike, rows=20)
    assert not has_code(alike[:40], rows=20)


@pytest.mark.parametrize(("rows", "expected"), [(99, False), (100, True)])
def test_codes_of_categories_with_a_hundred_rows_on_average(rows, expected):
    assert has_code(np.zeros(50), rows) is expected


def out_of_order(rng, y):
    """A target with means as reliable as those of y, in an order that says nothing."""
    return rng.permutation(y.reshape(CATEGORIES, -1)).ravel()


def test_one_of_several_targets_is_enough():
    assert has_code(IN_ORDER, rows=20, targets=[out_of_order])
    assert has_code(IN_ORDER, rows=20, targets=[lambda rng, y: rng.normal(size=len(y))])
    assert not has_code(shuffled(IN_ORDER), rows=20, targets=[lambda rng, y: rng.normal(size=len(y))])
