"""How fast mixed models are: ratios against other systems' fits of them, and of fits out of fold against one fit.

Run ``python tests/benchmarks/mixed_models.py``; the group ``bench`` installs the peers that pip has. lme4 is timed
where ``Rscript`` is found and has it. What is not installed is named and left out. Each ratio is one of medians of runs
that take turns; the script ends with an error where a bar is missed. Variance components are printed beside, because a
fit that stops early is not a fast fit.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from bars import Bars, column, is_here, seconds

from catpool import EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, NestedEncoder

INST_EVAL = Path(__file__).parent.parent / "reference" / "data" / "InstEval.parquet"
R_SCRIPT = """
suppressMessages(library(lme4))
data <- read.csv("{path}")
start <- proc.time()[["elapsed"]]
fit <- lmer({formula}, data)
cat(proc.time()[["elapsed"]] - start, as.data.frame(VarCorr(fit))$vcov)
"""


def rows(n_rows, n_groups, rng):
    """Codes and targets, groups of uneven size, variances 0.25 between and 1 within."""
    share = rng.gamma(2, size=n_groups)
    codes = rng.choice(n_groups, n_rows, p=share / share.sum())
    return codes, 0.5 * rng.normal(size=n_groups)[codes] + rng.normal(size=n_rows)


def ours(codes, y):
    summary = EmpiricalBayesEncoder().fit(codes[:, None], y).summary_.iloc[0]
    return summary["between_sd"] ** 2, summary["within_sd"] ** 2


def statsmodels(codes, y):
    from statsmodels.regression.mixed_linear_model import MixedLM

    fit = MixedLM(y, np.ones((len(y), 1)), groups=codes).fit(reml=True)
    return float(np.squeeze(fit.cov_re)), float(fit.scale)


def mixedlm_rs(codes, y):
    from mixedlm_rs import MixedLM

    fit = MixedLM(y, np.ones((len(y), 1)), groups=codes).fit(reml=True)
    return float(np.squeeze(fit.cov_re)), float(fit.scale)


def lme4(table, formula):
    """Seconds within R, and the variances; None where there is no lme4."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        table.to_csv(path, index=False)
        script = R_SCRIPT.format(path=path, formula=formula)
        run = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True)
    return [float(word) for word in run.stdout.split()] if run.returncode == 0 else None


def against_lme4(bars, table, formula, own_seconds, least):
    answer = lme4(table, formula)
    if answer is None:
        print("        lme4 is not here")
        return
    show("lme4", answer[1:])
    bars.check("lme4 / catpool", answer[0] / own_seconds, least=least)


def installed(**systems):
    """Those of the systems whose package is installed, by the package's name."""
    return {package: system for package, system in systems.items() if is_here(package)}


def compare(bars, time_of, **least):
    """Check how many times as long as catpool each system takes that was timed."""
    for name, bar in least.items():
        if name in time_of:
            bars.check(f"{name} / catpool", time_of[name] / time_of["catpool"], least=bar)


def show(name, values):
    print(f"        {name:<12}", *(f"{value:.6f}" for value in values))


