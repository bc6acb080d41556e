"""The exact values, gradients and updates of a part, and where an entry of them stands.

verify_model.py and verify_module.py compare results with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from vetro.engines.job import Job
from vetro.glass.check import Check
from vetro.glass.exact import precision
from vetro.glass.learning.steps import State, Step
from vetro.glass.rows import Rows, part_inputs, part_outputs
from vetro.glass.subject import Part, Subject
from vetro.glass.verify import engine_sums, exact_backward
from vetro.glass.verify.comparison import UNBOUNDED, Place, Worst, compare, same_bits, undecided
from vetro.glass.verify.exact_loss import slope
from vetro.glass.verify.exact_update import update
from vetro.glass.verify.rounding import FORMATS, Rounded
from vetro.networks.lowered import LoweredNetwork
from vetro.networks.updates.rule import Updates

Array = NDArray[Any]

ORDER_WORK = 2e6
"""Multiplications for the probes whose sums are recomputed in the engine's order."""

NO_TARGETS = "Gradients and updates are not recomputed: the rows have no targets."
NO_STEP = "the loss is not finite, so the engine takes no step."


def engine_order(subject: Subject, rows: Rows) -> list[Check]:
    """Whether the engine's sums have exactly the bits of their stated order; [] if not known."""
    name = "engine: sums in their order, to the bit"
    count = 0
    for part in subject.parts:
        inputs = part_inputs(part, rows)
        x = np.concatenate([inputs, probes(part.network, ORDER_WORK)])
        wanted = engine_sums.outputs(part, x)
        if wanted is None:
            return []
        # + 0: the sign of a zero does not matter
        found = same_bits(
            name, part_outputs(part, x) + 0, wanted + 0, outputs_place(subject, part), ""
        )
        if not found:
            return [found]
        count += len(x)
    return [Check(name, "passed", 0.0, 0.0, f"{count} rows and probes, all numbers the same.")]


def probes(network: LoweredNetwork, work: float) -> Array:
    """Rows that make a last bit visible: unit vectors of both signs, and random rows of many sizes.

    If one weight is off by its last bit, a sum of many terms usually moves by less than its own
    last bit, so the rounded sum changes only in few rows.  work: multiplications, which limit the
    rows.
    """
    generator = np.random.Generator(np.random.PCG64(0))
    count = int(np.clip(work / max(network.parameter_count, 1), 64, 4096))
    units = np.eye(min(network.inputs, count), network.inputs)
    sizes = np.exp2(generator.uniform(-6.0, 6.0, (count, 1)))
    drawn = generator.normal(size=(count, network.inputs)) * sizes
    return np.concatenate([units, -units, drawn]).astype(network.dtype)


class Recomputed:
    """A part's exact values with their bounds."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._weights = exact_backward.Weights(part)
        self.format = FORMATS[part.network.dtype]

    def forward(self, x: Array) -> list[Rounded]:
        """Every value (features, rows) of x (rows, features)."""
        return exact_backward.forward(self._part, x, self.format, self._weights)

    def gradients(self, values: list[Rounded], job: Job) -> Gradients:
        """The gradient of the loss by every parameter that learns; values: of `forward`."""
        found = slope(job.loss, values[-1], job.training.y, self.format)
        exact = exact_backward.backward(
            self._part, values, found.delta, found.format, self._weights
        )
        learns = np.concatenate([np.arange(begin, end) for begin, end, _ in job.update.ranges])
        return Gradients(self._part, exact[learns], found.divisor, learns)


@dataclass(frozen=True, eq=False)
class Gradients:
    """exact / divisor: the gradient by the parameters numbered in `learns`."""

    part: Part
    exact: Rounded
    divisor: arb
    learns: NDArray[np.intp]

    def worst(self, returned: Array, names: Sequence[str]) -> Worst:
        """Compare a returned gradient (parameter_count,) with the exact one."""
        prefix = prefix_of(self.part)

        def place(index: tuple[int, ...]) -> str:
            return f"{prefix}the gradient of {names[self.learns[index[0]]]}"

        return compare(returned[self.learns], self.exact, place, self.divisor)


@contextmanager
def recomputing(part: Part) -> Iterator[Recomputed]:
    """Recompute a part with a suitable precision."""
    with precision(part.network):
        yield Recomputed(part)


def update_worst(
    part: Part, names: Sequence[str], updates: Updates, steps: list[Step]
) -> list[Worst]:
    """Compare updates with the exact steps from the same starting numbers."""
    prefix = prefix_of(part)
    format = FORMATS[part.network.dtype]
    words = {
        "parameters": "{}",
        "first": "the first moment of {}",
        "second": "the second moment of {}",
        "third": "the third moment of {}",
    }
    found = []
    for count, step in enumerate(steps, start=1):
        if not step.taken:
            found.append(undecided(f"{prefix}{NO_STEP}"))
            break
        for rule, places in step.pieces(updates):
            before, after = step.before.at(places), step.after.at(places)
            gradient = step.gradient[places]
            wanted = update(rule, before, gradient, format)
            for kind, text in words.items():
                exact = getattr(wanted.after, kind)
                if exact is not None:
                    lost = np.isnan(getattr(after, kind)) & wanted.nan
                    exact = Rounded(exact.exact, np.where(lost, np.inf, exact.error))
                    place = _after(count, prefix + text, names, places)
                    why = _without_bound(before, gradient)
                    found.append(compare(getattr(after, kind), exact, place, unbounded=why))
    return found


def _after(count: int, text: str, names: Sequence[str], places: Array) -> Place:
    """Names an entry of the numbers after a step."""
    return lambda index: f"{text.format(names[places[index[0]]])} after step {count}"


def _without_bound(before: State, gradient: Array) -> Place:
    """Why an entry of a step has no bound."""
    given = {
        "gradient": gradient,
        "value": before.parameters,
        "moment": before.first,
        "second moment": before.second,
        "third moment": before.third,
    }

    def why(index: tuple[int, ...]) -> str:
        for name, values in given.items():
            if not np.isfinite(values[index]):
                return f"the step starts from a {name} that is not finite"
        return UNBOUNDED

    return why


def outputs_place(subject: Subject, part: Part, rows: Rows | None = None) -> Place:
    """Names an entry of the outputs, (outputs, rows) for these rows or (rows, outputs) for any."""
    prefix = prefix_of(part)
    if rows is None:
        return lambda index: f"{prefix}{subject.outputs[index[1]]} in row {index[0] + 1}"
    places = rows.places
    return lambda index: f"{prefix}{subject.outputs[index[0]]} in {places[index[1]]}"


def prefix_of(part: Part) -> str:
    return f"{part.name}: " if part.name else ""


def title_of(subject: Subject) -> str:
    """The network as text: 5 networks 8-64-64-1, float32."""
    network = subject.network
    widths = [network.inputs]
    widths += [network.widths[o.output] for o in network.operations if o.kind == "affine"]
    count = len(subject.parts)
    many = f"{count} networks " if count > 1 else ""
    return f"{many}{'-'.join(map(str, widths))}, {network.dtype}"
