"""Interrupting: real signals to a real process; what is kept, and going on from there."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import vetro as package
from vetro.apps.runs import RunFolder

# Long enough to be interrupted in the first fold, short enough to be finished afterwards.
FIT = ("--target", "flow", "--drop", "state", "--folds", "2", "--hidden", "4",
       "--epochs", "300", "--patience", "0")  # fmt: skip
RUN = RunFolder(Path("runs/pumps-1"))


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def wait_for_training(process: subprocess.Popen[str]) -> str:
    """Read stderr up to the first line of an epoch."""
    text = ""
    for line in process.stderr:
        text += line
        if "epoch 1/" in line:
            return text
    raise AssertionError(text)


def test_interrupted_then_resumed(vetro, vetro_process, pumps: Path, tmp_path: Path) -> None:
    process = vetro_process("fit", pumps, *FIT, cwd=tmp_path)
    wait_for_training(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Stopping; the best so far is kept. Ctrl-C again ends at once.\n" in err
    assert err.count("W316 Stopped by interruption in fold 1, epoch ") == 1
    assert "Traceback" not in err
    go_on = next(line for line in out.splitlines() if line.startswith("Go on "))
    assert go_on == f"Go on    vetro fit {pumps} --resume {RUN.path}"
    assert RUN.state == "interrupted"
    assert vetro("predict", RUN.path, pumps).status == 0
    before = package.load(RUN.model)
    assert len(before.members) == 1

    # Going on ends where an uninterrupted fit does, to the last bit.
    ended = vetro(*go_on.split()[3:], "--quiet", "--json")
    assert ended.status == 0, ended.err
    assert ended.json["interrupted"] is False
    assert RUN.state == "finished"
    whole = vetro("fit", pumps, *FIT, "--run", "whole", "--quiet", "--json")
    assert whole.json["metrics"] == ended.json["metrics"]
    resumed, straight = package.load(RUN.model), package.load("whole/model.safetensors")
    assert len(resumed.members) == len(straight.members) == 2
    for one, other in zip(resumed.members, straight.members, strict=True):
        np.testing.assert_array_equal(one.parameters, other.parameters)
    ended = vetro("fit", "--resume", RUN.path)
    assert ended.err.startswith(f"E504 Cannot resume: {RUN.path}: it is finished.")


def test_a_changed_table_is_not_resumed(vetro, vetro_process, pumps: Path, tmp_path: Path) -> None:
    table = tmp_path / "pumps.csv"
    table.write_bytes(pumps.read_bytes())
    process = vetro_process("fit", "pumps.csv", *FIT, cwd=tmp_path)
    wait_for_training(process)
    process.send_signal(signal.SIGTERM)  # as a batch system ends a job
    process.communicate(timeout=60)
    assert process.returncode == 130
    recipe, model = RUN.recipe.read_bytes(), RUN.model.read_bytes()
    table.write_bytes(pumps.read_bytes().replace(b"Roma", b"Rome", 1))
    ended = vetro("fit", "pumps.csv", "--resume", "--quiet")
    assert ended.err.startswith("E504 Cannot resume: pumps.csv changed since the checkpoint")
    assert ended.status == 2
    # Other options are not taken over in silence either; what was kept stays as it was.
    table.write_bytes(pumps.read_bytes())
    ended = vetro("fit", "pumps.csv", "--resume", "--quiet", "--epochs", "301")
    assert ended.err.startswith("E504 Cannot resume: ")
    assert (RUN.recipe.read_bytes(), RUN.model.read_bytes()) == (recipe, model)
    assert RUN.state == "interrupted"


def test_a_second_signal_ends_at_once(vetro_process, pumps: Path, tmp_path: Path) -> None:
    process = vetro_process("fit", pumps, *FIT, "--epochs", "100000", cwd=tmp_path)
    wait_for_training(process)
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline().startswith("Stopping; ")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_interrupted_before_training_leaves_nothing(
    vetro_process, pumps: Path, tmp_path: Path
) -> None:
    fifo = tmp_path / "pumps.csv"
    process = vetro_process("fit", pumps, *FIT, "--debug", cwd=tmp_path, PYTHONFAULTHANDLER="1")
    deadline = time.monotonic() + 30
    while not RUN.recipe.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not fifo.exists()
    assert not Path("runs").exists()


def test_one_live_bar_on_a_terminal(pumps: Path, tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vetro", "fit", str(pumps), *FIT],
        stdout=subprocess.PIPE, stderr=follower, cwd=tmp_path, text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "110"},
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not part:
            break
        shown += part
    os.close(leader)
    out, _ = process.communicate()
    text = shown.decode()
    assert process.returncode == 0
    assert "fold 1/2" in text
    assert "fold 2/2" in text
    assert "/300" in text
    assert " left" in text
    assert text.count("\x1b[2K") > 3  # redrawn in place
    assert "\n\n\n" not in text
    assert "Model    runs/pumps-1/model.safetensors" in out
