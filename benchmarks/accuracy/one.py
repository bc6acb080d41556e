"""One contestant on one table, in a process of its own: an order in, a result out.

Its threads, memory and failures stay its own.  Its library was imported before the process was
forked, and the import is not part of its time.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.accuracy.contestants import CONTESTANTS
from benchmarks.accuracy.scores import of_classes, of_numbers
from benchmarks.accuracy.tables import declared, load, seed_of


@dataclass(frozen=True)
class Order:
    """core: the only one to run on, or -1 for all."""

    contestant: str
    table: str
    settings: dict[str, Any]
    core: int = -1


def result(order: Order) -> dict[str, Any]:
    """rows (to fit, to test), the scores, seconds (of the clock), processor (seconds), megabytes
    (the most memory), versions."""
    contestant = CONTESTANTS[order.contestant]
    table, fit = declared()[order.table], contestant.fit
    data = load(table)
    actual = data.test[table.target]
    clock, processor = time.perf_counter(), _processor_seconds()
    with contextlib.redirect_stdout(sys.stderr):
        answers = fit(data, {**contestant.settings, **order.settings}, seed_of(table.name))
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


def measured(order: Order, limit: int) -> dict[str, Any]:
    """The result from a process of its own, or {"problem": why there is none}.

    limit: processor seconds that it may take, at least 1.  It is given up, too, if it is not ready
    after 20 times as long by the clock.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, CONTESTANTS[order.contestant].module])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(order, limit, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(20 * limit):
            return {"problem": f"not ready after {20 * limit} s"}
        found: dict[str, Any] = ours.recv()
        return found
    except EOFError:
        process.join()
        if process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL):
            return {"problem": f"more than {limit} processor seconds, or memory than there is"}
        return {"problem": f"the process ended ({process.exitcode})"}
    finally:
        process.kill()
        process.join()


def _send(order: Order, limit: int, pipe: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    if order.core >= 0:
        os.sched_setaffinity(0, {order.core})
    warnings.simplefilter("ignore")
    try:
        pipe.send(result(order))
    except Exception as problem:  # whatever a library raises is this table's result
        traceback.print_exc()
        text = f"{type(problem).__name__}: {problem}".strip().splitlines()
        pipe.send({"problem": text[0][:300]})


def _processor_seconds() -> float:
    return sum(os.times()[:4])
