"""Names and short ways to fit that tests of nested levels share."""

import pandas as pd

from catpool import NestedEncoder

OUTPUTS = ("mean", "sd", "reliability", "count", "code")


NUMBERS = ("mean", "sd", "reliability")


LEVELS = ["state", "county", "zip"]


NO_SPREAD = "no spread between categories"


def numbered(X):
    """The number of each row's path."""
    return X.fillna("missing").groupby(X.columns.tolist()).ngroup().to_numpy()


def nested(X, y, levels=None, **parameters):
    arguments = {name: parameters.pop(name) for name in ("sample_weight", "exposure") if name in parameters}
    parameters = {"prior": "reml", **parameters}
    return NestedEncoder(list(X.columns) if levels is None else levels, **parameters).fit(X, y, **arguments)


def new_rows(*rows):
    return pd.DataFrame(list(rows), columns=LEVELS, dtype=object)
