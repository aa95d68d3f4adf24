"""Effects that are up to ten billion times as large as the noise, of which sums of squares of y show nothing."""

import mpmath
import numpy as np
import pandas as pd
import pytest
from helpers.mixed import encoder_of

N = 400
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({"g": RNG.integers(0, 15, N), "h": RNG.integers(0, 8, N), "x": RNG.normal(size=N)})
TABLE["part"] = TABLE["g"] // 4
G, H, PART, SLOPE = (RNG.normal(size=size) for size in (15, 8, 4, 15))
NOISE = RNG.normal(size=N)
FORMS = {  # what is large, what is as small as the noise, and the model
    "one": (["g"], [], {"groups": ["g"]}),
    "two": (["g", "h"], [], {"groups": ["g", "h"]}),
    "one of two": (["g"], ["h"], {"groups": ["g", "h"]}),
    "the shorter of two": (["h"], ["g"], {"groups": ["g", "h"]}),
    "nested": (["part", "g"], [], {"groups": ["part", "g"]}),
    "covariate": (["g", "x"], [], {"groups": ["g"], "covariates": ["x"]}),
    "only a covariate": (["x"], ["g"], {"groups": ["g"], "covariates": ["x"]}),
    "slopes": (["g", "slope"], [], {"groups": ["g"], "slopes": {"g": ["x"]}}),
    "small slopes": (["g"], ["slope"], {"groups": ["g"], "slopes": {"g": ["x"]}}),
}
SIGNALS = {
    "g": G[TABLE["g"]],
    "h": H[TABLE["h"]],
    "part": PART[TABLE["part"]],
    "x": TABLE["x"].to_numpy(),
    "slope": SLOPE[TABLE["g"]] * TABLE["x"].to_numpy(),
}


def target(form, ratio):
    large, small, _ = FORMS[form]
    return ratio * sum(SIGNALS[each] for each in large) + sum((SIGNALS[each] for each in small), 0.0) + NOISE


def fitted(form, ratio, rows=N, **options):
    encoder = encoder_of(**FORMS[form][2], **{"prior": "reml", **options})
    return encoder.fit(TABLE[:rows], target(form, ratio)[:rows])


def in_units(covariance, form, ratio, factor):
    """The covariance of effects in units of the large ones and of the noise."""
    large, _, model = FORMS[form]
    names = [model["groups"][factor], *(["slope"] if len(covariance) == 2 else [])]
    units = np.array([ratio if name in large else 1.0 for name in names])
    return covariance / np.outer(units, units)


# the prior of full Bayes is in units of the noise, so that a part whose variance may be small has less of it in larger
CASES = [
    (form, prior) for form in FORMS for prior in ("ml", "reml", "full_bayes") if (form, prior[:4]) != ("nested", "full")
]
QUICK = [("one of two", "ml"), ("one of two", "full_bayes"), *((form, "reml") for form in FORMS)]


@pytest.mark.parametrize(
    ("form", "prior", "ratio"),
    [
        *((*case, 1e8) for case in QUICK),
        *(
            pytest.param(*case, ratio, marks=pytest.mark.slow)
            for case in CASES
            for ratio in (1e4, 1e5, 1e6, 1e8, 1e10)
            if case not in QUICK or ratio != 1e8
        ),
    ],
)
def test_variances_are_those_of_a_smaller_ratio(form, prior, ratio):
    near, far = fitted(form, 300.0, prior=prior).model_, fitted(form, ratio, prior=prior).model_
    assert far.scale == pytest.approx(near.scale, rel=1e-4)
    for factor, (own, other) in enumerate(zip(far.covariances, near.covariances, strict=True)):
        found, expected = in_units(own, form, ratio, factor), in_units(other, form, 300.0, factor)
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.01 * np.abs(expected).max())


def exact_criterion(form, rows, ratio, *, reml):
    """The criterion of the logarithms of the relative variances, with 60 digits, from the covariance of the rows."""
    _, _, model = FORMS[form]
    columns = [np.ones(rows), *(TABLE[name][:rows] for name in model.get("covariates", [])), target(form, ratio)[:rows]]
    sides = [mpmath.matrix([float(each) for each in column]) for column in columns]
    alike = [np.equal.outer(TABLE[name].to_numpy()[:rows], TABLE[name].to_numpy()[:rows]) for name in model["groups"]]
    freedom = rows - (len(sides) - 1 if reml else 0)

    def criterion(logs):
        variances = [mpmath.exp(each) for each in logs]
        covariance = mpmath.eye(rows)
        for i, j in np.argwhere(np.any(alike, axis=0)):
            covariance[int(i), int(j)] += sum(v for v, own in zip(variances, alike, strict=True) if own[i, j])
        solved = [mpmath.cholesky_solve(covariance, side) for side in sides]
        gram = mpmath.matrix([[mpmath.fdot(a, b) for b in solved] for a in sides])
        fixed = gram[: len(sides) - 1, : len(sides) - 1]
        residual = mpmath.det(gram) / mpmath.det(fixed)
        root = mpmath.cholesky(covariance)
        determinant = 2 * sum(mpmath.log(root[i, i]) for i in range(rows))
        determinant += mpmath.log(mpmath.det(fixed)) if reml else 0
        return determinant + freedom * mpmath.log(residual), residual / freedom

    return criterion


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [1e5, 1e8])
@pytest.mark.parametrize("form", ["one", "two", "one of two", "covariate"])
@pytest.mark.parametrize("prior", ["ml", "reml"])
def test_variances_maximize_the_likelihood_of_sixty_digits(form, ratio, prior):
    rows, step = 60, mpmath.mpf("0.001")
    model = fitted(form, ratio, rows, prior=prior).model_
    with mpmath.workdps(60):
        criterion = exact_criterion(form, rows, ratio, reml=prior == "reml")
        logs = [mpmath.log(mpmath.mpf(each.item()) / mpmath.mpf(model.scale)) for each in model.covariances]
        here, scale = criterion(logs)
        assert model.scale == pytest.approx(float(scale), rel=1e-6)
        for place in range(len(logs)):
            behind, ahead = (
                criterion([each + sign * step * (place == i) for i, each in enumerate(logs)])[0] for sign in (-1, 1)
            )
            distance = (ahead - behind) * step / (2 * (ahead - 2 * here + behind))
            assert abs(float(distance)) < 1e-5


