"""The native core's sources compiled for tests, with a plain compiler and no Python in them."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "native"
CORE = ("layout", "pool", "batch", "trainer", "predictor", "least_squares", "dispatch")
BORDER = (
    "binding", "border_program", "border_task", "border_trainer", "border_predictor",
    "border_squares",
)  # fmt: skip
SETS = {
    "avx512": ("-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma"),
    "avx2": ("-mavx2", "-mfma"),
    "neon": (),
    "avx512_on_avx2": ("-mavx2", "-mfma", "-include", str(NATIVE / "tests" / "avx512_on_avx2.h")),
}
HERE = ("avx512", "avx2") if platform.machine() in ("x86_64", "AMD64") else ("neon",)
"""The sets that the package holds on such a machine."""


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
    """As native/CMakeLists.txt compiles a kernel.

    The emulated set takes the place of avx2, and needs of the processor what avx2 needs.
    """
    place = "avx2" if name == "avx512_on_avx2" else name
    return [
        compiler(by), "-std=c++17", "-ffp-contract=off", "-fno-math-errno", "-fPIC",
        "-fvisibility=hidden", *flags, *SETS[name], f"-DVETRO_KERNELS=vetro_kernels_{place}",
        f'-DVETRO_ISA_NAME="{name}"', "-c", source / "kernel.cpp", "-o", to,
    ]  # fmt: skip


def packages_kernel(name: str) -> Path | None:
    """The package's own object for a set, where it was built in this tree from today's sources."""
    place = Path("native") / "CMakeFiles" / f"kernels_{name}.dir" / "kernel.cpp.o"
    found = sorted(
        (NATIVE.parent / "build").glob(f"*/{place}"), key=lambda path: path.stat().st_mtime
    )
    sources = max(path.stat().st_mtime for path in (*NATIVE.glob("*.h"), NATIVE / "kernel.cpp"))
    return found[-1] if found and found[-1].stat().st_mtime > sources else None


def build_driver(
    folder: Path,
    flags: Sequence[str] = ("-O3",),
    *,
    sets: Sequence[str] = HERE,
    quickly: Sequence[str] = (),
    by: str = "c++",
    link: Sequence[str] = (),
    packages: bool = False,
) -> Path:
    """native/tests/driver.cpp with the kernels of these sets, as a program in the folder.

    quickly: sets that must be there, but will not run; their flags are -O0 alone.  packages: take
    the package's own kernels where they are there.
    """
    commands = []
    objects = []
    for name in sets:
        objects.append(folder / f"kernel_{name}.o")
        if packages and (there := packages_kernel(name)):
            shutil.copyfile(there, objects[-1])
            continue
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


CROSS, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"
PACKAGES = {CROSS: "g++-aarch64-linux-gnu", EMULATOR: "qemu-user"}


def aarch64_tools() -> tuple[str, str]:
    """A cross compiler and an emulator, installed if they are missing; a skip says why not."""
    if platform.machine() in ("aarch64", "arm64"):
        pytest.skip("the sets of this machine are compared already")
    missing = [package for tool, package in PACKAGES.items() if not shutil.which(tool)]
    why = "apt-get or the rights to use it are missing"
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        with (Path(tempfile.gettempdir()) / "vetro-aarch64.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # other workers want them, too
            for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
                done = subprocess.run(
                    ["apt-get", "-q", *command],
                    capture_output=True, text=True, env=environment, check=False,
                )  # fmt: skip
        why = done.stderr[-300:]
    if not all(shutil.which(tool) for tool in PACKAGES):
        pytest.skip(f"NOT TESTED: aarch64: {', '.join(missing)} cannot be installed: {why}")
    return CROSS, EMULATOR


def lacking(isa: str) -> list[str]:
    """What this processor lacks of a set, or is said to lack by VETRO_LACKING."""
    features = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    said = os.environ.get("VETRO_LACKING", "").split()
    needed = {
        "avx512": ("avx512f", "avx512dq", "avx512bw", "avx512vl"),
        "avx2": ("avx2", "fma"),
        "avx512_on_avx2": ("avx2", "fma"),
    }
    present = set(features.split()) - set(said)
    return [word for word in needed.get(isa, ()) if word not in present]


def runs_here(isa: str) -> None:
    """Skip, loudly, where this processor lacks the set."""
    if isa not in HERE and (isa != "avx512_on_avx2" or "avx2" not in HERE):
        pytest.skip(f"NOT TESTED: {isa} is not a set of {platform.machine()}")
    if lacking(isa):
        pytest.skip(f"NOT TESTED: this processor lacks {', '.join(lacking(isa))}")


RUN_HERE = tuple("avx512_on_avx2" if isa == "avx512" and lacking(isa) else isa for isa in HERE)
"""The sets that tests run: without AVX-512, its code as avx512_on_avx2.h makes it for AVX2."""
