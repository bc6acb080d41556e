"""The training workloads: networks, data, batches and settings that every contestant gets.

NumPy makes all arrays from the workload's name, so every process has the same bytes.  run.py
does the timing.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SGEMM_SIZE = 512  # rows and columns of the yardstick's matrices


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    batch: rows per step, None for all.  steps: of a whole training; a contestant that needs
    more than a second for them is timed on fewer.  members: networks trained at once.
    tolerance: the largest difference of the first losses, relative to plain torch's.
    bars: the required speed on one core: Vetro must be this many times faster than a contestant.
    """

    name: str
    title: str
    sizes: tuple[int, ...]
    rows: int
    batch: int | None
    steps: int
    contestants: tuple[str, ...]
    activation: str = "relu"
    loss: str = "mse"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.0
    weight_decay: float = 0.0
    members: int = 1
    all_cores: bool = False
    tolerance: float = 1e-4
    bars: dict[str, float] = field(default_factory=dict)

    @property
    def operations(self) -> int:
        """Floating-point operations that a step of one network cannot do without:

        2B(3 sum(n_l n_l+1) - n_0 n_1), forward, weight gradients and all deltas but the first.
        """
        products = [a * b for a, b in pairwise(self.sizes)]
        return 2 * (self.batch or self.rows) * (3 * sum(products) - products[0])


@dataclass(frozen=True)
class Arrays:
    """x (rows, inputs); y (rows, outputs) or classes (rows,) int64; for each member the
    (weight (out, in), bias (out,)) of its layers; indices (members, steps, batch) int32 or
    None; rates (members,), the learning rates."""

    x: Floats
    y: NDArray
    layers: list[list[tuple[Floats, Floats]]]
    indices: NDArray[np.int32] | None
    rates: NDArray[np.float64]


def arrays(work: Workload, steps: int | None = None) -> Arrays:
    """The data, initial weights U(+-1/sqrt(inputs)) and shuffled batches of a workload."""
    generator = np.random.default_rng(zlib.crc32(work.name.encode()))
    x, y = _table(work, generator)
    layers = [
        [
            (_uniform(generator, (outputs, inputs)), _uniform(generator, (outputs,), inputs))
            for inputs, outputs in pairwise(work.sizes)
        ]
        for _ in range(work.members)
    ]
    rates = np.full(work.members, work.learning_rate)
    if work.members > 1:
        rates *= np.linspace(0.5, 2, work.members)
    return Arrays(x, y, layers, _batches(work, steps or work.steps, generator), rates)


def _table(work: Workload, generator: np.random.Generator) -> tuple[Floats, NDArray]:
    if work.name == "1":
        sums = generator.integers(0, 100, (work.rows, 3)).astype(np.float32)
        return sums, sums.cumsum(1)
    if work.name == "6":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)
    x = generator.normal(size=(work.rows, work.sizes[0])).astype(np.float32)
    mixing = generator.normal(size=(work.sizes[0], work.sizes[-1])) / np.sqrt(work.sizes[0])
    return x, (np.sin(2 * x @ mixing) + 0.1 * generator.normal(size=(work.rows, 1))).astype("f4")


def _uniform(
    generator: np.random.Generator, shape: tuple[int, ...], inputs: int | None = None
) -> Floats:
    bound = 1 / np.sqrt(inputs or shape[-1])
    return generator.uniform(-bound, bound, shape).astype(np.float32)