@pytest.mark.parametrize("ratio", [1e5, 1e8])
def test_a_balanced_design_has_the_mean_squares(ratio):
    levels, copies = 6, 5
    codes = np.repeat(np.arange(levels), copies)
    y = ratio * G[:levels][codes] + NOISE[: levels * copies]
    model = encoder_of(["g"]).fit(pd.DataFrame({"g": codes}), y).model_
    means = y.reshape(levels, copies).mean(axis=1)
    within = ((y - means[codes]) ** 2).sum() / (levels * (copies - 1))
    assert model.scale == pytest.approx(within, rel=1e-6)
    assert model.covariances[0].item() == pytest.approx(means.var(ddof=1) - within / copies, rel=1e-9)


@pytest.mark.parametrize(
    ("form", "prior"),
    [
        *((form, "reml") for form in ("one", "one of two", "slopes")),
        *(pytest.param(form, "reml", marks=pytest.mark.slow) for form in ("two", "nested", "covariate")),
        *(pytest.param(form, "full_bayes", marks=pytest.mark.slow) for form in FORMS if form != "nested"),
    ],
)
def test_predictions_and_their_intervals_are_those_of_smaller_effects(form, prior):
    near, far = (fitted(form, ratio, prior=prior, output="prediction") for ratio in (300.0, 1e8))
    for encoder, ratio in ((near, 300.0), (far, 1e8)):
        error = np.asarray(encoder.transform(TABLE))[:, -1] - target(form, ratio)
        assert (error**2).mean() == pytest.approx(encoder.model_.scale, rel=0.2)
    sds = [np.asarray(each.predict(TABLE, kind="mean")["sd"]) for each in (near, far)]
    np.testing.assert_allclose(sds[1], sds[0], rtol=5e-3)


@pytest.mark.parametrize("form", ["one", "one of two", "covariate"])
@pytest.mark.parametrize("prior", ["reml", "full_bayes"])
@pytest.mark.usefixtures("few_points")
def test_out_of_fold_equals_brute_force_and_sees_no_own_target(form, prior):
    y, folds = target(form, 1e7), np.arange(N) % 3
    encoder = encoder_of(**FORMS[form][2], prior=prior, cv=folds, output="prediction")
    found = np.asarray(encoder.fit_transform(TABLE, y))[:, -1]
    changed = np.where(folds == 1, RNG.normal(size=N), y)
    own = folds == 1
    np.testing.assert_array_equal(np.asarray(encoder.fit_transform(TABLE, changed))[own, -1], found[own])
    outside = encoder.fit(TABLE[~own], y[~own])
    np.testing.assert_allclose(np.asarray(outside.transform(TABLE[own]))[:, -1], found[own], rtol=0, atol=1e-2)


@pytest.mark.parametrize("prior", ["reml", "full_bayes"])
def test_weights_are_copies(prior):
    weights = 1 + np.arange(N) % 3
    y, copies = target("two", 1e7), np.repeat(np.arange(N), weights)
    weighted = encoder_of(["g", "h"], prior=prior).fit(TABLE, y, sample_weight=weights).model_
    copied = encoder_of(["g", "h"], prior=prior).fit(TABLE.iloc[copies], y[copies]).model_
    assert weighted.scale == pytest.approx(copied.scale, rel=1e-4)
    for one, other in zip(weighted.covariances, copied.covariances, strict=True):
        assert one.item() == pytest.approx(other.item(), rel=1e-4)


def test_new_levels_are_as_uncertain_as_the_levels_are_apart():
    encoder = fitted("one", 1e8)
    new = encoder.predict(TABLE[:1].assign(g=99), kind="mean")["sd"].item()
    assert new == pytest.approx(np.sqrt(encoder.model_.covariances[0].item() * (1 + 1 / 15)), rel=1e-6)


@pytest.mark.parametrize("ratio", [1e7, 1e8, 1e9])
def test_slopes_of_levels_with_a_row_or_two_keep_their_digits(ratio):
    rng = np.random.default_rng(5)
    X = pd.DataFrame({"g": rng.integers(0, 35, 87), "x": rng.normal(size=87)})  # where rows do not tell all effects
    signal = rng.normal(size=35)[X["g"]] + rng.normal(size=35)[X["g"]] * X["x"]
    noise = rng.normal(size=87)
    near, far = (
        encoder_of(groups=["g"], slopes={"g": ["x"]}, prior="reml").fit(X, size * signal + noise).model_
        for size in (1e6, ratio)
    )
    assert far.scale == pytest.approx(near.scale, rel=1e-6)
    np.testing.assert_allclose(far.covariances[0] / ratio**2, near.covariances[0] / 1e12, rtol=1e-5)
