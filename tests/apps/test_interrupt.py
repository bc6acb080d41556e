"""Interrupting: real signals to a real process; what is kept, and going on from there."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from apps.terminal import screens
from recipes import PLAIN_OPTIONS

import vetro as package
from vetro.apps.runs import RunFolder

# Long enough to be interrupted, short enough to be finished afterwards.
FIT = (*PLAIN_OPTIONS, "--target", "flow", "--drop", "state", "--folds", "2", "--hidden", "4",
       "--epochs", "40000", "--patience", "0")  # fmt: skip
RUN = RunFolder(Path("runs/pumps-1"))


@dataclass
class Interrupted:
    folder: Path
    status: int
    out: str
    err: str


@pytest.fixture(scope="module")
def interrupted(vetro_process, pumps: Path, tmp_path_factory) -> Interrupted:
    """A folder with pumps.csv and a run that SIGINT ended while its networks trained."""
    folder = tmp_path_factory.mktemp("interrupted")
    shutil.copy(pumps, folder)
    process = vetro_process("fit", "pumps.csv", *FIT, cwd=folder)
    told = ""
    for line in process.stderr:
        told += line
        if re.search(r"epoch \d+/", line):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    return Interrupted(folder, process.returncode, out, told + err)


@pytest.fixture
def _there(interrupted: Interrupted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a copy of that folder."""
    shutil.copytree(interrupted.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_there")
def test_the_best_so_far_is_kept(vetro, interrupted: Interrupted) -> None:
    assert interrupted.status == 130, interrupted.err
    said = "Stopping; the best model so far is kept. Ctrl-C again ends at once.\n"
    assert said in interrupted.err
    found = re.findall(
        r"W316 Stopped by interruption in epoch \d+ \(2 networks\);", interrupted.err
    )
    assert len(found) == 1
    assert "Traceback" not in interrupted.err
    assert f"Resume   vetro fit pumps.csv --resume {RUN.path}\n" in interrupted.out
    assert RUN.state == "interrupted"
    assert len(package.load(RUN.model).members) == 2
    assert vetro("predict", RUN.path, "pumps.csv").status == 0


@pytest.mark.usefixtures("_there")
def test_going_on_ends_where_an_uninterrupted_fit_does(vetro) -> None:
    ended = vetro("fit", "pumps.csv", "--resume", RUN.path, "--quiet", "--json")
    assert ended.status == 0, ended.err
    assert ended.json["interrupted"] is False
    assert RUN.state == "finished"
    whole = vetro("fit", "pumps.csv", *FIT, "--run", "whole", "--quiet", "--json")
    assert whole.json["metrics"] == ended.json["metrics"]
    resumed, straight = package.load(RUN.model), package.load("whole/model.safetensors")
    assert len(resumed.members) == len(straight.members) == 2
    for one, other in zip(resumed.members, straight.members, strict=True):
        np.testing.assert_array_equal(one.parameters, other.parameters)
    ended = vetro("fit", "--resume", RUN.path)
    assert ended.err.startswith(f"E504 Cannot resume: {RUN.path}: it is finished.")


@pytest.mark.usefixtures("_there")
def test_what_changed_is_not_resumed(vetro) -> None:
    table = Path("pumps.csv")
    content = table.read_bytes()
    recipe, model = RUN.recipe.read_bytes(), RUN.model.read_bytes()
    table.write_bytes(content.replace(b"Roma", b"Rome", 1))
    ended = vetro("fit", "pumps.csv", "--resume", "--quiet")
    assert ended.err.startswith("E504 Cannot resume: pumps.csv changed since the checkpoint")
    assert ended.status == 2
    # Other options are not taken over in silence either; what was kept stays as it was.
    table.write_bytes(content)
    for change in (("--epochs", "10001"), ("--drop", "state,head")):
        ended = vetro("fit", "pumps.csv", "--resume", "--quiet", *change)
        assert ended.err.startswith("E504 Cannot resume: ")
    assert vetro("fit", "--resume", "--run", "x").err.startswith("E604 --run and --resume exclude")
    assert (RUN.recipe.read_bytes(), RUN.model.read_bytes()) == (recipe, model)
    assert RUN.state == "interrupted"


WAITING = """
import sys
import vetro.model.fit as fit
from vetro.__main__ import main

def wait(*_):
    print("reading", flush=True)
    sys.stdin.readline()

fit.read_for = wait
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_before_training_leaves_nothing(
    pumps: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """It waits for its input where the table is read, so that the signal comes there."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, "fit", str(pumps), *FIT],
        cwd=tmp_path, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == "reading\n"
    assert RunFolder(tmp_path / RUN.path).state == "running"
    process.send_signal(number)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.endswith("Interrupted before the first checkpoint: no model is kept.\n")
    assert list(tmp_path.iterdir()) == []


def test_a_fit_that_was_killed_begins_again(
    vetro, pumps: Path, tmp_path: Path, monkeypatch
) -> None:
    """Before its first checkpoint: from its recipe by --resume, or by the same command."""
    short = [*FIT, "--epochs", "3"]
    for again in (["--resume", RUN.path], ["--resume"], [pumps, *short, "--run", RUN.path]):
        process = subprocess.Popen(
            [sys.executable, "-c", WAITING, "fit", str(pumps), *short, "--run", str(RUN.path)],
            cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        process.stdout.readline()
        process.kill()
        process.communicate()
        monkeypatch.chdir(tmp_path)
        assert RUN.state == "unfinished"
        ended = vetro("fit", *again, "--quiet")
        assert ended.status == 0, ended.err
        assert RUN.state == "finished"
        assert RUN.report.is_file()
        shutil.rmtree("runs")


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGHUP])
def test_one_live_bar_and_a_second_signal(
    pumps: Path, tmp_path: Path, first: signal.Signals
) -> None:
    """On a terminal: one bar redrawn in place; a signal asks to stop, SIGINT then ends at once."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vetro", "fit", str(pumps), *FIT, "--epochs", "1000000"],
        stdout=subprocess.PIPE, stderr=follower, cwd=tmp_path, text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "110"},
    )  # fmt: skip
    os.close(follower)
    shown, signals = "", [first, signal.SIGINT]
    for shown in screens(leader):
        awaited = " left" if len(signals) == 2 else "Stopping;"
        if signals and shown.count("epoch") > 3 and awaited in shown:
            process.send_signal(signals.pop(0))
    out, _ = process.communicate()
    assert process.returncode == 130
    assert "Reading the table" in shown
    assert "2 networks" in shown
    assert "/1000000" in shown
    assert " left" in shown
    assert "train " in shown
    assert shown.count("\x1b[2K") > 3
    assert "Traceback" not in shown
    assert out == ""
