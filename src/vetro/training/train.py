"""The PyTorch door: train(module, x, y, ...) does what the plain loop does, in place.

The module, the loss and the optimizer are the user's own objects and stay so.  For tables there
is vetro.fit.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from vetro.engines.interruption import ctrl_c
from vetro.training.advice import advise
from vetro.training.arguments import Loss, Source, Training, Validation, request
from vetro.training.checks import check_function, count_of, invalid
from vetro.training.given import Rows
from vetro.training.history import History
from vetro.training.stepping import Schedule
from vetro.training.together import Run, run_all

OnProgress = Callable[[int, float, History], object]

ENGINES = ("auto", "torch", "native")


def train(
    module: nn.Module,
    x: Source,
    y: Rows | None = None,
    *,
    loss: Loss,
    optimizer: torch.optim.Optimizer,
    steps: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    drop_last: bool = False,
    shuffle: bool = False,
    generator: torch.Generator | None = None,
    batches: Rows | None = None,
    sample_weight: Rows | None = None,
    schedule: Schedule | None = None,
    validation: Validation | None = None,
    patience: int | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    on_progress: OnProgress | None = None,
    engine: str = "auto",
    threads: int | None = None,
) -> History:
    """Train `module` in place as the plain PyTorch loop would.

    Each step is optimizer.zero_grad(); value = loss(module(x), y); value.backward();
    optimizer.step().  Afterwards parameters, buffers, gradients, the optimizer's state, the
    schedule and the generator are as that loop leaves them: to the last bit on the torch
    engine, within rounding on the native one.  The next call continues from there.

    x: (rows, ...).  y: (rows, ...).  Tensors are used as they are; NumPy arrays, lists, and
    frames of pandas and polars are copied to the module's device, floats to its dtype.
    Without y, x is a TensorDataset of both, or a DataLoader; with a DataLoader, training is the
    loop over its batches, in its order.
    loss(output, target): a tensor with one number.
    steps or epochs: the length of training; give one of the two.
    batch_size: rows per step; None for all.  An epoch's batches are consecutive slices.  The
    last may be shorter, or is left out with drop_last.  With shuffle they are slices of
    torch.randperm(rows, generator=generator), drawn once at the start of each epoch.
    batches: (steps, batch) row numbers in place of batch_size and shuffle.  One pass over
    them is an epoch; without steps or epochs, training is one epoch.
    sample_weight: (rows,) weights of the rows.  The loss, one of torch's own, becomes the weighted
    sum of the rows' losses; for reduction="mean" it is divided by the sum of the batch's weights.
    schedule: a torch.optim.lr_scheduler object, stepped after every step (by epochs: after
    every epoch), or a function k -> factor of the learning rate in step (by epochs: epoch) k,
    from 0.  OneCycleLR and CyclicLR are always stepped after every step, ReduceLROnPlateau
    after every epoch, with the validation loss.
    validation: (x, y), (x, y, sample_weight) or a TensorDataset; their loss is computed in eval
    mode after each epoch and after the last step.
    patience: end after this many epochs without a lower validation loss, and put back the
    parameters and buffers of the best epoch (not the optimizer's state).
    clip_norm, clip_value: apply torch.nn.utils.clip_grad_norm_, then clip_grad_value_, to the
    module's parameters between backward and step.
    on_progress(step, loss, history): called about 25 times per second and at the end; returning
    False ends training after a whole step, as Ctrl-C does.
    engine: "auto" takes the native engine if it understands everything, else torch.  "native"
    raises E604 instead, "torch" always takes torch.  history.engine and history.reason say
    which engine ran and why.
    threads: of the native engine, None for all cores; the result does not depend on it.

    Returns the History.  Raises TrainingError: E308 to E315 for a mistake, before any
    parameter changes; E317 if the loss is not finite (its `values["history"]` holds
    the History so far).  Raises UsageError for an argument.  Warns W310, W312, W314 and W320 to
    W327.
    """
    if engine not in ENGINES:
        fix = 'Use "auto", "native" or "torch"'
        raise invalid("engine", engine, "there is no such engine", fix)
    threads = count_of("threads", threads)
    check_function("on_progress", on_progress, "step", "loss", "history")
    asked = request(
        Training(
            module=module,
            x=x,
            y=y,
            loss=loss,
            optimizer=optimizer,
            steps=steps,
            epochs=epochs,
            batch_size=batch_size,
            drop_last=drop_last,
            shuffle=shuffle,
            generator=generator,
            batches=batches,
            sample_weight=sample_weight,
            schedule=schedule,
            validation=validation,
            patience=patience,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )
    )
    advise(asked.notices)
    history = History()

    def tick(step: int) -> bool:
        return on_progress is None or on_progress(step, history.loss[-1], history) is not False

    one = Run(asked, engine, None if on_progress is None else tick, history)
    with ctrl_c() as interruption:
        run_all([one], interruption, threads or 0)
    if one.diverged is not None:
        raise one.diverged
    return history
