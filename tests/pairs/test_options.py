"""No option is without effect, and how the work is cut up has none."""

import numpy as np
import pandas as pd
import pytest
from conftest import ENCODERS
from sklearn.model_selection import (
    KFold,
)

from catpool import (
    MeanEncoder,
    SmoothedMeanEncoder,
)

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
    assert not np.allclose(
        np.asarray(plain),
        np.asarray(encoder_class(random_state=0).fit_transform(X, y, sample_weight=table["weights"] + 1)),
    )
    assert not np.allclose(
        np.asarray(plain), np.asarray(encoder_class(random_state=0).fit_transform(X, y, groups=table["X"]["shop"]))
    )
    assert not np.allclose(
        np.asarray(encoder_class().fit(X, y).transform(X)),
        np.asarray(encoder_class().fit(X, y, sample_weight=table["weights"]).transform(X)),
    )


def test_columns_in_parallel_are_the_same(encoder_class, table):
    one, two = (
        encoder_class(random_state=0, n_jobs=jobs).fit_transform(table["X"], table["continuous"]) for jobs in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_many_targets_are_the_same_whether_their_numbers_are_held_or_made_anew(encoder_class, table, monkeypatch):
    held = encoder_class(random_state=0).fit_transform(table["X"], table["multiclass"])
    monkeypatch.setattr("catpool.crossfit.training_rows.HELD", 0)
    anew = encoder_class(random_state=0).fit_transform(table["X"], table["multiclass"])
    np.testing.assert_array_equal(held, anew)


def test_blocks_of_any_size_give_the_same(encoder_class, table, monkeypatch):
    whole = encoder_class(random_state=0).fit_transform(table["X"], table["continuous"])
    for name in ("CELLS", "ROWS"):
        monkeypatch.setattr(f"catpool.moments.partition.{name}", 7)
    monkeypatch.setattr("catpool.moments.moments.BLOCK", 3)
    blocks = encoder_class(random_state=0).fit_transform(table["X"], table["continuous"])
    np.testing.assert_allclose(whole, blocks, rtol=1e-13)
