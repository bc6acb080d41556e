"""The PyTorch door on the torch engine: any module, loss and optimizer, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from torch import Tensor

from vetro.engines.best import Best, evaluate
from vetro.engines.interruption import INTERRUPTED
from vetro.engines.job import Clipping
from vetro.engines.torch_batches import Batches, LoaderBatches, RowBatches
from vetro.engines.torch_loop import Loop, clipping, run
from vetro.training import misfit, misuse, raised
from vetro.training.advice import advise, check_confined, check_own_loss, check_softmax, check_speed
from vetro.training.arguments import Request
from vetro.training.given import code_of
from vetro.training.held_out import check_held_out, check_lonely_row
from vetro.training.history import Ended, History
from vetro.training.loaders import pair_of_batch
from vetro.training.loss_probe import Tape
from vetro.training.stepping import Stepping

Tick = Callable[[int], bool]


def run_in_torch(
    asked: Request,
    history: History,
    stepping: Stepping,
    tick: Tick | None,
    interruption: Callable[[], str],
    fallen: bool = False,
) -> Ended:
    """Run the plain loop.  fallen: because the native engine cannot, for history.reason."""
    history.engine = "torch"
    training = asked.training
    module, optimizer = training.module, training.optimizer
    best = None if training.patience is None else Best(module, training.patience)

    def after_epoch() -> str:
        history.learning_rate.append(float(optimizer.param_groups[0]["lr"]))
        score = None
        if asked.held_out is not None:
            score = evaluate(module, asked.loss_of, *asked.held_out)
            history.validation.append(score)
        # before the schedule, which may change the parameters that were just validated
        goes_on = best is None or score is None or best.consider(len(history.validation), score)
        stepping.end_epoch(score)
        return "" if goes_on else "patience"

    def restore_best() -> int:
        if best is None:
            return 0
        best.restore()
        return best.epoch

    first: list[tuple[Tensor, Tensor]] = []

    def first_loss(x: Tensor, y: Tensor, *weights: Tensor) -> Tensor:
        if first:  # an optimizer with a closure evaluates the loss several times
            return asked.loss_of(module(x), y, *weights)
        first.append((x, y))
        value = judged_loss(asked, x, y, *weights)[0]
        if fallen:
            advise(check_speed(module, x, history.reason))
        return value

    loop = Loop(
        module=module,
        loss=asked.loss_of,
        optimizer=optimizer,
        batches=_batches(asked),
        steps=asked.total,
        whole_epochs=asked.by_epochs,
        clip=clipping(Clipping(training.clip_norm or 0.0, training.clip_value or 0.0), module),
        first_loss=first_loss,
        after_step=stepping.every_step,
        after_epoch=after_epoch,
        tick=tick or (lambda step: True),
        interruption=interruption,
    )
    reason = INTERRUPTED
    with explaining(asked, history.loss, first):
        check_lonely_row(asked)
        check_held_out(asked)
        with suppress(KeyboardInterrupt):
            reason = run(loop, history.loss)
    if reason != "diverged" and tick is not None:
        tick(len(history.loss))
    return Ended(reason, restore_best)


def judged_loss(
    asked: Request, x_batch: Tensor, y_batch: Tensor, *weights: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss and the output of a first batch, after checks that everything fits together."""
    module, loss = asked.training.module, asked.training.loss
    output = module(x_batch)
    known = asked.loader is None or asked.loader.x is not None
    y, code = asked.y if known else y_batch, code_of("y", asked.training.y)
    misfit.check_output(loss, output, y_batch, y, code=code)
    if asked.held_out is not None:
        misfit.check_held_out_classes(loss, output, asked.held_out[1])
    tape = None
    if isinstance(output, Tensor) and not misuse.kind_of_loss(loss):
        tape = Tape(output, y_batch)
    try:
        if tape is None:
            value = asked.loss_of(output, y_batch, *weights)
        else:
            value = tape.record(lambda: asked.loss_of(output, y_batch))
    except (RuntimeError, IndexError, ValueError):
        if tape is not None and tape.swapped:
            raise misuse.refusal(
                f"the loss gives {tape.swapped} the module's output as the target",
                f"Use loss=lambda output, target: {tape.swapped}(output, target)",
            ) from None
        raise
    except (AttributeError, TypeError):
        if not isinstance(output, Tensor):
            misfit.refuse_output(loss, "", output)
        raise
    if tape is not None:
        misfit.check_output(loss, output, y_batch, y, code=code, again=tape)
    misfit.check_loss(loss, value, output, y_batch, tape)
    misfit.check_start(module, value)
    advise(check_confined(value) + check_softmax(output) + check_own_loss(tape, output, y_batch))
    return value, output


def _batches(asked: Request) -> Batches:
    if asked.loader is not None:
        device = next(asked.training.module.parameters()).device
        return LoaderBatches(asked.loader.loader, device, pair_of_batch)
    return RowBatches(asked.tensors, asked.order)


@contextmanager
def explaining(
    asked: Request,
    losses: Sequence[float] = (),
    first: Sequence[tuple[Tensor, Tensor]] = (),
) -> Iterator[None]:
    """Replace PyTorch's exceptions in the first step by an explanation, if the cause is known.

    first: the rows of that step, empty before it.
    """
    training = asked.training
    try:
        yield
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as caught:
        if len(losses) < 2:
            x, y = first[0] if first else (asked.x, asked.y)
            explained = raised.explain(caught, training.module, training.loss, x, y)
        else:
            explained = raised.explain_later(caught)
        if explained is None:
            raise
        raise explained from caught
