import pickle
import re
import unicodedata
from collections import Counter

import numpy as np
import pytest
from helpers.described import of

from catpool import names
from catpool.models.features.ready_made import similar_names
from catpool.models.features.ready_made.similar_names import NameBasis

RANKS = ["I", "II", "III", "IV"]
JOBS = ["Police Officer", "Nurse (R.N.)", "Bus-Operator"]
TITLES = [*(f"{job} {rank}" for job in JOBS for rank in RANKS), "Chief", "Ärztin"]
NEW = ["police officer V", "Nurse", "Chief Operator", "Arztin"]


def parts(name):
    """The runs of characters and the words of a name, with how often they occur."""
    text = unicodedata.normalize("NFKD", name.lower())
    text = "".join(each for each in text if not unicodedata.combining(each))
    padded = [f" {word} " for word in text.split()]
    places = [(word, start, start + size) for word in padded for size in range(1, 6) for start in range(len(word))]
    runs = Counter(word[start:stop] for word, start, stop in places if stop <= len(word))
    return runs, Counter(re.findall(r"\w+", text))


def similarity(one, other):
    total = 0.0
    for mine, theirs in zip(parts(one), parts(other), strict=True):
        damped = [{part: 1 + np.log(times) for part, times in each.items()} for each in (mine, theirs)]
        lengths = [np.sqrt(sum(value**2 for value in each.values())) for each in damped]
        total += sum(value * damped[1].get(part, 0.0) for part, value in damped[0].items()) / np.prod(lengths)
    return total / 2


def dense(rows, columns):
    return np.array([[similarity(one, other) for other in columns] for one in rows])


def test_all_functions_are_the_similarity_of_names():
    functions = names(rank=1000).fit(of(TITLES))(of(TITLES))
    assert functions.shape[1] <= len(TITLES)
    np.testing.assert_allclose(functions @ functions.T, dense(TITLES, TITLES), atol=1e-8)


def test_the_first_functions_are_those_of_most_variance():
    functions = names(rank=4).fit(of(TITLES))(of(TITLES))
    values, vectors = np.linalg.eigh(dense(TITLES, TITLES))
    np.testing.assert_allclose(functions @ functions.T, (vectors * values)[:, -4:] @ vectors[:, -4:].T, atol=1e-8)


def test_a_new_category_has_its_mean_given_the_names_that_are_known():
    fitted = names(rank=1000).fit(of(TITLES))
    weights = np.linalg.solve(dense(TITLES, TITLES), dense(TITLES, NEW))
    np.testing.assert_allclose(fitted(of(NEW)), weights.T @ fitted(of(TITLES)), atol=1e-8)


def test_case_and_accents_do_not_count():
    fitted = names().fit(of(TITLES))
    np.testing.assert_array_equal(fitted(of(["ärztin", "CHIEF"])), fitted(of(["ARZTIN", "chief"])))


def test_many_names_are_reduced_by_a_randomized_algorithm(monkeypatch):
    exact = names(rank=8).fit(of(TITLES))(of(TITLES))
    monkeypatch.setattr(similar_names, "MOST_KNOTS", 5)
    functions = names(rank=8).fit(of(TITLES))(of(TITLES))
    np.testing.assert_allclose(functions @ functions.T, exact @ exact.T, atol=1e-6)


def test_very_many_names_have_the_functions_of_some_of_them(monkeypatch):
    monkeypatch.setattr(similar_names, "MOST_NAMES", 7)
    fitted = names(rank=1000).fit(of(TITLES))
    some = fitted.texts.tolist()
    assert len(some) == 7
    np.testing.assert_allclose(fitted(of(some)) @ fitted(of(some)).T, dense(some, some), atol=1e-8)


def test_few_and_many_names_have_the_same_functions(monkeypatch):
    fitted = names().fit(of(TITLES))
    few = fitted(of(NEW))
    monkeypatch.setattr(similar_names, "FEW", 0)
    np.testing.assert_allclose(fitted(of(NEW)), few, atol=1e-12)


def test_the_order_of_categories_does_not_matter():
    np.testing.assert_array_equal(names().fit(of(TITLES))(of(NEW)), names().fit(of(TITLES[::-1]))(of(NEW)))


def test_names_without_a_character_have_no_features():
    functions = names().fit(of(["", "a", "  "]))(of(["", "a", "  ", "b"]))
    assert np.isnan(functions).all(axis=1).tolist() == [True, False, True, False]
    with pytest.raises(ValueError, match="at least one character, but the categories of column 'zip' have none"):
        names().fit(of(["", " "]))


def test_punctuation_alone_is_a_name():
    functions = names().fit(of(["?!", "a"]))(of(["?!", "a"]))
    assert np.isfinite(functions).all()


def test_categories_that_are_no_strings_are_read_as_they_are_written():
    fitted = names().fit(of([300, 3500, (1, "a")]))
    np.testing.assert_array_equal(fitted(of([300, (1, "a")])), fitted(of(["300", "(1, 'a')"])))


def test_one_category_has_one_function():
    assert names().fit(of(["a"]))(of(["a", "b"])).shape == (2, 1)


def test_pickles_have_the_same_functions_and_no_more():
    fitted = names().fit(of(TITLES))
    expected = fitted(of(NEW))
    again = pickle.loads(pickle.dumps(fitted))
    assert vars(again).keys() == {"texts", "weights"}
    np.testing.assert_array_equal(again(of(NEW)), expected)


def test_a_rank_must_be_a_number():
    with pytest.raises(ValueError, match="`rank` must be a whole number from 1"):
        names(rank="all")


@pytest.mark.parametrize(("texts", "weights"), [([1, 2], (2, 1)), (["a", "b"], (3, 1)), (["a"], (1, 0))])
def test_damaged_functions_are_refused(texts, weights):
    with pytest.raises(ValueError, match="it holds"):
        NameBasis(np.array(texts, dtype=object), np.ones(weights)).verify()


def test_halves_of_pairs_of_surrogates_are_read_as_question_marks():
    fitted = names().fit(of(["\ud800 a", "? b"]))
    np.testing.assert_array_equal(fitted(of(["\udfff a"])), fitted(of(["? a"])))


def test_functions_leave_what_names_do_not_share():
    fitted = names().fit(of(TITLES))
    np.testing.assert_allclose(fitted.left(of(TITLES)), 0, atol=1e-9)
    left = fitted.left(of(["Police Officer V", "xyz"]))
    assert 0 < left[0] < 0.5
    assert left[1] > 0.9
