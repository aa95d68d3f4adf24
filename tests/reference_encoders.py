"""The encoders written a second time: row by row, fold by fold, as slow and as plain as can be."""

import math

import numpy as np


def moment_estimate(groups, family):
    """Prior mean and strength from {category: [(y, w), ...]}, by the formulas of the method of moments."""
    size = {k: sum(w for _, w in rows) for k, rows in groups.items()}
    size = {k: n for k, n in size.items() if n > 0}
    mean = {k: sum(w * y for y, w in groups[k]) / size[k] for k in size}
    total = sum(size.values())
    pooled = sum(size[k] * mean[k] for k in size) / total
    within = sum(w * (y - mean[k]) ** 2 for k in size for y, w in groups[k])
    spread = sum(size[k] * (mean[k] - pooled) ** 2 for k in size)
    spare = len(size) - 1
    if family == "normal":
        told, variance, curvature = total - len(size) > 1e-9, within / max(total - len(size), 1e-9), 0
    elif family == "binomial":
        told, variance, curvature = True, pooled * (1 - pooled), -1
    else:
        told, variance, curvature = True, pooled, 0
    leverage = total - sum(n * n for n in size.values()) / total + curvature * spare
    if not told or leverage < 1e-9 * total:
        return pooled, math.inf
    between = max(0.0, (spread - spare * variance) / leverage)
    if between <= 1e-13 * variance:
        return pooled, math.inf
    strength = max(0.0, variance / between + curvature)
    trust = {k: n / (n + strength) for k, n in size.items()}
    return sum(trust[k] * mean[k] for k in size) / sum(trust.values()), strength


def encode(train, y, w, test, rule, family="normal", smoothing=10.0):
    """Encode the test categories from the training rows: `rule` is "mean", "smoothed" or "bayes"."""
    groups = {}
    for category, target, weight in zip(train, y, w, strict=True):
        groups.setdefault(category, []).append((target, weight))
    prior = sum(a * b for a, b in zip(y, w, strict=True)) / sum(w)
    strength = {"mean": 0.0, "smoothed": smoothing}.get(rule)
    if rule == "bayes":
        prior, strength = moment_estimate(groups, family)
    result = []
    for category in test:
        rows = groups.get(category, [])
        n = sum(b for _, b in rows)
        if n == 0 or math.isinf(strength):
            result.append(prior)
        else:
            mean = sum(a * b for a, b in rows) / n
            result.append(n / (n + strength) * mean + strength / (n + strength) * prior)
    return np.array(result)


def out_of_fold(categories, y, w, splits, rule, family="normal"):
    """Encode each test fold from its training rows; NaN for rows in no fold."""
    result = np.full(len(categories), np.nan)
    for train, test in splits:
        result[test] = encode(
            [categories[i] for i in train], y[train], w[train], [categories[i] for i in test], rule, family
        )
    return result
