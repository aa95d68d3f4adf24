"""Small tables with columns and targets of all kinds, the same in each run."""

from functools import cache

import numpy as np
import pandas as pd

N = 160
CITIES = ["Bonn", "Kiel", "Ulm", "Jena", None]
CATEGORICAL = ["city", "shop", "state", "county", "zip"]
LEVELS = ["state", "county", "zip"]
TARGET_TYPES = {
    "continuous": "continuous",
    "offset": "continuous",
    "eighths": "continuous",
    "binary": "binary",
    "multiclass": "multiclass",
    "count": "count",
    "exposed": "count",
    "amounts": "continuous",
    "claims": "continuous",
    "outputs": "auto",
    "matrix": "auto",
}


@cache
def _made() -> tuple[pd.DataFrame, dict[str, object]]:
    rng = np.random.default_rng(20)
    frame = pd.DataFrame(
        {
            "city": rng.choice(np.array(CITIES, dtype=object), N, p=[0.4, 0.25, 0.15, 0.1, 0.1]),
            "shop": rng.integers(0, 30, N),
            "state": rng.choice(np.array(["north", "south", "west"], dtype=object), N),
            "county": rng.choice(np.array(["a", "b", "c"], dtype=object), N),
            "zip": rng.choice(np.array(["z0", "z1", "z2", None], dtype=object), N, p=[0.4, 0.3, 0.2, 0.1]),
            "price": np.round(rng.normal(size=N), 3),
            "day": rng.integers(0, 60, N),
            "weight": rng.integers(0, 4, N).astype(float),
            "precision": np.round(rng.uniform(0.5, 3.0, N), 2),
            "exposure": np.round(rng.uniform(0.5, 3.0, N), 2),
            "group": rng.integers(0, 25, N),
            "key": rng.permutation(N) * 7,
            "fold": rng.integers(0, 4, N),
        }
    )
    frame["date"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(frame["day"], unit="D")
    frame["id"] = np.arange(N)
    return frame, _targets(frame, rng)


def _targets(frame: pd.DataFrame, rng: np.random.Generator) -> dict[str, object]:
    city = frame["city"].map({"Bonn": 1.0, "Kiel": -1.0, "Ulm": 0.5}).fillna(0.0).to_numpy()
    shop = rng.normal(size=30)[frame["shop"]]
    place = frame["state"].map({"north": 0.8, "south": -0.5, "west": 0.0}).to_numpy()
    place = place + rng.normal(size=9)[frame.groupby(["state", "county"]).ngroup()] / 2
    effect = city + shop / 2 + place
    slope = 0.7 + rng.normal(size=30)[frame["shop"]] / 3
    continuous = np.round(effect + slope * frame["price"].to_numpy() + rng.normal(size=N), 4)
    rate = np.exp(effect / 3)
    binary = (continuous > 0.2).astype(int)
    amounts = np.round(np.exp(continuous / 2), 4)
    return {
        "continuous": continuous,
        "offset": np.round(1e6 + continuous, 4),
        "eighths": np.round(8 * continuous) / 8,  # whose sums have no rounding, in whatever order
        "binary": binary,
        "multiclass": np.array(["low", "mid", "top"], dtype=object)[np.digitize(continuous, [-0.7, 0.9])],
        "count": rng.poisson(rate),
        "exposed": rng.poisson(rate * frame["exposure"].to_numpy()),
        "amounts": amounts,
        "claims": np.where(continuous > -1, amounts, 0.0),
        "outputs": pd.DataFrame({"sales": continuous, "sold": binary}),
        "matrix": np.column_stack([continuous, np.round(continuous**2, 4)]),
    }


def rows() -> pd.DataFrame:
    """The training rows, with columns that are features, weights, keys or folds."""
    return _made()[0].copy()


def new_rows() -> pd.DataFrame:
    """Rows to transform: seen, unseen and missing categories, and each of them beside the others."""
    n = 12
    frame = pd.DataFrame(
        {
            "city": np.array(["Bonn", "Trier", None, "Kiel", "Jena", "Trier", *CITIES, "Ulm"], dtype=object),
            "shop": [0, 1, 2, 99, 3, 98, 4, 5, 6, 7, 99, 8],
            "state": np.array(["north"] * 4 + ["south"] * 4 + ["east", None, "west", "west"], dtype=object),
            "county": np.array(["a", "a", "q", "b", "b", None, "c", "q", "a", "a", "c", "c"], dtype=object),
            "zip": np.array(["z0", "z9", "z0", None, "z1", "z2", "z2", None, "z0", "z1", "z1", "z9"], dtype=object),
            "price": np.arange(n) / 4 - 1,
            "day": 70 + 3 * np.arange(n),
            "id": 1000 + np.arange(n),
            "group": 2 * np.arange(n) + 10,
        }
    )
    frame["date"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(frame["day"], unit="D")
    return frame


def known_rows() -> pd.DataFrame:
    """Rows to transform without unseen or missing categories."""
    frame = rows()
    return frame[frame[CATEGORICAL].notna().all(axis=1)].iloc[::9].reset_index(drop=True)


def target(kind: str) -> object:
    """The target of the training rows."""
    y = _made()[1][kind]
    return y.copy()  # type: ignore[attr-defined]


def table(frame: pd.DataFrame, kind: str) -> object:
    """The same rows in another container."""
    if kind == "pandas":
        return frame
    if kind == "category":
        return frame.astype({name: "category" for name in CATEGORICAL if name in frame})
    plain = frame.astype(object).where(frame.notna(), None)
    if kind == "numpy":
        return plain.to_numpy()
    if kind == "lists":
        return plain.to_numpy().tolist()
    columns = {name: plain[name].tolist() for name in plain}
    if kind == "polars":
        import polars

        return polars.DataFrame(columns)
    if kind == "pyarrow":
        import pyarrow

        return pyarrow.table(columns)
    raise ValueError(f"There is no container {kind!r}.")


def lazy_table(frame: pd.DataFrame, engine: str) -> object:
    """The same rows as a lazy table."""
    if engine == "polars":
        return table(frame, "polars").lazy()  # type: ignore[attr-defined]
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    connection.register("in_memory", table(frame, "pyarrow"))
    connection.execute("CREATE TABLE rows AS SELECT * FROM in_memory")
    return connection.table("rows")
