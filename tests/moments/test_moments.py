import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from catpool.moments.moments import Moments
from catpool.moments.outside import sum_of_others


def moments_of(codes, y, size=4):
    count, total = np.bincount(codes, minlength=size), np.bincount(codes, y, minlength=size)
    return Moments(count.astype(float), total, np.array(((y - y.mean()) ** 2).sum()))


rows = st.lists(st.tuples(st.integers(0, 3), st.floats(-100, 100)), min_size=1, max_size=30).map(
    lambda pairs: (np.array([c for c, _ in pairs]), np.array([y for _, y in pairs]))
)


@given(rows, rows)
def test_what_is_added_can_be_taken_away(a, b):
    a, b = moments_of(*a), moments_of(*b)
    back = (a + b) - b
    np.testing.assert_array_equal(back.count, a.count)
    np.testing.assert_allclose(back.total, a.total, atol=1e-10)
    np.testing.assert_allclose(back.scatter, a.scatter, atol=1e-8)


@given(rows, rows)
def test_moments_of_parts_add_to_those_of_the_whole(a, b):
    added = moments_of(*a) + moments_of(*b)
    whole = moments_of(np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]]))
    np.testing.assert_array_equal(added.count, whole.count)
    np.testing.assert_allclose(added.total, whole.total, atol=1e-10)
    np.testing.assert_allclose(added.scatter, whole.scatter, atol=1e-8)


@given(rows)
def test_scatter_splits_into_between_and_within(sample):
    codes, y = sample
    moments = moments_of(codes, y)
    within = sum(((y[codes == k] - y[codes == k].mean()) ** 2).sum() for k in set(codes))
    np.testing.assert_allclose(moments.within, within, atol=1e-8)
    np.testing.assert_allclose(moments.between + moments.within, moments.scatter, atol=1e-8)


def test_leading_axes_are_free():
    rng = np.random.default_rng(0)
    count = rng.integers(0, 5, (2, 3, 4)).astype(float)
    total, scatter = count * rng.normal(size=count.shape), np.full((2, 3), 99.0)
    many = Moments(count, total, scatter)
    for i in range(2):
        for j in range(3):
            one = Moments(count[i, j], total[i, j], scatter[i, j])
            for name in ("size", "mean", "categories", "between", "within"):
                np.testing.assert_allclose(getattr(many, name)[i, j], getattr(one, name), rtol=1e-14)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 1000))
def test_each_part_becomes_the_sum_of_the_others(n_parts, size, seed):
    parts = np.random.default_rng(seed).integers(-9, 9, (n_parts, size))
    expected = parts.sum(axis=0) - parts
    sum_of_others(parts)
    np.testing.assert_array_equal(parts, expected)


def test_a_part_leaves_no_trace_of_itself_in_the_sum_of_the_others():
    parts = np.array([[1e300], [0.1], [0.2]])
    sum_of_others(parts)
    assert parts[0, 0] == 0.1 + 0.2


def test_observed_rows_are_added_and_taken_away_too():
    a, b = (Moments(np.array([w, w]), np.array([w, 2 * w]), np.array(w / 2), np.array(7.0)) for w in (1.0, 3.0))
    assert (a + b).rows == 14
    assert ((a + b) - b).rows == 7
