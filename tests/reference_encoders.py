"""The encoders written a second time: row by row, fold by fold, as slow and as plain as can be."""

import math

import numpy as np


def moment_estimate(groups, family):
    """Prior mean of each class and the strength they share, from {category: [(ys, w), ...]}, by the method of moments.

    The ys of a row are its target, or for classes their indicators.
    """
    size = {k: sum(w for _, w in rows) for k, rows in groups.items()}
    size = {k: n for k, n in size.items() if n > 0}
    n_classes = len(next(iter(groups.values()))[0][0])
    total, spare = sum(size.values()), len(size) - 1
    means, excess, variance = [], 0.0, 0.0
    for label in range(n_classes):
        mean = {k: sum(w * ys[label] for ys, w in groups[k]) / size[k] for k in size}
        pooled = sum(size[k] * mean[k] for k in size) / total
        within = sum(w * (ys[label] - mean[k]) ** 2 for k in size for ys, w in groups[k])
        spread = sum(size[k] * (mean[k] - pooled) ** 2 for k in size)
        if family == "normal" and total - len(size) <= 1e-9:
            return [pooled], math.inf
        if family == "normal":
            own = within / (total - len(size))
        else:
            own = pooled * (1 - pooled) if family == "binomial" else pooled
        means.append((mean, pooled))
        variance += own
        excess += spread - spare * own
    curvature = -1 if family == "binomial" else 0
    share = total - sum(n * n for n in size.values()) / total + curvature * spare
    between = max(0.0, excess / share) if share > 1e-9 * total else 0.0
    if between <= 1e-13 * variance:
        return [pooled for _, pooled in means], math.inf
    strength = max(0.0, variance / between + curvature)
    trust = {k: n / (n + strength) for k, n in size.items()}
    return [sum(trust[k] * mean[k] for k in size) / sum(trust.values()) for mean, _ in means], strength


def encode(train, y, w, test, rule, family="normal", smoothing=10.0):
    """Encode the test categories from the training rows, a column a class: `rule` is "mean", "smoothed" or "bayes"."""
    groups = {}
    for category, ys, weight in zip(train, y, w, strict=True):
        groups.setdefault(category, []).append((ys, weight))
    priors = [sum(ys[label] * b for ys, b in zip(y, w, strict=True)) / sum(w) for label in range(y.shape[1])]
    strength = {"mean": 0.0, "smoothed": smoothing}.get(rule)
    if rule == "bayes":
        priors, strength = moment_estimate(groups, family)
    result = []
    for category in test:
        rows = groups.get(category, [])
        n = sum(b for _, b in rows)
        if n == 0 or math.isinf(strength):
            result.append(priors)
        else:
            means = [sum(ys[label] * b for ys, b in rows) / n for label in range(y.shape[1])]
            trust = n / (n + strength)
            result.append([trust * a + (1 - trust) * b for a, b in zip(means, priors, strict=True)])
    return np.array(result)


def out_of_fold(categories, y, w, splits, rule, family="normal"):
    """Encode each test fold from its training rows, of targets of shape (n, classes); NaN for rows in no fold."""
    result = np.full(y.shape, np.nan)
    for train, test in splits:
        result[test] = encode(
            [categories[i] for i in train], y[train], w[train], [categories[i] for i in test], rule, family
        )
    return result
