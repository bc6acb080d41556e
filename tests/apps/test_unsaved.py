"""A full disk in the middle of a fit: what is told, what is left, and how it goes on."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from recipes import TINY

from vetro.atomic import atomic_file
from vetro.training import checkpoint, ensemble

ROWS = 60
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The arguments of a fit in the current folder, into the run `r`."""
    monkeypatch.chdir(tmp_path)
    draw = random.Random(0)
    rows = [(draw.random(), draw.random()) for _ in range(ROWS)]
    lines = ["a,b,y", *(f"{a},{b},{a + 2 * b}" for a, b in rows)]
    Path("t.csv").write_text("\n".join(lines))
    return ("fit", "t.csv", "--target", "y", *TINY, "--run", "r")


def left() -> set[str]:
    return {path.name for path in Path("r").iterdir()}


def goes_on(vetro) -> None:
    """--resume completes the run."""
    ended = vetro("fit", "--resume", "r", "--quiet")
    assert ended.status == 0, ended.err
    names = ("model.safetensors", "report.html", "held-out.csv", "history.csv", "recipe.toml")
    assert left() == {*names, "log.txt"}


@FULL
@pytest.mark.parametrize(
    ("name", "what", "free"),
    [
        ("report.html", "the report", "Free 1 MB"),
        ("history.csv", "the history", "Free 1 MB"),
        ("held-out.csv", "the held-out rows", "Free some space"),
    ],
)
def test_a_file_of_the_run(fit, vetro, name: str, what: str, free: str) -> None:
    Path("r").mkdir()
    Path("r", name).symlink_to("/dev/full")
    ended = vetro(*fit)
    assert ended.status == 2
    assert ended.err.splitlines()[-1] == (
        f"E503 Cannot save {what}: disk full. The checkpoint (epoch 3) is intact. "
        f"{free} and use --resume."
    )
    assert ended.err.splitlines()[-1] in Path("r/log.txt").read_text()
    Path("r", name).unlink()
    goes_on(vetro)


@FULL
def test_the_log(fit, vetro) -> None:
    """It ends; the fit does not."""
    Path("r").mkdir()
    Path("r/log.txt").symlink_to("/dev/full")
    ended = vetro(*fit)
    assert ended.status == 2
    assert ended.out.rstrip().splitlines()[-1].startswith("Next ")
    assert ended.err.splitlines()[-1] == (
        "E503 Cannot save the log: disk full. All other files are complete. Free some space."
    )
    assert vetro("predict", "r", "t.csv").status == 0
    assert "checkpoint.safetensors" not in left() and ".lock" not in left()


@FULL
def test_neither_the_log_nor_the_report(fit, vetro) -> None:
    """The log's failure does not hide the other."""
    Path("r").mkdir()
    for name in ("log.txt", "report.html"):
        Path("r", name).symlink_to("/dev/full")
    ended = vetro(*fit)
    assert ended.err.splitlines()[-1].startswith("E503 Cannot save the report: disk full. The ch")


def test_a_checkpoint_after_the_first(fit, vetro, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, content: bytes, what: str = "") -> None:
        with atomic_file(path, what, size=12 * 10**6 - len(content)) as file:
            file.write(content)
            if path.exists():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_whole", write)
        patch.setattr(ensemble, "CHECKPOINT_SECONDS", 0.0)
        ended = vetro(*fit, "--epochs", "4000", "--patience", "0")  # more than one look
    assert ended.status == 2
    kept = checkpoint.load_checkpoint(Path("r/checkpoint.safetensors"))
    epoch = max(record.epoch for record in kept.history)
    assert ended.err.splitlines()[-1] == (
        f"E503 Cannot save the checkpoint: disk full. The previous one (epoch {epoch}) is intact. "
        "Free 12 MB and use --resume."
    )
    assert left() == {".lock", "checkpoint.safetensors", "log.txt", "recipe.toml"}
    goes_on(vetro)


@FULL
def test_the_claim(fit, vetro) -> None:
    Path("r").mkdir()
    Path("r/.lock").symlink_to("/dev/full")
    ended = vetro(*fit)
    assert (ended.status, ended.err) == (
        2,
        "E503 Cannot save the run in r: disk full. Free some space.\n",
    )


@pytest.mark.parametrize(
    ("most", "what"), [(0, "the run in r"), (1, "the recipe"), (1000, "the checkpoint")]
)
def test_before_there_is_a_checkpoint(fit, most: int, what: str) -> None:
    """Nothing is left of the run."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    ended = subprocess.run(
        [sys.executable, "-m", "vetro", *fit],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == (
        f"E503 Cannot save {what}: file too large for this system. Raise the limit on file sizes."
    )
    assert list(Path().iterdir()) == [Path("t.csv")]
