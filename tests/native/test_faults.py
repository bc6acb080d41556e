"""Negative controls: every fault of faults.py, built into a copy of the core, is noticed.

Only what the fault is in is compiled anew; the rest comes from the package's build folder.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from native.building import BORDER, CORE, NATIVE, SETS, compiler, run, runs_here
from native.faults import FAULTS, SAMPLE

SEEDS = 300
TESTS = Path(__file__).parents[1]
ISA = "avx2"


@pytest.fixture(scope="module")
def parts():
    """The package's own objects by name, and what else the module is linked from."""
    runs_here(ISA)
    core = pytest.importorskip("vetro._native")
    folders = [
        folder
        for folder in (NATIVE.parent / "build").glob("*/native")
        if (folder / Path(core.__file__).name).exists()
    ]
    if not folders:
        pytest.skip("NOT TESTED: the package was not built in this tree")
    objects = folders[0] / "CMakeFiles"
    found = {name: objects / "_native.dir" / f"{name}.cpp.o" for name in (*CORE, *BORDER)}
    found |= {name: objects / f"kernels_{name}.dir" / "kernel.cpp.o" for name in ("avx512", "avx2")}
    found["nanobind"] = folders[0] / "libnanobind-static.a"
    return found


def build(folder, parts, fault):
    """The module with this fault in it; None: with none."""
    parts = dict(parts)
    copy = folder / "native"
    shutil.copytree(NATIVE, copy, ignore=shutil.ignore_patterns("tests"))
    unit = "kernel"
    if fault is not None:
        text = (copy / fault.file).read_text()
        assert fault.old in text, f"{fault.file} no longer holds: {fault.old}"
        (copy / fault.file).write_text(text.replace(fault.old, fault.new, 1))
        unit = fault.file.removesuffix(".cpp") if fault.file.endswith(".cpp") else "kernel"
    command = [
        compiler(), "-std=c++17", "-O1", "-w", "-fPIC", "-ffp-contract=off", "-fvisibility=hidden",
        "-c", copy / f"{unit}.cpp", "-o", folder / "faulty.o",
    ]  # fmt: skip
    if unit == "kernel":
        names = [f"-DVETRO_KERNELS=vetro_kernels_{ISA}", f'-DVETRO_ISA_NAME="{ISA}"']
        command += [*SETS[ISA], *names]
    run(command)
    parts[ISA if unit == "kernel" else unit] = folder / "faulty.o"
    core = folder / "_native.so"
    archive = parts.pop("nanobind")
    run([compiler(), "-shared", *parts.values(), archive, "-pthread", "-o", core])
    return core


@pytest.fixture(scope="module")
def watch():
    """A function (core, seeds) -> what watch.py answers."""
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("watch.py")],
        env={**os.environ, "VETRO_ISA": ISA},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def ask(core, seeds=SEEDS):
            process.stdin.write(f"{seeds} {core}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield ask
        process.stdin.close()


def noticed(folder, parts, watch, fault):
    answer = watch(build(folder, parts, fault))
    assert answer, "watch.py ended"
    assert not answer.startswith("ERROR"), answer
    assert answer != "nothing", f"not noticed: {fault.name}"


def test_there_are_enough_and_each_can_be_planted():
    assert len(FAULTS) >= 50
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    gone = [fault.name for fault in FAULTS if fault.old not in (NATIVE / fault.file).read_text()]
    assert not gone, "their files no longer hold what they replace"


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_is_noticed(tmp_path, parts, watch, name):
    noticed(tmp_path, parts, watch, next(fault for fault in FAULTS if fault.name == name))


@pytest.mark.long
def test_without_a_fault_nothing_is_noticed(tmp_path, parts, watch):
    assert watch(build(tmp_path, parts, None)) == "nothing"


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_all_are_noticed(tmp_path, parts, watch, fault):
    noticed(tmp_path, parts, watch, fault)
