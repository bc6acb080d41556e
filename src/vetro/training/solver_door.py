"""The PyTorch door for second-order optimizers: all rows in every step, in float64.

The native engine computes J^T J of the networks that it knows; torch that of any other module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn

from vetro.engines import ticks
from vetro.engines.explain import check_solver, understand_squares
from vetro.engines.gradients import NativeGradients
from vetro.engines.interruption import INTERRUPTED
from vetro.engines.job import Rows, Stopping
from vetro.engines.squares import Floats, NativeSquares, divisor_of
from vetro.engines.torch_squares import TorchSquares, roots_of
from vetro.errors import error
from vetro.networks.losses.rule import LossRule
from vetro.networks.lower_module import Lowering
from vetro.networks.refusal import NotUnderstood
from vetro.networks.solvers import MOST_COLUMNS, OF_SQUARES
from vetro.networks.torch_losses import check_target
from vetro.networks.torch_solvers import Solver
from vetro.training.arguments import Request
from vetro.training.bayesian import Bayesian
from vetro.training.checks import contradiction
from vetro.training.held_out import check_held_out
from vetro.training.history import Ended, History
from vetro.training.native_door import threads_for
from vetro.training.solvers import of_gradients, of_squares
from vetro.training.solving import Solving, Steps
from vetro.training.torch_door import Tick, explaining, judged_loss

UNDERSTOOD = "the native engine understands the module and the loss"


@dataclass(frozen=True)
class _Task:
    """What a solver minimises, and how its parameters come back into the module."""

    steps: Steps
    held_out: Callable[[Floats], float] | None
    engine: str
    reason: str
    write: Callable[[Floats], None]


def run_solver(
    asked: Request,
    history: History,
    tick: Tick | None,
    interruption: Callable[[], str],
    engine: str,
    threads: int,
) -> Ended:
    """Train by the request's solver, and write the parameters into its module.

    E604 for an argument that contradicts steps of all rows, for a loss that is no sum of squares,
    and for more parameters than J^T J can be held for.
    """
    solver = asked.training.optimizer
    assert isinstance(solver, Solver)
    _check_request(asked, solver)
    with explaining(asked), threads_for(len(asked.x)):
        check_held_out(asked)
        judged_loss(asked, *asked.tensors)
    task = _task(asked, solver, engine, threads)
    history.engine, history.reason = task.engine, task.reason
    steps = task.steps
    patience = asked.training.patience
    solving = Solving(steps, Stopping(asked.total, patience or 0), task.held_out)
    reason, due = "", perf_counter() + ticks.TICK_SECONDS
    try:
        while not reason:
            history.loss.append(steps.value)
            reason = solving.advance()
            history.damping.append(steps.damping)
            history.learning_rate.append(1.0)
            if task.held_out is not None:
                history.validation.append(solving.score)
            if isinstance(steps, Bayesian):
                history.regularisation.append(steps.regularisation)
            if not reason and tick is not None and perf_counter() >= due:
                task.write(steps.w)
                reason = "" if tick(solving.steps) else INTERRUPTED
                due = perf_counter() + ticks.TICK_SECONDS
            reason = reason or interruption()
    finally:
        task.write(steps.w)
        solver.param_groups[0]["damping"] = steps.damping
    if tick is not None:
        tick(len(history.loss))

    def restore_best() -> int:
        if patience is None:
            return 0
        task.write(solving.best)
        return solving.best_epoch

    return Ended(reason, restore_best)


def _check_request(asked: Request, solver: Solver) -> None:
    """E604 for arguments that a solver cannot follow."""
    training, name = asked.training, type(solver).__name__
    for argument in ("batch_size", "shuffle", "generator", "batches", "drop_last"):
        if getattr(training, argument) not in (None, False):
            raise contradiction(
                f"{argument} is given, but {name} takes all rows in every step",
                f"Leave out {argument}",
            )
    for argument in ("schedule", "clip_norm", "clip_value"):
        if getattr(training, argument) is not None:
            raise contradiction(
                f"{argument} is given, but {name} chooses the length of each step itself",
                f"Leave out {argument}",
            )
    if asked.loader is not None:
        raise contradiction(
            f"x is a DataLoader, but {name} takes all rows in every step",
            "Give x and y as tensors",
        )
    check_solver(training.module, training.loss, solver)
    columns = sum(p.numel() for p in _learning(training.module, solver).values())
    if solver.kind in OF_SQUARES and columns > MOST_COLUMNS:
        raise error("E328", optimizer=name, columns=columns, most=MOST_COLUMNS)


def _learning(module: nn.Module, solver: Solver) -> dict[str, nn.Parameter]:
    """The parameters that the solver changes, by name, in the module's order."""
    held = {id(value) for group in solver.param_groups for value in group["params"]}
    return {
        name: value
        for name, value in module.named_parameters()
        if value.requires_grad and id(value) in held
    }


