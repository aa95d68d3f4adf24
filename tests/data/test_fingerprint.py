"""Training rows that are transformed are known again."""

import pytest
from conftest import ENCODERS

from catpool import (
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    TrainingRowsWarning,
)

ALL = {
    **{name: encoder(["city"]) for name, encoder in ENCODERS.items()},
    "nested": NestedEncoder(["shop", "city"]),
    "mixed": MixedModelEncoder(["city"]),
}


@pytest.mark.parametrize("encoder", ALL.values(), ids=ALL)
@pytest.mark.parametrize("how", ["the frame", "a copy"])
def test_training_rows_are_known_again(encoder, how, table):
    encoder.fit(table["X"], table["continuous"])
    with pytest.warns(TrainingRowsWarning, match=r"call fit_transform\(X, y\)"):
        encoder.transform(table["X"] if how == "the frame" else table["X"].copy())


@pytest.mark.parametrize("encoder", ALL.values(), ids=ALL)
@pytest.mark.filterwarnings("error::catpool.data.fingerprint.TrainingRowsWarning")
def test_other_rows_are_not_taken_for_training_rows(encoder, table):
    X = table["X"]
    encoder.fit_transform(X, table["continuous"])
    encoder.transform(X.iloc[:-1])
    encoder.transform(X.iloc[::-1])
    encoder.transform(X.set_axis(range(1000, 1000 + len(X))))
    encoder.transform(X.assign(city=X["city"].fillna("elsewhere")))
    EmpiricalBayesEncoder().fit([["a"]], [1.5]).transform([["a"]])


@pytest.mark.slow
def test_training_rows_are_known_again_after_pickling_in_another_process(table, tmp_path):
    import pickle
    import subprocess
    import sys

    path = tmp_path / "fitted.pickle"
    path.write_bytes(pickle.dumps((MeanEncoder(["city"]).fit(table["X"], table["continuous"]), table["X"])))
    code = "import pickle, sys; encoder, X = pickle.load(open(sys.argv[1], 'rb')); encoder.transform(X)"
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "TrainingRowsWarning" in run.stderr
