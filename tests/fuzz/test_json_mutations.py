"""A file that was changed is refused with a ValueError, or gives an encoder that works on the training rows.

Run more of them with ``pytest tests/fuzz --hypothesis-profile=long``.
"""

import datetime
import json
import pickle
import random
import traceback
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases_results import quiet
from helpers.json_mutations import damage, forge, mutate
from helpers.public_encoders import PUBLIC
from hypothesis import given
from hypothesis import strategies as st
from version_1_files import FOLDER, all_files

import catpool
from catpool import EarlierRows, EmpiricalBayesEncoder, ordered

pytestmark = pytest.mark.usefixtures("few_points")

PACKAGE = Path(catpool.__file__).parent
VERSION_1 = all_files()
EVERY = {"output": ["mean", "sd", "reliability", "count", "size", "code"]}
CELLS = {"interactions": [("text", "number")]}
FADING = {"cv": EarlierRows("time", gap=datetime.timedelta(1), half_life="3D")}
LISTED = {"categories": [["b", "a"], [3, 0, 99], [(datetime.date(2024, 1, 2), "x")]]}
SHAPES = {"output": ["q10", "spread", "skew", "histogram", "share_above_0"], "bins": [-0.5, 0.5]}
CROSSED = {"interactions": [("text", "number")], "output": ["mean", "sd", "count"]}
PAIRS = [  # interactions with each prior, of each kind of y, and with weights
    ({**CROSSED, "interaction_prior": prior, **more}, kind, weighted)
    for prior in ("parts", "exact", "own")
    for kind in ("continuous", "binary", "multiclass", "count")
    for weighted, more in ((False, {}), (True, {"interactions": 2, "unknown": "nan"}))
] + [({**CROSSED, "weight_type": "precision"}, "continuous", True)]
PRICES = pd.DataFrame({"number": [0, 1, 2, 3], "price": [1.0, 2.0, 4.0, 3.0], "kind": ["x", "y", "x", None]})
OPTIONS = {  # of encoders, beside none
    "MeanEncoder": [EVERY, CELLS, FADING, LISTED, {"unknown": "error", "n_jobs": 2}],
    "SmoothedMeanEncoder": [SHAPES, {"smoothing": 2.5, "unknown": "nan", "missing": "nan"}],
    "EmpiricalBayesEncoder": [
        CELLS,
        {"output": "trees", "drop_noise": True},
        {"prior": "full_bayes"},
        {"within": "moderated"},
        {**CELLS, **SHAPES, "bins": 3},
        {"prior_features": {"number": PRICES, "text": [ordered()]}},
        FADING,
    ],
    "AdditiveEncoder": [CELLS, {"interactions": [("text", "price")], "unknown": "nan", "missing": "nan"}],
    "NestedEncoder": [{"emit": "all", "output": ["mean", "sd", "count", "code"]}],
    "MixedModelEncoder": [
        {"covariates": ["price"], "slopes": {"text": ["price"]}, "output": ["mode", "sd", "prediction"]}
    ],
}


@cache
def training_rows():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"text": rng.choice(["a", "b", "c", None], 40), "number": rng.integers(0, 4, 40)})
    X["day"] = [(datetime.date(2024, 1, 1 + day), "x") for day in rng.integers(0, 3, 40)]
    X["price"], X["time"] = rng.normal(size=40), pd.date_range("2024", periods=40)
    return X, rng.normal(size=40)


@cache
def files(public):
    """Saved files of an encoder with several options, of several kinds of y, and of a stream, as content."""
    X, y = training_rows()
    made = []
    with quiet():
        for options in [{}, *OPTIONS[public.name]]:
            made.append(public.make(["text", "number", "day"][: public.setup.few + 1], **options).fit(X, y))
        made.append(public.make(["text"]).fit(X, y > 0))
        if "multiclass" in public.kinds:
            made.append(public.make(["text", "number"]).fit(X, np.digitize(y, [-0.5, 0.5])))
        if "parts" not in public.setup.exceptions:
            made.append(public.make(["text", "number"], cv=2).partial_fit(X, y, key=np.arange(40)))
    return [json.loads(encoder.to_json()) for encoder in made]


