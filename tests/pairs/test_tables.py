"""Every encoder on every kind of table."""

import sys
from functools import cache

import numpy as np
import pandas as pd
import pytest
from helpers.engine_tables import LAZY, QUIET, SLOW, arrow, assert_agrees, polars_eager, polars_lazy
from helpers.public_encoders import PUBLIC, breaking
from sklearn.base import clone

from catpool import (
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    SmoothedMeanEncoder,
    linear,
    sizes,
)

pytestmark = [*QUIET, pytest.mark.usefixtures("few_points")]


STRINGS = ["a", "A", "a ", " a", "", " ", "ünï", "u\u0308", "日本", "it's", 'quo"te', "nan", "None", "NULL", "0"]


ON_TABLES = {
    **{public.name: public.make(["name", "number"], **public.setup.features_of_each) for public in PUBLIC},
    "all outputs": EmpiricalBayesEncoder(["name", "number"], output=["mean", "sd", "count", "code"], prior="moments"),
    "policies": SmoothedMeanEncoder(["number", "name"], missing="prior", unknown="nan"),
    "interactions": EmpiricalBayesEncoder(["name"], interactions=[("name", "number")]),
    "one factor": MixedModelEncoder(["name"]),
    "prior features": EmpiricalBayesEncoder(
        ["name", "number"],
        prior_features={
            "name": linear(lambda names: pd.DataFrame({"length": [len(each) for each in names]})),
            "number": sizes(),
        },
        output=["mean", "sd"],
    ),
}
IN_MEMORY = {"one factor", *(public.name for public in breaking("lazy"))}
SLOWLY_FITTED = {"interactions", "MixedModelEncoder"}


@cache
def rows():
    """Rows with counts as targets, whose categories differ only by case, a blank or an accent."""
    rng = np.random.default_rng(0)
    n = 500
    names = rng.choice(np.array([*STRINGS, None], dtype=object), n)
    numbers = pd.array(rng.integers(-2, 9, n), dtype="Int64")
    numbers[rng.random(n) < 0.1] = pd.NA
    effects = {name: rng.normal() for name in [*STRINGS, None]}
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "name": pd.Series(names, dtype=object),
            "number": pd.Series(numbers, dtype=object).where(~pd.isna(numbers), None),
            "fold": rng.integers(0, 4, n),
            "y": rng.poisson(np.exp([effects[name] / 2 for name in names])),
        }
    )


@cache
def new_rows():
    numbers = [None if number is None else number + 4 for number in rows()["number"]]
    return (
        rows().assign(number=pd.Series(numbers, dtype=object)).drop(columns=["fold", "y"])[::3].reset_index(drop=True)
    )


@cache
def expected(name):
    """What an encoder gives for the training rows, and for new ones."""
    encoder = clone(ON_TABLES[name]).set_params(cv="fold", target_type="count")
    return encoder.fit_transform(rows(), "y"), encoder.transform(new_rows())


def with_types(**types):
    def make(frame, place):
        return frame.astype({name: dtype for name, dtype in types.items() if name in frame})

    return make


def nullable(frame, place=None):
    return frame.astype({"name": "string[python]", "number": "Int64"})


def arrow_backed(frame, place):
    pytest.importorskip("pyarrow")
    return nullable(frame).convert_dtypes(dtype_backend="pyarrow")


def of_nullable(make):
    return lambda frame, place: make(nullable(frame), place)


def polars_categorical(frame, place):
    polars = pytest.importorskip("polars")
    return polars_eager(nullable(frame), place).with_columns(polars.col("name").cast(polars.Categorical))


def polars_enum(frame, place):
    polars = pytest.importorskip("polars")
    names = sorted(frame["name"].dropna().unique())
    return polars_eager(nullable(frame), place).with_columns(polars.col("name").cast(polars.Enum(names)))


def arrow_dictionary(frame, place):
    plain = arrow(nullable(frame), place)
    position = plain.schema.get_field_index("name")
    return plain.set_column(position, "name", plain["name"].dictionary_encode())


EAGER = {
    "object": lambda frame, place: frame,
    "str": with_types(name="str" if int(pd.__version__.split(".")[0]) >= 3 else "string"),  # once, str(None)
    "category": with_types(name="category"),
    "nullable": nullable,
    "arrow-backed": arrow_backed,
    "polars eager": of_nullable(polars_eager),
    "polars categorical": polars_categorical,
    "polars enum": polars_enum,
    "arrow": of_nullable(arrow),
    "arrow dictionary": arrow_dictionary,
}
KINDS = {**EAGER, **{name: of_nullable(make) for name, make in LAZY.items()}}


def marked(*values, slow):
    name = "-".join(values).replace(" ", "-")
    return pytest.param(*values, id=name, marks=pytest.mark.slow if slow else [])


TABLES = [
    marked(encoder, kind, slow=kind in SLOW or encoder in SLOWLY_FITTED) for encoder in ON_TABLES for kind in KINDS
]


@pytest.mark.parametrize(("name", "kind"), TABLES)
def test_numbers_and_kinds_are_the_same(name, kind, place):
    encoder = clone(ON_TABLES[name]).set_params(cv="fold", target_type="count")
    table, later = (KINDS[kind](frame, place) for frame in (rows(), new_rows()))
    if kind in LAZY and name in IN_MEMORY:
        with pytest.raises(TypeError, match="Collect"):
            encoder.fit_transform(table, "y")
        return
    for result, source, wanted in zip(
        (encoder.fit_transform(table, "y"), encoder.transform(later)), (table, later), expected(name), strict=True
    ):
        assert type(result) is type(source)
        assert_agrees(result, wanted)


@pytest.mark.parametrize("kind", [kind for kind in EAGER if kind != "object"])
def test_no_category_becomes_an_object_by_row(kind, place, monkeypatch):
    """Codes are those of the engine's own dictionary."""
    table = EAGER[kind](rows().assign(number=0).drop(columns="fold"), place)
    if kind == "nullable":
        table = table.astype({"name": "category"})  # whose objects pandas numbers by itself

    def refused(values, **options):
        raise AssertionError(f"{len(values)} objects")

    monkeypatch.setattr("catpool.data.columns.categories.factorize_objects", refused)
    assert MeanEncoder(["name"], target_type="count").fit(table, "y").summary_["categories"].item() == len(STRINGS) + 1


def test_the_extra_to_install_is_named(place, monkeypatch):
    frames = [make(nullable(rows()), place) for make in (polars_eager, polars_lazy)]
    encoder = MeanEncoder(["name"]).fit(rows(), "y")
    for absent in ("polars", "pyarrow"):
        monkeypatch.undo()
        monkeypatch.setitem(sys.modules, absent, None)
        with pytest.raises(ImportError, match=r"catpool\[engines\]"):
            encoder.encoding_table("name", backend=absent)
    for frame in frames:
        with pytest.raises(ImportError, match=r"catpool\[engines\]"):
            MeanEncoder(["name"]).fit(frame, "y")
