"""Fitted encoders of all kinds as files of version 1, the new rows that they encode, and the rows that they add.

A version of the library that wrote this version made them; later ones only read them.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cases_data import LEVELS, lazy_table, new_rows, rows, table, target
from cases_results import (
    EACH_OUTPUT,
    OUTPUTS_OF_EFFECTS,
    OUTPUTS_OF_LEVELS,
    OUTPUTS_OF_PAST,
    RARE,
    Numbers,
    features,
    quiet,
)

from catpool import (
    EarlierRows,
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    SmoothedMeanEncoder,
)

FOLDER = Path(__file__).parent / "version_1"
FLAT = ["city", "shop"]


@dataclass(frozen=True)
class Written:
    """An encoder that is in a file.

    Parameters
    ----------
    encoder : encoder
        Not fitted.
    kind : str
        Of the target.
    columns : list of str
        Of X.
    how : {"fit", "fit_transform", "partial_fit", "polars", "array"}
    named : tuple of str
        Columns of weights or exposures, by argument.
    """

    encoder: Any
    kind: str = "continuous"
    columns: tuple[str, ...] = ("city", "shop")
    how: str = "fit"
    named: tuple[tuple[str, str], ...] = ()

    def fitted(self) -> Any:
        X, y = rows()[list(self.columns)], target(self.kind)
        arguments = {name: rows()[column].to_numpy() for name, column in self.named}
        with quiet():
            if self.how == "partial_fit":
                return self.learned(self.encoder, slice(0, 100))
            if self.how == "polars":
                return self.encoder.fit(lazy_table(X.assign(y=y), "polars"), y="y")
            if self.how == "array":
                return self.encoder.fit(table(X, "numpy"), y)
            getattr(self.encoder, self.how)(X, y, **arguments)
        return self.encoder

    def learned(self, encoder: Any, part: slice) -> Any:
        """The encoder after some of the rows, by their keys."""
        X, y, key = rows()[list(self.columns)], target(self.kind), rows()["key"].to_numpy()
        with quiet():
            return encoder.partial_fit(X.iloc[part], y[part], key=key[part])

    def encoded(self, encoder: Any) -> Numbers:
        """The features of new rows."""
        new = new_rows()[list(self.columns)]
        with quiet():
            return features(encoder, encoder.transform(table(new, "numpy") if self.how == "array" else new), "new")

    def encoded_later(self, encoder: Any) -> Numbers:
        """The features of new rows and of training rows, once the rest of the rows is learned from."""
        encoder, key = self.learned(encoder, slice(100, None)), rows()["key"].to_numpy()
        out = encoder.transform_out_of_fold(rows()[list(self.columns)], key)
        return self.encoded(encoder) | features(encoder, out, "train")


KEYS = {"how": "partial_fit"}
PLACES = {"columns": tuple(LEVELS)}
CELLS = {"columns": None, "interactions": [("city", "shop")], "random_state": 0}
SLOPES = {"groups": ["shop"], "covariates": ["price"], "slopes": {"shop": ["price"]}}
PAST = EarlierRows("date", gap="2D", half_life="30D")


def encoders() -> dict[str, Written]:
    """By the names of their files."""
    flat = FLAT
    bayes, nested, mixed = (
        partial(encoder, prior="reml") for encoder in (EmpiricalBayesEncoder, NestedEncoder, MixedModelEncoder)
    )
    return {
        "mean": Written(MeanEncoder(flat, output=EACH_OUTPUT, cv=5)),
        "mean_cells": Written(MeanEncoder(**CELLS), "multiclass"),
        "smoothed": Written(SmoothedMeanEncoder(flat, smoothing=2.5, unknown="nan", missing="nan"), "binary"),
        "several_outputs": Written(SmoothedMeanEncoder(flat), "outputs"),
        "reml": Written(bayes(flat, output=EACH_OUTPUT, random_state=0)),
        "reml_offset": Written(bayes(flat, output=EACH_OUTPUT), "offset"),
        "reml_count": Written(bayes(flat, target_type="count"), "exposed", named=(("exposure", "exposure"),)),
        "reml_weighted": Written(bayes(flat, weight_type="precision"), named=(("sample_weight", "precision"),)),
        "reml_array": Written(bayes(output=["mean", "sd"], remainder="drop"), how="array"),
        "moments": Written(bayes(flat, prior="moments"), "multiclass"),
        "full_bayes": Written(bayes(["city"], prior="full_bayes", output=["mean", "sd"]), columns=("city",)),
        "full_bayes_binary": Written(bayes(["city"], prior="full_bayes"), "binary", ("city", "price")),
        "trees": Written(bayes(flat, output="trees", drop_noise=True, target_type="count"), "count"),
        "rare": Written(bayes(flat, output=EACH_OUTPUT, **RARE, crossfit_reliability=0.9), how="fit_transform"),
        "reml_cells": Written(bayes(**CELLS, output=["mean", "sd"])),
        "reml_cells_binary": Written(bayes(**CELLS), "binary"),
        "reml_cells_multiclass": Written(
            bayes(None, interactions=[("city", "state")]), "multiclass", ("city", "state")
        ),
        "reml_cells_count": Written(bayes(**CELLS, target_type="count"), "count"),
        "earlier": Written(
            bayes(flat, cv=PAST, output=OUTPUTS_OF_PAST), "continuous", (*flat, "date"), "fit_transform"
        ),
        "labels": Written(MeanEncoder(flat, cv=rows()["fold"].to_numpy()), how="fit_transform"),
        "keys": Written(bayes(flat, cv=4, output=EACH_OUTPUT), **KEYS),
        "keys_multiclass": Written(MeanEncoder(flat, cv=3), "multiclass", **KEYS),
        "keys_cells": Written(bayes(**CELLS, cv=2), **KEYS),
        "polars": Written(bayes(flat, cv=4, output=["mean", "count"]), how="polars"),
        "nested": Written(nested(LEVELS, emit="all", output=OUTPUTS_OF_LEVELS), **PLACES),
        "nested_binary": Written(nested(LEVELS, output=["mean", "sd"]), "binary", **PLACES),
        "nested_rare": Written(nested(LEVELS, emit="all", missing="prior", **RARE), "multiclass", **PLACES),
        "nested_keys": Written(nested(LEVELS, emit="all", cv=3), **PLACES, **KEYS),
        "mixed": Written(mixed([*flat, ("state", "county")]), columns=("city", "state", "shop", "county")),
        "mixed_slopes": Written(mixed(**SLOPES, output=OUTPUTS_OF_EFFECTS), columns=("shop", "price")),
        "mixed_apart": Written(mixed(**SLOPES, correlated=False, prior="ml"), columns=("shop", "price")),
        "mixed_cg": Written(mixed(flat, solver="cg")),
        "mixed_binary": Written(mixed(["shop"], output=OUTPUTS_OF_EFFECTS), "binary", ("shop", "price")),
        "mixed_count": Written(mixed(["shop"], covariates=["price"], target_type="count"), "count", ("shop", "price")),
    }


CATEGORIES: dict[str, tuple[list[Any], list[Any]]] = {  # at fit, and new ones
    "strings": (["", " ", "a", "A", "a ", 'quo"te', "it's", "ünï", "\n", "NaN", None], ["b", "\t"]),
    "integers": ([0, -1, 2**62, 7], [8]),
    "floats": ([0.1, 1e300, np.inf, -np.inf, np.nan, 2.0], [0.3]),
    "truths": ([True, False], []),
    "dates": (
        [pd.Timestamp("2020-01-01"), pd.Timestamp("2021-02-03 04:05:06.789"), None],
        [pd.Timestamp("1999-09-09")],
    ),
    "days": ([datetime.date(2020, 1, 2), datetime.date(2021, 1, 2), None], [datetime.date(1999, 9, 9)]),
    "tuples": ([("a", 1), ("b", (2, None)), (1.5, True), None], [("a", 2)]),
    "mixed": (["a", 1, 2.5, None, True, ("a",), datetime.date(2020, 1, 2)], ["1"]),
}


def column_of(values: list[Any], kind: str) -> pd.DataFrame:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    series = pd.Series(column, dtype=object)
    return pd.DataFrame({"a": series if kind in ("tuples", "mixed", "days") else series.infer_objects()})


def of_categories(kind: str) -> Any:
    """An encoder of categories of one sort."""
    X = column_of(3 * CATEGORIES[kind][0], kind)
    return MeanEncoder(None, output=["mean", "count"]).fit(X, np.arange(len(X)) ** 2 / 4 + 0.1)


def encoded_categories(encoder: Any, kind: str) -> Numbers:
    seen, new = CATEGORIES[kind]
    X = column_of([*new, *reversed(seen)], kind)
    with quiet():
        return features(encoder, encoder.transform(X), "new")


def all_files() -> dict[str, tuple[type, Callable[[], Any], Callable[[Any], Numbers]]]:
    """By the name of a file: the class, what makes the fitted encoder, and what it makes of new rows."""
    files: dict[str, Any] = {name: (type(each.encoder), each.fitted, each.encoded) for name, each in encoders().items()}
    for kind in CATEGORIES:
        files[f"categories_{kind}"] = (
            MeanEncoder,
            lambda kind=kind: of_categories(kind),
            lambda encoder, kind=kind: encoded_categories(encoder, kind),
        )
    return files
