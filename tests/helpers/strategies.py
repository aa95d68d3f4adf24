"""Tables and targets that hypothesis draws."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


@st.composite
def tables(draw, least=8, most=40):
    """Categories, targets and the fold of each row."""
    n = draw(st.integers(least, most))
    categories = draw(st.lists(st.sampled_from(["a", "b", "c", "d", "e", None]), min_size=n, max_size=n))
    y = np.array(draw(st.lists(numbers, min_size=n, max_size=n)))
    assume(len(np.unique(y)) > 2)
    folds = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    assume(len(np.unique(folds)) > 1)
    return np.array(categories, dtype=object)[:, None], y, folds


def targets(values, rows):
    """As many values as there are rows, or as are chosen by a mask."""
    size = int(rows.sum()) if hasattr(rows, "sum") else len(rows)
    return st.lists(values, min_size=size, max_size=size)
