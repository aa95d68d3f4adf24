"""Numbers and targets that hypothesis draws."""

from hypothesis import strategies as st

numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


def targets(values, rows):
    """As many values as there are rows, or as are chosen by a mask."""
    size = int(rows.sum()) if hasattr(rows, "sum") else len(rows)
    return st.lists(values, min_size=size, max_size=size)
