"""A contestant's process: it starts on one core or on all, and reads requests line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ONE_CORE = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


class Process:
    """Waits for requests; `problem` says why it cannot answer, or is empty."""

    def __init__(self, script: str, arguments: list[str], threads: int) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
        environment["XLA_FLAGS"] = ONE_CORE if threads == 1 else ""
        core = max(os.sched_getaffinity(0)) if threads == 1 else -1
        self.process = subprocess.Popen(
            [sys.executable, str(FOLDER / script), *arguments, str(threads), str(core)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.problem = self._read().get("failed", "")

    def ask(self, *request: object) -> dict[str, Any]:
        """Its answer; a failure is kept in `problem`."""
        print(json.dumps(request), file=self.process.stdin, flush=True)
        reply = self._read()
        self.problem = reply.get("failed", "")
        return reply

    def end(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def _read(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"failed": "the process ended"}


def serve(make: Callable[[list[str], int], Callable[[list[Any]], dict[str, Any]]]) -> None:
    """The other end: arguments, threads and core from the command line, then requests.

    make(arguments, threads) returns what answers a request.
    """
    *arguments, threads, core = sys.argv[1:]
    if int(core) >= 0:
        os.sched_setaffinity(0, {int(core)})
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of libraries must not be read as a reply
    try:
        answer = make(arguments, int(threads))
        print(json.dumps({"ready": True}), file=replies)
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), file=replies)
    except Exception as problem:
        text = " ".join(f"{type(problem).__name__}: {problem}".split())
        print(json.dumps({"failed": text[:200]}), file=replies)
        raise
