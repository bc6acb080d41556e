"""The accuracy bench: contestants with their defaults on real tables, a process per table.

    python -m benchmarks.accuracy.run --only vetro [--half tuning] [--tables NAME ...] [--jobs 1]
                                      [--label NAME] [--settings '{"hidden": [32]}'] [--again]

A result is kept in build/accuracy/LABEL.json as soon as it is there, and not measured again.
--publish keeps it in benchmarks/accuracy/results/CONTESTANT.json, which docs/accuracy.md shows.
The tables of the unseen half are for the final measurement: they need --final.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from benchmarks.accuracy import results
from benchmarks.accuracy.contestants import CONTESTANTS
from benchmarks.accuracy.one import Order, measured
from benchmarks.accuracy.tables import Table, declared

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
"""What the processes that are forked from this one find in their environment."""


def main() -> None:
    options = _options()
    if options.threads == 1:
        os.environ |= dict.fromkeys(ONE_THREAD, "1")
    names = [options.only] if options.only else list(CONTESTANTS)
    tables = _tables(options)
    for name in names:
        label = options.label or name
        folder = results.PUBLISHED if options.publish else results.TRIALS
        path = folder / f"{label}.json"
        kept = {} if options.again else results.read(path)
        wanted = [table for table in tables if "error" not in kept.get(table.name, {})]
        print(f"{label}: {len(tables) - len(wanted)} of {len(tables)} tables are kept", flush=True)
        _measure(name, wanted, path, options)
        print(summary(results.read(path), tables), flush=True)


def _measure(name: str, tables: list[Table], path: Path, options: argparse.Namespace) -> None:
    everything = sorted(os.sched_getaffinity(0))
    cores: SimpleQueue[int] = SimpleQueue()
    for number in range(options.jobs):  # another run on this machine starts at another core
        cores.put(everything[(os.getpid() + number) % len(everything)])

    def run(table: Table) -> tuple[Table, dict[str, Any]]:
        core = cores.get()
        order = Order(name, table.name, options.settings, core if options.threads == 1 else -1)
        try:
            return table, measured(order, options.limit)
        finally:
            cores.put(core)

    with ThreadPoolExecutor(options.jobs) as pool:
        for table, result in pool.map(run, tables):
            results.add(path, table.name, {**result, "settings": options.settings})
            print(_line(table.name, result), flush=True)


def _line(table: str, result: dict[str, Any]) -> str:
    if "problem" in result:
        return f"{table:28} {result['problem']}"
    reference = results.reference()
    ratio = results.ratios({table: result}, reference).get(table)
    times = "" if ratio is None else f"{ratio:6.3f} of trees'"
    return f"{table:28} error {result['error']:<10.5g} {times:16} {result['processor']:7.1f} s"


def summary(found: results.Results, tables: list[Table]) -> str:
    """The figures over the tables that are measured: in both tasks and together."""
    reference = results.reference()
    lines = []
    kinds = {"regression": (False,), "classes": (True,), "all": (False, True)}
    for kind, tasks in kinds.items():
        part = {t.name: found[t.name] for t in tables if t.classes in tasks and t.name in found}
        ratios = results.ratios(part, reference)
        if not ratios:
            continue
        both = {"it": part, "trees": reference}
        mean = results.geometric_mean(ratios.values())
        rank = results.mean_ranks(both, ratios)["it"]
        seconds = sum(part[name]["processor"] for name in ratios)
        lines.append(
            f"{kind:10} {len(ratios):2} tables: {mean:.3f} times the trees' error (geometric mean; "
            f"worst {max(ratios.values()):.2f}), mean rank of the two {rank:.2f}, {seconds:.0f} "
            "processor seconds"
        )
    return "\n".join(lines)


def _tables(options: argparse.Namespace) -> list[Table]:
    chosen = [declared()[name] for name in options.tables] or [
        table for table in declared().values() if options.half in (table.half, "both")
    ]
    unseen = [table.name for table in chosen if table.half == "unseen"]
    if unseen and not options.final:
        sys.exit(
            f"{', '.join(unseen)}: the unseen half is measured once, at the end; nothing is tuned "
            "on it. Add --final for the final measurement."
        )
    return chosen


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=CONTESTANTS, default="", metavar="CONTESTANT")
    parser.add_argument("--half", choices=("tuning", "unseen", "both"), default="tuning")
    parser.add_argument("--tables", nargs="*", choices=declared(), default=[], metavar="NAME")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--threads", type=int, choices=(0, 1), default=1, help="0: all cores")
    parser.add_argument("--label", default="", help="of the results (default: the contestant)")
    parser.add_argument("--settings", type=json.loads, default={}, help="of the contestant, JSON")
    parser.add_argument("--limit", type=int, default=3600, help="processor seconds per table")
    parser.add_argument("--again", action="store_true", help="measure what is kept, too")
    parser.add_argument("--publish", action="store_true", help="keep for the documents")
    parser.add_argument("--final", action="store_true", help="allow the unseen half")
    options = parser.parse_args()
    if options.publish and (options.settings or options.label):
        parser.error("--publish is for the defaults: leave out --settings and --label")
    return options


if __name__ == "__main__":
    main()
