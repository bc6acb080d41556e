"""Progress: plain lines where there is no terminal, nothing with quiet, always a log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vetro.apps import progress
from vetro.apps.progress import Reporter, line
from vetro.model.request import Progress
from vetro.training.history import EpochRecord


def latest(fold: int, member: int, epoch: int, training: float, validation: Any) -> EpochRecord:
    return EpochRecord.of((fold, member, epoch, training, validation, 0.1, True, 0.0))


def training(fold: int, epoch: int, **values: float) -> Progress:
    return Progress(
        "training",
        latest=latest(fold, 1, epoch, 0.25, 0.5),
        folds=2,
        members=1,
        epochs=9,
        seconds=epoch + 10 * fold,
        **values,
    )


STEPS = [
    Progress("reading"),
    Progress("checking"),
    *(training(fold, epoch) for fold in (1, 2) for epoch in range(1, 10)),
    Progress("measuring"),
    Progress("done"),
]
LINES = [
    "Reading the table",
    "Checking the table",
    "fold 1/2; epoch 1/9; training 0.2500, validation 0.5000; 11 s",
    "fold 1/2; epoch 9/9; training 0.2500, validation 0.5000; 19 s",
    "fold 2/2; epoch 9/9; training 0.2500, validation 0.5000; 29 s",
    "Measuring on the rows held out",
]


def test_one_line_a_fold(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Reporter(tmp_path / "log.txt") as reporter:
        for step in STEPS:
            reporter(step)
        reporter.say("Stopping")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [*LINES, "Stopping"]
    log = (tmp_path / "log.txt").read_text().splitlines()
    assert [entry.split(" ", 1)[1] for entry in log] == [*LINES, "Stopping"]


def test_long_folds_say_something(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with Reporter() as reporter:
        for epoch in range(1, 41):
            reporter(training(1, epoch))
    count = len(capsys.readouterr().err.splitlines())
    # Told at the first epoch, then every 5 s; each epoch asks the clock once, a line again.
    assert count == 1 + 39 // 5


def test_quiet_still_logs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Reporter(tmp_path / "log.txt", quiet=True) as reporter:
        for step in STEPS:
            reporter(step)
        reporter.say("x")
    assert capsys.readouterr() == ("", "")
    assert len((tmp_path / "log.txt").read_text().splitlines()) == len(LINES) + 1


def test_line_leaves_out_what_there_is_none_of() -> None:
    alone = Progress("training", 0.5, latest(0, 1, 3, 1.0, None), members=1, epochs=4, seconds=2.0)
    assert line(alone) == "epoch 3/4; training 1; 2.0 s"
    several = Progress("training", 0.5, latest(0, 2, 3, 1.0, None), members=3, epochs=4)
    assert line(several).startswith("member 2/3; epoch 3/4")
    assert line(training(1, 2, seconds_left=61)).endswith("about 1 min 1 s left")
