"""The examples run, and show what they say."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def example(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


@pytest.fixture
def quickstart():
    return example("quickstart")


@pytest.fixture
def radon():
    return example("nested_radon")


def readme_table():
    """The README's table of the quick start, as numbers."""
    lines = (EXAMPLES.parent / "README.md").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| data set"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, _, *numbers = [cell.strip(" *") for cell in line.strip("|").split("|")]
        rows.append((name, *map(float, numbers)))
    return pd.DataFrame(rows, columns=["data set", *COMPARED, "gain"]).set_index("data set")


COMPARED = ["ordinal codes", "TargetEncoder", "TreeEncoder"]


@pytest.mark.slow
def test_quickstart_scores_as_the_readme_says(quickstart):
    table, told = quickstart["scores"](), readme_table()
    assert list(told.index) == list(table.index)
    np.testing.assert_allclose(table[COMPARED], told[COMPARED], atol=0.004)
    assert (table["TreeEncoder"] > table["TargetEncoder"]).all()
    assert (table["TargetEncoder"] > table["ordinal codes"]).all()


def test_the_readme_rounds_its_gains(quickstart):
    told = readme_table()
    assert list(told.index) == quickstart["DATA_SETS"]
    np.testing.assert_allclose(told["gain"], told["TreeEncoder"] - told["TargetEncoder"], atol=0.0015)
    assert (told["gain"] > 0).all()


@pytest.mark.slow
def test_quickstart_prints_its_table(quickstart, capsys):
    quickstart["main"](["restaurant_scores"])
    printed = capsys.readouterr()
    for part in [*COMPARED, "restaurant_scores", "gain", "prior_strength", "seconds"]:
        assert part in printed.out
    assert "three encoders" in printed.err  # the progress bar
    assert "Warning" not in printed.err


@pytest.fixture
def simulation():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    pyplot.close("all")  # those that other tests left open
    yield example("hierarchical_vs_forest")
    pyplot.close("all")


@pytest.mark.slow
def test_simulation_prints_its_tables_and_plots_them(simulation, capsys):
    simulation["main"](1, "A", [30], n_jobs=1)
    printed = " ".join(capsys.readouterr().out.split())
    for part in [*simulation["MODELS"], *simulation["SCORES"], "Setting A: test RMSE, by training rows"]:
        assert part in printed
    assert "Setting B" not in printed
    assert len(sys.modules["matplotlib.pyplot"].get_fignums()) == 2


@pytest.mark.slow
def test_simulation_shows_the_pooling_and_the_line(simulation):
    table = simulation["main"](1, "AB", [30, 500], n_jobs=1)
    for setting in "AB":
        rmse = table.loc[setting, "test RMSE"]
        forests = rmse.index.str.startswith("forest")
        assert (rmse[forests] > 1.03 * rmse.loc["mixed model"]).all(axis=None)
        assert (rmse.loc["forest, MixedModelEncoder"] < rmse.loc["forest, group codes"]).all()
        assert rmse.loc["least squares, dummies", 500] == pytest.approx(rmse.loc["mixed model", 500], rel=0.01)


def test_radon_shows_what_the_levels_above_are_worth(radon):
    table = radon["scores"](n_splits=2)
    assert list(table.index) == list(radon["ENCODERS"])
    for score in ("RMSE", "RMSE, new zips"):
        assert table[score].idxmin() == radon["NESTED"]
    for score in ("log likelihood", "log likelihood, new zips"):
        assert table[score].idxmax() == radon["NESTED"]


def test_radon_prints_its_table(radon, capsys):
    radon["main"]()
    printed = capsys.readouterr().out
    for part in [*radon["ENCODERS"], *radon["SCORES"], "prior_strength", "lower in zip codes", "higher."]:
        assert part in printed


@pytest.mark.parametrize(
    ("arguments", "least"), [(["--rows", "4000", "--folds", "2"], 0.1), pytest.param([], 0.4, marks=pytest.mark.slow)]
)
def test_the_competition_predicts_test_rows_as_well_as_its_folds(capsys, arguments, least):
    example("competition")["main"](arguments)
    trees, *scores = capsys.readouterr().out.splitlines()
    out_of_fold, of_test = (float(line.split()[-1]) for line in scores)
    assert "[" in trees
    assert least < out_of_fold < of_test + 0.05


