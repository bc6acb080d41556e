"""Times the contestants of a training workload in turn, each in its own process.

First the losses of the first steps are compared: a contestant whose losses differ is reported
and not timed.
"""

from __future__ import annotations

import statistics
from typing import Any

from contestants import ENTRIES
from process import Process
from workloads import SGEMM_SIZE, Workload

CHECKED = 20  # steps whose losses are compared
TOLERANCE = {"scikit_learn": 1e-3, "joblib": 1e-3, "keras": 1e-3}  # epsilon on another root
SECONDS = 1.0  # length of one timing of a peer; Vetro always runs the whole training
VETRO = ("vetro", "vetro_many")
SCRIPT = "contestants.py"


def measure(
    work: Workload, threads: int, rounds: int, clock: str = "seconds"
) -> dict[str, dict[str, Any]]:
    """For each contestant its figures, or the reason why it has none.

    clock: "seconds", or "processor" for the seconds that the process had the core.  Other programs
    on the machine disturb these less, but they are only correct on one core.
    """
    found: dict[str, dict[str, Any]] = {key: {} for key in work.contestants}
    running: dict[str, Process] = {}
    yardstick = Process(SCRIPT, ["sgemm", work.name], threads)
    try:
        for key, figures in found.items():
            process = Process(SCRIPT, [key, work.name], threads)
            if process.problem:
                figures["problem"] = process.problem
                process.end()
            else:
                running[key] = process
        _check(work, running, found)
        lengths = {key: _length(work, key, process) for key, process in running.items()}
        times: dict[str, list[float]] = {key: [] for key in running}
        rates: list[float] = []
        for number in range(rounds):
            keys = list(running)
            for key in keys[number % len(keys) :] + keys[: number % len(keys)]:
                times[key].append(_step_seconds(running[key], lengths[key], clock))
            rates += [2 * SGEMM_SIZE**3 / _step_seconds(yardstick, 3, clock) for _ in range(5)]
    finally:
        for process in (yardstick, *running.values()):
            process.end()
    ours = next((times[key] for key in VETRO if key in times), None)
    for key, seconds in times.items():
        found[key] |= {
            "microseconds": statistics.median(seconds) * 1e6,
            "rounds": [value * 1e6 for value in seconds],
            "steps": lengths[key],
            "share": work.operations / max(rates) / statistics.median(seconds),
            "times": _ratio(seconds, ours) if ours else None,
        }
    return found


def _step_seconds(process: Process, steps: int, clock: str) -> float:
    """The time of one step of one network; raises if the contestant failed meanwhile."""
    reply = process.ask("time", steps, SECONDS / 2)
    if process.problem:
        raise SystemExit(f"a contestant failed while it was timed: {process.problem}")
    return reply[clock] / reply["steps"]


def _ratio(seconds: list[float], ours: list[float]) -> float:
    """Median over the rounds of theirs / ours."""
    return statistics.median(a / b for a, b in zip(seconds, ours, strict=True))


def _check(work: Workload, running: dict[str, Process], found: dict[str, dict[str, Any]]) -> None:
    """Compares the first losses with plain torch's; ends a contestant whose losses differ."""
    reference: list[float] = []
    for key in sorted(running, key=lambda key: "torch" not in ENTRIES[key].module):
        reply = running[key].ask("losses", min(CHECKED, work.steps))
        problem = running[key].problem
        if not problem:
            found[key]["first"] = reply["seconds"]
            reference = reference or reply["losses"]
            distance = _distance(reply["losses"], reference)
            if not distance <= max(TOLERANCE.get(key, 0), work.tolerance):
                problem = f"its losses differ by {distance:.1e}"
        if problem:
            found[key]["problem"] = problem
            running.pop(key).end()


def _distance(losses: list[float], reference: list[float]) -> float:
    """The largest relative difference; of the means where only a mean is known."""
    if len(losses) == 1:
        reference = [statistics.mean(reference)]
    pairs = zip(losses, reference, strict=True)
    return max(abs(a - b) / abs(b) for a, b in pairs)


def _length(work: Workload, key: str, process: Process) -> int:
    """The number of steps that takes about a second; for Vetro all steps.  Also warms up."""
    if key in VETRO:
        process.ask("time", work.steps, 0)
        return work.steps
    steps = min(CHECKED, work.steps)
    seconds = 0.0
    while steps < work.steps and seconds < SECONDS / 2:
        process.ask("time", steps, 0)
        seconds = process.ask("time", steps, 0)["seconds"]
        steps = min(work.steps, max(steps, int(steps * SECONDS / seconds)))
    process.ask("time", steps, 0)
    return steps
