"""Draw the pictures of the guide: python examples/site/pictures.py.

They are in the repository, so that the pages show them without Sphinx, too. Names of files are those of functions.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from catpool import EmpiricalBayesEncoder

FOLDER = Path(__file__).parents[1] / "guide" / "pictures"
BLUE, ORANGE, GREY, DARK = "#0072B2", "#E69F00", "#B0B0B0", "#333333"
ARROW = {"arrowstyle": "->", "color": BLUE, "shrinkA": 5, "shrinkB": 5}
PLAIN = {"fontsize": 10, "ha": "center", "va": "center"}
STEPS = [
    ("moments", "count and sum of y\nin each category"),
    ("view", "of the rows that\na row may see"),
    ("prior", "a mean, and a\nstrength in rows"),
    ("posterior", "both means,\nblended"),
    ("features", "one row for\neach row of X"),
]


def shrinkage():
    """What became of the means of some zip codes of the radon survey."""
    houses = pd.read_parquet(Path(__file__).parents[1] / "data" / "radon.parquet")
    encoder = EmpiricalBayesEncoder(["zip"]).fit(houses[["zip"]], houses["log_radon"])
    table = encoder.encoding_table("zip").sort_values("count")
    far = table[(table["mean"] - table["mean"].mean()).abs() > 0.6]
    some = pd.concat([far[far["count"] == rows].sample(2, random_state=3) for rows in (1, 2, 5)] + [far[-3:]])
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for place, (_, zip_code) in enumerate(some.iterrows()):
        axes.annotate("", (zip_code["encoding"], place), (zip_code["mean"], place), arrowprops=ARROW)
    places = range(len(some))
    axes.scatter(some["mean"], places, facecolor="white", edgecolor=DARK, zorder=3, label="mean of its own houses")
    axes.scatter(some["encoding"], places, color=BLUE, zorder=3, label="its encoding")
    axes.axvline(encoder.summary_["prior_mean"].item(), color=GREY, linestyle="--", label="mean of all zip codes")
    names = [f"{zip_code['category']}: {zip_code['count']:.0f} houses" for _, zip_code in some.iterrows()]
    axes.set_yticks(places, [name.replace(" 1 houses", " 1 house") for name in names])
    for place, told in ((0, "one house:\npulled far"), (len(some) - 1, "139 houses:\nhardly moves")):
        right = some[["mean", "encoding"]].to_numpy()[place].max()
        axes.text(right + 0.08, place, told, color=DARK, fontsize=9, va="center")
    axes.set(xlabel="radon (logarithm)", xlim=(None, 3.0))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def out_of_fold():
    """Which rows each row learns from, in three folds and for new rows."""
    figure, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
    for line in range(4):
        for fold in range(4):
            encoded = fold == line
            if fold == 3 and not encoded:
                continue
            axes.add_patch(plt.Rectangle((fold, -line), 0.92, 0.8, color=ORANGE if encoded else BLUE))
            text = "encode" if encoded else "learn"
            axes.text(fold + 0.46, 0.4 - line, text, color=DARK if encoded else "white", **PLAIN)
        axes.text(-0.1, 0.4 - line, "fit_transform" if line < 3 else "transform", fontsize=10, ha="right", va="center")
    for fold, name in enumerate(["fold 1", "fold 2", "fold 3", "new rows"]):
        axes.text(fold + 0.46, 1.05, name, **PLAIN)
    axes.set(xlim=(-1.2, 4), ylim=(-3.05, 1.3))
    axes.set_axis_off()
    return figure


def how_it_works():
    """The way from y to features."""
    figure, axes = plt.subplots(figsize=(8, 1.7), layout="constrained")
    for place, (name, what) in enumerate(STEPS):
        axes.add_patch(plt.Rectangle((place, 0), 0.84, 1, facecolor="white", edgecolor=BLUE, linewidth=1.5))
        axes.text(place + 0.42, 0.76, name, weight="bold", color=BLUE, **PLAIN)
        axes.text(place + 0.42, 0.34, what, **{**PLAIN, "fontsize": 8.5})
        if place:
            axes.annotate("", (place, 0.5), (place - 0.16, 0.5), arrowprops={"arrowstyle": "->", "color": DARK})
    axes.set(xlim=(-0.05, 4.9), ylim=(-0.1, 1.1))
    axes.set_axis_off()
    return figure


def jitter():
    """The encodings of one category in ten folds, against the mean of y in the fold."""
    rng = np.random.default_rng(0)
    fold = np.arange(200) % 10
    y = rng.normal(size=200)
    X = pd.DataFrame({"shop": ["a"] * 200})
    encoded = EmpiricalBayesEncoder(["shop"], prior=lambda moments: (0.0, 0.0), cv=fold).fit_transform(X, y)["shop"]
    by_fold = pd.DataFrame({"y": y, "encoding": encoded}).groupby(fold).mean()
    figure, axes = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
    axes.scatter(by_fold["y"], by_fold["encoding"], color=BLUE)
    axes.axhline(y.mean(), color=GREY, linestyle="--", label="one value from all rows")
    axes.set(xlabel="mean of y in the fold", ylabel="encoding of the fold's rows")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


PICTURES = (shrinkage, out_of_fold, how_it_works, jitter)


def main(folder=FOLDER):
    for draw in PICTURES:
        figure = draw()
        figure.savefig(Path(folder) / f"{draw.__name__}.png", dpi=120)
        plt.close(figure)


if __name__ == "__main__":
    main()
