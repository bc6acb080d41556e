"""A lowered network as the program that the compiled core runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from vetro.engines.native_core import core
from vetro.networks.lowered import LoweredNetwork, Operation


def program_of(
    network: LoweredNetwork,
    frozen: Collection[int] = (),
    one_hot: Sequence[tuple[int, int]] = (),
) -> Any:
    """The core's Program.

    frozen: numbers of the slots that need no gradient.  one_hot: (first column, columns) of
    groups of inputs in which at most one is 1 and the others are 0.
    """
    return core().Program(
        network.dtype,
        list(network.widths),
        [_operation(network, item, frozen) for item in network.operations],
        network.parameter_count,
        list(one_hot),
    )


def _operation(
    network: LoweredNetwork, item: Operation, frozen: Collection[int]
) -> tuple[Any, ...]:
    """The tuple that the core's Program describes."""

    def offset(slot: int | None) -> int:
        return -1 if slot is None else network.slots[slot].offset

    def learns(slot: int | None) -> bool:
        return slot is not None and slot not in frozen

    a, b = (*item.numbers, 0.0, 0.0)[:2]
    factor, shift = item.constants or (None, None)
    return (
        item.kind,
        item.function,
        item.inputs[0],
        item.inputs[1] if len(item.inputs) > 1 else -1,
        item.output,
        offset(item.weight),
        offset(item.bias),
        float(a),
        float(b),
        learns(item.weight),
        learns(item.bias),
        factor,
        shift,
    )
