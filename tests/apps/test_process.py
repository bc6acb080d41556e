"""The command line as a process: signals at any moment, streams that fail, too little memory."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from recipes import TINY

# Sends a signal to itself at a moment that is named: when a module is imported for the first
# time, or when the interpreter ends.
SIGNALLED = """
import atexit, importlib.abc, signal, sys
number, moment, *sys.argv[1:] = sys.argv[1:]
number = int(number)

class Moment(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            sys.meta_path.remove(self)
            signal.raise_signal(number)

from vetro.__main__ import main
sys.meta_path.insert(0, Moment())
if moment == "the end":
    atexit.register(signal.raise_signal, number)
main()
"""
FIT = ("fit", "pumps.csv", "--target", "flow", "--drop", "state", *TINY)


@dataclass
class Ended:
    status: int
    out: str
    err: str


def signalled(folder: Path, number: int, moment: str, *arguments: str) -> Ended:
    ended = subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(int(number)), moment, *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def shell(command: str, folder: Path) -> Ended:
    """Through a shell, where `vetro` is the command line."""
    ended = subprocess.run(
        ["bash", "-c", f'vetro() {{ "{sys.executable}" -m vetro "$@"; }}; {command}'],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def folder(pumps: Path, tmp_path: Path) -> Path:
    (tmp_path / "pumps.csv").write_bytes(pumps.read_bytes())
    return tmp_path


MOMENTS = ("vetro.apps.command_line", "typer", "vetro.apps.fit_command", "vetro.apps.runs", "numpy",
           "duckdb", "vetro.model.fit", "vetro.tables.read")  # fmt: skip


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interruption_while_it_starts(folder: Path, moment: str) -> None:
    ended = signalled(folder, 2, moment, *FIT)
    assert ended.status == 130, ended.err
    assert ended.out == ""
    assert ended.err.startswith("Interrupted") and ended.err.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["pumps.csv"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("moment", ["typer", "vetro.model.fit", "vetro.tables.read"])
def test_the_other_signals_are_as_ctrl_c(folder: Path, moment: str, name: str) -> None:
    ended = signalled(folder, getattr(signal, name), moment, *FIT)
    assert (ended.status, ended.err.count("\n")) == (130, 1)
    assert ended.err.startswith("Interrupted")
    assert [path.name for path in folder.iterdir()] == ["pumps.csv"]


@pytest.mark.parametrize("moment", ["vetro.apps.trace_command", "numpy", "vetro.glass.trace.trace"])
def test_an_interruption_of_another_command(folder: Path, fitted: Path, moment: str) -> None:
    ended = signalled(folder, 2, moment, "trace", fitted, "--row", "1", "--html", "t.html")
    assert (ended.status, ended.out, ended.err) == (130, "", "Interrupted.\n")
    assert [path.name for path in folder.iterdir()] == ["pumps.csv"]


def test_an_interruption_while_it_ends_changes_nothing(folder: Path) -> None:
    ended = signalled(folder, 2, "the end", "inspect", "pumps.csv")
    assert ended.status == 0
    assert "head" in ended.out
    assert ended.err == ""


def test_an_ignored_hangup_stays_ignored(folder: Path) -> None:
    """As under nohup."""
    command = shlex.join([sys.executable, "-c", SIGNALLED, "1", "numpy", "inspect", "pumps.csv"])
    ended = shell(f"trap '' HUP; exec {command}", folder)
    assert (ended.status, ended.err) == (0, "")


SWALLOWED = """
import signal, sys
import vetro.model.fit as fit
from vetro.__main__ import main

def read(source, request):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        if "{how}" == "turned":
            raise RuntimeError("Query interrupted")  # as DuckDB does
    return original(source, request)

original, fit.read_for = fit.read_for, read
main()
"""


@pytest.mark.parametrize("how", ["turned", "swallowed"])
def test_an_interruption_that_a_library_swallows(folder: Path, how: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SWALLOWED.format(how=how), *FIT],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 130, ended.stderr
    assert ended.stderr.startswith("Interrupted")
    assert [path.name for path in folder.iterdir()] == ["pumps.csv"]


CLOSED = "E503 Cannot save to standard output: it is closed. Redirect it to a file.\n"
FULL = "E503 Cannot save to standard output: disk full. Free some space.\n"
COMMANDS = ("inspect pumps.csv", "predict {run} pumps.csv", "evaluate {run} pumps.csv --json",
            "show {run}", "runs .", "trace {run} --row 1", "explain E503", "--help", "fit --help",
            "--version", "parameters {run}", "formula {run} --row 1")  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", COMMANDS)
def test_standard_output_that_cannot_be_written(folder: Path, fitted: Path, command: str) -> None:
    command = command.format(run=fitted)
    (folder / "recipe.toml").write_bytes((fitted / "recipe.toml").read_bytes())
    script = f"vetro {command} >&-; echo $? >&2; vetro {command} > /dev/full; echo $? >&2"
    ended = shell(script, folder)
    found = [line for line in ended.err.splitlines(keepends=True) if line[:1] not in "WI"]
    assert found == [CLOSED, "2\n", FULL, "2\n"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_messages_that_cannot_be_written_change_nothing(folder: Path, fitted: Path) -> None:
    for to in ("2>&-", "2>/dev/full"):
        ended = shell(f"vetro predict {fitted} pumps.csv {to}", folder)
        assert (ended.status, ended.out.count("\n")) == (0, 81)
        assert shell(f"vetro nope {to}", folder).status == 2
    ended = shell("vetro {} --run whole >&- 2>&-".format(" ".join(FIT)), folder)
    assert (ended.status, ended.out, ended.err) == (2, "", "")
    assert (folder / "whole/report.html").is_file()
    assert shell(f"vetro runs {folder / 'whole'} 2>&-", folder).status == 0


@pytest.mark.parametrize(
    ("command", "status"),
    [("predict {run} pumps.csv", 0), ("show {run}", 0), ("runs .", 0), ("verify {run}", 1)],
)
def test_a_pipe_without_a_reader(folder: Path, fitted: Path, command: str, status: int) -> None:
    """No failure; but a verdict that nobody could read is not a success."""
    (folder / "recipe.toml").write_bytes((fitted / "recipe.toml").read_bytes())
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "vetro", *command.format(run=fitted).split()],
        cwd=folder, stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    # on a busy machine a command reports its steps as well
    said = re.findall("^(?:[EWI][0-9]{3} |Traceback|Exception).*", ended.stderr, re.MULTILINE)
    assert (ended.returncode, said) == (status, [])


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on the address space")
@pytest.mark.parametrize("megabytes", [500, 800, 1400])
def test_too_little_memory_is_named(folder: Path, megabytes: int) -> None:
    ended = shell(f"ulimit -v {megabytes << 10}; vetro inspect pumps.csv", folder)
    assert ended.status == 1
    assert ended.err == (
        f"E901 Not enough memory: the limit on this process's address space is {megabytes} MB. "
        "Raise it to 1536 MB or more: ulimit -v 1572864.\n"
    )
    assert shell(f"ulimit -v {megabytes << 10}; vetro explain E901", folder).status == 0


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on the address space")
def test_enough_memory_is_enough(folder: Path) -> None:
    ended = shell("ulimit -v 2097152; vetro {}".format(" ".join(FIT)), folder)
    assert ended.status == 0, ended.err


FAILING = """
import vetro.tables.{module} as module
from vetro.__main__ import main

def fail(*_, **__):
    raise {failure}

module.{name} = fail
main()
"""


@pytest.mark.parametrize(("module", "name"), [("whole", "open_source"), ("scan", "parts_of")])
@pytest.mark.parametrize(
    "failure",
    [
        'ImportError("numpy/x.so: failed to map segment from shared object")',
        "MemoryError()",
        'MemoryError("Unable to allocate 3.2 GiB for an array")',
        'RuntimeError("can\'t start new thread")',
        'OSError(12, "Cannot allocate memory")',
    ],
)
def test_running_out_of_memory_does_not_blame_the_table(
    folder: Path, failure: str, module: str, name: str
) -> None:
    program = FAILING.format(failure=failure, module=module, name=name)
    ended = subprocess.run(
        [sys.executable, "-c", program, "inspect", "pumps.csv"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.startswith("E901 Not enough memory: "), ended.stderr
    assert "pumps" not in ended.stderr
