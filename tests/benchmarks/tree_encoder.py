"""How long TreeEncoder takes with everything on: seconds of fit_transform, with bars.

Run ``python tests/benchmarks/tree_encoder.py``. Two thirds of the columns are categories, of 5 to 20,000 levels, and one
pair of them has effects beyond the sum of its parts. The script ends with an error where a bar is missed.
"""

import numpy as np
import pandas as pd
from bars import Bars, seconds

from catpool import TreeEncoder

SIZES = (5, 30, 300, 3_000, 20_000)
# rows, columns, runs, and the most seconds
TABLES = [(16_000, 15, 7, 1.0), (1_000_000, 20, 1, 30.0)]


def table(n_rows, n_columns, rng):
    """Columns of categories and of numbers, and the effects of three of them and of a pair."""
    n_categories = 2 * n_columns // 3
    codes = [rng.integers(0, SIZES[each % len(SIZES)], n_rows) for each in range(n_categories)]
    numbers = rng.normal(size=(n_rows, n_columns - n_categories))
    X = pd.DataFrame({f"c{each}": own for each, own in enumerate(codes)}).astype("str")
    X = X.join(pd.DataFrame(numbers).add_prefix("x"))
    effect = rng.normal(size=(300, 30))[codes[2], codes[1]] + rng.normal(size=3_000)[codes[3]] + numbers[:, 0]
    return X, effect


def main():
    rng, bars = np.random.default_rng(0), Bars()
    for n_rows, n_columns, runs, most in TABLES:
        print(f"{n_rows:,} rows, {n_columns} columns")
        X, effect = table(n_rows, n_columns, rng)
        targets = {
            "continuous": effect + rng.normal(size=n_rows),
            "binary": (effect + rng.logistic(size=n_rows) > 0).astype(int),
        }
        tasks = {
            kind: lambda X=X, y=y, kind=kind: TreeEncoder(target_type=kind, random_state=0).fit_transform(X, y)
            for kind, y in targets.items()
        }
        for kind, time_of in seconds(tasks, runs).items():
            bars.check(f"seconds, {kind}", time_of, most=most)
    bars.finish()


if __name__ == "__main__":
    main()
