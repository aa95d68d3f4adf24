"""What nested levels refuse."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from catpool import NestedEncoder

pytestmark = pytest.mark.slow  # taken together; each by itself is quick


X = pd.DataFrame({"state": list("aabbcc") * 4, "zip": range(24), "zip_sd": 1.0})


Z = np.arange(24.0)


BAD = {
    "unknown column": (["state", "town"], {}, {}, r"`levels`.*\['town'\].*which X does not have"),
    "a position for a name": ([0], {}, {}, r"`levels`.*\[0\].*which X does not have"),
    "column twice": (["state", "state"], {}, {}, r"`levels`.*each.*once"),
    "no level": ([], {}, {}, "`levels`.*at least one"),
    "a name for levels": ("state", {}, {}, "'levels' parameter"),
    "no levels": (None, {}, {}, "'levels' parameter"),
    "emit": (["state"], {"emit": "last"}, {}, "'emit' parameter"),
    "prior": (["state"], {"prior": "moments"}, {}, "'prior' parameter"),
    "family": (["state"], {"family": "gamma"}, {}, "'family' parameter"),
    "family of the target": (["state"], {"family": "poisson", "target_type": "continuous"}, {}, 'family="poisson"'),
    "unknown": (["state"], {"unknown": "raise"}, {}, "'unknown' parameter"),
    "missing": (["state"], {"missing": "drop"}, {}, "'missing' parameter"),
    "output": (["state"], {"output": "median"}, {}, "`output` must be"),
    "outputs": (["state"], {"output": ["mean", "mean"]}, {}, "`output` must be"),
    "no output": (["state"], {"output": []}, {}, "`output` must be"),
    "cv": (["state"], {"cv": "five"}, {}, "number of folds"),
    "weight_type": (["state"], {"weight_type": "precision", "target_type": "count"}, {}, "normal family alone"),
    "weights": (["state"], {}, {"sample_weight": Z[1:]}, "one weight for each of the 24 rows"),
    "exposure": (["state"], {"target_type": "continuous"}, {"exposure": Z + 1}, "goes with counts"),
    "a feature's name twice": (["state", "zip"], {"output": ["mean", "sd"]}, {}, "'zip_sd'. would occur twice"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("learn", ["fit", "fit_transform"])
def test_bad_input_says_what_is_wrong_and_fits_nothing(name, learn):
    levels, parameters, arguments, message = BAD[name]
    encoder = NestedEncoder(levels, **parameters)
    with pytest.raises(ValueError, match=message):
        getattr(encoder, learn)(X, Z, **arguments)
    with pytest.raises(NotFittedError):
        encoder.transform(X)
    assert not [name for name in vars(encoder) if name.endswith("_")]


def test_positions_that_an_array_does_not_have():
    for levels in ([0, 3], [True, False], ["state"]):
        with pytest.raises(ValueError, match="levels"):
            NestedEncoder(levels).fit(X.to_numpy(), Z)


def test_before_fit():
    encoder = NestedEncoder(["state", "zip"])
    for ask in (
        lambda: encoder.transform(X),
        lambda: encoder.summary_,
        lambda: encoder.encoding_table("zip"),
        lambda: encoder.get_feature_names_out(),
    ):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            ask()


def test_a_refused_refit_leaves_the_first_fit():
    encoder = NestedEncoder(["state"], remainder="drop").fit(X, Z)
    expected = encoder.transform(X)
    for bad in (lambda: encoder.fit(X, Z * np.nan), lambda: encoder.set_params(levels=["town"]).fit(X, Z)):
        with pytest.raises(ValueError, match=r"NaN|town"):
            bad()
        np.testing.assert_array_equal(encoder.transform(X), expected)
