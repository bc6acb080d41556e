"""Runs: names and numbers of folders, what is resumed, what is cleaned up."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from vetro.apps.recipe_file import write_recipe
from vetro.apps.runs import RunFolder, new_run, run_folders, run_to_resume, table_name
from vetro.errors import VetroError
from vetro.model.request import FitRequest
from vetro.training.history import EpochRecord


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(name: str, source: str, *files: str, time: int = 0) -> RunFolder:
    run = RunFolder(Path("runs") / name)
    run.path.mkdir(parents=True)
    write_recipe(run.recipe, source, FitRequest(targets=("y",)))
    for file in files:
        (run.path / file).write_text("")
        os.utime(run.path / file, (time, time))
    return run


CHECKPOINT, MODEL = "checkpoint.safetensors", "model.safetensors"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("pumps.csv", "pumps"),
        ("data/pumps.csv.gz", "pumps"),
        ("data/2024.v1.parquet", "2024.v1"),
        ("data/parts/", "parts"),
        ("data/*.parquet", "table"),
        ("my table (1).xlsx", "my-table-1"),
        ("città.csv", "città"),
        ("postgresql://u:p@host/sales", "sales"),
        ("postgresql://host", "host"),
        ("..", "table"),
        ("x" * 200 + ".csv", "x" * 60),
    ],
)
def test_names(source: str, name: str) -> None:
    assert table_name(source) == name


def test_numbers_go_on_and_are_never_reused() -> None:
    paths = [new_run("pumps.csv").path.name for _ in range(2)]
    assert paths == ["pumps-1", "pumps-2"]
    Path("runs/pumps-1").rmdir()
    Path("runs/pumps-x").mkdir()
    Path("runs/pumps-big-7").mkdir()
    assert new_run("pumps.csv").path.name == "pumps-3"
    assert new_run("other.csv").path.name == "other-1"


def test_a_folder_of_ones_own() -> None:
    assert new_run("pumps.csv", "a/b").path == Path("a/b")
    write_recipe(Path("a/b/recipe.toml"), "pumps.csv", FitRequest(targets=("y",)))
    with pytest.raises(VetroError, match=r"a/b already holds a run\. .*--resume a/b") as refused:
        new_run("pumps.csv", "a/b")
    assert refused.value.code == "E604"
    Path("file").write_text("")
    with pytest.raises(VetroError) as refused:
        new_run("pumps.csv", "file")
    assert refused.value.code == "E503"


def test_states() -> None:
    assert make("a-1", "a.csv").state == "unfinished"
    assert make("a-2", "a.csv", MODEL).state == "finished"
    assert make("a-3", "a.csv", MODEL, CHECKPOINT).state == "interrupted"
    assert [run.path.name for run in run_folders(Path("runs"))] == ["a-1", "a-2", "a-3"]
    assert run_folders(Path("runs/a-2")) == [RunFolder(Path("runs/a-2"))]


def test_listed_by_number() -> None:
    for name in ("a-10", "a-9", "b-1"):
        make(name, "a.csv")
    Path("runs/notes").mkdir()
    assert [run.path.name for run in run_folders(Path("runs"))] == ["a-9", "a-10", "b-1"]


def test_the_latest_that_can_go_on_is_resumed() -> None:
    make("a-1", "a.csv", CHECKPOINT, time=300)
    make("a-2", "a.csv", CHECKPOINT, MODEL, time=400)
    make("a-3", "a.csv", MODEL, time=500)
    make("b-1", "b.csv", CHECKPOINT, time=900)
    make("a-4", "a.csv")
    assert run_to_resume("", "a.csv").path.name == "a-2"
    assert run_to_resume("", str(Path("a.csv").resolve())).path.name == "a-2"
    assert run_to_resume("", "").path.name == "b-1"
    assert run_to_resume("runs/a-1", "").path.name == "a-1"


@pytest.mark.parametrize(
    ("named", "source", "code", "message"),
    [
        ("", "c.csv", "E504", "no interrupted run of c.csv in runs/"),
        ("runs/a-1", "", "E504", "runs/a-1: it is finished"),
        ("runs/a-2", "", "E504", "runs/a-2: it has no checkpoint"),
        ("runs/nope", "", "E507", "not found. Give the folder of a run."),
    ],
)
def test_nothing_to_resume(named: str, source: str, code: str, message: str) -> None:
    make("a-1", "a.csv", MODEL)
    make("a-2", "a.csv")
    with pytest.raises(VetroError) as refused:
        run_to_resume(named, source)
    assert refused.value.code == code
    assert message in str(refused.value)


def test_a_run_that_came_to_nothing_is_removed() -> None:
    run = new_run("a.csv")
    with pytest.raises(ZeroDivisionError), run.removed_if_useless():
        run.log.write_text("")
        run.recipe.write_text("")
        raise ZeroDivisionError
    assert not Path("runs").exists()
    run = new_run("a.csv", "mine")
    Path("mine/notes.txt").write_text("keep me")
    with pytest.raises(ZeroDivisionError), run.removed_if_useless():
        raise ZeroDivisionError
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]
    run = new_run("a.csv")
    with pytest.raises(ZeroDivisionError), run.removed_if_useless():
        run.checkpoint.write_text("")
        run.log.write_text("")
        raise ZeroDivisionError
    assert run.log.exists()


def test_history() -> None:
    run = new_run("a.csv")
    sizes = (0.5, float(np.float32(0.1))), (2.0, 1e-30)
    run.write_history([EpochRecord(1, 2, 3, 0.1, 1 / 3, 0.001, True, 1.5, *sizes)])
    with run.history.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row == {
        "fold": "1",
        "member": "2",
        "epoch": "3",
        "training": "0.1",
        "validation": repr(1 / 3),
        "learning_rate": "0.001",
        "best": "1",
        "seconds": "1.5",
        "layer1.weights": "0.5",
        "layer2.weights": "0.100000001",
        "layer1.gradients": "2",
        "layer2.gradients": "1e-30",
    }
