"""The test driver, compiled once for all workers."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

import pytest
from native.building import build_driver


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """native/tests/driver.cpp, compiled as the package is; its objects lie beside it."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base if alone else base.parent) / "native-driver"
    folder.mkdir(exist_ok=True)
    program = folder / "driver"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            counting = ("-DCOUNT_ALLOCATIONS",) if sys.platform == "linux" else ()
            build_driver(folder, ("-O3", *counting))
    return program
