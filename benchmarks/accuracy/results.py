"""Results of one contestant under one label: a JSON file with a line per table, and its figures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.contestants import REFERENCE

PUBLISHED = Path(__file__).parent / "results"
"""Results that the documents show."""
TRIALS = Path(__file__).parents[2] / "build" / "accuracy"
"""Results of experiments; git ignores them."""

Results = dict[str, dict[str, Any]]


def read(path: Path) -> Results:
    """Table -> result, and {} if there is no file."""
    return json.loads(path.read_text()) if path.exists() else {}


def add(path: Path, table: str, result: Mapping[str, Any]) -> None:
    """Put a result into the file, in place of an earlier one of the table."""
    kept = {**read(path), table: dict(result)}
    lines = [f"{json.dumps(name)}: {json.dumps(kept[name])}" for name in sorted(kept)]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    fresh.replace(path)


def reference() -> Results:
    """The published results that errors are divided by."""
    return read(PUBLISHED / f"{REFERENCE}.json")


def ratios(results: Results, reference: Results) -> dict[str, float]:
    """Table -> error / error of the reference, where both have one."""
    return {
        name: result["error"] / reference[name]["error"]
        for name, result in results.items()
        if "error" in result and "error" in reference.get(name, {})
    }


def geometric_mean(values: Iterable[float]) -> float:
    """exp(mean(log v)), and NaN of none."""
    logs = np.log(list(values))
    return float(np.exp(logs.mean())) if len(logs) else float("nan")


def mean_ranks(contestants: Mapping[str, Results], tables: Iterable[str]) -> dict[str, float]:
    """Contestant -> mean over the tables of its rank by error, 1 the lowest; equals share theirs.

    Every contestant needs an error on every table.
    """
    names = list(contestants)
    errors = np.array([[contestants[name][table]["error"] for name in names] for table in tables])
    lower = (errors[:, None, :] < errors[:, :, None]).sum(axis=2)
    equal = (errors[:, None, :] == errors[:, :, None]).sum(axis=2)
    ranks = lower + (equal + 1) / 2
    return dict(zip(names, ranks.mean(axis=0).tolist(), strict=True))