@pytest.mark.slow
def test_the_accuracy_benchmark_runs_and_reads_what_it_wrote(tmp_path, capsys):
    pytest.importorskip("lightgbm")
    accuracy = runpy.run_path(str(EXAMPLES.parent / "tests" / "benchmarks" / "accuracy.py"))
    out, picture = tmp_path / "accuracy.csv", tmp_path / "accuracy.png"
    names = ["TargetEncoder", "EmpiricalBayesEncoder", "NestedEncoder", "TreeEncoder", "mean in sample (leaks)"]
    arguments = ["--sets", "radon", "--cap", "1500", "--folds", "2", "--repeats", "1", "--models", "LightGBM"]
    options = ["--jobs", "1", "--out", str(out), "--plot", str(picture), "--encoders", *names]
    accuracy["main"](accuracy["parsed"](arguments + options))
    printed = capsys.readouterr().out
    assert all(name in printed for name in names)
    assert picture.stat().st_size > 10_000
    scores = pd.read_csv(out)
    assert len(scores) == 2 * len(names)
    table = accuracy["summary"](scores)
    assert table.loc["TargetEncoder", "gain"] == 0
    assert table.loc["mean in sample (leaks)", "gain"] < 0
    accuracy["main"](accuracy["parsed"]([*arguments, "--out", str(out), "--summary"]))
    assert len(pd.read_csv(out)) == len(scores)


def test_the_accuracy_benchmark_names_peers_that_are_not_there(monkeypatch, capsys):
    import accuracy_pipelines

    monkeypatch.setattr(accuracy_pipelines, "is_here", lambda module: module == "catstat")
    found = accuracy_pipelines.available()
    assert "catstat" in found
    assert {"TreeEncoder", "EmpiricalBayesEncoder, trees"} <= set(found)
    assert "AutoGluon's encoder" not in found
    assert "left out: AutoGluon's encoder" in capsys.readouterr().out


SLOW = [pytest.param(task, marks=pytest.mark.slow) for task in ("regression", "binary", "count")]


@pytest.mark.parametrize("task", ["multiclass", *SLOW])
def test_the_accuracy_benchmark_takes_a_folder_of_whole_frames(tmp_path, capsys, task):
    pytest.importorskip("lightgbm")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"shop": rng.integers(0, 30, 600).astype(str), "day": rng.choice(["mon", "tue", None], 600)})
    table["size"], table["y"] = (
        rng.normal(size=600),
        {"regression": rng.normal(size=600)}.get(task, rng.integers(0, 2, 600)),
    )
    if task == "multiclass":
        table["y"] = rng.choice(["red", "green", "blue"], 600)
    about = {"target": "y", "task": task, "categorical": ["shop", "day"], "numeric": ["size"]}
    (tmp_path / "mine.json").write_text(json.dumps(about))
    table.to_parquet(tmp_path / "mine.parquet")
    accuracy = runpy.run_path(str(EXAMPLES.parent / "tests" / "benchmarks" / "accuracy.py"))
    out, names = tmp_path / "scores.csv", ["TargetEncoder", "TreeEncoder", "LightGBM's own categories", "ordinal codes"]
    options = ["--data", str(tmp_path), "--sets", "mine", "--folds", "2", "--repeats", "1", "--jobs", "1"]
    accuracy["main"](accuracy["parsed"]([*options, "--models", "LightGBM", "--out", str(out), "--encoders", *names]))
    assert pd.read_csv(out)["encoder"].value_counts().to_dict() == dict.fromkeys(names, 2)
    assert "mine, LightGBM, TreeEncoder" in capsys.readouterr().out


@pytest.mark.slow
def test_the_benchmark_of_side_information_tells_of_a_made_map(capsys):
    benchmark = runpy.run_path(str(EXAMPLES.parent / "tests" / "benchmarks" / "side_information.py"))
    benchmark["main"](benchmark["parsed"](["--quick", "--sets", "made map"]))
    lines = [line.rsplit(maxsplit=5) for line in capsys.readouterr().out.splitlines()]
    found = {line[0]: float(line[1]) for line in lines if line and line[0] in ("coordinates", "neighbours", "ordered")}
    assert min(found["coordinates"], found["neighbours"]) > 0.4 > 0.05 > found["ordered"]


