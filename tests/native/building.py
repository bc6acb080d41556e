"""The native core's sources compiled for tests, with a plain compiler and no Python in them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "native"
CORE = ("layout", "pool", "trainer", "predictor", "dispatch")
SETS = {
    "avx512": ("-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma"),
    "avx2": ("-mavx2", "-mfma"),
    "neon": (),
}
HERE = ("avx512", "avx2") if platform.machine() in ("x86_64", "AMD64") else ("neon",)


def compiler(name: str = "c++") -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"NOT TESTED: there is no compiler {name}")
    return found


def run(command: Sequence[str | Path], **options: object) -> str:
    """What the command prints; its errors are in the failure's message."""
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
        **options,
    )  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    return str(done.stdout)


def kernel_command(
    name: str, to: Path, flags: Sequence[str] = ("-O3",), *, source: Path = NATIVE, by: str = "c++"
) -> list[str | Path]:
    """As native/CMakeLists.txt compiles a kernel."""
    return [
        compiler(by), "-std=c++17", "-ffp-contract=off", "-fno-math-errno", "-fPIC",
        "-fvisibility=hidden", *flags, *SETS[name], f"-DVETRO_KERNELS=vetro_kernels_{name}",
        f'-DVETRO_ISA_NAME="{name}"', "-c", source / "kernel.cpp", "-o", to,
    ]  # fmt: skip


def build_driver(
    folder: Path,
    flags: Sequence[str] = ("-O3",),
    *,
    sets: Sequence[str] = HERE,
    quickly: Sequence[str] = (),
    by: str = "c++",
    link: Sequence[str] = (),
) -> Path:
    """native/tests/driver.cpp with the kernels of these sets, as a program in the folder.

    quickly: sets that must be there, but will not run; their flags are -O0 alone.
    """
    commands = []
    objects = []
    for name in sets:
        objects.append(folder / f"kernel_{name}.o")
        own = ("-O0",) if name in quickly else flags
        commands.append(kernel_command(name, objects[-1], own, by=by))
    for name in (*CORE, "tests/driver"):
        objects.append(folder / f"{Path(name).name}.o")
        source = NATIVE / f"{name}.cpp"
        plain = [compiler(by), "-std=c++17", "-ffp-contract=off", *flags]
        commands.append([*plain, "-c", source, "-o", objects[-1]])
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, commands))
    program = folder / "driver"
    run([compiler(by), *flags, *objects, *link, "-pthread", "-o", program])
    return program


def drive(program: Path, *words: str, isa: str = "", prefix: Sequence[str] = ()) -> list[str]:
    """The driver's lines; the first names the instruction set."""
    environment = {**os.environ, "VETRO_ISA": isa}
    return run([*prefix, program, *words], env=environment).splitlines()


def lacking(isa: str) -> list[str]:
    """What this processor lacks of a set of HERE."""
    features = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    needed = {"avx512": ("avx512f", "avx512dq", "avx512bw", "avx512vl"), "avx2": ("avx2", "fma")}
    return [word for word in needed.get(isa, ()) if word not in features.split()]


def runs_here(isa: str) -> None:
    """Skip, loudly, where this processor lacks the set."""
    if isa not in HERE:
        pytest.skip(f"NOT TESTED: {isa} is not a set of {platform.machine()}")
    if lacking(isa):
        pytest.skip(f"NOT TESTED: this processor lacks {', '.join(lacking(isa))}")
