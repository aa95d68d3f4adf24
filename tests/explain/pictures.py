"""The pictures whose images are kept: functions that draw one each. Run this file to draw them anew."""

from pathlib import Path

import numpy as np
import pandas as pd

from catpool import EmpiricalBayesEncoder, MixedModelEncoder, NestedEncoder
from catpool.explain import (
    CaterpillarDisplay,
    OutOfFoldDisplay,
    ResidualDisplay,
    ShiftDisplay,
    ShrinkageDisplay,
    SignalDisplay,
    SlopeDisplay,
    VarianceDisplay,
)

IMAGES = Path(__file__).parent / "images"


def shops(n_categories=50, n_rows=None, seed=0):
    """Rows of shops, of which the first has one row, with missing values, long names and two other columns."""
    rng = np.random.default_rng(seed)
    n_rows = 10 * n_categories if n_rows is None else n_rows
    shop = np.append(0, rng.integers(1, n_categories, n_rows - 1))
    names = np.array([f"shop {i} " + "x" * (100 if i % 7 == 3 else 2) for i in range(n_categories)], dtype=object)
    X = pd.DataFrame(
        {"shop": names[shop], "city": (shop % 5).astype(str), "noise": rng.integers(0, 9, n_rows).astype(str)}
    )
    X.loc[5:15, "shop"] = None
    X["price"] = rng.normal(size=n_rows)
    effect, slope = rng.normal(size=n_categories), 0.5 * rng.normal(size=n_categories)
    return X, effect[shop] + slope[shop] * X["price"].to_numpy() + rng.normal(size=n_rows)


def encoder(**options):
    return EmpiricalBayesEncoder(["shop", "city", "noise"], random_state=0, **options)


def shrinkage():
    return ShrinkageDisplay.from_encoder(encoder().fit(*shops()), "shop")


def caterpillar():
    return CaterpillarDisplay.from_encoder(encoder().fit(*shops()), "shop", most=20)


def caterpillar_of_many():
    X, y = shops(800, 4000)
    return CaterpillarDisplay.from_encoder(encoder().fit(X, y), "shop")


def signal():
    return SignalDisplay.from_encoder(encoder().fit(*shops()))


def out_of_fold():
    return OutOfFoldDisplay.from_encoder(encoder(), *shops(), "shop")


def shift():
    X, y = shops()
    return ShiftDisplay.from_encoder(encoder(), X, y, shops(80, 300, seed=1)[0], "shop")


def residuals():
    return ResidualDisplay.from_encoder(encoder(), *shops(), "shop")


def variances():
    X, y = shops()
    return VarianceDisplay.from_encoder(NestedEncoder(["city", "shop"]).fit(X, y))


def slopes():
    X, y = shops()
    model = MixedModelEncoder(["shop"], covariates=["price"], slopes={"shop": ["price"]}).fit(X, y)
    return SlopeDisplay.from_encoder(model, "shop", "price", values=(-2, 2))


def slopes_of_many():
    X, y = shops(600, 4000)
    model = MixedModelEncoder(["shop"], covariates=["price"], slopes={"shop": ["price"]}).fit(X, y)
    return SlopeDisplay.from_encoder(model, "shop", "price", values=(-2, 2))


def residuals_of_levels():
    return ResidualDisplay.from_encoder(NestedEncoder(["city", "shop"], cv=3, random_state=0), *shops())


PICTURES = {
    each.__name__: each
    for each in (
        shrinkage,
        caterpillar,
        caterpillar_of_many,
        signal,
        out_of_fold,
        shift,
        residuals,
        residuals_of_levels,
        variances,
        slopes,
        slopes_of_many,
    )
}


def save(display, path):
    """Save a picture without its text, which differs by version and font."""
    from matplotlib.testing.decorators import remove_ticks_and_titles

    remove_ticks_and_titles(display.figure_)
    for axes in display.figure_.axes:
        axes.set(xlabel="", ylabel="")
        if axes.get_legend() is not None:
            axes.get_legend().remove()
        axes.set_title("", loc="left")
    display.figure_.set_layout_engine("none")
    display.ax_.set_position([0.05, 0.05, 0.9, 0.9])
    display.figure_.set_size_inches(4, 3)
    display.figure_.savefig(path, dpi=60, metadata={"Software": None})


if __name__ == "__main__":
    import matplotlib

    matplotlib.use("agg")
    IMAGES.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        save(draw(), IMAGES / f"{name}.png")
