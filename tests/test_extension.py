"""Each of seven kinds of change is one object from outside the package: a fit uses it, and nothing else changes."""

import numpy as np
import pandas as pd
import pytest

from catpool import EmpiricalBayesEncoder, MeanEncoder, NestedEncoder, SmoothedMeanEncoder
from catpool.crossfit.scheme import FoldScheme, Scheme
from catpool.data.frames.frame import read_frame
from catpool.data.targets.target_kinds import TARGET_KINDS, TargetKind
from catpool.models.flat.flat_structure import Flat
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.family import Family
from catpool.priors.posterior import posterior_mean, posterior_sd
from catpool.priors.prior import given_strength
from catpool.priors.rules import PRIORS, fixed_strength
from catpool.tables.outputs import OUTPUTS, TargetOutput
from catpool.tables.policy import Policy

WEEKS = np.arange(120) % 4


@pytest.fixture
def shops():
    rng = np.random.default_rng(3)
    shop = rng.integers(0, 12, 120)
    X = pd.DataFrame({"shop": np.array([f"{'AB'[i % 2]}{i}" for i in shop]), "week": WEEKS})
    return X, np.exp(rng.normal(size=12)[shop]) * rng.exponential(size=120)


# A prior ------------------------------------------------------------------------------------------------------------


def test_a_function_is_a_prior(shops):
    X, y = shops
    own = EmpiricalBayesEncoder(["shop"], prior=lambda moments: (moments.mean, 3.0), cv=WEEKS)
    smoothed = SmoothedMeanEncoder(["shop"], smoothing=3.0, cv=WEEKS)
    pd.testing.assert_frame_equal(own.fit_transform(X, y), smoothed.fit_transform(X, y))


def test_a_registered_prior_goes_by_its_name(shops, monkeypatch):
    def three_rows(moments, family, *, scale):
        return [given_strength(each, 3.0 * scale) for each in moments]

    X, y = shops
    with pytest.raises(ValueError, match="'prior' parameter"):
        EmpiricalBayesEncoder(["shop"], prior="three rows").fit(X, y)
    monkeypatch.setitem(PRIORS, "three rows", three_rows)
    own = EmpiricalBayesEncoder(["shop"], prior="three rows", prior_scale=2.0).fit(X, y)
    np.testing.assert_array_equal(
        own.transform(X[:9]), SmoothedMeanEncoder(["shop"], smoothing=6.0).fit(X, y).transform(X[:9])
    )


# A family -----------------------------------------------------------------------------------------------------------


class Exponential(Family):
    """Rows whose variance is the square of their mean."""

    name = "exponential"
    curvature = 1.0
    bounds = (0.0, np.inf)

    def variance(self, moments):
        return moments.mean**2


def test_a_registered_family_is_fitted(shops, monkeypatch):
    X, y = shops
    with pytest.raises(ValueError, match="'family' parameter"):
        EmpiricalBayesEncoder(["shop"], family="exponential").fit(X, y)
    monkeypatch.setitem(FAMILIES, "exponential", Exponential())
    encoder = EmpiricalBayesEncoder(["shop"], family="exponential", prior="moments", output=["mean", "sd"], cv=WEEKS)
    features = encoder.fit_transform(X, y)
    assert encoder.summary_["family"].item() == "exponential"
    normal = EmpiricalBayesEncoder(["shop"], prior="moments", output=["mean", "sd"], cv=WEEKS).fit_transform(X, y)
    assert not np.allclose(features["shop_sd"], normal["shop_sd"])
    read = EmpiricalBayesEncoder.from_json(encoder.to_json())
    pd.testing.assert_frame_equal(read.transform(X[:9]), encoder.transform(X[:9]))
    with pytest.raises(ValueError, match="exponential"):
        EmpiricalBayesEncoder(["shop"], family="exponential", prior="full_bayes").fit(X, y)


# A fold scheme ------------------------------------------------------------------------------------------------------


class ByColumn:
    """The folds are the values of a column of X."""

    past_only = False

    def __init__(self, column):
        self.reads = [column]

    def scheme(self, data):
        return FoldScheme(np.asarray(data.X.column(self.reads[0])), data, random_state=None)

    def fade(self, X, last_time):
        return None


def test_a_rule_is_a_fold_scheme(shops):
    X, y = shops
    own = EmpiricalBayesEncoder(cv=ByColumn("week")).fit_transform(X, y)  # which does not encode the week
    pd.testing.assert_frame_equal(own, EmpiricalBayesEncoder(["shop"], cv=WEEKS).fit_transform(X, y))


class Window(Scheme):
    """A scheme that knows no folds."""

    def encode(self, learner, codes, size, *, counts):
        raise AssertionError


class ByWindow(ByColumn):
    """A rule that makes such a scheme."""

    def scheme(self, data):
        return Window()


def test_rules_that_do_not_fit_the_encoder_are_refused(shops):
    X, y = shops
    with pytest.raises(ValueError, match=r"`cv` must give folds, but its scheme, a Window, has none. Pass a number"):
        MeanEncoder(["shop"], cv=ByWindow("week"), crossfit="rare").fit_transform(X, y)
    with pytest.raises(ValueError, match=r"`cv` reads \['week'\], which NestedEncoder encodes too. Encode other"):
        NestedEncoder(["week"], cv=ByColumn("week")).fit(X, y)


