"""What the tests of the command line share: a runner, a small table and a fitted run."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Loaded here, so that the fits of this process do not each start another for their baselines.
import sklearn.ensemble  # noqa: F401
from recipes import TINY

from vetro.apps.command_line import main


@dataclass
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is not JSON")

        return json.loads(self.out, parse_constant=refuse)


def run_here(*arguments: str) -> Ended:
    """The command line in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return Ended(ended.value.code or 0, *texts)


@pytest.fixture(scope="session")
def vetro() -> Callable[..., Ended]:
    return run_here


@pytest.fixture(scope="session")
def vetro_process() -> Callable[..., subprocess.Popen[str]]:
    """Start the command line in a process of its own."""

    def start(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "vetro", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def pumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 rows: two numbers, a category; a number and a class to predict."""
    draw = random.Random(1)
    lines = ["head,speed,città,flow,state"]
    for _ in range(80):
        head, speed = draw.uniform(1, 9), draw.uniform(10, 30)
        city = draw.choice(("Roma", "Milano"))
        flow = 2 * head + speed + (3 if city == "Roma" else 0)
        lines.append(f"{head:.3f},{speed:.3f},{city},{flow:.4f},{'high' if flow > 31 else 'low'}")
    path = tmp_path_factory.mktemp("pumps") / "pumps.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def fitted(pumps: Path) -> Path:
    """The run folder of a tiny fit of flow."""
    run = pumps.parent / "fitted"
    ended = run_here("fit", pumps, "--target", "flow", "--drop", "state", "--run", run, *TINY)
    assert ended.status == 0, ended.err
    return run


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the width that pytest-xdist gives its workers: outputs are as wide as they need."""
    monkeypatch.delenv("COLUMNS", raising=False)
