import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, LeaveOneOut, LeavePOut, RepeatedKFold, ShuffleSplit, TimeSeriesSplit

from catpool.crossfit.folds import make_folds


def sizes(folds):
    return np.bincount(folds.labels, minlength=folds.n_folds)


@given(st.integers(2, 12), st.integers(12, 300), st.integers(0, 99))
def test_random_folds_are_balanced_to_one_row(k, n, seed):
    assert np.ptp(sizes(make_folds(k, None, None, n_rows=n, random_state=seed))) <= 1


@given(st.integers(2, 12), st.lists(st.integers(0, 4), min_size=12, max_size=300), st.integers(0, 99))
def test_stratified_folds_are_balanced_to_one_row_overall_and_in_each_class(k, classes, seed):
    classes = np.array(classes)
    folds = make_folds(k, None, None, n_rows=len(classes), classes=classes, random_state=seed)
    assert np.ptp(sizes(folds)) <= 1
    for label in np.unique(classes):
        assert np.ptp(np.bincount(folds.labels[classes == label], minlength=k)) <= 1


@given(st.integers(2, 8), st.lists(st.integers(0, 30), min_size=40, max_size=200), st.integers(0, 99))
def test_groups_stay_together_and_are_dealt_evenly(k, groups, seed):
    groups = np.array([*range(10), *groups])
    folds = make_folds(k, None, None, n_rows=len(groups), groups=groups, random_state=seed)
    of_group = [set(folds.labels[groups == group]) for group in np.unique(groups)]
    assert all(len(labels) == 1 for labels in of_group)
    assert np.ptp(np.bincount([labels.pop() for labels in of_group], minlength=k)) <= 1


@pytest.mark.parametrize("classes", [None, np.arange(20_000) % 3])
def test_random_folds_are_random(classes):
    """Each row is in each fold about equally often, and with a row far off as often as chance has it."""
    labels = np.array(
        [make_folds(5, None, None, n_rows=20_000, classes=classes, random_state=s).labels for s in range(40)]
    )
    share = [(labels == fold).mean(axis=0) for fold in range(5)]
    assert np.abs(np.mean(share, axis=1) - 0.2).max() < 1e-3
    assert np.std(share) == pytest.approx(np.sqrt(0.2 * 0.8 / 40), rel=0.05)
    assert (labels[:, :-100] == labels[:, 100:]).mean() == pytest.approx(0.2, abs=2e-3)
    assert (labels[0] == labels[1]).mean() == pytest.approx(0.2, abs=0.02)


def test_seeds():
    def labels(random_state):
        return make_folds(5, None, None, n_rows=99, random_state=random_state).labels

    np.testing.assert_array_equal(labels(3), labels(3))
    np.testing.assert_array_equal(labels(np.random.RandomState(3)), labels(np.random.RandomState(3)))
    assert (labels(3) != labels(4)).any()
    state = np.random.RandomState(0)
    assert (labels(state) != labels(state)).any()


def test_where_a_splitter_trains_on_all_others_the_folds_know_it():
    assert make_folds(KFold(3), np.zeros(9), None, n_rows=9).training is None
    assert make_folds(TimeSeriesSplit(3), np.zeros(9), None, n_rows=9).training is not None
    assert make_folds(ShuffleSplit(1), np.zeros(9), None, n_rows=9).training is not None


def test_a_hundred_folds_are_the_most():
    folds = make_folds(100, None, None, n_rows=200)
    assert sizes(folds).tolist() == [2] * 100
    assert folds.n_parts == 100
    splits = make_folds(list(KFold(100).split(np.zeros(200))), None, None, n_rows=200)
    assert splits.n_parts == 100


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (1, "`cv` asks for 1 fold; at least 2 are needed. Pass cv=10"),
        (101, "at most 100 are allowed, because"),
        (-3, "at least 2"),
        (True, "must be a number of folds"),
        (2.5, "must be a number of folds"),
        (None, "must be a number of folds"),
        (KFold, "must be a number of folds"),
        ("kfold", "must be a number of folds"),
        (31, "needs at least 31 rows, but X has 30"),
        (LeaveOneOut(), "LeaveOneOut is refused: .* own target"),
        (LeavePOut(2), "LeavePOut is refused"),
        (KFold(30), None),
        (RepeatedKFold(n_splits=3, n_repeats=2), "is in two"),
        (ShuffleSplit(5, random_state=0), "is in two"),
        ([0, 1] * 14, "one label for each of the 30 rows"),
        ([0.0, np.nan] * 15, "no missing values"),
        ([1] * 30, "`cv` holds labels of 1 fold; at least 2 are needed"),
        (KFold(101), "asks for 101 folds; at most 100"),
        ([([0], [])] * 101, "asks for 101 folds; at most 100"),
        (np.arange(30), "a fold of its own for each row"),
        (np.zeros((30, 2)), "by their positions"),
        ([], "gives no"),
        (iter([]), "gives no"),
        ([([0, 1], [1, 2])], "row 1 both in training and in test"),
        ([([0, 1], [2, 2])], "row 2 is in two"),
        ([([0, 1], [2, 30])], "positions, 0 to 29"),
        ([([0, 1], [-1])], "positions, 0 to 29"),
        ([([0.5, 1], [2])], "positions, 0 to 29"),
        ([([], [2])], "no training rows"),
        ([([0], [2], [3])], "one label for each of the 30 rows"),
    ],
)
def test_what_folds_may_be(cv, message):
    if message is None:
        assert make_folds(cv, np.zeros(30), None, n_rows=30).n_folds == 30
        return
    with pytest.raises(ValueError, match=message):
        make_folds(cv, np.zeros(30), None, n_rows=30)


def test_groups_must_be_enough_and_go_with_cv():
    with pytest.raises(ValueError, match="at least 2 groups"):
        make_folds(5, None, None, n_rows=30, groups=np.zeros(30))
    with pytest.raises(ValueError, match="goes with an integer"):
        make_folds(np.arange(30) % 3, None, None, n_rows=30, groups=np.arange(30) % 3)
    with pytest.raises(ValueError, match="`groups` must hold one label for each of the 30 rows"):
        make_folds(5, None, None, n_rows=30, groups=np.arange(29))
    with pytest.raises(ValueError, match="`groups` must have no missing values"):
        make_folds(5, None, None, n_rows=30, groups=[None] * 30)
