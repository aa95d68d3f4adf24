"""What comes in: columns, selectors, groups, keys; and methods that are there only where they work."""

import numpy as np
import pandas as pd
import polars
import pytest
import sklearn
from conftest import ENCODERS
from sklearn.base import clone
from sklearn.compose import make_column_selector
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from catpool import EarlierRows, MeanEncoder

N = 40
X = pd.DataFrame({"city": list("abab") * 10, "size": np.arange(40.0), "shop": list("xyxz") * 10})
Y = np.random.default_rng(0).normal(size=N)
FRAMES = {"pandas": X, "polars": polars.from_pandas(X), "array": X.to_numpy()}


@pytest.mark.parametrize("library", FRAMES)
def test_no_columns_are_encoded_if_none_are_chosen(encoder_class, library):
    frame = FRAMES[library]
    encoder = encoder_class([])
    for encoded in (encoder.fit_transform(frame, Y), encoder.fit(frame, Y).transform(frame)):
        np.testing.assert_array_equal(np.asarray(encoded), X.to_numpy())
    assert encoder.columns_ == []
    assert len(encoder.summary_) == 0
    again = encoder_class.from_json(encoder.to_json())
    np.testing.assert_array_equal(np.asarray(again.transform(frame)), X.to_numpy())
    assert encoder.merge(encoder).columns_ == encoder.partial_fit(frame, Y).columns_ == []
    assert clone(encoder).set_params(remainder="drop").fit_transform(X, Y).shape == (N, 0)


@pytest.mark.parametrize("library", FRAMES)
def test_selectors_of_scikit_learn_choose_columns(encoder_class, library):
    encoder = encoder_class(make_column_selector(dtype_exclude="number"))
    assert encoder.fit(FRAMES[library], Y).columns_ == ([0, 2] if library == "array" else ["city", "shop"])
    named = encoder_class(encoder.columns_).fit(FRAMES[library], Y)
    np.testing.assert_array_equal(*(np.asarray(each.transform(FRAMES[library])) for each in (encoder, named)))


def test_selectors_leave_columns_with_other_roles():
    frame = X.assign(id=np.arange(N).astype(str))
    encoder = MeanEncoder(make_column_selector(dtype_exclude="number"))
    encoder.fit_transform(frame, Y, key="id")
    assert encoder.columns_ == ["city", "shop"]
    with pytest.raises(ValueError, match=r"names \['nowhere'\]"):
        MeanEncoder(lambda frame: ["nowhere"]).fit(X, Y)


def test_fewer_groups_than_folds_are_a_fold_each(encoder_class):
    groups = np.arange(N) % 6
    with pytest.warns(UserWarning, match="6 groups, which are fewer than cv=10 folds.*Pass cv=6"):
        encoded = encoder_class(["city"], random_state=0).fit_transform(X, Y, groups=groups)
    expected = encoder_class(["city"], cv=groups).fit_transform(X, Y)
    np.testing.assert_allclose(encoded["city"], expected["city"], rtol=1e-12)


def test_keys_are_routed_through_pipelines(encoder_class):
    keys = np.arange(N) % 9
    with sklearn.config_context(enable_metadata_routing=True):
        encoder = encoder_class(["city"], cv=3, remainder="drop").set_fit_request(key=True)
        model = make_pipeline(encoder, LinearRegression()).fit(X, Y, key=keys)
    direct = encoder_class(["city"], cv=3, remainder="drop").fit_transform(X, Y, key=keys)
    assert model[-1].coef_ == pytest.approx(LinearRegression().fit(direct, Y).coef_)
    other = encoder_class(["city"], cv=3, remainder="drop", random_state=0).fit_transform(X, Y)
    assert model[-1].coef_ != pytest.approx(LinearRegression().fit(other, Y).coef_)


def test_a_named_key_passes_through_fit_too():
    assert MeanEncoder(None).fit(X.assign(id=np.arange(N)), Y, key="id").columns_ == ["city", "size", "shop"]


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_rows_come_in_parts_only_where_that_works(encoder):
    assert hasattr(encoder(), "partial_fit")
    assert not hasattr(encoder(cv=EarlierRows("day")), "partial_fit")
