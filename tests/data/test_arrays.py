"""Arrays of every type, read-only and strided."""

import numpy as np
import pandas as pd
import pytest

from catpool import MeanEncoder

Y = np.array([1.5, 2.0, 4.0, 8.0, 16.0, 32.0])


@pytest.mark.parametrize(
    "dtype", ["object", "U", "int8", "uint64", "float32", "bool", "M8[D]", "m8[h]", "S", ">i8", ">f8"]
)
def test_arrays_of_every_type_read_only_and_strided(dtype):
    values = np.array([1, 0, 1, 0, 1, 0]).astype("int64" if dtype[0] in "mM" else dtype).astype(dtype)
    wide = np.repeat(values[:, None], 4, axis=1)
    wide.flags.writeable = False
    expected = np.array([21.5 / 3, 14] * 3)
    for X in (wide[:, ::2], np.asfortranarray(wide)[:, 1:3], wide[:, :2][::-1][::-1]):
        encoder = MeanEncoder(cv=2).fit(X, Y)
        np.testing.assert_allclose(encoder.transform(X), np.column_stack([expected, expected]))
        assert encoder.fit_transform(X, Y).shape == (6, 2)


def test_read_only_and_strided_targets(encoder_class):
    y = np.repeat(Y, 2)[::2]
    y.flags.writeable = False
    X = pd.DataFrame({"c": list("aabbcc")})
    weights = np.ones(6)
    weights.flags.writeable = False
    encoded = encoder_class(cv=3, random_state=0).fit_transform(X, y, sample_weight=weights)
    np.testing.assert_array_equal(
        encoded, encoder_class(cv=3, random_state=0).fit_transform(X, Y, sample_weight=weights)
    )
    np.testing.assert_array_equal(y, Y)


def test_dates_of_an_array_pass_through_as_dates():
    X = np.array([["2020-01-01", "2021-01-01"]] * 6, dtype="datetime64[ns]")
    assert np.asarray(MeanEncoder([0], cv=2).fit_transform(X, Y))[0, 1] == pd.Timestamp("2021-01-01")
