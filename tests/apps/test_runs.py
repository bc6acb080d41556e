"""Runs: names and numbers of folders, what is resumed, what is cleaned up."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vetro
from vetro.apps.recipe_file import write_recipe
from vetro.apps.runs import RunFolder, new_run, old_run, run_folders, run_to_resume, table_name
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


def made(source: str, folder: str = "") -> Path:
    """The folder of a new run that is let go at once, as if its process were killed."""
    with new_run(source, folder) as (run, _):
        return run.path


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
    assert [made("pumps.csv").name for _ in range(2)] == ["pumps-1", "pumps-2"]
    shutil.rmtree("runs/pumps-1")
    Path("runs/pumps-x").mkdir()
    Path("runs/pumps-big-7").mkdir()
    assert made("pumps.csv").name == "pumps-3"
    assert made("other.csv").name == "other-1"


def test_a_folder_of_ones_own() -> None:
    assert made("pumps.csv", "a/b") == Path("a/b")
    Path("a/b/.lock").unlink()
    write_recipe(Path("a/b/recipe.toml"), "pumps.csv", FitRequest(targets=("y",)))
    with pytest.raises(VetroError, match=r"a/b already holds a run\. .*--resume a/b") as refused:
        made("pumps.csv", "a/b")
    assert refused.value.code == "E604"
    Path("file").write_text("")
    for folder in ("file", "file/x", "/proc/none"):
        with pytest.raises(VetroError) as refused:
            made("pumps.csv", folder)
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
    os.utime("runs/a-4/recipe.toml", (350, 350))
    assert run_to_resume("", "a.csv").path.name == "a-2"
    assert run_to_resume("", str(Path("a.csv").resolve())).path.name == "a-2"
    assert run_to_resume("", "").path.name == "b-1"
    os.utime("runs/a-4/recipe.toml", (450, 450))  # killed before its first checkpoint
    assert run_to_resume("", "a.csv").path.name == "a-4"
    assert run_to_resume("runs/a-1", "").path.name == "a-1"


@pytest.mark.parametrize(
    ("named", "source", "code", "message"),
    [
        ("", "c.csv", "E504", "no interrupted run of c.csv in runs/"),
        ("runs/a-1", "", "E504", "runs/a-1: it is finished"),
        ("runs/nope", "", "E507", "not found. Give the folder of a run."),
    ],
)
def test_nothing_to_resume(named: str, source: str, code: str, message: str) -> None:
    make("a-1", "a.csv", MODEL)
    with pytest.raises(VetroError) as refused:
        run_to_resume(named, source)
    assert refused.value.code == code
    assert message in str(refused.value)


def test_a_run_that_came_to_nothing_is_removed() -> None:
    with pytest.raises(ZeroDivisionError), new_run("a.csv") as (run, _):
        run.log.write_text("")
        run.recipe.write_text("")
        raise ZeroDivisionError
    assert not Path("runs").exists()
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("keep me")
    with pytest.raises(ZeroDivisionError), new_run("a.csv", "mine"):
        raise ZeroDivisionError
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]
    with pytest.raises(ZeroDivisionError), new_run("a.csv") as (run, _):
        run.checkpoint.write_text("")
        run.log.write_text("")
        raise ZeroDivisionError
    assert run.log.exists()


def test_one_process_has_a_folder() -> None:
    with new_run("a.csv", "mine") as (run, claim):
        assert run.state == "running"
        with pytest.raises(VetroError, match=r"mine is being written by process \d+\.") as refused:
            made("a.csv", "mine")
        assert refused.value.code == "E604"
        write_recipe(run.recipe, "a.csv", FitRequest(targets=("y",)))
        with pytest.raises(VetroError, match="mine is being written by") as refused, old_run(run):
            pass
        assert refused.value.code == "E504"
        with new_run("a.csv") as (other, _):
            write_recipe(other.recipe, "a.csv", FitRequest(targets=("y",)))
            with pytest.raises(VetroError):  # both are being written
                run_to_resume("", "a.csv")
            assert made("a.csv").name == "a-2"
        run.model.write_text("")
        claim.ended()
    assert run.state == "finished"
    with pytest.raises(VetroError, match="it is finished"), old_run(run):
        pass
    assert not (run.path / ".lock").exists()


KILLED = """
import os, signal, sys
from vetro.apps.recipe_file import write_recipe
from vetro.apps.runs import new_run
from vetro.model.request import FitRequest
with new_run("a.csv", sys.argv[1]) as (run, claim):
    for part in sys.argv[2:]:
        if part == "recipe":
            write_recipe(run.recipe, "a.csv", FitRequest(targets=("y",)))
        else:
            (run.path / part).write_text("")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("left", "starts", "resumes"),
    [
        ((), True, False),
        (("log.txt",), True, False),
        (("recipe", "log.txt"), True, True),
        (("recipe", "log.txt", CHECKPOINT), False, True),
        (("recipe", "log.txt", MODEL), False, True),  # killed before the report was written
        (("recipe", "log.txt", MODEL, CHECKPOINT), False, True),
    ],
)
def test_what_a_kill_left(left: tuple[str, ...], starts: bool, resumes: bool) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, "mine", *left], check=False)
    assert ended.returncode == -signal.SIGKILL
    run = RunFolder(Path("mine"))
    assert run.can_go_on
    if resumes:
        assert run_to_resume("mine", "") == run
        with old_run(run):
            assert run.state == "running"
    else:
        with pytest.raises(VetroError, match="not found"):
            run_to_resume("mine", "")
    if starts:
        assert made("a.csv", "mine") == Path("mine")
    else:
        with pytest.raises(VetroError, match=r"already holds a run\. .*--resume mine"):
            made("a.csv", "mine")
    assert sorted(path.name for path in Path("mine").iterdir()) == sorted(
        {*(name.replace("recipe", "recipe.toml") for name in left), ".lock"}
    )


RACE = """
import sys
from vetro.apps.runs import new_run
from vetro.errors import VetroError
sys.stdin.readline()
try:
    with new_run("a.csv", sys.argv[1]) as (run, claim):
        print(run.path, flush=True)
        sys.stdin.readline()
except VetroError as refusal:
    print(refusal.code, refusal, flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("folder", ["mine", ""])
def test_of_many_at_once_one_gets_a_folder(folder: str) -> None:
    """All wait for a line, claim, say what they got, and stay until all have said it."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.stdout.readline().strip() for process in started]
    for process in started:
        process.communicate("end\n")
    if folder:
        assert told.count("mine") == 1
        assert sum(line.startswith("E604 mine is being written by") for line in told) == 5
    else:
        assert sorted(told) == [f"runs/a-{number}" for number in range(1, 7)]


def test_history() -> None:
    run = make("a-1", "a.csv")
    sizes = (0.5, float(np.float32(0.1))), (2.0, 1e-30)
    run.write_history([EpochRecord.of([1, 2, 3, 0.1, 1 / 3, 0.001, True, 1.5, *sizes])])
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


def test_python_loads_a_run_folder_as_the_command_line_does(fitted: Path) -> None:
    ways = (fitted, str(fitted), fitted / "model.safetensors")
    first, *others = (vetro.load(way).members[0].parameters for way in ways)
    assert all(np.array_equal(first, other) for other in others)
    with pytest.raises(VetroError) as caught:
        vetro.load("x" * 5000)
    assert caught.value.code == "E508"
    make("begun-1", "t.csv")
    with pytest.raises(VetroError) as caught:
        vetro.load("runs/begun-1")
    assert caught.value.code == "E507" and "has not ended" in str(caught.value)
