"""The test driver, compiled once for all workers."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

import pytest
from native.building import build_driver


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all workers share, for what is compiled once."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base if alone else base.parent) / "compiled"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def driver(compiled: Path) -> Path:
    """native/tests/driver.cpp, with the package's kernels, or such as it has.

    Its objects lie beside it."""
    folder = compiled / "driver"
    folder.mkdir(exist_ok=True)
    program = folder / "driver"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            counting = ("-DCOUNT_ALLOCATIONS",) if sys.platform == "linux" else ()
            build_driver(folder, ("-O3", *counting), packages=True)
    return program
