"""A test of the validation rows before training: do module and loss take them like x and y?

If they have the shape and kind of the training rows, the first batch is test enough.  Others run
through a copy of the module, so that a mistake raises before anything changes.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from vetro.engines.best import evaluating
from vetro.networks.trace import RandomState
from vetro.training import misfit, misuse, raised
from vetro.training.arguments import Request
from vetro.training.loss_probe import Tape
from vetro.training.weighted import weighted


def check_held_out(asked: Request) -> None:
    """TrainingError if the validation rows do not fit the module and the loss."""
    if asked.held_out is None:
        return
    x, y, *weights = asked.held_out
    known = asked.loader is None or asked.loader.x is not None
    if known and _alike(x, asked.x) and _alike(y, asked.y):
        return
    training = asked.training
    try:
        module, loss = copy.deepcopy((training.module, training.loss))
    except Exception:  # a module may hold anything; mistakes then show after the first epoch
        return
    chance = RandomState()
    try:
        with evaluating(module), torch.no_grad():
            output = module(x)
            misfit.check_output(training.loss, output, y, y, "validation y")
            tape = Tape(output, y)
            judged = weighted(loss) if weights else loss
            value = tape.record(lambda: judged(output, y, *weights))
            misfit.check_output(training.loss, output, y, y, "validation y", again=tape)
            score = float(value)
    except (RuntimeError, TypeError, ValueError, IndexError) as caught:
        if known and x.shape[1:] != asked.x.shape[1:]:
            raise misuse.refusal(
                f"validation x has shape {misuse.shape_text(x.shape)}, "
                f"x {misuse.shape_text(asked.x.shape)}",
                "Give validation rows of the shape of the training rows",
            ) from caught
        names = ("validation x", "validation y")
        explained = raised.explain(caught, module, training.loss, x, y, names)
        if explained is None:
            raise
        raise explained from caught
    finally:
        chance.restore()
    if not math.isfinite(score):
        misuse.check_finite("validation x", x)
        misuse.check_finite("validation y", y)


def check_lonely_row(asked: Request) -> None:
    """E315 if training will have a batch of one row, and a batch norm that cannot take it."""
    training = asked.training
    norms = [part for part in training.module.modules() if isinstance(part, _BatchNorm)]
    if not any(part.training for part in norms):
        return
    if asked.loader is not None and (asked.loader.x is None or asked.loader.reason):
        return
    order = asked.order
    last = order.epoch_rows - order.batch_size * (order.steps_an_epoch - 1)
    if last > 1 or (order.batch_size > 1 and asked.total < order.steps_an_epoch):
        return
    try:
        module = copy.deepcopy(training.module)
    except Exception:  # as above
        return
    chance = RandomState()
    try:
        with torch.no_grad():
            module(asked.x[:1])
    except ValueError as caught:
        if "more than 1 value per channel" in str(caught):
            raise raised.lonely_row() from caught
    except Exception:  # training itself will raise it
        return
    finally:
        chance.restore()


def _alike(a: Tensor, b: Tensor) -> bool:
    """Whether a passes whatever b passes: the same kind, finite, whole numbers in b's range."""
    kinds = [(one.shape[1:], one.dtype, one.device, one.layout) for one in (a, b)]
    if kinds[0] != kinds[1] or a.layout is not torch.strided or a.is_complex():
        return False
    if a.is_floating_point():
        return bool(torch.isfinite(a).all())
    return bool((a.min() >= b.min()) & (a.max() <= b.max()))
