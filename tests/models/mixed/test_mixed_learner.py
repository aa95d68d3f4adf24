"""Features out of fold are those of a refit for each fold."""

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import FORMS, OUTPUTS, encoder_of, mixed_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import KFold, TimeSeriesSplit

from catpool.crossfit.folds import make_folds

SCHEMES = {
    "int": (3, False),
    "splitter": (KFold(3, shuffle=True, random_state=1), False),
    "labels": (np.array(list("xyz"))[np.arange(120) % 3], False),
    "past only": (TimeSeriesSplit(2), False),
    "groups": (3, True),
}


WEIGHTS = [None, "frequency", "precision"]


def splits_of(cv, n, groups=None):
    if isinstance(cv, int):
        labels = make_folds(cv, None, None, n_rows=n, random_state=0, groups=groups, classes=None).labels
    elif isinstance(cv, np.ndarray):
        labels = np.unique(cv, return_inverse=True)[1]
    else:
        return list(cv.split(np.zeros(n)))
    return [(np.flatnonzero(labels != fold), np.flatnonzero(labels == fold)) for fold in range(labels.max() + 1)]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
@pytest.mark.slow
def test_fit_transform_is_a_refit_for_each_fold(form, scheme):
    """Every pair of model and folds, of model and weights, of folds and weights."""
    X, y = mixed_rows()
    (cv, grouped), rng = SCHEMES[scheme], np.random.default_rng(3)
    kind = WEIGHTS[(list(FORMS).index(form) + list(SCHEMES).index(scheme)) % 3]
    weights = {None: None, "frequency": rng.integers(0, 4, 120), "precision": rng.uniform(0.2, 3, 120)}[kind]
    groups = X["c"].to_numpy() if grouped else None
    encoder = encoder_of(cv=cv, output=OUTPUTS, remainder="drop", weight_type=kind or "frequency", **FORMS[form])
    encoded = encoder.fit_transform(X, y, sample_weight=weights, groups=groups)
    seen = np.zeros(len(X), dtype=bool)
    for train, test in splits_of(cv, len(X), groups):
        own = None if weights is None else weights[train]
        expected = clone(encoder).fit(X.iloc[train], y[train], sample_weight=own).transform(X.iloc[test])
        for found, column in zip(np.asarray(encoded)[test].T, np.asarray(expected).T, strict=True):
            np.testing.assert_allclose(found, column, rtol=0, atol=1e-7 * np.abs(column).max() + 1e-9)
        seen[test] = True
    assert np.isnan(np.asarray(encoded)[~seen]).all()
    if scheme == "int":
        whole = clone(encoder).fit(X, y, sample_weight=weights)
        np.testing.assert_allclose(encoder.transform(X), whole.transform(X), rtol=1e-7, atol=1e-7)
        pd.testing.assert_frame_equal(encoder.summary_, whole.summary_, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [["a"], ["a", "c"]])
@pytest.mark.parametrize("target_type", ["binary", "count"])
@pytest.mark.parametrize("scheme", ["labels", "past only"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_fit_transform_of_classes_and_counts_is_a_refit_for_each_fold(groups, target_type, scheme):
    X, y = mixed_rows()
    y = (y > y.mean()).astype(int) if target_type == "binary" else np.maximum(y, 0).astype(int)
    weights, exposure = np.arange(120) % 3, 1 + X["z"].abs().to_numpy() if target_type == "count" else None
    encoder = encoder_of(groups, target_type=target_type, cv=SCHEMES[scheme][0], output=OUTPUTS, remainder="drop")
    encoded = encoder.fit_transform(X, y, sample_weight=weights, exposure=exposure)
    for train, test in splits_of(SCHEMES[scheme][0], 120):
        own = None if exposure is None else exposure[train]
        refitted = clone(encoder).fit(X.iloc[train], y[train], sample_weight=weights[train], exposure=own)
        np.testing.assert_allclose(np.asarray(encoded)[test], refitted.transform(X.iloc[test]), rtol=1e-7, atol=1e-7)


@pytest.mark.slow
@settings(max_examples=12)
@given(
    st.sampled_from(sorted(FORMS)),
    st.integers(0, 2),
    st.sampled_from(["numbers", 1e3, -1e6, 1e9]),
    st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=14, max_size=14),
)
def test_a_fold_s_own_targets_do_not_reach_its_features_not_in_a_single_bit(form, fold, change, values):
    X, y = mixed_rows(42)
    folds = np.arange(42) % 3
    changed = y.copy()
    changed[folds == fold] = values if change == "numbers" else y[folds == fold] + change
    encoder = encoder_of(cv=folds, output=OUTPUTS, **FORMS[form])
    before, after = (encoder.fit_transform(X, each).drop(columns=["b"], errors="ignore") for each in (y, changed))
    own = folds == fold
    assert before[own].to_numpy(dtype=object).tolist() == after[own].to_numpy(dtype=object).tolist()
    numbers = [column for column in before if before[column].dtype == float]
    assert before.loc[own, numbers].to_numpy().tobytes() == after.loc[own, numbers].to_numpy().tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("target_type", ["binary", "count"])
@settings(max_examples=8)
@given(
    st.sampled_from(["one", "covariates", "two"]),
    st.integers(0, 2),
    st.lists(st.integers(0, 1), min_size=14, max_size=14),
    st.sampled_from([1, 3, 10**4]),
)
def test_the_own_label_law_holds_for_classes_and_counts(target_type, form, fold, values, largest):
    X, y = mixed_rows(42)
    folds = np.arange(42) % 3
    y = (y > np.median(y)).astype(int) * (1 if target_type == "binary" else 2)
    changed = y.copy()
    changed[folds == fold] = np.array(values) * (1 if target_type == "binary" else largest)
    parameters = {key: value for key, value in FORMS[form].items() if key != "method"}
    encoder = encoder_of(target_type=target_type, cv=folds, output=OUTPUTS, remainder="drop", **parameters)
    before, after = (np.asarray(encoder.fit_transform(X, each))[folds == fold] for each in (y, changed))
    assert before.tobytes() == after.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("cv", [TimeSeriesSplit(2, gap=5), 3])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_only_training_rows_reach_a_row(cv):
    X, y = mixed_rows()
    encoder = encoder_of(cv=cv, output=OUTPUTS, remainder="drop", **FORMS["three"])
    whole = encoder.fit_transform(X, y)
    for train, test in splits_of(cv, 120):
        changed = 100 * np.random.default_rng(0).normal(size=120)
        changed[train] = y[train]
        assert np.asarray(encoder.fit_transform(X, changed))[test].tobytes() == np.asarray(whole)[test].tobytes()


@pytest.mark.parametrize("correlated", [True, False])
@pytest.mark.parametrize("prior", ["auto", "full_bayes"])
@pytest.mark.usefixtures("few_points")
def test_priors_of_slopes_are_in_units_of_the_covariates_that_a_fold_learns_from(prior, correlated):
    X, y = mixed_rows()
    X["x"] *= np.where(np.arange(120) < 40, 10.0, 1.0)  # so that a fold without these rows has other units
    folds = np.repeat([0, 1, 2], 40)
    slopes = {"covariates": ["x"], "slopes": {"a": ["x"]}, "correlated": correlated}
    encoder = encoder_of(["a"], prior=prior, cv=folds, output=OUTPUTS, remainder="drop", **slopes)
    encoded = encoder.fit_transform(X, y)
    for fold in range(3):
        refitted = clone(encoder).fit(X[folds != fold], y[folds != fold]).transform(X[folds == fold])
        np.testing.assert_allclose(encoded[folds == fold], refitted, rtol=1e-7)
