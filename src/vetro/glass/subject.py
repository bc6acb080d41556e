"""The subject of the glass: the networks of a model or of a torch module, with their names.

Both doors meet here: every function of the glass takes a Subject's lowered networks and flat
parameters.  Names of single units are in names.py, rows in rows.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vetro.errors import error
from vetro.figures import among
from vetro.model.model import Model
from vetro.networks.lowered import LoweredNetwork, lower_network
from vetro.networks.refusal import NotUnderstood
from vetro.tables.blocks import Block
from vetro.tables.encoder import Encoder

if TYPE_CHECKING:
    from torch import nn

Kind = Literal["regression", "classification", "module"]


@dataclass(frozen=True, eq=False)
class Part:
    """One network with its numbers: a member of a model, or the whole module.

    parameters: (network.parameter_count,), of the network's dtype; a copy.  encoder: the member's,
    None for a module.  name: "member1", ... if there are several, else "".
    fold: the fold that a member did not see.
    """

    network: LoweredNetwork
    parameters: NDArray[Any]
    encoder: Encoder | None = None
    name: str = ""
    fold: int = 0

    def view(self, slot: int) -> NDArray[Any]:
        """The numbers of a slot in its shape, weight (out, in) or bias (out,); no copy."""
        found = self.network.slots[slot]
        return self.parameters[found.offset : found.offset + found.size].reshape(found.shape)

    @property
    def in_reals(self) -> Part:
        """The part with a network whose roundings are those of float64: too few to count."""
        return replace(self, network=replace(self.network, dtype="float64"))

    @property
    def not_finite(self) -> str:
        """The first slot with a value that is not finite, "" if there is none."""
        slots = enumerate(self.network.slots)
        return next((s.name for k, s in slots if not np.isfinite(self.view(k)).all()), "")


@dataclass(frozen=True, eq=False)
class Subject:
    """A model or module as the glass sees it.  All parts share the network's operations.

    inputs: the columns of a model, or x0, x1, ... of a module; units: theirs, "" for a module.
    features: the names of the network's inputs: encoded columns, or the module's inputs.
    outputs: the names of the network's outputs: targets, scores of classes, y0, ...
    answers: the names of the subject's answers: targets, classes, or y0, ...; answer_units: theirs.
    The answer of a model is the mean of its parts' answers: of outputs * deviation + mean, or of
    class probabilities.  squeezed: whether the module gives (rows,) rather than (rows, 1).
    """

    kind: Kind
    parts: tuple[Part, ...]
    inputs: tuple[str, ...]
    units: tuple[str, ...]
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    answers: tuple[str, ...]
    answer_units: tuple[str, ...]
    model: Model | None = None
    module: nn.Module | None = None
    squeezed: bool = False

    @property
    def network(self) -> LoweredNetwork:
        """The operations that all parts share."""
        return self.parts[0].network

    @property
    def encoder(self) -> Encoder | None:
        """How the columns become features, alike in all parts; None for a module."""
        return self.parts[0].encoder

    @property
    def blocks(self) -> tuple[Block, ...]:
        """One for each input column; () for a module."""
        return self.encoder.inputs if self.encoder is not None else ()

    def answer_width(self, place: int) -> float:
        """The width of an answer's training range; 0 for probabilities and modules."""
        if self.model is None or self.model.classes:
            return 0.0
        column = self.model.schema.targets[place]
        return (column.maximum or 0.0) - (column.minimum or 0.0)

    def answer_text(self, place: int, value: float, digits: int = 5) -> str:
        """A value of an answer, with digits enough to tell it from others of its range."""
        return among(float(value), self.answer_width(place), digits)

    @property
    def piecewise_linear(self) -> bool:
        """Whether the networks' outputs are piecewise linear in the features."""
        return piecewise_linear(self.network)


def piecewise_linear(network: LoweredNetwork) -> bool:
    """Whether every operation is affine, a sum, or a piecewise linear activation."""
    return all(
        operation.kind != "layer_norm"
        and (operation.kind != "activation" or operation.activation.below is not None)
        for operation in network.operations
    )


def model_of(thing: Any) -> Model | None:
    """The model that a thing is, or that a Subject is made of; None for anything else."""
    found = thing.model if isinstance(thing, Subject) else thing
    return found if isinstance(found, Model) else None


def subject_of(thing: Any, inputs: int | None = None) -> Subject:
    """The Subject of a Model or nn.Module; E701 for a module that Vetro cannot look into.

    inputs: the number of features of a module's x, if the caller's rows or ranges show it.  Where
    the module itself says another number, that one holds: what reads the rows names the fault.
    A module is read as in eval mode.
    """
    if isinstance(thing, Subject):
        return thing
    if isinstance(thing, Model):
        return _of_model(thing)
    import torch

    if not isinstance(thing, torch.nn.Module):
        kind = thing.__name__ if isinstance(thing, type) else type(thing).__name__
        fix = "Give a model of vetro.fit or vetro.load, or a torch.nn.Module object."
        raise error("E601", argument="module_or_model", value=kind, reason="it is neither", fix=fix)
    try:
        lowering = _lowered(thing, inputs)
    except NotUnderstood as reason:
        raise error("E701", reason=reason) from None
    subject = of_lowering(thing, lowering)
    strange = subject.parts[0].not_finite
    if strange:
        raise error("E701", reason=f"{strange} holds a value that is not finite")
    return subject


def _lowered(module: nn.Module, inputs: int | None) -> Any:
    from vetro.networks.lower_module import lower_module

    try:
        return lower_module(module, inputs=inputs, training=False)
    except NotUnderstood:
        if inputs is None:
            raise
    return lower_module(module, training=False)


def of_lowering(module: nn.Module, lowering: Any) -> Subject:
    """The Subject of a module, from the result of lower_module."""
    network = lowering.network
    inputs = tuple(f"x{number}" for number in range(network.inputs))
    outputs = tuple(f"y{number}" for number in range(network.outputs))
    return Subject(
        "module",
        (Part(network, lowering.flat()),),
        inputs=inputs,
        units=("",) * len(inputs),
        features=inputs,
        outputs=outputs,
        answers=outputs,
        answer_units=("",) * len(outputs),
        module=module,
        squeezed=lowering.squeezed,
    )


def _of_model(model: Model) -> Subject:
    network = lower_network(model.network)
    several = len(model.members) > 1
    parts = tuple(
        Part(
            network,
            member.parameters,
            model.encoder_of(member),
            f"member{number}" if several else "",
            member.fold,
        )
        for number, member in enumerate(model.members, start=1)
    )
    answers = model.classes or model.targets
    units = ("",) * len(answers) if model.classes else tuple(c.unit for c in model.schema.targets)
    return Subject(
        model.task,
        parts,
        inputs=model.inputs,
        units=tuple(column.unit for column in model.schema.inputs),
        features=model.network.input_names,
        outputs=model.network.output_names,
        answers=answers,
        answer_units=units,
        model=model,
    )
