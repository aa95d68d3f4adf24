"""How fast the one-factor model is: ratios against other systems' fits of it, and against plain means out of fold.

Run ``python tests/benchmarks/mixed_models.py``; the extra ``[bench]`` installs the peers that pip has. lme4 is timed
where ``Rscript`` is found and has it. Each ratio is one of medians of runs that take turns; the script ends with an
error where a bar is missed. Variance components are printed beside, because a fit that stops early is not a fast fit.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from speed import Bars, column, seconds

from catpool import EmpiricalBayesEncoder, MeanEncoder

R_SCRIPT = """
suppressMessages(library(lme4))
data <- read.csv("{path}")
start <- proc.time()[["elapsed"]]
fit <- lmer(y ~ 1 + (1 | g), data)
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


def lme4(codes, y):
    """Seconds within R, and the variances; None where there is no lme4."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        pd.DataFrame({"g": [f"g{code}" for code in codes], "y": y}).to_csv(path, index=False)
        run = subprocess.run(["Rscript", "-e", R_SCRIPT.format(path=path)], capture_output=True, text=True)
    return [float(word) for word in run.stdout.split()] if run.returncode == 0 else None


def fits(bars, rng):
    codes, y = rows(1_000_000, 10_000, rng)
    print("y ~ 1 + (1 | g), 1,000,000 rows, 10,000 groups: variance between and within")
    systems = {"catpool": ours, "statsmodels": statsmodels, "mixedlm-rs": mixedlm_rs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence: what came of it is printed
        for name, system in systems.items():
            print(f"        {name:<12}", *(f"{value:.6f}" for value in system(codes, y)))
        tasks = {name: (lambda system=system: system(codes, y)) for name, system in systems.items()}
        time_of = seconds(tasks, 9, slow=("statsmodels",))
    bars.check("statsmodels / catpool", time_of["statsmodels"] / time_of["catpool"], least=50)
    bars.check("mixedlm-rs / catpool", time_of["mixedlm-rs"] / time_of["catpool"], least=2)
    answer = lme4(codes, y)
    if answer is None:
        print("        lme4 is not here")
    else:
        print("        lme4        ", *(f"{value:.6f}" for value in answer[1:]))
        bars.check("lme4 / catpool", answer[0] / time_of["catpool"], least=100)


def out_of_fold(bars, rng):
    for law in ("uniform", "zipf"):
        for kind in ("str", "int64"):
            X = column(kind, 20_000, law, 2_000_000, rng).to_frame("c")
            continuous, binary = rng.normal(size=len(X)), rng.integers(0, 2, len(X))
            tasks = {
                "mean": lambda X=X, y=continuous: MeanEncoder().fit_transform(X, y),
                "reml": lambda X=X, y=continuous: EmpiricalBayesEncoder().fit_transform(X, y),
                "share": lambda X=X, y=binary: MeanEncoder().fit_transform(X, y),
                "beta": lambda X=X, y=binary: EmpiricalBayesEncoder().fit_transform(X, y),
            }
            time_of = seconds(tasks, 9)
            print(f"out of fold, 10 folds, 2,000,000 rows, 20,000 categories, {kind}, {law}")
            bars.check("REML / mean", time_of["reml"] / time_of["mean"], most=1.3)
            bars.check("beta-binomial / mean", time_of["beta"] / time_of["share"], most=1.5)


def main():
    rng, bars = np.random.default_rng(0), Bars()
    fits(bars, rng)
    out_of_fold(bars, rng)
    if bars.missed:
        sys.exit(f"{len(bars.missed)} bars were missed: {bars.missed}")
    print("all bars held")


if __name__ == "__main__":
    main()
