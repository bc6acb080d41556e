"""Checkpoints: an interrupted fit, whole, in one safetensors file.

Holds the members that are done, the state of the one in training and every epoch so far.
Written to a temporary file, fsynced and renamed: a kill leaves the previous one intact.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vetro.atomic import atomic_file
from vetro.engines.engine import Outcome, TrainingState
from vetro.errors import error
from vetro.training.history import EpochRecord

CHECKPOINT_FORMAT = 1


@dataclass
class Checkpoint:
    """table: SHA-256 of the data; request: the fit's request as JSON; engine: its name,
    version and threads (bits depend on them); done: outcomes of finished members, in
    order; current: the state of the next one, None before its first epoch."""

    table: str
    request: str
    engine: str
    done: list[Outcome] = field(default_factory=list)
    current: TrainingState | None = None
    history: list[EpochRecord] = field(default_factory=list)
    seconds: float = 0.0


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write it atomically; E503 if the disk refuses, the previous one stays intact."""
    arrays: dict[str, NDArray[Any]] = {}
    for number, outcome in enumerate(checkpoint.done):
        arrays[f"done.{number}"] = outcome.parameters
    numbers = None
    if checkpoint.current is not None:
        numbers = checkpoint.current.numbers
        arrays |= {f"current.{name}": value for name, value in checkpoint.current.arrays.items()}
    document = {
        "format": CHECKPOINT_FORMAT,
        "table": checkpoint.table,
        "request": checkpoint.request,
        "engine": checkpoint.engine,
        "seconds": checkpoint.seconds,
        "done": [
            [one.best_epoch, one.best_validation, one.epochs, one.stopped]
            for one in checkpoint.done
        ],
        "numbers": numbers,
        "history": [list(asdict(record).values()) for record in checkpoint.history],
    }
    content = save(arrays, metadata={"vetro.checkpoint": json.dumps(document)})
    with atomic_file(path) as file:
        file.write(content)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read it back; E507 if there is none, E501 if it is damaged."""
    if not path.exists():
        raise error("E507", path=path, hint="Start the fit without --resume.")
    try:
        with safe_open(path, framework="numpy") as file:
            document = json.loads((file.metadata() or {})["vetro.checkpoint"])
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        if document["format"] != CHECKPOINT_FORMAT:
            raise ValueError(f"checkpoint format {document['format']}")
        done = [
            Outcome(arrays[f"done.{number}"], int(best), float(score), int(epochs), str(stopped))
            for number, (best, score, epochs, stopped) in enumerate(document["done"])
        ]
        current = None
        if document["numbers"] is not None:
            state = {
                name.removeprefix("current."): value
                for name, value in arrays.items()
                if name.startswith("current.")
            }
            current = TrainingState(state, document["numbers"])
        history = [EpochRecord(*values) for values in document["history"]]
        return Checkpoint(
            document["table"],
            document["request"],
            document["engine"],
            done,
            current,
            history,
            float(document["seconds"]),
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as reason:
        raise error("E501", path=path, reason=f"not a checkpoint: {reason}") from reason
