"""One contestant on one table, in this process: the order as JSON in, the result as JSON out.

run.py starts it, so that a library's threads, memory and failures stay its own.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import resource
import sys
import time
from typing import Any

from benchmarks.accuracy.contestants import CONTESTANTS
from benchmarks.accuracy.scores import of_classes, of_numbers
from benchmarks.accuracy.tables import declared, load, seed_of


def result(order: dict[str, Any]) -> dict[str, Any]:
    """order: contestant, table, settings, threads.  The result: rows, scores, seconds (of the
    clock), processor (seconds), megabytes (the most memory), versions."""
    contestant = CONTESTANTS[order["contestant"]]
    table = declared()[order["table"]]
    data = load(table)
    actual = data.test[table.target]
    clock, processor = time.perf_counter(), _processor_seconds()
    with contextlib.redirect_stdout(sys.stderr):
        answers = contestant.fit(data, order["settings"], seed_of(table.name))
    seconds, processor = time.perf_counter() - clock, _processor_seconds() - processor
    scores = (
        of_classes(actual.tolist(), data.labels, answers)
        if table.classes
        else of_numbers(actual.to_numpy(dtype=float), answers)
    )
    return {
        "rows": [len(data.train), len(data.test)],
        **{name: float(f"{value:.6g}") for name, value in scores.items()},
        "seconds": round(seconds, 2),
        "processor": round(processor, 2),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "versions": {name: importlib.metadata.version(name) for name in contestant.libraries},
    }


def _processor_seconds() -> float:
    return sum(os.times()[:4])


def main() -> None:
    order = json.load(sys.stdin)
    if order["threads"] == 1:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[order["core"]]})
    json.dump(result(order), sys.stdout)


if __name__ == "__main__":
    main()
