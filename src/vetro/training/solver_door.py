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
from vetro.engines.interruption import INTERRUPTED
from vetro.engines.job import Rows, Stopping
from vetro.engines.squares import Floats, NativeSquares, Squares, divisor_of
from vetro.engines.torch_squares import TorchSquares, roots_of
from vetro.errors import error
from vetro.networks.losses.rule import LossRule
from vetro.networks.lower_module import Lowering
from vetro.networks.refusal import NotUnderstood
from vetro.networks.solvers import MOST_COLUMNS, SolverRule
from vetro.networks.torch_losses import check_target
from vetro.networks.torch_solvers import Solver
from vetro.training.arguments import Request
from vetro.training.checks import contradiction
from vetro.training.held_out import check_held_out
from vetro.training.history import Ended, History
from vetro.training.levenberg import Levenberg
from vetro.training.solving import Solving
from vetro.training.torch_door import Tick, explaining, judged_loss

UNDERSTOOD = "the native engine understands the module and the loss"


@dataclass(frozen=True)
class _Task:
    """What a solver minimises, and how its parameters come back into the module."""

    squares: Squares
    held_out: Squares | None
    start: Floats
    rule: SolverRule
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
    with explaining(asked):
        check_held_out(asked)
        judged_loss(asked, *asked.tensors)
    task = _task(asked, solver, engine, threads)
    history.engine, history.reason = task.engine, task.reason
    steps = Levenberg(task.squares, task.start, task.rule)
    held_out = None if task.held_out is None else task.held_out.value
    patience = asked.training.patience
    solving = Solving(steps, Stopping(asked.total, patience or 0), held_out)
    reason, due = "", perf_counter() + ticks.TICK_SECONDS
    try:
        while not reason:
            history.loss.append(steps.value)
            reason = solving.advance()
            history.damping.append(steps.damping)
            history.learning_rate.append(1.0)
            history.validation.extend(solving.validation[len(history.validation) :])
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
    if columns > MOST_COLUMNS:
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
    try:
        return _natively(asked, solver, threads)
    except NotUnderstood as why:
        if engine == "native":
            raise error(
                "E604",
                what=f"the native engine cannot run this: {why}",
                fix='Use engine="auto" or engine="torch".',
            ) from None
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

    def squares(rows: Rows) -> NativeSquares:
        divisor = divisor_of(rows, lowering.network.outputs, loss, row_mean=True)
        return NativeSquares(lowering.network, start, rows, divisor, ranges, threads)

    found = squares(rows)
    w = np.concatenate([start[begin:end] for begin, end in ranges]).astype(np.float64)
    _compare(asked, found.value(w))
    held_out = None
    if asked.held_out is not None:
        held_out = squares(_rows(lowering, loss, *asked.held_out))
    parameters = [parameter for _, parameter in slots]
    return _Task(found, held_out, w, solver.rule(ranges), "native", UNDERSTOOD, _writer(parameters))


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
    with torch.no_grad():
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
    return _Task(
        squares(*asked.tensors),
        None if asked.held_out is None else squares(*asked.held_out),
        np.concatenate(flat),
        solver.rule(tuple(ranges)),
        "torch",
        reason,
        _writer(parameters),
    )


def _writer(parameters: list[nn.Parameter]) -> Callable[[Floats], None]:
    def write(w: Floats) -> None:
        place = 0
        with torch.no_grad():
            for parameter in parameters:
                part = torch.from_numpy(w[place : place + parameter.numel()].copy())
                parameter.copy_(part.reshape(parameter.shape))
                place += parameter.numel()

    return write
