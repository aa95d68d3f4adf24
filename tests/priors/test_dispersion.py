"""The laws for overdispersed counts of one factor, and what they do not go with."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from helpers.sums import check_lazy_tables, check_parts_merges_and_files
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import TimeSeriesSplit

from catpool import AdditiveEncoder, EarlierRows, EmpiricalBayesEncoder, NestedEncoder, SmoothedMeanEncoder
from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.tables.json_file import _checksum

PRIORS = ["auto", "reml", "ml", "moments", "full_bayes", "scale_mixture", "npmle"]
EVERYTHING = ["mean", "sd", "reliability", "count", "size"]


def overdispersed(prior="reml", columns=None, **parameters):
    return EmpiricalBayesEncoder(
        columns, prior=prior, family="negative_binomial", **{"target_type": "count", **parameters}
    )


def counts(rng, categories=12, rows=150):
    """Codes and overdispersed counts; the last category has one row."""
    codes = np.append(np.arange(categories), rng.integers(0, categories - 1, rows - categories))
    mean = 3 * np.exp(0.6 * rng.normal(size=categories))[codes]
    return codes, rng.negative_binomial(2, 2 / (2 + mean))


@pytest.mark.parametrize("prior", PRIORS)
def test_each_fold_is_brute_force_and_the_order_of_rows_does_not_matter(prior):
    rng = np.random.default_rng(4)
    codes, y = counts(rng)
    X, folds, weights = codes[:, None], rng.integers(0, 4, 150), rng.integers(0, 3, 150)
    encoder = overdispersed(prior, output=EVERYTHING)
    for given_weights in (None, weights):
        encoded = encoder.set_params(cv=folds).fit_transform(X, y, sample_weight=given_weights)
        for fold in range(4):
            test = folds == fold
            own = None if given_weights is None else given_weights[~test]
            alone = overdispersed(prior, output=EVERYTHING).fit(X[~test], y[~test], sample_weight=own)
            np.testing.assert_allclose(encoded[test, :4], alone.transform(X[test])[:, :4], rtol=1e-8)
        order = rng.permutation(150)
        own = None if given_weights is None else given_weights[order]
        again = encoder.set_params(cv=folds[order]).fit_transform(X[order], y[order], sample_weight=own)
        np.testing.assert_allclose(again, encoded[order], rtol=1e-8)


@pytest.mark.parametrize("prior", PRIORS)
@settings(max_examples=8)
@given(st.data())
def test_a_fold_s_own_targets_move_no_bit(prior, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    codes, y = counts(rng, categories=4, rows=24)
    folds = rng.integers(0, 3, 24)
    other = data.draw(st.sampled_from([0, 10, 10**9])) * rng.integers(0, 9, 24)
    changed = np.where(folds == 0, other, y)
    X = np.column_stack([codes, rng.integers(0, 3, 24)])
    encoder = overdispersed(prior, cv=folds, output=["mean", "sd", "reliability"])
    before, after = (encoder.fit_transform(X, each) for each in (y, changed))
    assert before[folds == 0].tobytes() == after[folds == 0].tobytes()
    assert (before != after).any()


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 9), st.sampled_from([0.05, 0.5, 5.0]), st.sampled_from(PRIORS))
def test_encodings_lie_between_means_and_have_a_spread(seed, categories, mean, prior):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, categories, 40)
    y = rng.negative_binomial(0.5, 0.5 / (0.5 + mean * np.exp(rng.normal(size=categories))[codes]))
    encoder = overdispersed(prior, output=["mean", "sd"]).fit(codes[:, None], y)
    mean, sd = encoder.transform(np.arange(categories + 1)[:, None]).T
    assert np.isfinite(sd).all()
    assert (sd >= 0).all()
    ends = [*encoder.encoding_table(0).iloc[:-1]["mean"], encoder.summary_["prior_mean"].item()]
    slack = 1e-9 * (1 + max(ends))
    if prior != "npmle":  # whose components have means of their own
        assert min(ends) - slack <= mean.min() <= mean.max() <= max(ends) + slack
    assert encoder.summary_["dispersion"].item() >= 0


def test_a_weight_of_two_is_two_rows():
    codes, y = counts(np.random.default_rng(5))
    weights = np.random.default_rng(5).integers(0, 3, 150)
    one = overdispersed(output=EVERYTHING).fit(codes[:, None], y, sample_weight=weights)
    other = overdispersed(output=EVERYTHING).fit(np.repeat(codes, weights)[:, None], np.repeat(y, weights))
    np.testing.assert_allclose(one.transform(codes[:, None]), other.transform(codes[:, None]), rtol=1e-8)


@pytest.mark.parametrize("prior", PRIORS)
def test_parts_merges_and_files_are_all_rows(prior):
    check_parts_merges_and_files(partial(overdispersed, prior), *counts(np.random.default_rng(7)))


@pytest.mark.parametrize("prior", PRIORS)
def test_lazy_tables_are_frames(prior):
    check_lazy_tables(partial(overdispersed, prior), *counts(np.random.default_rng(8)))


def test_small_columns_are_learned_together_and_outputs_by_themselves():
    rng = np.random.default_rng(9)
    X = pd.DataFrame({"city": rng.choice(list("abcd"), 150), "shop": rng.choice(list("uvw"), 150)})
    y = rng.negative_binomial(1, 0.2, (150, 2)) * (1 + (X[["city"]] == "a").to_numpy())
    encoder = overdispersed(cv=3, random_state=0, columns=["city", "shop"])
    together = encoder.fit_transform(X, y)
    for column in ("city", "shop"):
        for output, own in enumerate(y.T):
            found = clone(encoder).set_params(columns=[column]).fit_transform(X, own)
            expected = together[[name for name in together.columns if name.startswith(column)]].iloc[:, output]
            np.testing.assert_allclose(found[column], expected, rtol=1e-9)


def test_a_row_learns_from_strictly_earlier_rows():
    codes, y = counts(np.random.default_rng(10))
    X = pd.DataFrame({"c": codes, "t": np.random.default_rng(10).permutation(150)})
    encoder = overdispersed(columns=["c"], cv=EarlierRows("t"), output=["mean", "sd"])
    encoded = encoder.fit_transform(X, y)
    last = X["t"] >= 128
    later = encoder.fit_transform(X, np.where(last, 10**6, y))
    pd.testing.assert_frame_equal(encoded[X["t"] <= 128], later[X["t"] <= 128])
    # the prior of the row at 128 is that of all rows before
    row = X["t"] == 128
    alone = overdispersed(columns=["c"], output=["mean", "sd"]).fit(X[~last], y[~last])
    np.testing.assert_allclose(encoded.loc[row, ["c", "c_sd"]], alone.transform(X[row])[["c", "c_sd"]], rtol=1e-8)


@pytest.mark.parametrize(
    "options", [{"crossfit": "rare", "crossfit_reliability": 0.5}, {"output": "trees"}, {"cv": TimeSeriesSplit(3)}]
)
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_other_options_work(options):
    codes, y = counts(np.random.default_rng(11))
    X = pd.DataFrame({"c": codes.astype(str)})
    encoders = [clone(overdispersed(random_state=0, **options)).set_params(family=each) for each in ("auto", "poisson")]
    encoders[0].set_params(family="negative_binomial")
    found = [encoder.fit_transform(X, y).to_numpy(dtype=float)[120:] for encoder in encoders]
    assert np.isfinite(found[0]).all()
    assert not np.allclose(*found)


def test_a_function_of_one_s_own_is_a_prior_if_its_strength_exceeds_the_dispersion():
    codes, y = counts(np.random.default_rng(12))
    encoder = overdispersed(lambda moments: (float(moments.mean), 6.0), output=["mean", "sd"]).fit(codes[:, None], y)
    summary = encoder.summary_.iloc[0]
    assert 0 < summary["dispersion"] < summary["prior_strength"] == 6
    assert np.isfinite(encoder.transform(codes[:, None])).all()
    with pytest.raises(ValueError, match=r"only if its strength is larger, but `prior` returned 0\.1"):
        overdispersed(lambda moments: (1.0, 0.1)).fit(codes[:, None], y)


def test_rows_from_before_must_have_been_summed_for_it():
    codes, y = counts(np.random.default_rng(13))
    X = codes[:, None]
    encoder = EmpiricalBayesEncoder(None, target_type="count").partial_fit(X, y).set_params(family="negative_binomial")
    with pytest.raises(ValueError, match=r'(?s)family="negative_binomial" needs the scatter.*before the first part'):
        encoder.partial_fit(X, y)


def test_what_overdispersed_counts_do_not_go_with():
    rng = np.random.default_rng(14)
    codes, y = counts(rng)
    X = pd.DataFrame({"c": codes.astype(str), "b": rng.choice(list("xyz"), 150)})
    for fit in (overdispersed().fit, overdispersed().fit_transform, overdispersed().partial_fit):
        with pytest.raises(ValueError, match=r"takes no `exposure` here.*Use MixedModelEncoder"):
            fit(X, y, exposure=np.ones(150))
    with pytest.raises(ValueError, match="the normal family alone"):
        overdispersed(weight_type="precision").fit(X, y, sample_weight=np.ones(150))
    with pytest.raises(ValueError, match='the normal family alone, not with family="negative_binomial"'):
        overdispersed(within="moderated").fit(X, y)
    for prior in ("paule_mandel", "hedges"):
        with pytest.raises(ValueError, match="goes with the normal family"):
            overdispersed(prior).fit(X, y)
    with pytest.raises(ValueError, match=r'family="negative_binomial" needs interaction_prior="own"'):
        overdispersed(interactions="pairs").fit(X, y)
    assert overdispersed(interactions="pairs", interaction_prior="own").fit(X, y).summary_["dispersion"].min() > 0
    with pytest.raises(ValueError, match="does not go with a continuous target"):
        overdispersed(target_type="continuous").fit(X, y)
    for prior in ("reml", "full_bayes"):
        with pytest.raises(ValueError, match="goes with EmpiricalBayesEncoder"):
            NestedEncoder(["b", "c"], family="negative_binomial", prior=prior).fit(X, y)
    assert "family" not in {*SmoothedMeanEncoder().get_params(), *AdditiveEncoder().get_params()}


def test_the_family_without_a_dispersion_says_what_it_is_for():
    with pytest.raises(ValueError, match="goes with EmpiricalBayesEncoder"):
        FAMILIES["negative_binomial"].variance(Moments(np.ones(2), np.ones(2), np.zeros(())))


def test_a_file_without_a_dispersion_is_refused():
    codes, y = counts(np.random.default_rng(15))
    text = overdispersed().fit(codes[:, None], y).to_json()
    content = json.loads(text)
    head = {name: content.pop(name) for name in ("format", "version", "checksum")}

    def without(value):
        if isinstance(value, dict):
            return {k: None if k == "dispersion" else without(v) for k, v in value.items()}
        return [without(each) for each in value] if isinstance(value, list) else value

    changed = without(content)
    with pytest.raises(ValueError, match="a dispersion of another family"):
        EmpiricalBayesEncoder.from_json(json.dumps({**head, "checksum": _checksum(changed), **changed}))
