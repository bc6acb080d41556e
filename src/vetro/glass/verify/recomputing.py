"""The exact values, gradients and updates of a part, and where an entry of them stands.

verify_model.py and verify_module.py compare results with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.job import Job
from vetro.glass.check import Check
from vetro.glass.exact import precision
from vetro.glass.learning.steps import State, Step
from vetro.glass.names import parameter_names
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
    """A part's exact values at some rows with their bounds, to compare results with.

    inputs: (rows, features) as the network reads them.  values: each value, (features, rows).
    """

    def __init__(self, subject: Subject, part: Part, rows: Rows) -> None:
        self.inputs = part_inputs(part, rows)
        self._subject, self._part, self._places = subject, part, rows.places
        self._names = parameter_names(subject)
        self._weights = exact_backward.Weights(part)
        self._format = FORMATS[part.network.dtype]
        self.values = exact_backward.forward(part, self.inputs, self._format, self._weights)

    def outputs(self, returned: Array) -> Worst:
        """Compare returned outputs (rows, outputs)."""
        prefix, outputs = prefix_of(self._part), self._subject.outputs

        def place(index: tuple[int, ...]) -> str:
            return f"{prefix}{outputs[index[0]]} in {self._places[index[1]]}"

        return compare(returned.T, self.values[-1], place)

    def gradients(self, job: Job, rows: Array | None = None) -> Callable[[Array], Worst]:
        """The comparison of a returned gradient (parameter_count,) by every parameter that learns.
        rows: the numbers of the job's rows; None for all."""
        every = rows is None or len(rows) == len(self.inputs)
        values = self.values if every else [value[:, rows] for value in self.values]
        found = slope(job.loss, values[-1], job.training.y, self._format)
        exact = exact_backward.backward(
            self._part, values, found.delta, found.format, self._weights
        )
        learns = np.concatenate([np.arange(begin, end) for begin, end, _ in job.updates.ranges])
        place = self._place("the gradient of {}", learns)
        return lambda returned: compare(returned[learns], exact[learns], place, found.divisor)

    def updates(self, updates: Updates, steps: list[Step]) -> list[Worst]:
        """Compare steps with the exact ones from the same starting numbers."""
        found = []
        for count, step in enumerate(steps, start=1):
            if not step.taken:
                found.append(undecided(f"{prefix_of(self._part)}{NO_STEP}"))
                break
            for rule, places in step.pieces(updates):
                before, after = step.before.at(places), step.after.at(places)
                gradient = step.gradient[places]
                wanted = update(rule, before, gradient, self._format)
                for name, text in _MOMENTS.items():
                    exact, returned = getattr(wanted.after, name), getattr(after, name)
                    if exact is None:
                        continue
                    lost = np.isnan(returned) & wanted.nan
                    exact = Rounded(exact.exact, np.where(lost, np.inf, exact.error))
                    place = self._place(f"{text} after step {count}", places)
                    why = _without_bound(before, gradient)
                    found.append(compare(returned, exact, place, unbounded=why))
        return found

    def _place(self, text: str, numbers: Array) -> Place:
        """Names an entry of the parameters with these numbers."""
        whole = prefix_of(self._part) + text
        return lambda index: whole.format(self._names[numbers[index[0]]])


_MOMENTS = {
    "parameters": "{}",
    "first": "the first moment of {}",
    "second": "the second moment of {}",
    "third": "the third moment of {}",
}


@contextmanager
def recomputing(subject: Subject, part: Part, rows: Rows) -> Iterator[Recomputed]:
    """Recompute a part with a suitable precision."""
    with precision(part.network):
        yield Recomputed(subject, part, rows)


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


def outputs_place(subject: Subject, part: Part) -> Place:
    """Names an entry of outputs (rows, outputs) of any rows."""
    prefix = prefix_of(part)
    return lambda index: f"{prefix}{subject.outputs[index[1]]} in row {index[0] + 1}"


def prefix_of(part: Part) -> str:
    """The start of a text on one of several members."""
    return f"{part.name}: " if part.name else ""


def title_of(subject: Subject) -> str:
    """The network as text: 5 networks 8-64-64-1, float32."""
    network = subject.network
    widths = [network.inputs]
    widths += [network.widths[o.output] for o in network.operations if o.kind == "affine"]
    count = len(subject.parts)
    many = f"{count} networks " if count > 1 else ""
    return f"{many}{'-'.join(map(str, widths))}, {network.dtype}"
