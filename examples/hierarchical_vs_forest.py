"""
Ten groups and a straight line: a mixed model and random forests
================================================================

The data are y = 2 x + C_group + noise.

Both settings have noise of variance 1 and 10,000 test rows, the same number in each group.

A: x ~ N(0, 1), C ~ N(0, 1), and groups are equally frequent.
B: x ~ U(0, 10), C ~ N(0, 25), and groups differ in their number of training rows.

The models are a line without groups (complete pooling), a line with a dummy for each group (no pooling), the mixed
model (partial pooling), and forests with several encodings of the group, all out of fold. The last two forests show
what it costs to approximate a line by steps: one has larger leaves, and one gets the true constants, which are
unknown in practice. All 30 seeds take about ten minutes on two cores. For a quick look, run::

    python examples/hierarchical_vs_forest.py --seeds 3 --sizes 30 500 --setting A
"""

import argparse
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import TargetEncoder

from catpool import EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, SmoothedMeanEncoder

GROUPS = 10
TEST_ROWS = 10_000
SIZES = [30, 50, 100, 200, 500, 1000, 5000]
SEEN = ["group", "x"]
SCORES = {"rmse": "test RMSE", "groups": "sd of the groups' mean residuals"}


def rows(setting, group, constants, rng):
    x = rng.normal(size=len(group)) if setting == "A" else rng.uniform(0, 10, len(group))
    constant = constants[group]
    y = 2 * x + constant + rng.normal(size=len(group))
    return pd.DataFrame({"group": group, "x": x, "constant": constant, "y": y})


def simulate(setting, n_rows, seed):
    rng = np.random.default_rng([seed, n_rows])
    constants = rng.normal(0, 1 if setting == "A" else 5, GROUPS)
    shares = np.full(GROUPS, 1 / GROUPS) if setting == "A" else rng.dirichlet(np.full(GROUPS, 2.0))
    train = rows(setting, rng.choice(GROUPS, n_rows, p=shares), constants, rng)
    return train, rows(setting, np.arange(TEST_ROWS) % GROUPS, constants, rng)


def complete_pooling(train, test):
    return LinearRegression().fit(train[["x"]], train["y"]).predict(test[["x"]])


def no_pooling(train, test):
    """A group without training rows gets the mean of the others' constants."""
    seen, unseen = one_hot(train, test)
    return LinearRegression().fit(seen, train["y"]).predict(unseen)


def partial_pooling(train, test):
    encoder = MixedModelEncoder(groups=["group"], covariates=["x"], output="prediction")
    return encoder.fit(train[SEEN], train["y"]).transform(test[SEEN])["prediction"]


def forest(encode, leaf=1):
    def predict(train, test):
        seen, unseen = encode(train, test)
        model = RandomForestRegressor(100, min_samples_leaf=leaf, random_state=0)
        return model.fit(seen, train["y"]).predict(unseen)

    return predict


def codes(train, test):
    return train[SEEN], test[SEEN]


def one_hot(train, test):
    groups = pd.CategoricalDtype(range(GROUPS))
    return tuple(pd.get_dummies(data[SEEN].astype({"group": groups})) for data in (train, test))


def true_constants(train, test):
    return train[["constant", "x"]], test[["constant", "x"]]


def out_of_fold(encoder):
    def encode(train, test):
        return encoder.fit_transform(train[SEEN], train["y"]), encoder.transform(test[SEEN])

    return encode


SKLEARN = TargetEncoder(target_type="continuous")  # without a seed: the parameter goes in 1.11, and 1.6 has no other
MIXED_MODEL = MixedModelEncoder(groups=["group"], covariates=["x"], random_state=0)
UNPOOLED, POOLED = "least squares, dummies", "mixed model"
FEATURE, COARSE, TOLD = "forest, MixedModelEncoder", "forest, the same, 5 rows a leaf", "forest, true constants"
MODELS = {
    "least squares, x alone": complete_pooling,
    UNPOOLED: no_pooling,
    POOLED: partial_pooling,
    "forest, group codes": forest(codes),
    "forest, one-hot": forest(one_hot),
    "forest, scikit-learn's TargetEncoder": forest(
        out_of_fold(make_column_transformer((SKLEARN, ["group"]), remainder="passthrough"))
    ),
    "forest, MeanEncoder": forest(out_of_fold(MeanEncoder(["group"], random_state=0))),
    "forest, SmoothedMeanEncoder": forest(out_of_fold(SmoothedMeanEncoder(["group"], random_state=0))),
    "forest, EmpiricalBayesEncoder": forest(out_of_fold(EmpiricalBayesEncoder(["group"], random_state=0))),
    FEATURE: forest(out_of_fold(MIXED_MODEL)),
    COARSE: forest(out_of_fold(MIXED_MODEL), leaf=5),
    TOLD: forest(true_constants),
}


