"""Single parts of the kernel, compiled and called through ctypes; no engine around them."""

from __future__ import annotations

import ctypes
import fcntl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from native.building import NATIVE, SETS, compiler, run
from numpy.typing import NDArray

LANES = 16
SAVED = ("silu", "gelu", "gelu_tanh", "softplus")  # differentiated from what forward leaves
Array = NDArray[np.floating]


def pointer(array: np.ndarray | None) -> ctypes.c_void_p:
    if array is None:
        return ctypes.c_void_p(None)
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def feature_major(rows: Array, filling: float = 0.0) -> Array:
    """(rows, features) as the workspace holds it: (features, stride), padded to whole lanes."""
    stride = -(-len(rows) // LANES) * LANES
    out = np.full((rows.shape[1], stride), filling, rows.dtype)
    out[:, : len(rows)] = rows.T
    return out


@dataclass(frozen=True)
class Parts:
    """The parts for one instruction set."""

    path: Path

    @cached_property
    def library(self) -> ctypes.CDLL:
        return ctypes.CDLL(str(self.path))

    def number(self, listed: str, name: str) -> int:
        """The number of an activation, loss or optimizer in the core."""
        names = getattr(self.library, listed)
        names.restype = ctypes.c_char_p
        return int(names().decode().split().index(name))

    def call(self, name: str, dtype: np.dtype, *arguments: object) -> None:
        getattr(self.library, f"{name}_{dtype}")(
            *(pointer(a) if a is None or isinstance(a, np.ndarray) else a for a in arguments)
        )

    def activate(
        self, function: str, a: float, b: float, z: Array, d: Array, *, in_place: bool = False
    ) -> tuple[Array, Array]:
        """function(z) and d f'(z)."""
        count = -(-z.size // LANES) * LANES
        padded = np.zeros(count, z.dtype)
        padded[: z.size] = z
        out = padded if in_place else np.zeros_like(padded)
        saves = function in SAVED or (function in ("leaky_relu", "elu") and a < 0)
        derivative = np.zeros_like(padded) if saves else None
        delta = np.zeros_like(padded)
        delta[: z.size] = d
        self.call(
            "activate", z.dtype, self.number("functions", function), ctypes.c_double(a),
            ctypes.c_double(b), padded, out, derivative, delta, ctypes.c_int64(count),
        )  # fmt: skip
        return out[: z.size], delta[: z.size]

    def loss(
        self,
        kind: str,
        out: Array,
        y: np.ndarray,
        *,
        a: float = 0.0,
        scale: float = 1.0,
        weights: Array | None = None,
        class_weights: Array | None = None,
        positive_weights: Array | None = None,
        ignored: int = -100,
    ) -> tuple[float, Array]:
        """The loss and its gradient, (rows, outputs); scale 0: a cross entropy's mean."""
        values = feature_major(out, filling=3.0)
        classes = y if y.dtype == np.int64 else None
        targets = None if classes is not None else feature_major(y)
        lane_weights = None if weights is None else feature_major(weights[:, None])[0].copy()
        delta = np.full_like(values, 7.0)
        function = getattr(self.library, f"loss_{out.dtype}")
        function.restype = ctypes.c_double
        value = function(
            self.number("losses", kind), ctypes.c_double(a), ctypes.c_int64(ignored),
            pointer(class_weights), pointer(positive_weights), pointer(targets), pointer(classes),
            pointer(lane_weights),
            len(out), out.shape[1], pointer(values), ctypes.c_int64(values.shape[1]),
            ctypes.c_double(scale), pointer(delta),
        )  # fmt: skip
        lanes = 64 // out.itemsize
        assert np.all(delta[:, len(out) : -(-len(out) // lanes) * lanes] == 0)
        return value, delta[:, : len(out)].T.copy()


def build_parts(folder: Path, isa: str, source: str = "parts") -> Parts:
    """native/tests/parts.cpp or products.cpp as a library for one instruction set, built once."""
    path = folder / f"{source}_{isa}.so"
    with (folder / f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            run([
                compiler(), "-std=c++17", "-O1", "-ffp-contract=off", "-fno-math-errno", "-fPIC",
                "-shared", *SETS[isa], NATIVE / "tests" / f"{source}.cpp", "-o", path,
            ])  # fmt: skip
    return Parts(path)
