"""All benchmarks: times the contestants in turn and writes docs/benchmarks.md and a JSON.

    python benchmarks/run.py [ROW ...] [--rounds N] [--cores 1|all]
                                          [--clock seconds|processor] [--save]

ROW: 1 to 8 of the training workloads (7 is two: 7.256 and 7.4096), 10 prediction, 11 whole
processes, 12 reading, 13 least squares, codes (numbers in bins), scaling.  Without ROW all of
them run.  --clock processor counts the time that a process had its one core, for a machine that
also does other work.  --save puts the tables into docs/benchmarks.md; otherwise they are only
printed.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import codes
import least_squares
import machine
import prediction
import reading
import scaling
import tables
import training
import whole_process
from workloads import WORKLOADS

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def chosen(name: str, rows: list[str]) -> bool:
    """Whether the user chose a row, by its name or by the number before the point."""
    return not rows or name in rows or name.split(".")[0] in rows


def measure(rows: list[str], rounds: int, cores: str, clock: str) -> dict[str, str]:
    """The sections of the table by name, printed as they come; the JSON is written last."""
    sections: dict[str, str] = {}
    results: dict[str, object] = {"machine": machine.description()}
    everything = len(os.sched_getaffinity(0))

    def take(name: str, result: object, text: str) -> None:
        results[name], sections[name] = result, text
        print(f"{text}\n", flush=True)

    for work in WORKLOADS:
        if not chosen(work.name, rows):
            continue
        wanted = [1] if cores != "all" else []
        wanted += [everything] if work.all_cores and cores != "1" and everything > 1 else []
        for threads in wanted:
            by = clock if threads == 1 else "seconds"
            result = training.measure(work, threads, rounds, by)
            take(f"{work.name}.{threads}", result, tables.training(work, threads, by, result))
    others = {
        "10": lambda: (prediction.measure(rounds), prediction.table),
        "11": lambda: (whole_process.measure(rounds), whole_process.table),
        "12": lambda: (reading.measure(min(rounds, 3)), reading.table),
        "13": lambda: (least_squares.measure(rounds), least_squares.table),
        "codes": lambda: (codes.measure(rounds, clock), codes.table),
        "scaling": lambda: (scaling.measure(min(rounds, 3), clock), scaling.table),
    }
    for name, part in others.items():
        if chosen(name, rows) and cores != "all":
            result, table = part()
            take(name, result, table(result))
    tables.write_json(results)
    return sections


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", choices=("1", "all"), default="")
    parser.add_argument("--clock", choices=("seconds", "processor"), default="seconds")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    start = time.perf_counter()
    print(f"{machine.text()}\n", flush=True)
    sections = measure(options.rows, options.rounds, options.cores, options.clock)
    if options.save:
        tables.save(DOCUMENT, sections)
    print(f"{(time.perf_counter() - start) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
