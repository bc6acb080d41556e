"""Choosing an engine, and saying why."""

from __future__ import annotations

from vetro.engines.engine import Engine
from vetro.errors import error


def engine_for_training() -> tuple[Engine, str]:
    """The engine that trains a network, and the reason for it as a sentence."""
    return _torch_engine(), "the torch engine is the only one in this version"


def engine_for_prediction() -> Engine:
    """The engine that predicts with a network."""
    return _torch_engine()


def _torch_engine() -> Engine:
    # torch takes seconds to import: only a command that computes pays for it.
    from vetro.engines.torch_engine import TorchEngine

    return TorchEngine()


def device_for_training(wanted: str) -> str:
    """The device for "auto", "cpu" or "cuda"; E604 where CUDA is wanted and not there.

    "auto" is the CPU: networks for tables are so small that a GPU waits for its launches.
    """
    if wanted != "cuda":
        return "cpu"
    import torch

    if not torch.cuda.is_available():
        raise error("E604", what="there is no CUDA device here", mend="Use --device cpu.")
    return "cuda"
