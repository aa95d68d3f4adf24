"""Features out of fold against brute force, and own labels."""

import numpy as np
import pandas as pd
import pytest
from helpers.nested import LEVELS, NUMBERS, OUTPUTS
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit

from catpool import NestedEncoder
from catpool.crossfit.folds import make_folds

pytestmark = pytest.mark.slow  # taken together; each by itself is quick


SCHEMES = {
    "int": (4, {}),
    "splitter": (KFold(3, shuffle=True, random_state=1), {}),
    "labels": (np.array(["x", "y", "z"])[np.arange(120) % 3], {}),
    "past only": (TimeSeriesSplit(3), {}),
    "grouped": (GroupKFold(4), {"groups": "groups"}),
}


def splits_of(cv, land, y, target_type):
    if isinstance(cv, int):
        classes = np.unique(y, return_inverse=True)[1] if target_type in ("binary", "multiclass") else None
        labels = make_folds(cv, None, None, n_rows=len(y), random_state=0, classes=classes).labels
        return [(np.flatnonzero(labels != k), np.flatnonzero(labels == k)) for k in range(cv)]
    if hasattr(cv, "split"):
        return list(cv.split(land["X"], y, land["groups"] if isinstance(cv, GroupKFold) else None))
    return [(np.flatnonzero(cv != label), np.flatnonzero(cv == label)) for label in np.unique(cv)]


def assert_brute_force(land, target_type, scheme, weights, parameters):
    cv, needs = SCHEMES[scheme]
    X, y = land["X"], land[target_type]
    arguments = {} if weights is None else {"sample_weight": land[weights]}
    if target_type == "count" and parameters.get("family") != "normal":
        arguments["exposure"] = land["exposure"]
    parameters = {"target_type": target_type, "output": OUTPUTS, **parameters}
    encoder = NestedEncoder(LEVELS, cv=cv, random_state=0, **parameters)
    encoded = encoder.fit_transform(X, y, **arguments, **{name: land[column] for name, column in needs.items()})

    expected = np.full(encoded.shape, np.nan)
    for train, test in splits_of(cv, land, y, target_type):
        own = {name: values[train] for name, values in arguments.items()}
        expected[test] = NestedEncoder(LEVELS, **parameters).fit(X.iloc[train], y[train], **own).transform(X.iloc[test])
    code = np.char.endswith(encoder.get_feature_names_out().astype(str), "_code")
    expected[:, code] = np.asarray(encoder.transform(X))[:, code]  # the same in training and after
    np.testing.assert_allclose(encoded, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("weights", [None, "weights", "precisions"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
@pytest.mark.slow
def test_fit_transform_is_brute_force(land, target_type, scheme, weights):
    precise = {"weight_type": "precision"} if target_type == "continuous" and weights == "precisions" else {}
    assert_brute_force(land, target_type, scheme, weights, {"emit": "all", **precise})


@pytest.mark.parametrize("unknown", ["prior", "nan"])
@pytest.mark.parametrize("missing", ["category", "prior", "nan"])
@pytest.mark.parametrize("scheme", ["labels", "past only"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_policies_are_the_same_out_of_fold(land, scheme, unknown, missing):
    assert_brute_force(land, "continuous", scheme, None, {"emit": "all", "unknown": unknown, "missing": missing})


@pytest.mark.parametrize("family", ["normal", "auto"])
@pytest.mark.parametrize("target_type", ["binary", "count"])
def test_other_options_are_brute_force(land, target_type, family):
    assert_brute_force(land, target_type, "labels", "weights", {"family": family, "prior": "ml"})


@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_rows_in_no_fold_have_a_code_alone(land):
    encoder = NestedEncoder(LEVELS, cv=TimeSeriesSplit(3), emit="all", output=OUTPUTS)
    encoded = encoder.set_output(transform="pandas").fit_transform(land["X"], land["continuous"])
    assert encoded.iloc[:30].isna().all().tolist() == [not name.endswith("_code") for name in encoded.columns]
    assert encoded.iloc[30:].notna().all().all()


@pytest.mark.parametrize("change", [lambda y: y[::-1], lambda y: y + 1e12, lambda y: -1e30 * y, lambda y: 0 * y])
@pytest.mark.parametrize("weights", [None, "weights", "precisions"])
def test_a_fold_s_own_targets_do_not_reach_its_encodings(land, weights, change):
    X, y, folds = land["X"], land["continuous"], np.arange(120) % 3
    parameters = {"cv": folds, "emit": "all", "output": OUTPUTS}
    parameters["weight_type"] = "precision" if weights == "precisions" else "frequency"
    sample_weight = None if weights is None else land[weights]
    before = NestedEncoder(LEVELS, **parameters).fit_transform(X, y, sample_weight=sample_weight)
    changed = y.copy()
    changed[folds == 1] = change(y[folds == 1])
    after = NestedEncoder(LEVELS, **parameters).fit_transform(X, changed, sample_weight=sample_weight)
    np.testing.assert_array_equal(np.asarray(before)[folds == 1], np.asarray(after)[folds == 1])
    assert not np.array_equal(np.asarray(before)[folds == 0], np.asarray(after)[folds == 0])


numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


@st.composite
def tables(draw, values, least=8, most=24):
    """States, counties within them, targets, the same with those of a fold changed, and the fold of each row."""
    n = draw(st.integers(least, most))
    states = draw(st.lists(st.sampled_from(["a", "b", None]), min_size=n, max_size=n))
    counties = draw(st.lists(st.sampled_from(["x", "y", "z", None]), min_size=n, max_size=n))
    y = np.array(draw(st.lists(values, min_size=n, max_size=n)))
    folds = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    assume(len(np.unique(folds)) > 1)
    own = folds == folds[0]
    changed = y.copy()
    changed[own] = draw(st.lists(values, min_size=int(own.sum()), max_size=int(own.sum())))
    return pd.DataFrame({"state": states, "county": counties}, dtype=object), y, changed, own, folds


def assert_own_labels_do_not_matter(table, shift, target_type):
    X, y, changed, own, folds = table
    changed[own] += shift
    encoder = NestedEncoder(["state", "county"], cv=folds, target_type=target_type, emit="all", output=NUMBERS)
    before, after = np.asarray(encoder.fit_transform(X, y))[own], np.asarray(encoder.fit_transform(X, changed))[own]
    np.testing.assert_array_equal(before, after)
    assert np.isfinite(before).all()


@pytest.mark.slow
@settings(max_examples=12)
@given(tables(numbers), st.sampled_from([0.0, 1e9, -1e30]))
def test_own_targets_do_not_matter_in_a_single_bit(table, shift):
    assert_own_labels_do_not_matter(table, shift, "continuous")


@pytest.mark.parametrize("target_type", ["binary", "multiclass", "count"])
@given(data=st.data())
def test_own_classes_and_counts_do_not_matter_in_a_single_bit(target_type, data):
    values = st.integers(0, {"binary": 1, "multiclass": 2, "count": 30}[target_type])
    table = data.draw(tables(values))
    _, y, changed, own, _ = table
    if target_type != "count":  # each class is in a fold that stays as it is
        assume(set(y) == set(changed) == set(y[~own]))
    assert_own_labels_do_not_matter(table, 10**6 if target_type == "count" else 0, target_type)
