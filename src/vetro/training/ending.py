"""The end of a training of the PyTorch door, the same for both engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vetro.errors import error, notice
from vetro.training import misfit, misuse
from vetro.training.advice import advise
from vetro.training.arguments import Request
from vetro.training.history import History


@dataclass(frozen=True)
class Ended:
    """reason: "done", "patience", "interrupted" or "diverged".  restore_best: puts the
    best epoch's values into the module, if there was one, and returns its number, else 0."""

    reason: str
    restore_best: Callable[[], int]


def conclude(asked: Request, history: History, ended: Ended) -> None:
    """Complete the history and put back the best epoch; E317 if the loss was not finite."""
    training = asked.training
    history.stopped = ended.reason
    if ended.reason == "done":
        history.stopped = "epochs" if training.steps is None else "steps"
    diverged = ended.reason == "diverged"
    tensor = ""
    try:
        if diverged:
            tensor = misfit.explain_divergence(training.module, asked.x, asked.y)
    finally:
        history.best_epoch = ended.restore_best()
    if diverged:
        kept = f"The best parameters (epoch {history.best_epoch}) were kept. "
        raise error(
            "E317",
            step=len(history.loss),
            loss=history.loss[-1],
            tensor=tensor,
            kept=kept if history.best_epoch else "",
            lr=float(training.optimizer.param_groups[0]["lr"]),
            history=history,
        )
    if training.patience and not history.best_epoch and history.validation:
        advise([notice("W323")])
    misuse.remember_gradients(training.module)
