"""The machine of the measurements: processor, instruction sets, cores, versions, date."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
from pathlib import Path

LIBRARIES = (
    "vetro", "torch", "jax", "jaxlib", "scikit-learn", "skorch", "keras", "onnxruntime", "numpy",
)  # fmt: skip


def description() -> dict[str, str]:
    """One entry per fact."""
    facts = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", facts)
    flags = facts.split("flags", 1)[-1].split("\n")[0].split()
    return {
        "date": datetime.date.today().isoformat(),
        "processor": model[1] if model else platform.machine(),
        "instruction sets": ", ".join(
            name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags
        ),
        "Vetro's kernels": _isa(),
        "cores": str(len(os.sched_getaffinity(0))),
        "Python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
    }


def text() -> str:
    """The description in a line."""
    return ", ".join(f"{name} {value}" for name, value in description().items())


def _isa() -> str:
    try:
        from vetro import _native
    except ImportError:
        return "not built"
    return _native.isa() or "none"


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
