"""Each value of a parameter makes a difference, by itself and beside each value of each other one, or is refused."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from helpers.options import BASE, COLUMNS, NEW, inert, sales, values_of
from helpers.public_encoders import PUBLIC


def base_of(public):
    encoder = public.make(COLUMNS[public.setup.columns])
    return {**encoder.get_params(), **{name: value for name, value in BASE.items() if name in encoder.get_params()}}


def changed(public, choices):
    """The parameters after choices, which are names and positions in `values_of`."""
    return base_of(public) | {name: values_of(public, name)[position] for name, position in choices}


@cache
def outcome(public, *choices):
    """Names and numbers that come out, of training rows and of new ones; or the words of a refusal."""
    X, y, weights = sales()
    encoder = public.encoder(**changed(public, choices))
    try:
        train = encoder.fit_transform(X, y, sample_weight=weights)
    except ValueError as error:
        return str(error)
    return pd.concat([train, encoder.transform(NEW)])


def check(public, choice, beside=()):
    """A choice makes a difference beside another one, or is refused by name, or is inert by design."""
    with_it, without = outcome(public, *sorted((*beside, choice))), outcome(public, *beside)
    if isinstance(without, str):
        return
    if isinstance(with_it, str):
        assert any(name in with_it for name, _ in (*beside, choice))
        return
    reason = inert(choice[0], changed(public, (*beside, choice)))
    assert same(with_it, without) == (reason is not None), (changed(public, (*beside, choice)), reason)


def same(one, other):
    """Whether two frames hold the same numbers, but for rounding."""
    texts = [each.select_dtypes(exclude="number") for each in (one, other)]
    if list(one.columns) != list(other.columns) or not texts[0].equals(texts[1]):
        return False
    numbers = [each.select_dtypes("number").to_numpy(float) for each in (one, other)]
    return np.allclose(*numbers, rtol=1e-12, atol=1e-14, equal_nan=True)


def choices_of(public):
    return [(name, position) for name in base_of(public) for position in range(len(values_of(public, name)))]


ALL = [(public, choice) for public in PUBLIC for choice in choices_of(public)]
DEAR = {"slopes", "groups", "interactions"}  # fits of crossed factors

pytestmark = pytest.mark.usefixtures("few_points")


def slow(condition):
    return pytest.mark.slow if condition else []


@pytest.mark.parametrize(
    ("public", "choice"),
    [
        pytest.param(public, choice, id=f"{public}-{'-'.join(map(str, choice))}", marks=slow(choice[0] in DEAR))
        for public, choice in ALL
    ],
)
def test_each_value_of_a_parameter_makes_a_difference(public, choice):
    assert not isinstance(outcome(public), str)
    check(public, choice)


@pytest.mark.parametrize(
    ("public", "name"),
    [
        pytest.param(public, name, id=f"{public}-{name}", marks=slow(public.name != "MeanEncoder"))
        for public in PUBLIC
        for name in list(base_of(public))[:-1]
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # an approximate fit differs, too
def test_each_value_makes_a_difference_beside_each_other_one(public, name):
    """Both of a pair are checked in one test, so that no two workers fit the same encoder."""
    names = list(base_of(public))
    later = names[names.index(name) + 1 :]
    for choice in choices_of(public):
        for other in choices_of(public):
            if choice[0] == name and other[0] in later:
                check(public, choice, beside=(other,))
                check(public, other, beside=(choice,))


def test_weights_and_groups_make_a_difference(encoder_class, table):
    X, y = table["X"][["city"]], table["continuous"]
    plain = np.asarray(encoder_class(random_state=0).fit_transform(X, y))
    for arguments in ({"sample_weight": table["weights"] + 1}, {"groups": table["X"]["shop"]}):
        assert not np.allclose(plain, encoder_class(random_state=0).fit_transform(X, y, **arguments))
    weighed = encoder_class().fit(X, y, sample_weight=table["weights"])
    assert not np.allclose(encoder_class().fit(X, y).transform(X), weighed.transform(X))


def test_many_targets_are_the_same_whether_kept_in_memory_or_not(encoder_class, table, monkeypatch):
    held = encoder_class(random_state=0).fit_transform(table["X"], table["multiclass"])
    monkeypatch.setattr("catpool.crossfit.training_rows.HELD", 0)
    anew = encoder_class(random_state=0).fit_transform(table["X"], table["multiclass"])
    np.testing.assert_array_equal(held, anew)


def test_blocks_of_any_size_give_the_same(encoder_class, table, monkeypatch):
    whole = encoder_class(random_state=0).fit_transform(table["X"], table["continuous"])
    monkeypatch.setattr("catpool.moments.partition.ROWS", 7)
    monkeypatch.setattr("catpool.moments.outside.CELLS", 7)
    monkeypatch.setattr("catpool.moments.outside.BLOCK", 3)
    blocks = encoder_class(random_state=0).fit_transform(table["X"], table["continuous"])
    np.testing.assert_allclose(whole, blocks, rtol=1e-13)
