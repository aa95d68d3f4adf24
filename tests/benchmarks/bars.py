"""What all benchmarks share: bars, columns of categories, and seconds of tasks that take turns."""

from __future__ import annotations

import importlib.util
import random
import statistics
import sys
import time

import numpy as np
import pandas as pd


def is_here(package):
    """Whether a package is installed, which a benchmark can do without; say so if not."""
    here = importlib.util.find_spec(package) is not None
    if not here:
        print(f"        {package} is not here")
    return here


class Bars:
    """Prints what was measured beside what it must be, and remembers whether all held."""

    def __init__(self):
        self.missed = []

    def check(self, what, value, *, least=None, most=None):
        holds = (least is None or value >= least) and (most is None or value <= most)
        bar = "" if least is most is None else f"at least {least}" if least is not None else f"at most {most}"
        print(f"  {'ok  ' if holds else 'MISS'}  {what:<46} {value:9.2f}   {bar}", flush=True)
        if not holds:
            self.missed.append(what)

    def finish(self):
        """End the script, with an error where a bar was missed."""
        if self.missed:
            sys.exit(f"{len(self.missed)} bars were missed: {self.missed}")
        print("all bars held")


def column(kind, n_categories, law, n_rows, rng):
    weights = np.ones(n_categories) if law == "uniform" else 1 / np.arange(1, n_categories + 1) ** 1.1
    codes = rng.choice(n_categories, n_rows, p=weights / weights.sum())
    if kind == "int64":
        return pd.Series(codes)
    names = np.array([f"category {code}" for code in range(n_categories)], dtype=object)
    strings = pd.Series(names[codes], dtype=object)
    return strings.astype({"object": object, "str": "str", "category": "category"}[kind])


def seconds(tasks, repeats, slow=()):
    """Median seconds of each task, the tasks taking turns, the slow ones every third time."""
    runs = {name: [] for name in tasks}
    for turn in range(repeats):
        for name in random.sample(list(tasks), len(tasks)):
            if name in slow and turn % 3:
                continue
            start = time.perf_counter()
            tasks[name]()
            runs[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in runs.items()}
