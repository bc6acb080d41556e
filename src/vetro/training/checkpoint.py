"""Checkpoints: the whole state of an interrupted fit in one safetensors file.

A checkpoint holds the finished members, the states of members in training and their epochs so
far.  It is written to a temporary file, fsynced and renamed, so a kill leaves the previous one
intact.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vetro.atomic import write_whole
from vetro.engines.job import Outcome, TrainingState
from vetro.errors import error, words
from vetro.networks.solvers import Regularisation
from vetro.training.history import EpochRecord

CHECKPOINT_FORMAT = 6


@dataclass
class Checkpoint:
    """table: SHA-256 of the data; request: the fit's request as JSON; engine: its name and
    version (bits depend on both); done: outcomes of finished members, by number; current:
    the states of members in training."""

    table: str
    request: str
    engine: str
    done: dict[int, Outcome] = field(default_factory=dict)
    current: dict[int, TrainingState] = field(default_factory=dict)
    history: list[EpochRecord] = field(default_factory=list)
    seconds: float = 0.0


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write it atomically; E503 if that fails, and the previous one stays intact."""
    arrays: dict[str, NDArray[Any]] = {}
    for number, outcome in checkpoint.done.items():
        arrays[f"done.{number}"] = outcome.parameters
    for number, state in checkpoint.current.items():
        arrays |= {f"current.{number}.{name}": value for name, value in state.arrays.items()}
    document = {
        "format": CHECKPOINT_FORMAT,
        "table": checkpoint.table,
        "request": checkpoint.request,
        "engine": checkpoint.engine,
        "seconds": checkpoint.seconds,
        "done": {
            number: [
                one.best_epoch,
                one.best_validation,
                one.epochs,
                one.stopped,
                None if one.regularisation is None else astuple(one.regularisation),
            ]
            for number, one in checkpoint.done.items()
        },
        "current": {number: state.numbers for number, state in checkpoint.current.items()},
        "history": [record.columns for record in checkpoint.history],
    }
    write_whole(
        path, save(arrays, metadata={"vetro.checkpoint": json.dumps(document)}), "the checkpoint"
    )


def load_checkpoint(path: Path) -> Checkpoint:
    """Read it back; E507 if there is none, E501 if it is damaged."""
    if not path.exists():
        raise error("E507", path=path, hint=words("Start the fit without {-resume}."))
    try:
        with safe_open(path, framework="numpy") as file:
            document = json.loads((file.metadata() or {})["vetro.checkpoint"])
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        if document["format"] != CHECKPOINT_FORMAT:
            raise ValueError(f"checkpoint format {document['format']}")
        done = {
            int(number): Outcome(
                arrays[f"done.{number}"],
                int(best),
                float(score),
                int(epochs),
                str(stopped),
                None,
                None if found is None else Regularisation(*found),
            )
            for number, (best, score, epochs, stopped, found) in document["done"].items()
        }
        current = {
            int(number): TrainingState(_named(arrays, f"current.{number}."), numbers)
            for number, numbers in document["current"].items()
        }
        return Checkpoint(
            document["table"],
            document["request"],
            document["engine"],
            done,
            current,
            [EpochRecord.of(columns) for columns in document["history"]],
            float(document["seconds"]),
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as reason:
        raise error("E501", path=path, reason=f"not a checkpoint: {reason}") from reason


def _named(arrays: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
