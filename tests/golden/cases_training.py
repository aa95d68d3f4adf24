"""How a golden case is computed: fit and transform of an encoder, on rows in one container or another."""

from typing import Any

from cases_data import TARGET_TYPES, known_rows, new_rows, rows, table, target
from cases_results import Numbers, features, quiet
from sklearn.base import clone

from catpool import EarlierRows

NAMING = ("columns", "interactions", "levels", "groups", "covariates", "slopes")  # parameters that name columns


def train(
    encoder: Any,
    kind: str,
    *,
    columns: tuple[str, ...] = ("city", "shop"),
    container: str = "pandas",
    named: dict[str, Any] | None = None,
    only_known: bool = False,
    refit: bool = True,
) -> Numbers:
    """The features of training rows out of fold and of new rows, after fit_transform and after fit.

    Parameters
    ----------
    encoder : encoder
    kind : str
        Of the target.
    columns : tuple of str
        The columns of X.
    container : str
        What holds X.
    named : dict, optional
        From arguments of ``fit_transform`` to the columns of the rows that are passed.
    only_known : bool, default=False
        Whether new rows have seen categories alone.
    refit : bool, default=True
        Whether ``fit`` is called, too.
    """
    made = prepared(encoder, kind, list(columns), container)
    X = table(rows()[list(columns)], container)
    new = table((known_rows() if only_known else new_rows())[[each for each in columns if each != "fold"]], container)
    arguments = {name: rows()[column].to_numpy() for name, column in (named or {}).items()}
    if kind == "exposed":
        arguments["exposure"] = rows()["exposure"].to_numpy()
    with quiet():
        out = made.fit_transform(X, target(kind), **arguments)
        result = features(made, out, "train") | features(made, made.transform(new), "new")
        if refit:
            arguments.pop("key", None)
            made = clone(made).fit(X, target(kind), **arguments)
            result |= features(made, made.transform(new), "fit")
    return result


def prepared(encoder: Any, kind: str, columns: list[str], container: str = "pandas") -> Any:
    """A new encoder for a target, which names columns by position where X is an array."""
    made = clone(encoder).set_params(target_type=TARGET_TYPES[kind])
    if container in ("numpy", "lists"):
        own = made.get_params(deep=False)
        made.set_params(**{name: _placed(own[name], columns) for name in NAMING if name in own})
        if isinstance(made.cv, EarlierRows):
            made.set_params(cv=EarlierRows(columns.index(made.cv.by), made.cv.gap, made.cv.half_life, made.cv.first))
    return made


def _placed(value: Any, columns: list[str]) -> Any:
    """Positions for names, in lists and in what they hold."""
    if isinstance(value, str):
        return columns.index(value)
    if isinstance(value, dict):
        return {_placed(key, columns): _placed(item, columns) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_placed(item, columns) for item in value)
    return value
