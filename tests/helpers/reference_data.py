"""The data sets that other programs were run on."""

from pathlib import Path

import pandas as pd

REFERENCE = Path(__file__).parents[1] / "reference"


def read(name):
    return pd.read_csv(REFERENCE / "data" / Path(name).name, skipinitialspace=True)
