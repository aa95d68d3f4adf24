"""Every encoder x fold scheme x target type x weights against brute force."""

import numpy as np
import pytest
from conftest import ENCODERS
from helpers.law import close
from helpers.public_encoders import PUBLIC
from reference_encoders import out_of_fold
from sklearn.base import clone
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)

from catpool.crossfit.folds import make_folds

pytestmark = pytest.mark.usefixtures("few_points")

FAMILIES = {"continuous": "normal", "binary": "binomial", "multiclass": "binomial", "count": "poisson"}


SCHEMES = {
    "int": (5, {}),
    "splitter": (KFold(4, shuffle=True, random_state=1), {}),
    "stratified": (StratifiedKFold(3), {}),
    "grouped": (GroupKFold(4), {"groups": "shop"}),
    "leave a group out": (LeaveOneGroupOut(), {"groups": "shop"}),
    "int grouped": (4, {"groups": "shop"}),
    "past only": (TimeSeriesSplit(4), {}),
    "past with a gap": (TimeSeriesSplit(3, gap=5, max_train_size=30), {}),
    "one split": (ShuffleSplit(1, random_state=0), {}),
    "predefined": (PredefinedSplit(np.arange(120) % 4 - 1), {}),
    "labels": (np.array(["x", "y", "z"])[np.arange(120) % 3], {}),
    "list": (list(KFold(3).split(np.zeros(120))), {}),
    "masks": (
        [(np.arange(120) % 2 == 0, np.arange(120) % 2 == 1), (np.arange(120) % 2 == 1, np.arange(120) % 2 == 0)],
        {},
    ),
}


LEAVE_ROWS_OUT = {"past only", "past with a gap", "one split", "predefined"}


def splits_of(scheme, table, y, arguments):
    """The (train, test) pairs of a scheme; of random folds, which only their maker knows, as it makes them."""
    cv, _ = SCHEMES[scheme]
    if isinstance(cv, int):
        classes = None if y.dtype.kind == "f" or len(np.unique(y)) > 3 else np.unique(y, return_inverse=True)[1]
        folds = make_folds(cv, None, None, n_rows=len(y), random_state=0, classes=classes, **arguments)
        return [(np.flatnonzero(folds.labels != k), np.flatnonzero(folds.labels == k)) for k in range(cv)]
    if hasattr(cv, "split"):
        return list(cv.split(table["X"], y, arguments.get("groups")))
    if isinstance(cv, np.ndarray):
        return [(np.flatnonzero(cv != label), np.flatnonzero(cv == label)) for label in np.unique(cv)]
    return [(np.flatnonzero(a), np.flatnonzero(b)) if a.dtype == bool else (a, b) for a, b in cv]


@pytest.mark.parametrize(
    ("scheme", "target_type", "weighted"),
    [
        (scheme, target_type, weighted)
        for scheme in SCHEMES
        for target_type in FAMILIES
        if scheme != "stratified" or target_type in ("binary", "multiclass")  # it stratifies classes only
        for weighted in ([True, False] if target_type == "continuous" else [True])
    ],
)
@pytest.mark.parametrize("rule", ["mean", "smoothed", "bayes"])  # that reference_encoders.py has
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_fit_transform_is_brute_force(rule, scheme, target_type, weighted, table):
    cv, needs = SCHEMES[scheme]
    X, y = table["X"], table[target_type]
    if scheme == "leave a group out":
        X = X.assign(shop=X["shop"] // 4)
    arguments = {name: X[column].to_numpy() for name, column in needs.items()}
    weights = table["weights"] if weighted else np.ones(len(y))
    encoder = ENCODERS[rule](None, cv=cv, random_state=0, target_type=target_type)
    if rule == "bayes":
        encoder.set_params(prior="moments")
    encoded = encoder.fit_transform(X, y, sample_weight=weights if weighted else None, **arguments)

    table = {**table, "X": X}
    splits = splits_of(scheme, table, y, arguments)
    numbers = np.column_stack([y == label for label in np.unique(y)] if target_type == "multiclass" else [y])
    expected = [
        out_of_fold(X[column].tolist(), numbers.astype(float), weights, splits, rule, FAMILIES[target_type])
        for column in X
    ]
    np.testing.assert_allclose(encoded, np.column_stack(expected), rtol=1e-10, atol=1e-12)
    assert np.isnan(np.asarray(encoded)).any() == (scheme in LEAVE_ROWS_OUT)


@pytest.mark.parametrize("public", PUBLIC, ids=str)
@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme != "stratified"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_fit_transform_is_a_refit_for_each_fold_of_any_scheme(public, scheme, table):
    cv, needs = SCHEMES[scheme]
    X, y, weights = table["X"].assign(shop=table["X"]["shop"] // 4), table["count"], table["weights"]
    arguments = {name: X[column].to_numpy() for name, column in needs.items()}
    encoder = public.make(["city", "shop"][: public.setup.few], cv=cv, random_state=0, target_type="count")
    encoded = np.asarray(encoder.fit_transform(X, y, sample_weight=weights, **arguments))
    seen = np.zeros(len(y), dtype=bool)
    for train, test in splits_of(scheme, {**table, "X": X}, y.astype(float), arguments):
        refitted = clone(encoder).set_params(cv=2).fit(X.iloc[train], y[train], sample_weight=weights[train])
        close(encoded[test], refitted.transform(X.iloc[test]), public)
        seen[test] = True
    assert seen.all() == (scheme not in LEAVE_ROWS_OUT)
    assert np.isnan(encoded[~seen, 0]).all()
