"""Steps per second must not fall when steps, rows or members grow tenfold, or a hundredfold.

Vetro alone, one core, the network of row 3; the time of the whole call of vetro.train or
vetro.train_many.
"""

from __future__ import annotations

import statistics

from process import Process
from workloads import SCALING


def measure(rounds: int, clock: str = "seconds") -> dict[str, dict[str, float]]:
    """For each quantity and value the median of network steps per second."""
    found: dict[str, dict[str, float]] = {}
    for quantity, works in SCALING.items():
        running = [Process("contestants.py", [*work.contestants, work.name], 1) for work in works]
        rates: list[list[float]] = [[] for _ in works]
        try:
            for number in range(rounds + 1):
                for process, work, kept in zip(running, works, rates, strict=True):
                    reply = {} if process.problem else process.ask("time", work.steps, 0)
                    if process.problem:
                        raise SystemExit(f"scaling of {quantity}: {process.problem}")
                    if number:  # the first warms up
                        kept.append(reply["steps"] / reply[clock])
        finally:
            for process in running:
                process.end()
        found[quantity] = {
            f"{getattr(work, quantity):,}": statistics.median(kept)
            for work, kept in zip(works, rates, strict=True)
        }
    return found


def table(result: dict[str, dict[str, float]]) -> str:
    """The section."""
    lines = [
        "### Scaling: steps per second, 8-64-64-1 ReLU, batch 64, Adam, one core",
        "",
        "| what grows | from: steps per second | tenfold | a hundredfold |",
        "|---|---:|---:|---:|",
    ]
    for quantity, rates in result.items():
        cells = [f"{value}: {rate:,.0f}" for value, rate in rates.items()]
        lines.append(f"| {quantity} | {' | '.join(cells)} |")
    return "\n".join(lines)
