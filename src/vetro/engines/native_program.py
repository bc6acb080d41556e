"""A lowered network as the program that the compiled core runs."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from vetro.engines.job import NO_CODES, Codes
from vetro.engines.native_core import core
from vetro.networks.lowered import LoweredNetwork, Operation

if TYPE_CHECKING:
    from vetro.engines.native_core import _native


def program_of(
    network: LoweredNetwork,
    frozen: Collection[int] = (),
    codes: Codes = NO_CODES,
) -> _native.Program:
    """The core's Program.

    frozen: numbers of the slots that need no gradient.
    """
    return core().Program(
        network.dtype,
        network.widths,
        [_operation(network, item, frozen) for item in network.operations],
        network.parameter_count,
        codes.one_hot,
        codes.piecewise,
    )


def _operation(
    network: LoweredNetwork, item: Operation, frozen: Collection[int]
) -> _native.Operation:
    def offset(slot: int | None) -> int:
        return -1 if slot is None else network.slots[slot].offset

    def learns(slot: int | None) -> bool:
        return slot is not None and slot not in frozen

    a, b = (*item.numbers, 0.0, 0.0)[:2]
    factor, shift = item.constants or (None, None)
    return core().Operation(
        item.kind,
        function=item.function,
        source=item.inputs[0],
        other=item.inputs[1] if len(item.inputs) > 1 else -1,
        result=item.output,
        weight=offset(item.weight),
        bias=offset(item.bias),
        a=float(a),
        b=float(b),
        learns_weight=learns(item.weight),
        learns_bias=learns(item.bias),
        factor=factor,
        shift=shift,
    )
