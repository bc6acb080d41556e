"""Row 10: predicting with 64-64-64-1 ReLU, from Python, one thread, arrays in, arrays out.

A contestant's latency is the time of one call for a given number of rows, over many calls.
"""

from __future__ import annotations

import statistics
from typing import Any

from predictors import LABELS
from process import Process

BATCHES = (1, 64, 4096, 1_000_000)
TOLERANCE = 1e-4


def measure(rounds: int) -> dict[str, dict[str, Any]]:
    """For each contestant and batch the medians over the rounds of p50 and p99, in us."""
    found: dict[str, dict[str, Any]] = {key: {} for key in LABELS}
    running: dict[str, Process] = {}
    reference: list[float] = []
    try:
        for key, figures in found.items():
            process = running[key] = Process("predictors.py", [key], 1)
            outputs = [] if process.problem else process.ask("outputs", 64)["outputs"]
            problem = process.problem
            if outputs:
                reference = reference or outputs
                distance = max(abs(a - b) for a, b in zip(outputs, reference, strict=True))
                problem = "" if distance <= TOLERANCE else f"its outputs differ by {distance:.1e}"
            if problem:
                figures["problem"] = problem
                running.pop(key).end()
        for batch in BATCHES:
            replies: dict[str, list[dict[str, Any]]] = {key: [] for key in running}
            for number in range(rounds + 1):
                for key, process in running.items():
                    reply = process.ask("latency", batch)
                    if number:  # the first warms up
                        replies[key].append(reply)
            for key, times in replies.items():
                found[key][str(batch)] = {
                    name: statistics.median(reply[name] for reply in times) * 1e6
                    for name in ("p50", "p99")
                }
    finally:
        for process in running.values():
            process.end()
    return found


def table(result: dict[str, dict[str, Any]]) -> str:
    """The section: p50 and p99 of each batch; in brackets p50 over Vetro's."""
    heads = [f"{batch:,} row{'s' if batch > 1 else ''}, us" for batch in BATCHES]
    lines = [
        "### Row 10: prediction, 64-64-64-1 ReLU, one core",
        "",
        "p50 / p99 of a call from Python; in brackets p50 over Vetro's.",
        "",
        f"| contestant | {' | '.join(heads)} |",
        f"|---|{'---:|' * len(heads)}",
    ]
    ours = result.get("vetro", {})
    for key, figures in result.items():
        if "problem" in figures:
            lines.append(f"| {LABELS[key]} | not measured: {figures['problem']} | | | |")
            continue
        cells = []
        for batch in map(str, BATCHES):
            times = figures[batch]
            ratio = f" ({times['p50'] / ours[batch]['p50']:.2f})" if batch in ours else ""
            cells.append(f"{times['p50']:,.1f} / {times['p99']:,.1f}{ratio}")
        lines.append(f"| {LABELS[key]} | {' | '.join(cells)} |")
    return "\n".join(lines)
