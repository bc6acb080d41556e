"""Baselines in a separate process, while the network trains.

Loading scikit-learn takes longer than training a small network, and its trees take as long again;
neither needs the network.  If no process can be started, or it fails, the baselines are computed
here, with the same predictions.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vetro.model.baselines import BaselineJob, baselines
from vetro.tables.table import Table

# Above this, copying the table to the process would need too much memory for the time it saves.
MOST_BYTES = 2**28

Predictions = dict[str, NDArray[np.float64]]


class Baselines:
    """The baselines of one fit; a context manager, which ends the process.

    apart: start a process that loads scikit-learn at once.
    """

    def __init__(self, *, apart: bool) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._begun: BaselineJob | None = None
        if apart and _worthwhile():
            with contextlib.suppress(OSError):
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", f"from {__name__} import _serve; _serve()"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    # Only the fit handles Ctrl-C; it then ends this process.
                    start_new_session=True,
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def begin(self, job: BaselineJob) -> None:
        """Give the process the job whose predictions will be needed."""
        if self._process is None or self._process.stdin is None:
            return
        schema, table = job.table.schema, job.table
        wanted = [*schema.inputs, *schema.targets, *schema.with_role("weight")]
        values = {column.name: table.values[column.name] for column in wanted}
        if sum(array.nbytes for array in values.values()) > MOST_BYTES:
            return
        self._begun = job
        pipe, self._process.stdin = self._process.stdin, None  # `communicate` would flush it
        with contextlib.suppress(OSError), pipe:
            sent = replace(job, table=Table(schema, values, table.rows, table.name))
            pickle.dump(sent, pipe, pickle.HIGHEST_PROTOCOL)

    def predictions(self, job: BaselineJob) -> Predictions:
        """The predictions of the process if it began with the same folds, else computed here."""
        if self._begun is not None and np.array_equal(self._begun.fold, job.fold):
            found = self._answer()
            if found is not None:
                return found
        return baselines(job)

    def _answer(self) -> Predictions | None:
        if self._process is None or self._process.stdout is None:
            return None
        content = self._process.stdout.read()
        if self._process.wait() != 0:
            return None
        found: Predictions = pickle.loads(content)
        return found


def _worthwhile() -> bool:
    """Whether there is a second core and a Python to run, and scikit-learn is not loaded here."""
    runs_python = Path(sys.executable or "").name.startswith("python")
    several = (os.cpu_count() or 1) > 1
    return several and runs_python and "sklearn" not in sys.modules


def _load() -> None:
    # scikit-learn works without pandas, which takes a third of its loading time;
    # no frame comes here.
    sys.modules["pandas"] = None  # type: ignore[assignment]
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401

    del sys.modules["pandas"]


def _serve() -> None:
    """The process: the table comes on stdin while scikit-learn is loaded; predictions to stdout."""
    loading = threading.Thread(target=_load)
    loading.start()
    job = pickle.load(sys.stdin.buffer)
    loading.join()
    sys.stdout.buffer.write(pickle.dumps(baselines(job), pickle.HIGHEST_PROTOCOL))
