"""The yardstick: how fast the core multiplies matrices, 512 x 512 x 512 in float32.

It uses the faster of torch's and NumPy's libraries.  A step is one product, not a training step.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from workloads import SGEMM_SIZE, Arrays, Workload


def seconds(way: Callable[[], object], times: int) -> float:
    """The time of this many calls."""
    start = time.perf_counter()
    for _ in range(times):
        way()
    return time.perf_counter() - start


class Product:
    """The same matrices over and over."""

    def __init__(self, work: Workload, arrays: Arrays, threads: int, variant: str) -> None:
        torch.set_num_threads(threads)
        generator = np.random.default_rng(0)
        a, b = (generator.normal(size=(SGEMM_SIZE, SGEMM_SIZE)).astype("f4") for _ in range(2))
        c = np.empty((SGEMM_SIZE, SGEMM_SIZE), np.float32)
        tensors = [torch.from_numpy(matrix) for matrix in (a, b, c)]
        ways = [
            lambda: torch.mm(tensors[0], tensors[1], out=tensors[2]),
            lambda: np.matmul(a, b, out=c),
        ]
        self.way = min(ways, key=lambda way: min(seconds(way, 5) for _ in range(5)))

    def prepare(self, steps: int) -> None:
        self.steps = steps

    def run(self) -> int:
        seconds(self.way, self.steps)
        return self.steps

    def losses(self, steps: int) -> list[float]:
        return []


contestant = Product