def fits(bars, rng):
    codes, y = rows(1_000_000, 10_000, rng)
    print("y ~ 1 + (1 | g), 1,000,000 rows, 10,000 groups: variance between and within")
    systems = {"catpool": ours} | installed(statsmodels=statsmodels, mixedlm_rs=mixedlm_rs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence: what came of it is printed
        for name, system in systems.items():
            show(name, system(codes, y))
        tasks = {name: (lambda system=system: system(codes, y)) for name, system in systems.items()}
        time_of = seconds(tasks, 9, slow=("statsmodels",))
    compare(bars, time_of, statsmodels=50, mixedlm_rs=2)
    table = pd.DataFrame({"g": [f"g{code}" for code in codes], "y": y})
    against_lme4(bars, table, "y ~ 1 + (1 | g)", time_of["catpool"], least=100)


def out_of_fold(bars, rng):
    for law in ("uniform", "zipf"):
        for kind in ("str", "int64"):
            X = column(kind, 20_000, law, 2_000_000, rng).to_frame("c")
            y = rng.integers(0, 2, len(X))
            tasks = {
                "share": lambda X=X, y=y: MeanEncoder().fit_transform(X, y),
                "beta": lambda X=X, y=y: EmpiricalBayesEncoder().fit_transform(X, y),
            }
            time_of = seconds(tasks, 9)
            print(f"out of fold, 10 folds, 2,000,000 rows, 20,000 categories, {kind}, {law}")
            bars.check("beta-binomial / mean", time_of["beta"] / time_of["share"], most=1.5)


def nested_rows(n_rows, n_counties, n_zips, rng):
    """Counties, zips within them and targets, of variances 0.25, 0.25 and 1."""
    zips, y = rows(n_rows, n_zips, rng)
    counties = zips % n_counties
    table = pd.DataFrame({"county": counties, "zip": zips})
    return table, y + 0.5 * rng.normal(size=n_counties)[counties]


def nested_levels(bars, rng):
    X, y = nested_rows(1_000_000, 1_000, 10_000, rng)
    tasks = {
        "nested": lambda: NestedEncoder(["county", "zip"]).fit(X, y),
        "deepest": lambda: EmpiricalBayesEncoder(["zip"]).fit(X, y),
    }
    time_of = seconds(tasks, 9)
    print("y ~ 1 + (1 | county / zip), 1,000,000 rows, 10,000 zips in 1,000 counties")
    bars.check("NestedEncoder / EmpiricalBayesEncoder of zip", time_of["nested"] / time_of["deepest"], most=2.0)


def crossed_rows(n_rows, n_levels, rng):
    """Two factors and targets, of variances 0.25, 0.25 and 1."""
    first, y = rows(n_rows, n_levels, rng)
    second = rng.integers(0, n_levels, n_rows)
    return pd.DataFrame({"g": first, "h": second}), y + 0.5 * rng.normal(size=n_levels)[second]


def crossed_fit(X, y, solver="auto"):
    """The variances of the factors and of a row."""
    summary = MixedModelEncoder(groups=list(X), solver=solver, target_type="continuous").fit(X, y).summary_
    return summary.loc[summary["kind"] == "variance", "value"].to_list()


def lectures(bars):
    table = pd.read_parquet(INST_EVAL)
    X, y = table[["s", "d"]], table["y"].astype(float)
    print("y ~ 1 + (1 | s) + (1 | d), InstEval, 73,421 rows, 2,972 students and 1,128 lecturers: variances")
    show("catpool", crossed_fit(X, y))
    time_of = seconds({"catpool": lambda: crossed_fit(X, y)}, 3)
    against_lme4(bars, table, "y ~ 1 + (1 | s) + (1 | d)", time_of["catpool"], least=2)


def statsmodels_crossed(X, y):
    """Components of variance within one group of all rows."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    parts = {name: f"0 + C({name})" for name in X}
    fit = MixedLM.from_formula("y ~ 1", X.assign(y=y), groups=np.ones(len(y)), vc_formula=parts).fit(reml=True)
    return [*fit.vcomp, fit.scale]


def crossed_small(bars, rng):
    X, y = crossed_rows(10_000, 100, rng)
    systems = {"catpool": crossed_fit} | installed(statsmodels=statsmodels_crossed)
    print("y ~ 1 + (1 | g) + (1 | h), 10,000 rows, 100 levels each: variances")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence: what came of it is printed
        for name, system in systems.items():
            show(name, system(X, y))
        time_of = seconds({name: (lambda system=system: system(X, y)) for name, system in systems.items()}, 3)
    compare(bars, time_of, statsmodels=3)


def gpboost(X, y):
    from gpboost import GPModel

    model = GPModel(group_data=X.to_numpy(), likelihood="gaussian")
    model.fit(y=y, X=np.ones((len(y), 1)))
    row, *factors = np.ravel(model.get_cov_pars(format_pandas=False))
    return [*factors, row]


def crossed_large(bars, rng):
    X, y = crossed_rows(1_000_000, 10_000, rng)
    systems = {"catpool": crossed_fit} | installed(gpboost=gpboost)
    print("y ~ 1 + (1 | g) + (1 | h), 1,000,000 rows, 10,000 levels each: variances")
    show("true", [0.25, 0.25, 1.0])
    for name, system in systems.items():
        show(name, system(X, y))
    time_of = seconds({name: (lambda system=system: system(X, y)) for name, system in systems.items()}, 3)
    compare(bars, time_of, gpboost=3)


def solvers(bars, rng):
    X, y = crossed_rows(100_000, 1_000, rng)
    print("y ~ 1 + (1 | g) + (1 | h), 100,000 rows, 1,000 levels each: variances")
    exact, iterative = crossed_fit(X, y, solver="exact"), crossed_fit(X, y, solver="cg")
    show("exact", exact)
    show("cg", iterative)
    worst = np.abs(np.divide(iterative, exact) - 1).max()
    bars.check("worst difference of a variance, in per cent", 100 * worst, most=1)


def folds_of(bars, what, encoder, X, y):
    """Ten folds and the whole are eleven fits."""
    tasks = {"fold": lambda: encoder.fit_transform(X, y), "fit": lambda: encoder.fit(X, y)}
    time_of = seconds(tasks, 5)
    bars.check(f"out of fold / one fit, {what}", time_of["fold"] / time_of["fit"], most=12)


def one_factor_out_of_fold(bars, rng):
    codes, y = rows(1_000_000, 10_000, rng)
    X = pd.DataFrame({"g": codes, "x": rng.normal(size=len(y))})
    folds_of(bars, "with a covariate", MixedModelEncoder(groups=["g"], covariates=["x"]), X, y + X["x"])


def slopes_out_of_fold(bars, rng):
    codes, y = rows(200_000, 1_000, rng)
    X = pd.DataFrame({"g": codes, "x": rng.normal(size=len(y))})
    encoder = MixedModelEncoder(groups=["g"], covariates=["x"], slopes={"g": ["x"]})
    folds_of(bars, "with slopes", encoder, X, y + (1 + 0.5 * rng.normal(size=1_000)[codes]) * X["x"])


def crossed_out_of_fold(bars, rng):
    folds_of(bars, "crossed", MixedModelEncoder(groups=["g", "h"]), *crossed_rows(100_000, 200, rng))


def nested_out_of_fold(bars, rng):
    folds_of(bars, "nested", NestedEncoder(["county", "zip"]), *nested_rows(1_000_000, 1_000, 10_000, rng))


def main():
    rng, bars = np.random.default_rng(0), Bars()
    fits(bars, rng)
    out_of_fold(bars, rng)
    nested_levels(bars, rng)
    lectures(bars)
    crossed_small(bars, rng)
    crossed_large(bars, rng)
    solvers(bars, rng)
    print("out of fold, 10 folds")
    one_factor_out_of_fold(bars, rng)
    slopes_out_of_fold(bars, rng)
    crossed_out_of_fold(bars, rng)
    nested_out_of_fold(bars, rng)
    bars.finish()


if __name__ == "__main__":
    main()
