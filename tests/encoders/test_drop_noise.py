"""Columns whose categories do not differ more than by chance are named and dropped."""

import numpy as np
import pytest

from catpool import EmpiricalBayesEncoder, MeanEncoder


@pytest.mark.parametrize("prior", ["reml", "moments"])
@pytest.mark.parametrize("output", ["mean", "trees", ["mean", "sd"]])
def test_noise_is_named_and_dropped(sales, prior, output):
    X, y = sales
    encoder = EmpiricalBayesEncoder(prior=prior, output=output, random_state=0).fit(X, y)
    notes = encoder.summary_.set_index("column")["note"]
    assert notes["coin"] == "no spread between categories"
    assert not notes["shop"]
    names = list(encoder.get_feature_names_out())
    kept = [name for name in names if not name.startswith("coin")]
    dropping = EmpiricalBayesEncoder(prior=prior, output=output, random_state=0, drop_noise=True)
    np.testing.assert_array_equal(
        dropping.fit_transform(X, y), np.asarray(encoder.fit_transform(X, y))[:, [names.index(name) for name in kept]]
    )
    assert dropping.get_feature_names_out().tolist() == kept
    assert dropping.transform(X[:5]).shape == (5, len(kept))
    assert dropping.columns_ == list(X)


def test_a_frame_loses_the_columns_that_are_noise(sales):
    X, y = sales
    out = EmpiricalBayesEncoder(["coin"], drop_noise=True).fit_transform(X, y)
    assert out.columns.tolist() == ["shop", "doctor"]
    given = MeanEncoder(["coin"], drop_noise=True).fit(X, y)  # whose prior tells no variances
    assert given.summary_["note"].item() == "no spread between categories"
    assert given.transform(X[:3]).columns.tolist() == ["shop", "doctor"]


def test_a_column_is_dropped_only_where_it_tells_no_target(sales):
    X, y = sales
    outputs = np.column_stack([y, np.where(X["coin"] == "edge", 5.0, 0.0) + 0.1 * y])
    encoder = EmpiricalBayesEncoder(["coin"], drop_noise=True, remainder="drop").fit(X, outputs)
    assert encoder.get_feature_names_out().tolist() == ["coin_0", "coin_1"]
