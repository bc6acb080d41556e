"""Central differences: the slope of the float64 loss by a parameter, from two nearby losses.

(L(p + h) - L(p - h)) / 2h, at h, h/2 and h/4, of many parameters at once.  Independent of backward:
only forward is used.

Such a difference has two errors.  The curvature of the loss gives an error of order h^2, so each
halving of h brings the differences four times nearer to each other.  The rounding of the two
losses gives an error that is divided by the step.  If the differences do not come nearer to each
other, h is too large for the curvature, and the gradient stays undecided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.glass import plain
from vetro.glass.backprop.allowance import OWN, Allowance
from vetro.glass.check import Verdict
from vetro.glass.learning.loss_terms import OtherLoss, loss_values
from vetro.glass.names import slot_uses
from vetro.glass.subject import Part
from vetro.glass.verify.rounding import FORMATS
from vetro.networks.losses.rule import LossRule
from vetro.networks.losses.table import loss_of
from vetro.networks.lowered import Operation

Floats = NDArray[np.float64]

STEP = 2.0**-15
"""h as a share of the parameter's size, where the size is at least the change that moves the unit
by 1.  Near the cube root of float64's roundoff, so that the errors by rounding and by curvature are
about equal."""

SHIFTS = np.array([1.0, -1.0, 0.5, -0.5, 0.25, -0.25])

SMALLER = 2.0**-6
"""How much smaller the second h is, if the first one crosses a bend or the loss is too curved."""

COPIES = 1 << 20
"""Numbers of one value that are in memory at a time."""


@dataclass(frozen=True, eq=False)
class Differences:
    """index: (n,) numbers of the parameters.  value: (n,) slopes, by the smallest of three steps.

    allowance: (n,) the difference between the last two steps, which covers the curvature, plus the
    rounding of the two losses.  bent: (n,) whether a bend of the loss lies within the step.
    curved: (n,) whether the differences fail to converge; then they decide nothing.
    """

    index: NDArray[np.int64]
    value: Floats
    allowance: Floats
    bent: NDArray[np.bool_]
    curved: NDArray[np.bool_]

    @property
    def silent(self) -> NDArray[np.bool_]:
        """(n,) whether a difference decides nothing."""
        return self.bent | self.curved


def differences(
    part: Part,
    x: Floats,
    values: list[Floats],
    rule: LossRule | OtherLoss,
    target: NDArray[Any],
    index: NDArray[np.int64],
    rounding: Allowance,
) -> Differences:
    """The slopes by the parameters numbered in `index`.

    values: of plain.forward; rounding: their errors in float64.
    """
    size = np.abs(part.parameters[index].astype(np.float64))
    size = np.maximum(size, 1.0 / np.maximum(_reach(part, values)[index], 1.0))
    step = STEP * 2.0 ** np.floor(np.log2(size))
    found = _slopes(part, x, rule, target, index, step, rounding)
    again = np.flatnonzero(found.silent)
    if len(again):
        nearer = _slopes(part, x, rule, target, index[again], step[again] * SMALLER, rounding)
        for name in ("value", "allowance", "bent", "curved"):
            getattr(found, name)[again] = getattr(nearer, name)
    return found


def _reach(part: Part, values: list[Floats]) -> Floats:
    """The most that a unit moves when a parameter moves by 1, (parameter_count,)."""
    network = part.network
    found = np.ones(network.parameter_count)
    for operation in network.operations:
        if operation.weight is None or operation.kind != "affine":
            continue
        slot = network.slots[operation.weight]
        largest = np.abs(values[operation.inputs[0]]).max(axis=0)
        place = slice(slot.offset, slot.offset + slot.size)
        found[place] = np.maximum(found[place], np.broadcast_to(largest, slot.shape).reshape(-1))
    return found


def _slopes(
    part: Part,
    x: Floats,
    rule: LossRule | OtherLoss,
    target: NDArray[Any],
    index: NDArray[np.int64],
    step: Floats,
    rounding: Allowance,
) -> Differences:
    """Slopes at h / 4, with their allowances."""
    widest = max(part.network.widths)
    each = max(1, COPIES // max(1, len(SHIFTS) * len(x) * widest))
    value, allowance = np.zeros(len(index)), np.zeros(len(index))
    bent, curved = np.zeros(len(index), dtype=bool), np.zeros(len(index), dtype=bool)
    for start in range(0, len(index), each):
        piece = slice(start, start + each)
        moved = (step[piece, None] * SHIFTS).reshape(-1)
        outputs, sides = _moved(part, x, np.repeat(index[piece], len(SHIFTS)), moved)
        losses, slopes, sizes = loss_values(rule, outputs, target)
        off = _rounding(slopes, sizes, rounding.outputs.T).reshape(-1, len(SHIFTS))
        losses = losses.reshape(-1, len(SHIFTS))
        steps = 2.0 * step[piece, None] * SHIFTS[::2]
        found = (losses[:, ::2] - losses[:, 1::2]) / steps
        # for each difference: the rounding of its losses, and its own two operations
        own = (off[:, ::2] + off[:, 1::2]) / steps + 2.0**-52 * np.abs(found)
        wide, narrow = np.abs(np.diff(found, axis=1)).T
        value[piece] = found[:, -1]
        allowance[piece] = narrow + own[:, 1] + 2.0 * own[:, 2]
        curved[piece] = ~(narrow <= 0.5 * wide + own.sum(axis=1))
        if not isinstance(rule, OtherLoss):
            pieces = loss_of(rule).pieces(rule, outputs, target)
            sides = sides if pieces is None else [*sides, pieces.reshape(len(pieces), -1)]
        for side in sides:
            of_one = side.reshape(-1, len(SHIFTS), side.shape[-1])
            bent[piece] |= (of_one != of_one[:, :1]).any(axis=(1, 2))
    return Differences(index, value, allowance, bent, curved)


def _rounding(slopes: Floats, sizes: Floats, errors: Floats) -> Floats:
    """The error of each loss, (copies,), from the errors of the outputs (copies, rows, outputs) and
    from its own sum.

    errors: of the outputs where nothing is moved.  Their double covers the moved term, which adds a
    product and an addition.
    """
    carried: Floats = (np.abs(slopes) * 2.0 * errors).sum(axis=(-2, -1))
    return carried + FORMATS["float64"].lost(errors.size + OWN, sizes)


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
        if operation.kind == "activation":
            z, known = values[operation.inputs[0]], operation.activation
            sides += [(z * known.steep > edge).reshape(copies, -1) for edge in known.edges]
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
    x = plain.came_in(operation, slot, values[operation.inputs[0]])
    matrix = len(place.shape) == 2
    unit, source = np.divmod(own, place.shape[1]) if matrix else (own, own % x.shape[-1])
    found[chosen, :, unit] += moved[:, None] * x[chosen, :, source]


def verdicts_of(central: Differences, gradient: Floats, rounding: Floats) -> list[Verdict]:
    """The verdict on each gradient that has a central difference.

    Undecided where the difference decides nothing, or is too inexact to distinguish the gradient
    from 0 or from its negative.
    """
    own = gradient[central.index]
    allowed = central.allowance + rounding[central.index]
    apart = np.abs(central.value - own)
    within_ = apart <= allowed
    # where both losses are the same number, nothing is rounded
    unclear = within_ & (allowed > np.abs(own)) & ~((own == 0) & (central.value == 0))
    silent = central.silent | unclear
    return [
        "undecided" if none else "passed" if good else "failed"
        for none, good in zip(silent, within_, strict=True)
    ]
