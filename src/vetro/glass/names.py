"""Names of units and of single parameters; a parameter's name gives its source and destination.

layer1.weight[h3 <- cement] multiplies the feature cement on its way into unit h3 of layer1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vetro.glass.subject import Part, Subject, subject_of
from vetro.networks.lowered import LoweredNetwork, Operation


def value_names(subject: Subject) -> tuple[tuple[str, ...], ...]:
    """For each value of the network, by number, the names of its units.

    The input has the features' names, the last value the outputs', a layer h0, h1, ....  An
    operation that works unit by unit keeps the names of its input, and the values before the output
    that reach it only unit by unit have its names.
    """
    network = subject.network
    final = _passed_on(network)
    names: list[tuple[str, ...]] = [subject.features]
    for operation in network.operations:
        if operation.output in final:
            names.append(subject.outputs)
        elif operation.kind == "affine":
            width = network.widths[operation.output]
            names.append(tuple(f"h{unit}" for unit in range(width)))
        else:
            names.append(names[operation.inputs[0]])
    return tuple(names)


def _passed_on(network: LoweredNetwork) -> set[int]:
    """The last value and those that reach it unit by unit, back to the layer that computes them."""
    if not network.operations:
        return set()
    final = {network.operations[-1].output}
    for operation in reversed(network.operations):
        if operation.output in final and operation.kind != "affine" and len(operation.inputs) == 1:
            source = operation.inputs[0]
            if source:
                final.add(source)
    return final


def slot_uses(network: LoweredNetwork) -> dict[int, Operation]:
    """For each slot, the first operation that uses it."""
    uses: dict[int, Operation] = {}
    for operation in network.operations:
        for slot in (operation.weight, operation.bias):
            if slot is not None:
                uses.setdefault(slot, operation)
    return uses


def parameter_names(subject: Subject) -> list[str]:
    """A name for each number of the flat vector: slot[to <- from], slot[unit] of a bias."""
    network, names = subject.network, value_names(subject)
    uses = slot_uses(network)
    found: list[str] = []
    for number, slot in enumerate(network.slots):
        use = uses[number]
        to = names[use.output]
        if len(slot.shape) == 2:
            sources = names[use.inputs[0]]
            found += [f"{slot.name}[{unit} <- {source}]" for unit in to for source in sources]
        else:
            found += [f"{slot.name}[{unit}]" for unit in to]
    return found


class Parameters(Mapping[str, float]):
    """Every single parameter of a model or module by name, in the order of the flat vector.

    With several members: member1.layer1.weight[h3 <- cement] and so on.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        own = parameter_names(subject)
        self._index: dict[str, tuple[Part, int]] = {}
        for part in subject.parts:
            prefix = f"{part.name}." if part.name else ""
            for number, name in enumerate(own):
                self._index[prefix + name] = part, number

    def __getitem__(self, name: str) -> float:
        part, number = self._index[name]
        return float(part.parameters[number])

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        shown = [f"  {name} = {self[name]:.6g}" for name, _ in zip(self, range(10), strict=False)]
        more = len(self) - len(shown)
        return "\n".join(
            ["Parameters(", *shown, *([f"  and {more} more"] if more > 0 else []), ")"]
        )


def parameters(module_or_model: Any) -> Parameters:
    """Every parameter by a name that gives its source and destination; see Parameters.

    E701 for a module whose forward is not understood as a chain of layers.
    """
    return Parameters(subject_of(module_or_model))
