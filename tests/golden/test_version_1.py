"""Files of version 1 are read by all later versions, and give the numbers that they gave when they were written."""

import json

import numpy as np
import pytest
from version_1_files import FOLDER, all_files, encoders

EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
FILES = all_files()


def read(name):
    return FILES[name][0].from_json(FOLDER / f"{name}.json")


def agree(numbers, expected):
    assert sorted(numbers) == sorted(expected)
    for name, values in numbers.items():
        golden = np.array([float.fromhex(value) for value in expected[name]])
        np.testing.assert_allclose(values, golden, rtol=1e-9, atol=1e-12, err_msg=name)


def test_each_file_is_tested():
    assert sorted(FILES) == sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "expected")
    assert sorted(FILES) == sorted(EXPECTED["new"])


@pytest.mark.parametrize("name", FILES)
def test_a_file_gives_the_numbers_that_it_gave(name):
    agree(FILES[name][2](read(name)), EXPECTED["new"][name])


@pytest.mark.parametrize("name", EXPECTED["later"])
def test_what_is_read_goes_on_learning(name):
    encoder = read(name)
    if "interaction_prior" in encoder.get_params():
        encoder.set_params(interaction_prior="exact")  # which was the only one
    agree(encoders()[name].encoded_later(encoder), EXPECTED["later"][name])


@pytest.mark.parametrize("name", EXPECTED["later"])
def test_what_is_read_is_merged(name):
    own = encoders()[name]
    rest = own.learned(own.encoder, slice(100, None))
    merged = own.encoded(read(name).merge(rest))
    for feature, values in own.encoded(own.learned(read(name), slice(100, None))).items():
        np.testing.assert_allclose(merged[feature], values, rtol=1e-9, atol=1e-12, err_msg=feature)


@pytest.mark.parametrize("name", ["mean", "reml", "reml_cells", "polars", "nested"])
def test_what_was_fitted_at_once_is_merged(name):
    once, twice = read(name), read(name).merge(read(name))
    assert FILES[name][2](twice).keys() == FILES[name][2](once).keys()


@pytest.mark.parametrize("name", FILES)
def test_what_is_read_is_written_again(name):
    encoder = read(name)
    again = type(encoder).from_json(encoder.to_json())
    numbers = FILES[name][2](encoder)
    for feature, values in FILES[name][2](again).items():
        assert values.tobytes() == numbers[feature].tobytes(), feature