@cache
def crossed_files():
    """Saved files of empirical Bayes with interactions, as content."""
    X, y = training_rows()
    targets = {"continuous": y, "binary": y > 0, "multiclass": np.digitize(y, [-0.5, 0.5]), "count": np.rint(y**2)}
    made = []
    with quiet():
        for options, kind, weighted in PAIRS:
            weights = 1 + np.arange(40) % 3 if weighted else None
            encoder = EmpiricalBayesEncoder(["text", "number"], target_type=kind, **options)
            made.append(encoder.fit(X, targets[kind], sample_weight=weights))
        stream = EmpiricalBayesEncoder(["text", "number"], cv=2, **CROSSED)
        made.append(stream.partial_fit(X, y, key=X[["day", "time"]].astype(str)))
    return [json.loads(encoder.to_json()) for encoder in made]


def test_files_of_interactions_survive_json_and_pickle():
    X, _ = training_rows()
    for content in crossed_files():
        encoder = EmpiricalBayesEncoder.from_json(json.dumps(content))
        again = pickle.loads(pickle.dumps(encoder))
        assert json.loads(encoder.to_json()) == json.loads(again.to_json()) == content
        with quiet():
            pd.testing.assert_frame_equal(again.transform(X), encoder.transform(X))


@given(seed=st.integers(0, 2**64))
def test_a_forged_file_of_interactions_is_refused_or_works(seed):
    rng = random.Random(seed)
    text = forge(mutate(rng.choice(crossed_files()), rng))
    obeys(EmpiricalBayesEncoder, text, lambda encoder: use(encoder, training_rows()[0]))


def use(encoder, X):
    """Whatever reads a fitted state."""
    encoder.get_feature_names_out()
    encoder.transform(X)
    encoder.lookup(X.iloc[0].to_dict())
    encoder.summary_  # noqa: B018
    encoder.to_json()
    for table in encoder.tables_:
        for label in getattr(table, "accepted_labels", [getattr(table, "label", None)]):
            encoder.encoding_table(label)


def is_refusal(error):
    """Whether an error is a ValueError or TypeError that catpool itself raises, maybe in a thread of joblib."""
    last = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    return isinstance(error, ValueError | TypeError) and (last.is_relative_to(PACKAGE) or "joblib" in last.parts)


def obeys(encoder_class, text, use):
    """Whether a text is refused, or its encoder works."""
    try:
        encoder = encoder_class.from_json(text)
    except ValueError as error:
        if type(error) is not ValueError:
            raise
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forged numbers overflow
        try:
            use(encoder)
        except Exception as error:
            if not is_refusal(error):
                raise


@pytest.mark.parametrize("public", PUBLIC, ids=str)
@given(seed=st.integers(0, 2**64))
def test_a_forged_file_is_refused_or_works(public, seed):
    rng = random.Random(seed)
    text = forge(mutate(rng.choice(files(public)), rng))
    obeys(public.encoder, text, lambda encoder: use(encoder, training_rows()[0]))


@given(seed=st.integers(0, 2**64))
def test_a_forged_file_of_version_1_is_refused_or_works(seed):
    rng = random.Random(seed)
    name = rng.choice(sorted(VERSION_1))
    encoder_class, _, encode = VERSION_1[name]
    text = forge(mutate(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")), rng))
    obeys(encoder_class, text, encode)


@given(seed=st.integers(0, 2**64))
def test_a_damaged_text_is_refused(seed):
    rng = random.Random(seed)
    public = rng.choice(PUBLIC)
    content = rng.choice(files(public))
    changed = damage(json.dumps(content), rng)
    if not _holds(changed, content):  # such as one without a space
        with pytest.raises((ValueError, FileNotFoundError)):
            public.encoder.from_json(changed)


def _holds(text, content):
    try:
        return json.loads(text) == content
    except ValueError:
        return False