def _task(asked: Request, solver: Solver, engine: str, threads: int) -> _Task:
    if engine == "torch":
        return _in_torch(asked, solver, "the caller asked for the torch engine")
    engine = "native" if solver.kind not in OF_SQUARES else engine
    try:
        return _natively(asked, solver, threads)
    except NotUnderstood as why:
        if engine == "native":
            fix = 'Use engine="auto" or engine="torch".'
            if solver.kind not in OF_SQUARES:
                fix = "Use torch.optim.LBFGS(module.parameters())."
            what = f"the native engine cannot run this: {why}"
            raise error("E604", what=what, fix=fix) from None
        return _in_torch(asked, solver, str(why))


def _natively(asked: Request, solver: Solver, threads: int) -> _Task:
    module, x = asked.training.module, asked.x
    inputs = x.shape[1] if x.dim() == 2 else None
    lowering, loss = understand_squares(module, asked.training.loss, inputs)
    learning = {id(value) for value in _learning(module, solver).values()}
    slots = [
        (slot, parameter)
        for slot, parameter in zip(lowering.network.slots, lowering.parameters, strict=True)
        if id(parameter) in learning
    ]
    ranges = tuple((slot.offset, slot.offset + slot.size) for slot, _ in slots)
    start = lowering.flat()
    rows = _rows(lowering, loss, *asked.tensors)

    def gradients(rows: Rows) -> NativeGradients:
        return NativeGradients(lowering.network, start, rows, loss, ranges, threads, row_mean=True)

    def squares(rows: Rows) -> NativeSquares:
        divisor = divisor_of(rows, lowering.network.outputs, loss, row_mean=True)
        return NativeSquares(lowering.network, start, rows, divisor, ranges, threads)

    w = np.concatenate([start[begin:end] for begin, end in ranges]).astype(np.float64)
    rule, of_residuals = solver.rule(ranges), solver.kind in OF_SQUARES
    steps: Steps
    if of_residuals:
        objective = squares(rows)
        _compare(asked, objective.value(w))
        steps = of_squares(rule, objective, w)
    else:
        whole = gradients(rows)
        _compare(asked, whole.value(w))
        steps = of_gradients(rule, whole, w)
    judge = None
    if asked.held_out is not None:
        held_out = _rows(lowering, loss, *asked.held_out)
        judge = squares(held_out).value if of_residuals else gradients(held_out).value
    return _Task(steps, judge, "native", UNDERSTOOD, _writer([one for _, one in slots]))


def _rows(
    lowering: Lowering, loss: LossRule, x: Tensor, y: Tensor, weights: Tensor | None = None
) -> Rows:
    """The rows as matrices; NotUnderstood with the reason."""
    if x.device.type != "cpu" or x.layout is not torch.strided:
        raise NotUnderstood("x is not an ordinary tensor of the CPU")
    if x.dim() != 2 or x.shape[1] != lowering.network.inputs:
        raise NotUnderstood(f"x has shape {tuple(x.shape)}")
    check_target(loss, lowering, y)
    given = None if weights is None else weights.detach().numpy()
    return Rows(x.detach().numpy(), y.detach().numpy(), given)


def _compare(asked: Request, found: float) -> None:
    """NotUnderstood if the core's loss is not that of the module's own forward."""
    with torch.no_grad(), threads_for(len(asked.x)):
        expected = float(asked.loss_of(asked.training.module(asked.x), *asked.tensors[1:]))
    share = 1e-9 if asked.x.dtype == torch.float64 else 1e-3
    size = float(asked.y.detach().abs().max())
    if abs(found - expected) > share * (abs(expected) + 1e-3 * size * size):
        raise NotUnderstood(
            f"the first loss is {expected:.9g} by the module's own forward and {found:.9g} by the "
            "native engine, so the native engine has misread the module"
        )


def _in_torch(asked: Request, solver: Solver, reason: str) -> _Task:
    module = asked.training.module
    learning = _learning(module, solver)
    mean = getattr(asked.training.loss, "reduction", "mean") == "mean"

    def squares(x: Tensor, y: Tensor, weights: Tensor | None = None) -> TorchSquares:
        divisor = 1.0
        if mean:
            total = float(len(y)) if weights is None else float(weights.double().sum())
            divisor = total * (y.numel() / len(y))
        return TorchSquares(module, x, y, roots_of(weights, len(y), divisor), learning, divisor)

    parameters, place, ranges = list(learning.values()), 0, []
    for parameter in parameters:
        ranges.append((place, place + parameter.numel()))
        place += parameter.numel()
    flat = [parameter.detach().reshape(-1).cpu().double().numpy() for parameter in parameters]
    if solver.kind not in OF_SQUARES:
        raise error(
            "E604",
            what=f"{type(solver).__name__} runs on the native engine alone",
            fix="Use torch.optim.LBFGS(module.parameters()).",
        )
    steps = of_squares(solver.rule(tuple(ranges)), squares(*asked.tensors), np.concatenate(flat))
    judge = None if asked.held_out is None else squares(*asked.held_out).value
    return _Task(steps, judge, "torch", reason, _writer(parameters))


def _writer(parameters: list[nn.Parameter]) -> Callable[[Floats], None]:
    def write(w: Floats) -> None:
        place = 0
        with torch.no_grad():
            for parameter in parameters:
                part = torch.from_numpy(w[place : place + parameter.numel()].copy())
                parameter.copy_(part.reshape(parameter.shape))
                place += parameter.numel()

    return write
