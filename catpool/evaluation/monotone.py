"""Which features a model may take to push its prediction one way only."""

from __future__ import annotations

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from catpool.encoders.encoder import Encoder


def monotone_constraints(transformer: Any) -> list[int]:
    """Say which features rise with the target: 1 for encoded means, 0 for all others.

    An encoding is a mean of the target, so a model's prediction should not fall where it rises. With such a constraint
    trees cannot read the targets off what little a full category's encodings differ by from fold to fold. It costs
    where a category's effect turns round in combination with another feature.

    Parameters
    ----------
    transformer : encoder, ColumnTransformer or Pipeline
        Fitted. Of a pipeline, the last step counts.

    Returns
    -------
    list of int, of length (features,)
        As ``monotone_constraints`` of LightGBM and XGBoost and ``monotonic_cst`` of scikit-learn's trees take it: in
        the order of ``get_feature_names_out``. Nought for targets of several classes or outputs,
        where a feature belongs to one of several predictions.

    Raises
    ------
    NotFittedError
        Before the transformer is fitted.
    TypeError
        For a transformer that has no encoder of catpool in it.

    References
    ----------
    C. Perlich, G. Swirszcz (2011), On cross-validation and stacking: building seemingly predictive models on random
    data, SIGKDD Explorations 12, 11-15.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder, monotone_constraints
    >>> X = pd.DataFrame({"city": list("aabbcc"), "size": range(6)})
    >>> encoder = EmpiricalBayesEncoder(["city"], output=["mean", "code"]).fit(X, [1.0, 2.0, 3.0, 4.0, 5.0, 7.0])
    >>> encoder.get_feature_names_out().tolist()
    ['city', 'city_code', 'size']
    >>> monotone_constraints(encoder)
    [1, 0, 0]
    """
    check_is_fitted(transformer)
    constraints = _constraints(transformer)
    if constraints is None:
        raise TypeError(
            "`transformer` must be an encoder of catpool, or a ColumnTransformer or Pipeline of one. "
            f"Got {transformer!r}."
        )
    return constraints


def _constraints(transformer: Any) -> list[int] | None:
    if isinstance(transformer, Encoder):
        rising = transformer._structure().rising(transformer.tables_)
        return [int(name in rising) for name in transformer.get_feature_names_out()]
    if isinstance(transformer, Pipeline):
        return _constraints(transformer.steps[-1][1])
    if isinstance(transformer, ColumnTransformer):
        return _of_columns(transformer)
    return None


def _of_columns(transformer: ColumnTransformer) -> list[int] | None:
    places = transformer.output_indices_
    constraints = [0] * max(place.stop for place in places.values())
    found = False
    for name, each, _ in transformer.transformers_:
        own = _constraints(each)
        if own is not None:
            constraints[places[name]] = own
            found = True
    return constraints if found else None