def _batches(
    work: Workload, steps: int, generator: np.random.Generator
) -> NDArray[np.int32] | None:
    """Slices of fresh permutations, the rest of each epoch left out: (members, steps, batch)."""
    if work.batch is None:
        return None
    an_epoch = work.rows // work.batch
    epochs = -(-steps // an_epoch)
    order = np.tile(np.arange(work.rows, dtype=np.int32), (work.members * epochs, 1))
    order = generator.permuted(order, axis=1)[:, : an_epoch * work.batch]
    return order.reshape(work.members, epochs * an_epoch, work.batch)[:, :steps]


# Adam's first steps turn rounding into whole steps where gradients are small: in float64 the
# contestants of row 7 agree to 4e-16, in float32 each is up to 6e-4 away from that after 20 steps.
WIDE = 1e-3

WORKLOADS = (
    Workload(
        "1", "the article: 1000x3 full batch, 3-3-3-3, SGD", (3, 3, 3, 3), 1000, None, 5000,
        ("vetro", "article", "torch", "torch_compiled", "jax", "scikit_learn"),
        activation="identity", optimizer="sgd", learning_rate=1e-5,
        bars={"article": 110, "jax": 30, "scikit_learn": 60},
    ),
    Workload(
        "2", "1-16-16-1 tanh, batch 16, Adam", (1, 16, 16, 1), 1000, 16, 50_000,
        ("vetro", "torch", "jax", "scikit_learn"),
        activation="tanh", bars={"torch": 300, "jax": 5},
    ),
    Workload(
        "3", "8-64-64-1 ReLU, batch 64, Adam", (8, 64, 64, 1), 4000, 64, 20_000,
        ("vetro", "torch", "torch_compiled", "jax", "skorch", "keras", "scikit_learn"),
        bars={"torch": 15, "jax": 1.15},
    ),
    Workload(
        "4", "4-32-16-4 tanh, full batch of 10,000, Adam", (4, 32, 16, 4), 10_000, None, 2000,
        ("vetro", "torch", "torch_compiled", "jax"),
        activation="tanh", all_cores=True, bars={"torch": 4, "jax": 2},
    ),
    Workload(
        "5", "64-128-128-1 ReLU, batch 256, AdamW", (64, 128, 128, 1), 10_000, 256, 5000,
        ("vetro", "torch", "torch_compiled", "jax"),
        optimizer="adamw", weight_decay=0.01, bars={"torch": 2.6, "jax": 1},
    ),
    Workload(
        "6", "digits 64-128-64-10 ReLU, cross entropy, batch 64, SGD with momentum",
        (64, 128, 64, 10), 1797, 64, 560, ("vetro", "torch", "jax", "scikit_learn"),
        loss="cross_entropy", optimizer="sgd", learning_rate=0.01, momentum=0.9,
    ),
    Workload(
        "7.256", "64-512-512-512-1 ReLU, batch 256, Adam", (64, 512, 512, 512, 1), 8192, 256, 200,
        ("vetro", "torch", "jax"),
        all_cores=True, tolerance=WIDE, bars={"torch": 1.1, "jax": 1},
    ),
    Workload(
        "7.4096", "64-512-512-512-1 ReLU, batch 4096, Adam", (64, 512, 512, 512, 1), 8192, 4096, 12,
        ("vetro", "torch", "jax"),
        all_cores=True, tolerance=WIDE, bars={"torch": 1.1, "jax": 1},
    ),
    Workload(
        "8", "1024 networks 8-32-32-1 ReLU, batch 32, Adam, own seeds, rates and rows",
        (8, 32, 32, 1), 2000, 32, 2000,
        ("vetro_many", "torch_many", "torch_vmap", "jax_vmap", "joblib"),
        members=1024, all_cores=True, bars={"torch_many": 90, "torch_vmap": 4.5, "jax_vmap": 3},
    ),
)  # fmt: skip


def _grown(quantity: str, value: int) -> Workload:
    """The network of row 3 with one quantity changed."""
    base = Workload("", "", (8, 64, 64, 1), 1000, 64, 2000, ("vetro",))
    if quantity == "members":
        base = replace(base, contestants=("vetro_many",))
    return replace(base, name=f"{quantity}.{value}", **{quantity: value})


# Each quantity ten and a hundred times as large, for scaling.py.
SCALING = {
    quantity: tuple(_grown(quantity, first * factor) for factor in (1, 10, 100))
    for quantity, first in (("steps", 2000), ("rows", 1000), ("members", 1))
}
