"""The records of the compiled core, made from Vetro's own: loss, optimizer, and states.

Networks are in native_program.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vetro.engines.native_core import core
from vetro.networks.losses.rule import LossRule
from vetro.networks.updates.rule import VECTORS, Updates

if TYPE_CHECKING:
    from vetro.engines.native_core import _native

_ARRAYS = ("parameters", "best", *VECTORS, "step")
_COUNTERS = (
    "steps", "epochs", "position", "best_epoch", "waited", "rate_waited", "rate", "best_score",
    "epoch_sum", "epoch_weight",
)  # fmt: skip
_GROUP = (
    "momentum", "dampening", "nesterov", "weight_decay", "maximize", "beta2", "eps", "amsgrad",
    "alpha", "centered",
)  # fmt: skip


def core_loss(loss: LossRule, dtype: DTypeLike, *, row_mean: bool = False) -> _native.Loss:
    """row_mean: a mean over weighted rows divides by the sum of their weights."""

    def cast(weights: NDArray[np.floating] | None) -> NDArray[Any] | None:
        return None if weights is None else np.ascontiguousarray(weights, dtype=dtype)

    return core().Loss(
        loss.kind,
        reduction=loss.reduction,
        a=loss.a,
        ignored=loss.ignored,
        row_mean=row_mean,
        class_weights=cast(loss.class_weights),
        positive_weights=cast(loss.positive_weights),
    )


def core_optimizer(updates: Updates) -> _native.Optimizer:
    """The optimizer without its rates, which come with each step."""
    groups = [
        core().Group(**{name: getattr(rule, name) for name in _GROUP}) for rule in updates.rules
    ]
    return core().Optimizer(updates.kind, groups, [core().Range(*one) for one in updates.ranges])


def state_arrays(state: _native.State) -> dict[str, NDArray[Any]]:
    """The arrays of a state by name, without those that the optimizer does not keep."""
    arrays = {name: getattr(state, name) for name in _ARRAYS}
    return {name: values for name, values in arrays.items() if values is not None}


def state_counters(state: _native.State) -> dict[str, float]:
    """The counters of a trainer's state by name."""
    return {name: getattr(state.counters, name) for name in _COUNTERS}


def state_of(
    arrays: Mapping[str, NDArray[Any]], counters: Mapping[str, float] | None = None
) -> _native.State:
    """A state from what state_arrays and state_counters gave."""
    given: dict[str, Any] = dict(arrays)
    if counters is not None:
        numbers: dict[str, Any] = {name: counters[name] for name in _COUNTERS}
        given["counters"] = core().Counters(**numbers)
    return core().State(**given)