# A kind of target ---------------------------------------------------------------------------------------------------


def check_shares(numbers):
    if numbers.min() < 0 or numbers.max() > 1:
        raise ValueError("y must hold shares between 0 and 1.")


def test_a_registered_kind_of_target_is_read_and_checked(shops, monkeypatch):
    X, y = shops
    monkeypatch.setitem(TARGET_KINDS, "share", TargetKind("share", family="normal", check=check_shares))
    encoder = EmpiricalBayesEncoder(["shop"], target_type="share").fit(X, y / y.max())
    assert encoder.target_type_ == "share"
    np.testing.assert_array_equal(
        encoder.transform(X[:9]), EmpiricalBayesEncoder(["shop"]).fit(X, y / y.max()).transform(X[:9])
    )
    with pytest.raises(ValueError, match="shares"):
        encoder.fit(X, y)


# An engine ----------------------------------------------------------------------------------------------------------


def test_a_registered_engine_takes_tables_in_and_hashes_keys(shops, monkeypatch):
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    from catpool.engines.dispatch import ENGINES, Engine

    class OwnFrame(polars.LazyFrame):
        """A lazy table of another library, as far as its module tells."""

    OwnFrame.__module__ = "mylibrary"
    X, y = shops
    table = OwnFrame({"shop": X["shop"].tolist(), "y": y.tolist(), "week": X["week"].tolist()})
    used = []

    def take_in(like, arrow):
        used.append("take_in")
        return polars.from_arrow(arrow).lazy()

    def hash_keys(frame, keys, k, name):
        used.append("hash_keys")
        return frame.with_columns((polars.col(keys[0]) % k).alias(name))

    monkeypatch.setitem(ENGINES, "mylibrary", Engine(take_in, hash_keys))
    encoder = MeanEncoder(["shop"], cv=2)
    encoded = encoder.fit_transform(table, "y", key="week").collect()
    assert used[0] == "hash_keys"
    assert encoded.height == len(X)
    transformed = encoder.transform(OwnFrame({"shop": ["A0", "B1"], "week": [0, 1]})).collect().sort("week")
    assert used[-1] == "take_in"
    np.testing.assert_allclose(
        transformed["shop"],
        MeanEncoder(["shop"]).fit(X[["shop"]], y).transform(pd.DataFrame({"shop": ["A0", "B1"]}))["shop"],
    )


# An output ----------------------------------------------------------------------------------------------------------


def cautious(moments, prior, family):
    return posterior_mean(moments, prior, family) - posterior_sd(moments, prior, family)


def test_a_registered_output_comes_out_everywhere(shops, monkeypatch):
    X, y = shops
    with pytest.raises(ValueError, match="`output` must be"):
        EmpiricalBayesEncoder(["shop"], output=["mean", "cautious"]).fit(X, y)
    monkeypatch.setitem(OUTPUTS, "cautious", TargetOutput("cautious", cautious))
    encoder = EmpiricalBayesEncoder(["shop"], output=["mean", "sd", "cautious"], cv=WEEKS)
    features = encoder.fit_transform(X, y)
    np.testing.assert_allclose(features["shop_cautious"], features["shop"] - features["shop_sd"])
    test = WEEKS == 2  # out of fold, as the others
    refitted = EmpiricalBayesEncoder(["shop"], output="cautious").fit(X[~test], y[~test]).transform(X[test])
    np.testing.assert_allclose(features.loc[test, "shop_cautious"], refitted["shop_cautious"])
    row = encoder.lookup({"shop": "A0"})
    assert row["shop_cautious"] == pytest.approx(row["shop"] - row["shop_sd"])


# A structure --------------------------------------------------------------------------------------------------------


def first_letters(label, X):
    return read_frame(pd.DataFrame({label: pd.Series(X.column(label)).str[:1]}))


class FirstLetters(Flat):
    """Columns of strings, of which only the first letters are categories."""

    def encode(self, label, X):
        return super().encode(label, first_letters(label, X))

    def features(self, table, X, fade):
        return super().features(table, first_letters(table.label, X), fade)


class FirstLetterEncoder(MeanEncoder):
    """An encoder is its parameters and one method."""

    def _structure(self):
        return FirstLetters(fixed_strength(0.0), Policy(self.unknown, self.missing), self.columns)


def test_a_structure_makes_an_encoder(shops):
    X, y = shops
    letters = X.assign(shop=X["shop"].str[:1])
    own, plain = FirstLetterEncoder(["shop"], cv=WEEKS), MeanEncoder(["shop"], cv=WEEKS)
    pd.testing.assert_frame_equal(own.fit_transform(X, y), plain.fit_transform(letters, y))
    pd.testing.assert_frame_equal(own.transform(X[:9]), plain.transform(letters[:9]))
    parts = FirstLetterEncoder(["shop"]).partial_fit(X[:50], y[:50]).partial_fit(X[50:], y[50:])
    np.testing.assert_allclose(parts.transform(X[:9])["shop"], plain.transform(letters[:9])["shop"])
