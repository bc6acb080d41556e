"""The PyTorch door: train(module, x, y, ...) does what the plain loop does, in place.

The module, the loss and the optimizer are the user's own objects and stay so.  Not for
tables, whose door is vetro.fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vetro.engines.torch_loop import Loop, run
from vetro.errors import error, issue_warnings
from vetro.training import misfit, misuse
from vetro.training.best import Best, evaluate
from vetro.training.history import History
from vetro.training.stepping import Schedule, Stepping

Rows = Tensor | NDArray[Any]
Loss = Callable[[Tensor, Tensor], Tensor]
OnProgress = Callable[[int, float, History], object]

ENGINES = ("auto", "torch", "native")


def train(
    module: nn.Module,
    x: Rows,
    y: Rows,
    *,
    loss: Loss,
    optimizer: torch.optim.Optimizer,
    steps: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    generator: torch.Generator | None = None,
    schedule: Schedule | None = None,
    validation: tuple[Rows, Rows] | None = None,
    patience: int | None = None,
    on_progress: OnProgress | None = None,
    engine: str = "auto",
) -> History:
    """Train `module` in place as the plain PyTorch loop would, to the last bit.

    Each step is optimizer.zero_grad(); value = loss(module(x), y); value.backward();
    optimizer.step().  Parameters, buffers, gradients and the optimizer's state are left
    as that loop leaves them, and the next call goes on from there.

    x: (rows, ...).  y: (rows, ...).  Tensors are used as they are; NumPy arrays are
    copied to the module's device, floats to its dtype.
    loss(output, target): a tensor with one number.
    steps or epochs: how long, one of the two.
    batch_size: rows a step; None for all.  An epoch's batches are consecutive slices,
    the last may be shorter.  With shuffle they are slices of
    torch.randperm(rows, generator=generator), drawn once at the start of each epoch.
    schedule: a torch.optim.lr_scheduler object, stepped after every step (by epochs:
    every epoch), or a function k -> factor of the learning rate in step (epoch) k, from
    0.  OneCycleLR and CyclicLR are stepped after every step, ReduceLROnPlateau after
    every epoch with the validation loss.
    validation: (x, y); their loss in eval mode after each epoch, and after the last step.
    patience: stop after so many epochs without a lower validation loss, and put back the
    parameters and buffers of the best one (not the optimizer's state).
    on_progress(step, loss, history): called about every 0.1 s and at the end; returning
    False ends training, as Ctrl-C does, after a whole step.
    engine: "auto" or "torch"; history.reason says which was taken and why.

    Returns the History.  Raises TrainingError: E308 to E315 for a mistake, before any
    parameter changed; E317 when the loss is not finite (its `values["history"]` holds
    the History so far), UsageError for an argument.  Warns W310, W312 and W314.
    """
    misuse.check_kinds(module, loss, optimizer)
    reason = _reason(engine)
    _check_arguments(steps, epochs, batch_size, shuffle, generator, validation, patience)
    notices = misuse.check_parameters(module, optimizer)
    parameter = next(module.parameters())
    x, y = _pair("x", x, "y", y, parameter)
    held_out = None
    if validation is not None:
        held_out = _pair("validation x", validation[0], "validation y", validation[1], parameter)
    misuse.check_values(module, loss, x, y)
    notices += misuse.check_gradients(module, optimizer) + misuse.check_mode(module)
    issue_warnings(notices)

    rows = x.shape[0]
    batches = 1 if batch_size is None else math.ceil(rows / batch_size)
    total = steps if steps is not None else batches * (epochs or 0)
    history = History(engine="torch", reason=reason)
    best = Best(module, patience) if patience is not None else None
    stepping = Stepping(
        schedule,
        optimizer,
        by_epochs=epochs is not None,
        steps=total,
        validated=held_out is not None,
    )

    def first_loss(x_batch: Tensor, y_batch: Tensor) -> Tensor:
        output = module(x_batch)
        misfit.check_output(loss, output, y_batch, y)
        value = loss(output, y_batch)
        misfit.check_loss(loss, value, output, y_batch)
        return value

    def after_epoch() -> str:
        history.learning_rate.append(float(optimizer.param_groups[0]["lr"]))
        score = None
        if held_out is not None:
            score = evaluate(module, loss, *held_out)
            history.validation.append(score)
        stepping.end_epoch(score)
        if best is None or score is None or best.consider(len(history.validation), score):
            return ""
        return "patience"

    def tick(step: int) -> bool:
        return on_progress is None or on_progress(step, history.loss[-1], history) is not False

    loop = Loop(
        module=module,
        loss=loss,
        optimizer=optimizer,
        x=x,
        y=y,
        steps=total,
        batch_size=batch_size,
        shuffle=shuffle,
        generator=generator,
        first_loss=first_loss,
        after_step=stepping.every_step,
        after_epoch=after_epoch,
        tick=None if on_progress is None else tick,
    )
    start = perf_counter()
    try:
        stopped = run(loop, history.loss)
    except (RuntimeError, TypeError, ValueError, IndexError) as caught:
        explained = misfit.explain(caught, module, loss, x, y) if len(history.loss) < 2 else None
        if explained is None:
            raise
        raise explained from caught
    finally:
        stepping.finish()
        history.seconds = perf_counter() - start
    history.stopped = stopped
    if stopped == "done":
        history.stopped = "steps" if steps is not None else "epochs"
    try:
        tensor = misfit.explain_divergence(module, x, y) if stopped == "diverged" else ""
    finally:
        if best is not None:
            best.restore()
            history.best_epoch = best.epoch
    if stopped == "diverged":
        kept = f"The best parameters (epoch {history.best_epoch}) were kept. "
        raise error(
            "E317",
            step=len(history.loss),
            loss=history.loss[-1],
            tensor=tensor,
            kept=kept if history.best_epoch else "",
            lr=float(optimizer.param_groups[0]["lr"]),
            history=history,
        )
    misuse.remember_gradients(module)
    return history


def _check_arguments(
    steps: int | None,
    epochs: int | None,
    batch_size: int | None,
    shuffle: bool,
    generator: torch.Generator | None,
    validation: tuple[Rows, Rows] | None,
    patience: int | None,
) -> None:
    if (steps is None) == (epochs is None):
        both = "both steps and epochs are" if steps is not None else "neither steps nor epochs is"
        raise error("E604", what=f"{both} given", mend="Use steps=1000, or epochs=10.")
    counts = {"steps": steps, "epochs": epochs, "batch_size": batch_size, "patience": patience}
    for name, value in counts.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise _invalid(name, value, "it must be a whole number", f"Use {name}=10")
        if value is not None and value < 1:
            raise _invalid(name, value, "it must be at least 1", f"Use {name}=10")
    if not isinstance(shuffle, bool):
        raise _invalid("shuffle", shuffle, "it must be True or False", "Use shuffle=True")
    if generator is not None and not isinstance(generator, torch.Generator):
        mend = "Use torch.Generator().manual_seed(0)"
        raise _invalid("generator", generator, "it is not a torch.Generator", mend)
    if generator is not None and not shuffle:
        raise error(
            "E604", what="generator is given without shuffle", mend="Use shuffle=True as well."
        )
    if validation is not None and (not isinstance(validation, tuple) or len(validation) != 2):
        kind = type(validation).__name__
        raise _invalid("validation", kind, "it must be a pair", "Use validation=(x, y)")
    if patience is not None and validation is None:
        raise error(
            "E604", what="patience is given without validation", mend="Use validation=(x, y)."
        )


def _reason(engine: str) -> str:
    if engine not in ENGINES:
        raise _invalid("engine", engine, "there is no such engine", 'Use "auto" or "torch"')
    if engine == "native":
        raise error(
            "E604",
            what="this version has no native engine",
            mend='Use engine="auto" or engine="torch".',
        )
    if engine == "torch":
        return "the torch engine was asked for"
    return "this version has no other engine than torch"


def _pair(name_x: str, x: Rows, name_y: str, y: Rows, parameter: Tensor) -> tuple[Tensor, Tensor]:
    """Both as tensors, with as many rows."""
    tensors = _tensor(name_x, x, parameter), _tensor(name_y, y, parameter)
    misuse.check_rows(*tensors, name_x, name_y)
    return tensors


def _tensor(name: str, values: object, parameter: Tensor) -> Tensor:
    if isinstance(values, Tensor):
        return values
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        kind = type(values).__name__
        if isinstance(values, np.ndarray):
            kind = f"array of {values.dtype}"
        raise misuse.refusal(
            f"{name} is of the kind {kind}",
            "Give a tensor or an array of numbers, such as torch.tensor(rows, dtype=torch.float32)",
        )
    native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    dtype = parameter.dtype if native.dtype.kind == "f" else None
    return torch.tensor(native, dtype=dtype, device=parameter.device)


def _invalid(argument: str, value: object, reason: str, mend: str) -> Exception:
    return error("E601", argument=argument, value=value, reason=reason, mend=f"{mend}.")
