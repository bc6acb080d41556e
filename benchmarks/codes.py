"""Numbers in bins against raw numbers: a training step of 8 columns, each with 32 bins.

Vetro alone, one core: 8-64-64-1 ReLU, batch 64, AdamW, float32.  The three forms advance in turn
in one process: raw columns, bins as codes, and the same bins multiplied as any other columns.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import NO_CODES, Codes, Job, Rows
from vetro.engines.native_run import trainer_of
from vetro.networks.initial import initial_parameters
from vetro.networks.network import Network
from vetro.tables.blocks import NumberBlock, quantile_borders
from vetro.training.plan import make_job
from vetro.training.recipe import Recipe

COLUMNS, BINS, ROWS, BATCH, STEPS, TURNS = 8, 32, 4096, 64, 256, 25
RECIPE = Recipe(optimizer="adamw", weight_decay=0.01, batch_size=BATCH, epochs=1000, patience=0)
BAR = 1.6
CLOCKS = {"seconds": time.perf_counter, "processor": time.process_time}
FORMS = {"raw": "8 raw columns", "codes": "with 32 bins each, as codes", "dense": "without codes"}


def measure(rounds: int, clock: str = "seconds") -> dict[str, dict[str, float]]:
    """For each form the microseconds of a step: median, best turn; the median ratio to raw."""
    raw, whole = _matrices()
    codes = Codes(piecewise=tuple((j * (BINS + 1) + 1, BINS) for j in range(COLUMNS)))
    given = {"raw": (raw, NO_CODES), "codes": (whole, codes), "dense": (whole, NO_CODES)}
    jobs = {form: _job(*one) for form, one in given.items()}
    trainers = {form: trainer_of(job, 1) for form, job in jobs.items()}
    times: dict[str, list[float]] = {form: [] for form in FORMS}
    for turn in range(rounds * TURNS):
        for form, trainer in trainers.items():
            times[form].append(_turn(jobs[form], trainer, turn, CLOCKS[clock]))
    return {
        form: {
            "microseconds": statistics.median(taken) * 1e6,
            "best": min(taken) * 1e6,
            "times": statistics.median(a / b for a, b in zip(taken, times["raw"], strict=True)),
            "best times": min(taken) / min(times["raw"]),
        }
        for form, taken in times.items()
    }


def _turn(job: Job, trainer: Any, turn: int, now: Any) -> float:
    """Seconds per step over STEPS steps."""
    first = turn * STEPS
    trainer.feed(job.course.order.take(first, STEPS), job.course.rates.sample(first, STEPS))
    began = now()
    while trainer.advance(60.0) == "time":
        pass
    taken = now() - began
    job.course.order.commit(STEPS, STEPS)
    return float(taken / STEPS)


def _job(x: NDArray[np.float32], codes: Codes) -> Job:
    width = x.shape[1]
    names = tuple(f"x{number}" for number in range(width))
    net = Network((width, 64, 64, 1), "relu", 0.0, names, ("y",))
    y = np.sin(x[:, :: width // COLUMNS].sum(1, keepdims=True)).astype(np.float32)
    start = initial_parameters(net, 1)
    return make_job(RECIPE, net, "mse", start, Rows(x, y), None, seed=1, codes=codes)


def _matrices() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The raw columns (rows, 8), and each with its bins (rows, 8 x 33)."""
    raw = np.random.default_rng(0).normal(size=(ROWS, COLUMNS))
    whole = np.empty((ROWS, COLUMNS * (BINS + 1)), np.float32)
    for j, values in enumerate(raw.T):
        block = NumberBlock("x", 0.0, 1.0, 0.0, borders=quantile_borders(values, BINS))
        block.write(whole[:, j * (BINS + 1) : (j + 1) * (BINS + 1)], values)
    return raw.astype(np.float32), whole


def table(result: dict[str, dict[str, float]]) -> str:
    """The section."""
    lines = [
        "### Numbers in bins: 8-64-64-1 ReLU, batch 64, AdamW, one core",
        "",
        f"The bar for codes: at most {BAR} times the raw columns.",
        "",
        "| inputs | us per step, median | best turn | times raw, median | best turns |",
        "|---|---:|---:|---:|---:|",
    ]
    for form, figures in result.items():
        cells = (f"{figures[name]:.1f}" for name in ("microseconds", "best"))
        ratios = (f"{figures[name]:.2f}" for name in ("times", "best times"))
        lines.append(f"| {FORMS[form]} | {' | '.join(cells)} | {' | '.join(ratios)} |")
    return "\n".join(lines)
