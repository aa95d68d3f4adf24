"""Columns of tables by their labels."""

import numpy as np
import pandas as pd
import pytest

from catpool import MeanEncoder, NestedEncoder


class Label(str):
    """A name of a column that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Label.compared += 1
        return str.__eq__(self, other)


def test_columns_are_found_without_a_search_through_all_of_them():
    n = 300
    X = pd.DataFrame(np.arange(4 * n).reshape(4, n) % 3)
    X.columns = pd.Index([Label(f"c{position}") for position in range(n)], dtype=object)
    Label.compared = 0
    encoder = MeanEncoder(None, cv=2)
    encoder.fit_transform(X, [1.0, 2.0, 3.5, 4.0])
    encoder.transform(X.iloc[:2])
    assert Label.compared < 50 * n  # a search for each column would compare n^2 / 2 = 150 n, several times


@pytest.mark.parametrize(
    ("encoder", "name"), [(MeanEncoder([["a", "b"]]), "columns"), (NestedEncoder([["a", "b"]]), "levels")]
)
def test_a_list_of_lists_of_columns_is_refused(encoder, name):
    X = pd.DataFrame({"a": ["x", "y"], "b": ["u", "v"]})
    with pytest.raises(TypeError, match=rf"`{name}` must name columns one by one, but it holds \[\['a', 'b'\]\]"):
        encoder.fit(X, [1.5, 2.5])
