"""Choosing an engine for the networks of tables, and saying why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from vetro.engines.engine import Engine
from vetro.engines.names import EngineName
from vetro.engines.native_core import why_not_native
from vetro.errors import Notice, Setting, error, notice, words


@dataclass(frozen=True)
class Choice:
    """An engine, its device, the reason as a sentence, and a message about it for the user."""

    engine: Engine
    device: str
    reason: str
    notices: tuple[Notice, ...] = ()


def engine_for_training(wanted: str = "auto", device: str = "auto") -> Choice:
    """The engine "auto", "native" or "torch" for the device "auto", "cpu" or "cuda".

    "auto" is the native engine on the CPU: networks for tables are so small that a GPU waits
    for its launches.  E604 if the engine or device is missing.
    """
    names = get_args(EngineName)
    if wanted not in names:
        fix = words("Use one of: {names}.", names=", ".join(names))
        raise error(
            "E601", argument=Setting("engine"), value=wanted, reason="it is unknown", fix=fix
        )
    missing = why_not_native()
    if wanted == "native":
        if device == "cuda":
            raise error(
                "E604", what="the native engine has no CUDA", fix=words("Use {=engine torch}.")
            )
        if missing:
            raise error("E604", what=missing, fix=words("Use {=engine torch}."))
        return Choice(_native_engine(), "cpu", "it was asked for")
    if device == "cuda":
        _check_cuda()
        return Choice(_torch_engine(), "cuda", "the native engine has no CUDA")
    if wanted == "torch":
        return Choice(_torch_engine(), "cpu", "it was asked for")
    if missing:
        return Choice(_torch_engine(), "cpu", missing, (notice("I319", reason=missing),))
    return Choice(_native_engine(), "cpu", "it runs every network of a table on the CPU")


def engine_for_prediction() -> Engine:
    """The engine that predicts with a network."""
    return _torch_engine() if why_not_native() else _native_engine()


def _native_engine() -> Engine:
    from vetro.engines.native_engine import NativeEngine

    return NativeEngine()


def _torch_engine() -> Engine:
    # torch takes seconds to import: only a command that computes with it pays for it.
    from vetro.engines.torch_engine import TorchEngine

    return TorchEngine()


def _check_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        raise error("E604", what="there is no CUDA device here", fix=words("Use {=device cpu}."))
