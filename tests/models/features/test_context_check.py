"""Features of a user's own must say the same of a category, whatever categories it comes with."""

import numpy as np
import pandas as pd
import pytest

from catpool import EmpiricalBayesEncoder, TreeEncoder, linear, ordered

RNG = np.random.default_rng(0)
SHOPS = [f"s{k:02d}" for k in range(30)]
SIZE = dict(zip(SHOPS, np.exp(RNG.normal(size=30)), strict=True))
X = pd.DataFrame({"shop": np.repeat(SHOPS, 4), "area": np.repeat(list(SIZE.values()), 4)})
Y = np.log(X["area"]) + RNG.normal(size=len(X))

MESSAGE = (
    r"`prior_features` of column 'shop' must say the same of a category, whatever categories it comes with, but .* "
    r"gave 's\d\d' other numbers among 15 categories than among all 30\. Learn what depends"
)


def sizes(shops):
    return pd.Series(shops.map(SIZE).to_numpy())


def table(numbers):
    return pd.DataFrame({"number": np.asarray(numbers, dtype=float)})


CHANGING = {
    "ranks": lambda shops: table(sizes(shops).rank()),
    "falling ranks": lambda shops: table(sizes(shops).rank(ascending=False)),
    "ranks of names": lambda shops: table(shops.rank()),
    "codes": lambda shops: table(pd.factorize(shops)[0]),
    "places": lambda shops: table(range(len(shops))),
    "standardized": lambda shops: table((sizes(shops) - sizes(shops).mean()) / sizes(shops).std()),
    "less the mean": lambda shops: table(1e6 + sizes(shops) - sizes(shops).mean()),
    "quartiles": lambda shops: pd.DataFrame({"part": pd.qcut(sizes(shops), 4, labels=list("abcd")).astype(str)}),
    "missing": lambda shops: table(np.where(sizes(shops) > sizes(shops).median(), sizes(shops), np.nan)),
    "random": lambda shops: table(np.random.default_rng().normal(size=len(shops))),
}


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("wrap", [lambda function: function, linear, lambda function: [ordered(), linear(function)]])
def test_functions_that_depend_on_other_categories_are_refused(name, wrap):
    with pytest.raises(ValueError, match=MESSAGE):
        EmpiricalBayesEncoder(["shop"], prior_features={"shop": wrap(CHANGING[name])}).fit(X, Y)


@pytest.mark.parametrize(
    "function",
    [
        lambda shops: table(sizes(shops)),
        lambda shops: table(sizes(shops).astype(np.float16)),
        lambda shops: table(1e9 + sizes(shops) * (1 + 1e-7 * len(shops))),  # as rounding of single precision is
        lambda shops: pd.DataFrame({"end": shops.str[-1].to_numpy()}),
        lambda shops: table(np.where(shops == "s03", np.nan, sizes(shops))),
        lambda shops: table(sizes(shops)).assign(nothing=1e-17 * np.arange(len(shops))),  # of products
    ],
)
def test_functions_of_each_category_alone_are_taken(function):
    encoder = EmpiricalBayesEncoder(["shop"], prior_features={"shop": function}).fit(X, Y)
    assert encoder.transform(X).notna().all(axis=None)


class Own:
    """Features of a user's own, from a function of the column of areas."""

    columns = ("area",)

    def __init__(self, basis, left=None):
        self.basis, self._left = basis, left
        if left is not None:
            self.left = lambda categories: left(categories["area"].to_numpy())

    def fit(self, categories):
        return self

    def __call__(self, categories):
        return self.basis(categories["area"].to_numpy())


def small(area):
    return area[:, None]


@pytest.mark.parametrize(
    "features",
    [
        Own(lambda area: (area - area.mean())[:, None]),
        Own(lambda area: np.argsort(np.argsort(area))[:, None]),
        Own(lambda area: np.eye(len(area))),
        Own(lambda area: np.where(area < np.median(area), np.nan, area)[:, None]),
        Own(small, left=lambda area: area / area.sum()),
    ],
)
def test_features_that_depend_on_other_categories_are_refused(features):
    with pytest.raises(ValueError, match=MESSAGE):
        EmpiricalBayesEncoder(["shop"], prior_features={"shop": features}).fit(X, Y)
    with pytest.raises(ValueError, match="`prior_features` of column 'shop' must say the same of a category"):
        TreeEncoder(["shop"], prior_features={"shop": features}).fit(X, Y)


def test_what_fit_learns_may_depend_on_all():
    class Standardized(Own):
        def fit(self, categories):
            center = categories["area"].mean()
            return Own(lambda area: (area - center)[:, None], left=lambda area: 0 * area)

    assert EmpiricalBayesEncoder(["shop"], prior_features={"shop": Standardized(None)}).fit(X, Y).transform(X).size


def test_parts_of_a_stream_are_checked():
    encoder = EmpiricalBayesEncoder(["shop"], prior_features={"shop": CHANGING["ranks"]})
    with pytest.raises(ValueError, match="must say the same of a category"):
        encoder.partial_fit(X, Y)


def test_one_category_is_taken():
    first = X[X["shop"] == "s00"]
    encoder = EmpiricalBayesEncoder(["shop"], prior_features={"shop": Own(small)})
    assert encoder.fit(first, Y[: len(first)]).transform(first).size == 2 * len(first)


def test_few_of_many_categories_are_asked_once_more():
    asked = []

    def function(shops):
        asked.append(len(shops))
        return pd.DataFrame({"number": shops.astype(float).to_numpy()})

    shops = pd.DataFrame({"shop": np.arange(5000).astype(str)})
    EmpiricalBayesEncoder(prior_features={"shop": function}).fit(shops, RNG.normal(size=5000))
    assert asked == [5000, 5000, 100]


def test_functions_return_the_same_columns_for_any_categories():
    def function(shops):
        return pd.get_dummies(shops.str[-1]).reset_index(drop=True)

    message = (
        r"The function in `prior_features` of column 'shop' must return the same columns for any categories, but "
        r"\['.'.*\] of those for all categories of fit are not among those for 15\. Name them"
    )
    with pytest.raises(ValueError, match=message):
        EmpiricalBayesEncoder(["shop"], prior_features={"shop": function}).fit(X, Y)
