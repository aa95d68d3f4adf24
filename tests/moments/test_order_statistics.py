"""Order statistics are those of sorted numbers, however the numbers are distributed."""

import numpy as np
import pytest

from catpool.moments import order_statistics as module
from catpool.moments.order_statistics import BINS, FEW, SAMPLE, order_statistics
from catpool.moments.sorted_rows import quantiles

MANY = 4 * FEW + 3
NUMBERS = {
    "normal": lambda rng: rng.normal(size=MANY),
    "heavy tails": lambda rng: rng.standard_cauchy(size=MANY) ** 3,
    "few values": lambda rng: rng.poisson(2, size=MANY).astype(float),
    "one value": lambda rng: np.full(MANY, 0.1),
    "one other value": lambda rng: np.r_[np.full(MANY, 0.1), 7.0],
    "in order": lambda rng: np.sort(rng.exponential(size=MANY)),
    "far apart": lambda rng: rng.choice([-1e100, 0.0, 1e100], MANY) * rng.uniform(size=MANY),
    "hardly apart": lambda rng: 5e-324 * rng.integers(0, 4, MANY),
    "a sample that is no sample": lambda rng: np.where(np.arange(MANY) % (MANY // SAMPLE), rng.normal(size=MANY), 50.0),
    "few": lambda rng: rng.normal(size=FEW),
    "one": lambda rng: np.array([3.0]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_ranks_are_those_of_sorted_numbers(name):
    rng = np.random.default_rng(0)
    values = NUMBERS[name](rng)
    ranks = np.r_[0, len(values) - 1, rng.integers(0, len(values), 20)]
    for some in (ranks, ranks[:1], ranks[1:2], ranks[2:5]):
        kept = values.copy()
        assert order_statistics(values, some).tobytes() == np.sort(values)[some].tobytes()
        assert values.tobytes() == kept.tobytes()


@pytest.mark.parametrize("name", NUMBERS)
def test_quantiles_are_those_of_numpy_and_weights_are_copies(name):
    rng = np.random.default_rng(1)
    values, levels = NUMBERS[name](rng), np.array([0.9, 0.0, 0.5, 0.123, 1.0])
    expected = np.quantile(values, levels)
    np.testing.assert_allclose(quantiles(values, None, levels), expected, rtol=1e-12)
    np.testing.assert_allclose(quantiles(values, np.ones(len(values)), levels), expected, rtol=1e-12)


def test_few_of_many_numbers_are_sorted(monkeypatch):
    sorted_numbers, sort = [], module._sorted_at

    def watched(values, ranks):
        sorted_numbers.append(len(values))
        return sort(values, ranks)

    monkeypatch.setattr(module, "_sorted_at", watched)
    order_statistics(np.random.default_rng(0).normal(size=MANY), np.array([MANY // 10, MANY // 2]))
    assert sum(sorted_numbers) < 20 * MANY / BINS
