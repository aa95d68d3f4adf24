"""`prior_features` of `TreeEncoder`, and of the features for trees of `EmpiricalBayesEncoder`."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from catpool import EmpiricalBayesEncoder, TreeEncoder

N, SHOPS = 300, 40
FOLDS = np.arange(N) % 3


class Number:
    """Features of one's own: the number in the name of a category."""

    def fit(self, categories):
        return _numbers


def _numbers(categories):
    return np.array([[float(name[1:]) if name[1:].isdigit() else np.nan] for name in categories.index])


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    shop = rng.integers(0, SHOPS, N)
    X = pd.DataFrame({"shop": [f"s{k}" for k in shop], "size": rng.choice(["a1", "a2", "a3"], N)})
    X["row"] = [f"r{k}" for k in range(N)]
    y = shop / 10 + rng.normal(size=N) + np.arange(N) / 100
    return X, y


def encoder_of(features, **parameters):
    return TreeEncoder(**{"prior_features": features, "cv": FOLDS, "interactions": None} | parameters)


@pytest.mark.filterwarnings("ignore:Columns .* have a category of their own")
def test_columns_with_features_have_means_and_others_stay_as_they_are(rows):
    X, y = rows
    plain = encoder_of(None).fit_transform(X, y)
    for label in X:
        encoder = encoder_of({label: Number()})
        encoded = encoder.fit_transform(X, y)
        assert {label, f"{label}_size"} <= set(encoded)
        assert encoder.left_out_ == ([] if label == "row" else ["row"])
        others = [name for name in plain if name not in (label, f"{label}_size")]
        pd.testing.assert_frame_equal(encoded[others], plain[others], rtol=0, atol=0)
        assert label not in plain or not np.allclose(encoded[label], plain[label])
        explained = encoder.summary_.set_index("column")
        assert label == "row" or np.isfinite(explained.loc[label, "prior_mean"])


@pytest.mark.filterwarnings("error")
def test_a_column_of_one_category_a_row_predicts_new_ones(rows):
    X, y = rows
    X = X.drop(columns=["shop", "size"])
    encoder = encoder_of({"row": Number()}, drop_noise=False).fit(X, y)
    early, late, unknown = encoder.transform(pd.DataFrame({"row": ["r1", "r299", "?"]}))["row"]
    assert early + 1 < unknown < late - 1


@pytest.mark.parametrize("kind", ["continuous", "binary"])
@pytest.mark.parametrize(
    "make",
    [encoder_of, lambda features: EmpiricalBayesEncoder(["shop"], prior_features=features, cv=FOLDS, output="trees")],
    ids=["TreeEncoder", "trees"],
)
def test_fit_transform_is_a_refit_for_each_fold_and_own_targets_reach_no_bit(kind, make, rows):
    X, y = rows
    X = X[["shop", "size"]].copy()
    X.loc[0, "shop"] = "s77"  # which is new outside its fold
    y = y if kind == "continuous" else (y > 3.5).astype(int)
    encoder = make({"shop": Number()})
    encoded = encoder.fit_transform(X, y)
    for fold in range(3):
        test = fold == FOLDS
        refitted = clone(encoder).set_params(cv=2).fit(X[~test], y[~test]).transform(X[test])
        np.testing.assert_allclose(encoded["shop"][test], refitted["shop"], rtol=1e-6)
        changed = encoder.fit_transform(X, np.where(test, y[::-1], y))
        assert changed["shop"][test].tolist() == encoded["shop"][test].tolist()


def test_features_are_kept_in_files_and_read_columns(rows):
    X, y = rows
    X = X[["shop"]].assign(area=[float(name[1:]) for name in X["shop"]])
    encoder = encoder_of({"shop": ["area"]}, cv=3).fit(X, y)
    new = pd.DataFrame({"shop": ["s1", "one", "two"], "area": [1.0, 2.0, 39.0]})
    again = TreeEncoder.from_json(encoder.to_json())
    pd.testing.assert_frame_equal(again.transform(new), encoder.transform(new))
    assert encoder.transform(new)["shop"].is_monotonic_increasing
    with pytest.raises(ValueError, match="area"):
        encoder.transform(new[["shop"]])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"prior_features": {"absent": ["size"]}},
            r"a dict from encoded columns, .* but \['absent'\] are none",
        ),
        ({"prior_features": {"shop": ["size"]}}, "constant within a category, but 'size' is"),
        ({"prior_features": {"shop": Number()}, "nested": [["size", "shop"]]}, r"\['shop'\] are none"),
        ({"prior_features": ["shop"]}, "'prior_features' parameter"),
    ],
)
@pytest.mark.filterwarnings("ignore:Columns .* have a category of their own")
def test_what_does_not_fit_is_refused(parameters, message, rows):
    with pytest.raises(ValueError, match=message):
        TreeEncoder(**parameters).fit_transform(*rows)
