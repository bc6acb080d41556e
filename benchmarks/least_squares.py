"""Least squares to a mean squared error of 1e-8 on smooth functions: seconds from random weights.

Every contestant begins with the same weights, in float64 on one core; several seeds, in turn.
"""

from __future__ import annotations

import statistics
from typing import Any

from process import Process
from squares_contestants import CONTESTANTS, GOAL

PROBLEMS = ("1-20-1", "2-30-2")
GOALS = {"minpack": 5.0, "trf": 5.0, "torch_levenberg": 100.0}


def measure(rounds: int, clock: str = "processor") -> dict[str, dict[str, dict[str, Any]]]:
    """Of each problem and contestant: the median seconds and steps, and how many seeds reached the
    goal.  A time without the goal is the time until it gave up."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name in PROBLEMS:
        running = {key: Process("squares_contestants.py", [key, name], 1) for key in CONTESTANTS}
        replies: dict[str, list[dict[str, Any]]] = {key: [] for key in running}
        try:
            for seed in range(rounds):
                for key, process in running.items():
                    reply = {} if process.problem else process.ask("time", seed)
                    if not process.problem:
                        replies[key].append(reply)
            problems = {key: process.problem for key, process in running.items()}
        finally:
            for process in running.values():
                process.end()
        ours = [reply[clock] for reply in replies["vetro"]]
        found[name] = {
            key: {"problem": problems[key]} if not kept else _figures(kept, ours, clock)
            for key, kept in replies.items()
        }
    return found


def _figures(kept: list[dict[str, Any]], ours: list[float], clock: str) -> dict[str, Any]:
    times = [reply[clock] for reply in kept]
    return {
        "seconds": statistics.median(times),
        "steps": statistics.median(reply["steps"] for reply in kept),
        "reached": sum(reply["reached"] <= GOAL for reply in kept),
        "seeds": len(kept),
        "times": statistics.median(a / b for a, b in zip(times, ours, strict=True)),
    }


def table(result: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The section."""
    lines = [
        "### Row 13: least squares to 1e-8 (mse), tanh, float64, one core, processor time",
        "",
        "| network | contestant | ms | times Vetro's | goal | steps | starts that reach it |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, contestants in result.items():
        for key, figures in contestants.items():
            label = CONTESTANTS[key][0]
            if "seconds" not in figures:
                lines.append(f"| {name} | {label} | not measured: {figures['problem']} | | | | |")
                continue
            goal = f"{GOALS[key]:g}" if key in GOALS else ""
            lines.append(
                f"| {name} | {label} | {figures['seconds'] * 1e3:,.1f} | {figures['times']:.3g} "
                f"| {goal} | {figures['steps']:,.0f} | {figures['reached']} of {figures['seeds']} |"
            )
    return "\n".join(lines)
