"""The user's own schedule of the learning rate, stepped by the loop.

The engines know the recipe's schedules by themselves.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from vetro.errors import Setting, error, shown
from vetro.training.pace import Pace, pace_of

Schedule = LRScheduler | Callable[[int], float]


class Stepping:
    """A schedule and the moments when it is stepped.

    A scheduler of torch is stepped once per step if training goes by steps, and once per epoch
    if it goes by epochs.  OneCycleLR and CyclicLR are always stepped once per step, and
    ReduceLROnPlateau once per epoch, with the validation loss.  A function returns the factor of
    the learning rate in step k (by epochs: epoch k), k from 0; `finish` puts the rates back.
    pace: whether the schedule may be stepped ahead of training.
    """

    def __init__(
        self,
        schedule: Schedule | None,
        optimizer: torch.optim.Optimizer,
        *,
        by_epochs: bool,
        steps: int,
        validated: bool,
    ) -> None:
        self._schedule = schedule
        self._optimizer = optimizer
        self._count = 0
        self._rates: list[float | Tensor] = []
        self._after_epoch = by_epochs
        self.pace = Pace() if schedule is None else pace_of(schedule)
        if isinstance(schedule, LRScheduler):
            _check(schedule, optimizer, steps, validated)
            if isinstance(schedule, OneCycleLR | CyclicLR):
                self._after_epoch = False
            elif isinstance(schedule, ReduceLROnPlateau):
                self._after_epoch = True
        elif schedule is not None:
            if isinstance(schedule, type) or not callable(schedule):
                raise error(
                    "E601",
                    argument=Setting("schedule"),
                    value=getattr(schedule, "__name__", schedule),
                    reason="it is neither a scheduler of this optimizer nor a function",
                    fix="Give an object of torch.optim.lr_scheduler, or a function of the "
                    "step that returns a factor.",
                )
            self._rates = [_copy(group["lr"]) for group in optimizer.param_groups]
            self._apply(schedule)

    @property
    def constant(self) -> bool:
        """Whether there is no schedule at all."""
        return self._schedule is None

    @property
    def every_step(self) -> Callable[[], None] | None:
        """The function to call after each step, or None."""
        return None if self._schedule is None or self._after_epoch else self._advance

    @property
    def every_epoch(self) -> bool:
        """Whether `end_epoch` does anything."""
        return self._schedule is not None and self._after_epoch

    def end_epoch(self, validation: float | None) -> None:
        """Call this after each epoch, with its validation loss."""
        if not self.every_epoch:
            return
        if isinstance(self._schedule, ReduceLROnPlateau) and validation is not None:
            self._schedule.step(validation)
        else:
            self._advance()

    def finish(self) -> None:
        """Put back the learning rates that a function varied."""
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=False):
            _set(group, rate)

    def snapshot(self) -> tuple[object, ...]:
        """The state of the schedule and the groups' settings, for `restore`."""
        schedule = self._schedule
        state = None
        if isinstance(schedule, LRScheduler):
            state = copy.deepcopy(schedule.state_dict())
        settings = [
            {
                name: value.clone() if isinstance(value, Tensor) else value
                for name, value in group.items()
                if name != "params"
            }
            for group in self._optimizer.param_groups
        ]
        return self._count, state, settings

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Put both back to this state."""
        self._count, state, settings = snapshot
        if isinstance(self._schedule, LRScheduler):
            self._schedule.load_state_dict(copy.deepcopy(state))
        for group, kept in zip(self._optimizer.param_groups, settings, strict=True):
            for name, value in kept.items():
                if isinstance(value, Tensor):
                    group[name].copy_(value)
                else:
                    group[name] = value

    def _advance(self) -> None:
        self._count += 1
        if isinstance(self._schedule, LRScheduler):
            _step(self._schedule)
        elif self._schedule is not None:
            self._apply(self._schedule)

    def _apply(self, factor_of: Callable[[int], float]) -> None:
        factor = _factor(factor_of, self._count)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            _set(group, rate * factor)


def _factor(factor_of: Callable[[int], float], count: int) -> float:
    answer: object = factor_of(count)
    try:
        return float(answer)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise error(
            "E601",
            argument=Setting("schedule"),
            value=getattr(factor_of, "__name__", type(factor_of).__name__),
            reason=f"for {count} it returned {shown(repr(answer))}, not a factor of the rate",
            fix="Return a number, such as 0.98**k.",
        ) from None


def _step(schedule: LRScheduler) -> None:
    """One step; E604 if a OneCycleLR within the schedule has come to its end."""
    try:
        schedule.step()
    except ValueError as caught:
        ended = re.search(
            r"Tried to step (\d+) times. The specified number of total steps", str(caught)
        )
        if ended is None:
            raise
        raise error(
            "E604",
            what=f"the OneCycleLR within {type(schedule).__name__} ended at its step "
            f"{int(ended[1]) - 1}, before training",
            fix="Use OneCycleLR(optimizer, ..., total_steps=...) with more steps, or train less.",
        ) from caught


def _check(
    schedule: LRScheduler, optimizer: torch.optim.Optimizer, steps: int, validated: bool
) -> None:
    name = type(schedule).__name__
    if schedule.optimizer is not optimizer:
        raise error(
            "E604",
            what=f"the schedule {name} belongs to another optimizer",
            fix=f"Use {name}(optimizer, ...) with the optimizer that is given here.",
        )
    if isinstance(schedule, ReduceLROnPlateau) and not validated:
        raise error(
            "E604",
            what="ReduceLROnPlateau waits for a validation loss",
            fix="Use validation=(x, y), or another schedule.",
        )
    if isinstance(schedule, OneCycleLR) and steps > schedule.total_steps - schedule.last_epoch:
        raise error(
            "E604",
            what=f"OneCycleLR ends after {schedule.total_steps - schedule.last_epoch} more steps, "
            f"but training takes {steps}",
            fix=f"Use OneCycleLR(optimizer, ..., total_steps={steps}).",
        )


def _copy(rate: float | Tensor) -> float | Tensor:
    return rate.clone() if isinstance(rate, Tensor) else rate


def _set(group: dict[str, object], rate: float | Tensor) -> None:
    held = group["lr"]
    if isinstance(held, Tensor):
        held.fill_(float(rate))
    else:
        group["lr"] = rate
