"""Frames of many numbers are made without a copy of all of them."""

import numpy as np
import pandas as pd
import pytest

from catpool import MeanEncoder
from catpool.data.frames import backends


@pytest.mark.parametrize("large", [0, 1 << 24])
def test_wide_frames_hold_the_same_numbers(monkeypatch, large):
    monkeypatch.setattr(backends, "LARGE", large)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({name: rng.integers(0, 4, 50).astype(str) for name in "abc"}, index=np.arange(50) + 7)
    y = rng.normal(size=50)
    encoded = MeanEncoder(random_state=0).fit_transform(X, y)
    assert encoded.columns.tolist() == ["a", "b", "c"]
    assert encoded.index.equals(X.index)
    expected = MeanEncoder(random_state=0).fit_transform(X.to_numpy(), y)
    np.testing.assert_array_equal(encoded.to_numpy(), expected)
    assert (encoded._mgr.nblocks == 1) == (large > 0)
