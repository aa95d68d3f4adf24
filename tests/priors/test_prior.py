"""Priors by name and of the user's own."""

import numpy as np
import pytest

from catpool import EmpiricalBayesEncoder


def test_a_prior_of_the_user_s_own(table):
    def believe_half(moments):
        return moments.mean / 2, 7.0

    encoder = EmpiricalBayesEncoder(prior=believe_half, cv=[0, 1] * 60)
    encoded = encoder.fit_transform(table["X"][["city"]], table["continuous"])
    assert (encoder.summary_["prior_strength"] == 7).all()
    y, bonn = table["continuous"][1::2], (table["X"]["city"] == "Bonn").to_numpy()[1::2]
    expected = (y[bonn].sum() + 7 * y.mean() / 2) / (bonn.sum() + 7)
    assert np.asarray(encoded)[::2][(table["X"]["city"] == "Bonn").to_numpy()[::2]][0, 0] == pytest.approx(expected)
    for answer, message in ((None, "two numbers"), ((1.0, -1.0), "strength from 0"), ((np.nan, 1.0), "finite mean")):
        with pytest.raises(ValueError, match=message):
            EmpiricalBayesEncoder(prior=lambda moments, answer=answer: answer).fit([[1], [2]], [1.5, 2.5])


@pytest.mark.parametrize("prior", ["reml", "ml", "moments"])
@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
def test_each_fold_has_a_prior_of_its_own(prior, target_type, table):
    folds = np.arange(120) % 3
    encoder = EmpiricalBayesEncoder(prior=prior, cv=folds, target_type=target_type)
    X, y = table["X"], table[target_type]
    encoded = encoder.fit_transform(X, y)
    for fold in range(3):
        test = folds == fold
        refitted = EmpiricalBayesEncoder(prior=prior, target_type=target_type).fit(X[~test], y[~test])
        np.testing.assert_allclose(np.asarray(encoded)[test], refitted.transform(X[test]), rtol=1e-7, atol=1e-9)


def test_each_prior_and_family_makes_a_difference(table):
    X, y = table["X"], table["binary"]
    results = [
        EmpiricalBayesEncoder(prior=prior, family=family, random_state=0).fit_transform(X, y)
        for prior in ("reml", "moments")
        for family in ("binomial", "normal", "poisson")
    ]
    results.append(EmpiricalBayesEncoder(prior="ml", family="normal", random_state=0).fit_transform(X, y))
    for i, one in enumerate(results):
        assert not any(np.allclose(one, other, rtol=1e-6) for other in results[:i])
