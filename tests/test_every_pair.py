"""Every encoder x fold scheme x target type x weights against brute force; and no option is without effect."""

import numpy as np
import pandas as pd
import pytest
from conftest import ENCODERS
from reference_encoders import out_of_fold
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)

from catpool import MeanEncoder, SmoothedMeanEncoder
from catpool.folds import make_folds

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


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("scheme", "target_type"),
    [
        (scheme, target_type)
        for scheme in SCHEMES
        for target_type in FAMILIES
        if scheme != "stratified" or target_type in ("binary", "multiclass")  # it stratifies classes only
    ],
)
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_fit_transform_is_brute_force(rule, scheme, target_type, weighted, table):
    cv, needs = SCHEMES[scheme]
    X, y = table["X"], table[target_type]
    if scheme == "leave a group out":
        X = X.assign(shop=X["shop"] // 4)
    arguments = {name: X[column].to_numpy() for name, column in needs.items()}
    weights = table["weights"] if weighted else np.ones(len(y))
    encoder = ENCODERS[rule](cv=cv, random_state=0, target_type=target_type)
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
    assert np.isnan(encoded).any() == (scheme in LEAVE_ROWS_OUT)


VARIANTS = {
    "encoder": [ENCODERS["mean"](), ENCODERS["smoothed"](), ENCODERS["bayes"]()],
    "smoothing": [SmoothedMeanEncoder(smoothing=m) for m in (0.0, 1.0, 10.0, np.inf)],
    "cv": [MeanEncoder(cv=k) for k in (2, 5, 10)] + [MeanEncoder(cv=KFold(5))],
    "random_state": [MeanEncoder(random_state=seed) for seed in (0, 1, np.random.RandomState(2))],
    "target_type": [ENCODERS["bayes"](target_type=kind) for kind in ("continuous", "count", "multiclass")],
    "unknown": [MeanEncoder(unknown=policy) for policy in ("prior", "nan")],
    "missing": [MeanEncoder(missing=policy) for policy in ("category", "prior", "nan")],
    "columns": [MeanEncoder(columns) for columns in (None, ["city"], ["shop"])],
    "remainder": [MeanEncoder(["city"], remainder=remainder) for remainder in ("passthrough", "drop")],
}


@pytest.mark.parametrize("option", VARIANTS)
def test_each_value_of_an_option_makes_a_difference(option, table):
    X = table["X"].assign(city=table["X"]["city"].where(np.arange(120) > 0, "rare"))  # in one fold only
    results = []
    for encoder in VARIANTS[option]:
        if encoder.random_state is None:
            encoder.set_params(random_state=0)
        results.append(np.asarray(encoder.fit_transform(X, table["count"]), dtype=object))
    for i, one in enumerate(results):
        for other in results[:i]:
            same = one.shape == other.shape and pd.DataFrame(one).equals(pd.DataFrame(other))
            assert not same


def test_weights_and_groups_make_a_difference(encoder_class, table):
    X, y = table["X"][["city"]], table["continuous"]
    plain = encoder_class(random_state=0).fit_transform(X, y)
    assert not np.allclose(plain, encoder_class(random_state=0).fit_transform(X, y, sample_weight=table["weights"] + 1))
    assert not np.allclose(plain, encoder_class(random_state=0).fit_transform(X, y, groups=table["X"]["shop"]))
    assert not np.allclose(
        encoder_class().fit(X, y).transform(X), encoder_class().fit(X, y, sample_weight=table["weights"]).transform(X)
    )


def test_columns_in_parallel_are_the_same(encoder_class, table):
    one, two = (
        encoder_class(random_state=0, n_jobs=jobs).fit_transform(table["X"], table["continuous"]) for jobs in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_many_targets_are_the_same_whether_their_numbers_are_held_or_made_anew(encoder_class, table, monkeypatch):
    held = encoder_class(random_state=0).fit_transform(table["X"], table["multiclass"])
    monkeypatch.setattr("catpool.crossfit.HELD", 0)
    anew = encoder_class(random_state=0).fit_transform(table["X"], table["multiclass"])
    np.testing.assert_array_equal(held, anew)


def test_blocks_of_any_size_give_the_same(encoder_class, table, monkeypatch):
    whole = encoder_class(random_state=0).fit_transform(table["X"], table["continuous"])
    for name in ("CELLS", "ROWS"):
        monkeypatch.setattr(f"catpool.views.{name}", 7)
    monkeypatch.setattr("catpool.moments.BLOCK", 3)
    blocks = encoder_class(random_state=0).fit_transform(table["X"], table["continuous"])
    np.testing.assert_allclose(whole, blocks, rtol=1e-13)
