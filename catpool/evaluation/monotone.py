"""Monotone constraints for models that are fitted to encodings."""

from __future__ import annotations

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from catpool.encoders.encoder import Encoder


def monotone_constraints(transformer: BaseEstimator) -> list[int]:
    """A monotone constraint for each feature: 1 for encoded means, 0 for all others.

    An encoded mean estimates the target, so predictions should rise with it. Without the constraint, trees can overfit:
    the out-of-fold encodings of a large category differ only by fold, a little against the targets of their own fold,
    and a tree can learn this. With the constraint it cannot. The price is accuracy where the order of categories
    changes with another feature.

    Parameters
    ----------
    transformer : encoder, ColumnTransformer or Pipeline
        A fitted encoder of catpool, or a fitted transformer that contains one. Only the last step of a pipeline counts.

    Returns
    -------
    list of int
        One number for each feature, in the order of ``get_feature_names_out``, for the parameter
        ``monotone_constraints`` of LightGBM and XGBoost or ``monotonic_cst`` of scikit-learn's trees. The constraints
        of an encoder with several classes or outputs are all 0, because each of its features belongs to one of several
        predictions.

    Raises
    ------
    NotFittedError
        If the transformer is not fitted.
    TypeError
        If the transformer contains no encoder of catpool.

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
            "`transformer` must be an encoder of catpool, or a ColumnTransformer or Pipeline with one. "
            f"Got {transformer!r}."
        )
    return constraints


def _constraints(transformer: BaseEstimator) -> list[int] | None:
    """The constraints of a transformer, or None if it contains no encoder of catpool."""
    if isinstance(transformer, Encoder):
        rising = transformer._structure().rising(transformer.tables_)
        return [int(name in rising) for name in transformer.get_feature_names_out()]
    if isinstance(transformer, Pipeline):
        return _constraints(transformer.steps[-1][1])
    if isinstance(transformer, ColumnTransformer):
        return _join_constraints(transformer)
    return None


def _join_constraints(transformer: ColumnTransformer) -> list[int] | None:
    places = transformer.output_indices_
    # Transformers that drop their columns have an empty slice here, and the remainder has one of its own.
    constraints = [0] * max(place.stop for place in places.values())
    found = False
    for name, each, _ in transformer.transformers_:
        own = _constraints(each)
        if own is not None:
            constraints[places[name]] = own
            found = True
    return constraints if found else None