def test_catboost_stands_in_the_tables_of_other_models():
    accuracy = runpy.run_path(str(EXAMPLES.parent / "tests" / "benchmarks" / "accuracy.py"))
    rows = [(data, "LightGBM", name, 0.5) for data in "ab" for name in ("TargetEncoder", "TreeEncoder")]
    rows += [("a", "CatBoost", "CatBoost's own categories", 0.6), ("b", "CatBoost", "CatBoost's own categories", 0.4)]
    scores = pd.DataFrame(rows, columns=["data", "model", "encoder", "score"])
    [(model, own)] = accuracy["tables"](scores.assign(split=0, seconds=0.1, ratio=0.5))
    assert model == "LightGBM"
    table = accuracy["summary"](own)
    assert table.loc["CatBoost's own categories", ["wins", "rank"]].tolist() == [1, 2.0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_rows_that_memory_does_not_hold_are_encoded_in_the_engine(tmp_path, capsys):
    pytest.importorskip("duckdb")
    large = example("larger_than_memory")
    large["main"](["--rows", "50_000", "--folder", str(tmp_path / "new")])
    assert "50,000 rows encoded out of fold" in capsys.readouterr().out
    orders, encoded = (pd.read_parquet(tmp_path / "new" / f"{name}.parquet") for name in ("orders", "encoded"))
    assert len(encoded) == 50_000
    assert list(encoded.columns) == ["order", "region", "shop", "customer"]
    both = orders.merge(encoded, on="order", suffixes=("_code", ""))
    assert np.corrcoef(both["region"], both["value"])[0, 1] > 0.3
    assert both.groupby("region_code")["region"].nunique().between(2, 10).all()


GALLERY = {
    "cold_start": ["new categories of town: R squared -0.0", "new categories of article", "features explain 9"],
    "comparing_encoders": ["TreeEncoder' is best"],
    "complete_no_partial_pooling": ["partial pooling", "variance     shop"],
    "finding_interactions": ["(shop, month)"],
    "insurance_counts": ["actual to expected"],
    "leaks": ["LEAKS: 'agent'", "No leak was found.", "TrainingRowsWarning: "],
    "mixed_model": ["effects of the mixed model 0.9"],
    "multiclass": ["the shares sum to 1.000000 at least, and 1.000000 at most"],
    "patients": ["folds of patients"],
    "random_forest": ["TreeEncoder: R squared"],
    "retraining_and_serving": ["3500 rows to train a model on", "a new shop"],
    "sql_and_onnx": ["the largest difference from transform is 0e+00"],
    "time_order": ["validated from"],
}
LONGER = {"competition", "hierarchical_vs_forest", "larger_than_memory", "nested_radon", "quickstart"}


def test_all_examples_are_known():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == LONGER | set(GALLERY)


@pytest.mark.parametrize("name", GALLERY)
def test_the_gallery_runs(name, capsys):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    example(name)
    pyplot.close("all")
    printed = capsys.readouterr().out
    assert [part for part in GALLERY[name] if part not in printed] == []


@pytest.mark.parametrize("name", sorted(LONGER | set(GALLERY)))
def test_examples_start_with_a_title(name):
    opening, title, line, empty, text, *others = (EXAMPLES / f"{name}.py").read_text().splitlines()
    assert (opening, line, empty) == ('"""', "=" * len(title), "")
    assert text
    assert text.startswith("You learn ")
    assert len(others) < 75


def test_the_gallery_shows_what_is_said():
    pooled = example("complete_no_partial_pooling")["errors"]
    assert pooled.loc["4 days"].idxmin() == pooled.loc["100 days"].idxmin() == "partial pooling"
    scores = example("random_forest")["scores"]
    assert scores["TreeEncoder"] > scores["ordinal codes"] + 0.1
    scores = example("patients")["scores"]
    assert scores["random folds"] > scores["folds of patients"] + 0.2
    errors = example("time_order")["errors"]
    assert list(errors.values()) == sorted(errors.values(), reverse=True)
    losses = example("multiclass")["losses"]
    assert losses["EmpiricalBayesEncoder"] < losses["MeanEncoder"]
    scores = example("finding_interactions")["scores"]
    assert scores["those that are found"] > scores["no interactions"] + 0.05
    assert min(example("cold_start")["gains"].values()) > 0.1
    scores = example("leaks")["scores"]
    assert scores["InSampleMeans"] > scores["MeanEncoder"] + 0.1
