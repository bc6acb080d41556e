"""Central differences: the slope of the float64 loss by a parameter, from two nearby losses.

(L(p + h) - L(p - h)) / 2h, at h and at h/2, of many parameters at once.  Independent of backward:
nothing but forward is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.glass import plain
from vetro.glass.backprop.allowance import Allowance
from vetro.glass.learning.loss_terms import LossRule, loss_values
from vetro.glass.names import slot_uses
from vetro.glass.subject import Part
from vetro.networks.lowered import Operation

Floats = NDArray[np.float64]

STEP = 2.0**-16
"""h, as a share of the parameter's size, at least 1: near the cube root of float64's roundoff,
where what rounding adds and what the curve adds are about as large."""

SMALLER = 2.0**-6
"""How much smaller the second step is, of parameters whose first one crosses a bend."""

COPIES = 1 << 20
"""Numbers of one value that are held at a time."""

_BENDS = ("relu", "leaky_relu", "elu", "softplus")


@dataclass(frozen=True, eq=False)
class Differences:
    """index: (n,) numbers of the parameters.  value: (n,) slopes, by the smaller of two steps.

    allowance: (n,): how much the two steps differ, which counts the curve, and what rounding of
    the two losses can make.  bent: (n,) whether a bend of the loss lies within the step: then the
    difference says nothing.
    """

    index: NDArray[np.int64]
    value: Floats
    allowance: Floats
    bent: NDArray[np.bool_]


def differences(
    part: Part,
    x: Floats,
    rule: LossRule,
    target: NDArray[Any],
    index: NDArray[np.int64],
    rounding: Allowance,
) -> Differences:
    """The slopes by the parameters numbered in `index`; `rounding`: of the float64 loss."""
    size = np.maximum(1.0, np.abs(part.parameters[index].astype(np.float64)))
    step = STEP * 2.0 ** np.floor(np.log2(size))
    value, spread, bent = _slopes(part, x, rule, target, index, step)
    again = np.flatnonzero(bent)
    if len(again):
        step[again] *= SMALLER
        value[again], spread[again], bent[again] = _slopes(
            part, x, rule, target, index[again], step[again]
        )
    # the smaller step is h / 2: two losses, each off by its rounding, over h
    allowed = spread + 2.0 * rounding.loss / step
    return Differences(index, value, allowed, bent)


def _slopes(
    part: Part,
    x: Floats,
    rule: LossRule,
    target: NDArray[Any],
    index: NDArray[np.int64],
    step: Floats,
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Slopes at h / 2, how far those at h lie from them, and whether a bend lies between."""
    shifts = np.array([1.0, -1.0, 0.5, -0.5])
    widest = max(part.network.widths)
    each = max(1, COPIES // max(1, 4 * len(x) * widest))
    value, spread = np.zeros(len(index)), np.zeros(len(index))
    bent = np.zeros(len(index), dtype=bool)
    for start in range(0, len(index), each):
        piece = slice(start, start + each)
        moved = (step[piece, None] * shifts).reshape(-1)
        outputs, sides = _moved(part, x, np.repeat(index[piece], 4), moved)
        losses = loss_values(rule, outputs, target).reshape(-1, 4)
        if rule.kind in ("l1", "smooth_l1", "huber"):
            sides = [*sides, np.sign(outputs - target).reshape(len(outputs), -1)]
        wide = (losses[:, 0] - losses[:, 1]) / (2.0 * step[piece])
        value[piece] = (losses[:, 2] - losses[:, 3]) / step[piece]
        spread[piece] = np.abs(wide - value[piece])
        for side in sides:
            four = side.reshape(-1, 4, side.shape[-1])
            bent[piece] |= (four != four[:, :1]).any(axis=(1, 2))
    return value, spread, bent


def _moved(
    part: Part, x: Floats, index: NDArray[np.int64], step: Floats
) -> tuple[Floats, list[NDArray[Any]]]:
    """Outputs (copies, rows, outputs), each copy with one parameter moved, and on which side of
    its bends each copy is."""
    network, copies, rows = part.network, len(index), len(x)
    uses = slot_uses(network)
    values: list[Floats] = [np.broadcast_to(x, (copies, *x.shape))]
    sides: list[NDArray[Any]] = []
    places = {
        slot: np.flatnonzero(
            (index >= network.slots[slot].offset)
            & (index < network.slots[slot].offset + network.slots[slot].size)
        )
        for slot in uses
    }
    for operation in network.operations:
        flat = [values[number].reshape(copies * rows, -1) for number in operation.inputs]
        found = plain.apply(operation, part, flat).reshape(copies, rows, -1)
        for slot in (operation.weight, operation.bias):
            if slot is None or not len(places[slot]):
                continue
            _move(operation, part, slot, places[slot], index, step, values, found)
        if operation.kind == "activation" and operation.function in _BENDS:
            z = values[operation.inputs[0]]
            at = 0.0 if operation.function != "softplus" else operation.numbers[1]
            scale = 1.0 if operation.function != "softplus" else operation.numbers[0]
            sides.append((z * scale > at).reshape(copies, -1))
        values.append(found)
    return values[-1], sides


def _move(
    operation: Operation,
    part: Part,
    slot: int,
    chosen: NDArray[np.int64],
    index: NDArray[np.int64],
    step: Floats,
    values: list[Floats],
    found: Floats,
) -> None:
    """Add to the operation's output what the moved parameters change in it."""
    place = part.network.slots[slot]
    own = index[chosen] - place.offset
    moved = step[chosen]
    x = values[operation.inputs[0]]
    if len(place.shape) == 2:
        unit, source = np.divmod(own, place.shape[1])
        found[chosen, :, unit] += moved[:, None] * x[chosen, :, source]
    elif operation.kind == "layer_norm" and slot == operation.weight:
        found[chosen, :, own] += (
            moved[:, None] * _standard(operation, x[chosen])[np.arange(len(chosen)), :, own]
        )
    else:
        found[chosen, :, own] += moved[:, None]


def _standard(operation: Operation, x: Floats) -> Floats:
    root = np.sqrt(x.var(axis=-1, keepdims=True) + operation.numbers[0])
    found: Floats = (x - x.mean(axis=-1, keepdims=True)) / root
    return found