def one_run(setting, n_rows, seed):
    train, test = simulate(setting, n_rows, seed)
    results = []
    for name, predict in MODELS.items():
        residual = test["y"] - predict(train, test)
        spread = residual.groupby(test["group"]).mean().std()
        results.append((setting, n_rows, name, (residual**2).mean() ** 0.5, spread))
    return results


def scores(settings=("A", "B"), sizes=SIZES, n_seeds=30, n_jobs=-1):
    """Both scores of each setting, model and size, the mean of the seeds."""
    tasks = [delayed(one_run)(setting, n, seed) for setting in settings for n in sizes for seed in range(n_seeds)]
    runs = [row for run in Parallel(n_jobs)(tasks) for row in run]
    table = pd.DataFrame(runs, columns=["setting", "rows", "model", *SCORES])
    return table.groupby(["setting", "model", "rows"], sort=False).mean().unstack("rows")


def show(table):
    for setting in table.index.unique("setting"):
        for score, title in SCORES.items():
            print(f"Setting {setting}: {title}, by training rows\n")
            print(table.loc[setting, score].round(3).rename_axis(index=None, columns=None).to_string(), end="\n\n")


def plot(table, folder):
    """A file for each score, in it a panel for each setting."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("The plots need matplotlib: pip install matplotlib\n")
        return
    settings = table.index.unique("setting")
    for score, title in SCORES.items():
        figure = Figure(figsize=(6 * len(settings) + 3, 6), layout="constrained")
        panels = figure.subplots(1, len(settings), squeeze=False)[0]
        for setting, panel in zip(settings, panels, strict=True):
            draw(panel, table.loc[setting, score], f"Setting {setting}", title)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right")
        path = Path(folder) / f"hierarchical_vs_forest_{score}.png"
        figure.savefig(path, dpi=120)
        print(f"Plotted: {path}")
    print()


def draw(panel, table, setting, title):
    for color, (name, values) in enumerate(table.iterrows()):
        style = ":" if name in (COARSE, TOLD) else "--" if name.startswith("forest") else "-"
        panel.plot(table.columns, values, style, color=f"C{color % 10}", marker="o", label=name)
    panel.set(xscale="log", yscale="log", title=setting, xlabel="training rows", ylabel=title)
    panel.set_xticks(table.columns, table.columns)
    panel.set_xticks([], minor=True)
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter("{x:g}")


def change(error, other):
    return f"{round(100 * (error / other - 1), 1) + 0.0:+.1f}\u00a0%"


def conclusion(setting, rmse):
    """Sum up the errors of a setting: the effect of partial pooling, and the cost of the straight line."""
    gains = [f"{change(row[POOLED], row[UNPOOLED])} with {n}" for n, row in rmse.T.iterrows()]
    n = rmse.columns[-1]
    loss = {name: change(error, rmse.loc[POOLED, n]) for name, error in rmse[n].items()}
    return (
        f"Setting {setting}. Dummies do not pool. Partial pooling changes their error by {', '.join(gains)} rows. "
        f"The straight line, with {n} rows: relative to the mixed model, the error of dummies is {loss[UNPOOLED]}, "
        f"that of the forest with the mixed model's feature is {loss[FEATURE]}, and that of the forest with the true "
        f"constants, which only has to learn the line, is {loss[TOLD]}. A forest approximates the line by steps. With "
        f"five rows in a leaf the error is {loss[COARSE]}: narrow steps fit noise, and wide steps miss the line."
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--setting", choices=["A", "B"], help="both by default")
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--output", type=Path, default=Path(), help="folder of the plots")
    chosen = parser.parse_args(arguments)
    settings = [chosen.setting] if chosen.setting else ["A", "B"]
    table = scores(settings, sorted(chosen.sizes), chosen.seeds, chosen.jobs)
    show(table)
    plot(table, chosen.output)
    for setting in settings:
        print(textwrap.fill(conclusion(setting, table.loc[setting, "rmse"]), 110), end="\n\n")


if __name__ == "__main__":
    main()
