"""Verify: results of the engine and of torch, recomputed exactly and compared with proven bounds.

Forward, gradient and updates, of a model or of a user's module.  The bounds are those of
rounding.py: how far floating point may be off in any order of the sums, so that a larger difference
is a fault and not rounding.  Comparisons to the last bit find faults within the bounds: the module
must give exactly the bytes that it gives as its classes declare it, and the engine's sums those of
their stated order.  evidence_checks.py checks the evidence in a model's file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from vetro.engines.native_core import why_not_native
from vetro.errors import Notice, counted, error, issue_warnings
from vetro.glass.check import Check
from vetro.glass.exact import precision
from vetro.glass.learning import engine_run
from vetro.glass.learning.engine_run import Learning, Step
from vetro.glass.names import parameter_names
from vetro.glass.rows import Rows, part_inputs, part_outputs, reading_asked, rows_of
from vetro.glass.subject import Part, Subject, subject_of
from vetro.glass.verify import engine_sums, exact_backward
from vetro.glass.verify.comparison import (
    UNBOUNDED,
    Place,
    Worst,
    check_of,
    compare,
    same_bits,
    undecided,
)
from vetro.glass.verify.exact_loss import slope
from vetro.glass.verify.exact_update import State, update
from vetro.glass.verify.rounding import FORMATS, Rounded
from vetro.model.odd_rows import Unknown
from vetro.networks.lowered import LoweredNetwork
from vetro.notebook import ShownAsText
from vetro.tables.options import ReadOptions
from vetro.visible import visible_lines

Array = NDArray[Any]

ORDER_WORK = 2e6
"""Multiplications for the probes whose sums are recomputed in the engine's order."""

NO_TARGETS = "Gradients and updates are not recomputed: the rows have no targets."
NO_STEP = "the loss is not finite, so the engine takes no step."
STEPS = 2
"""Updates that are checked: the first, and one that starts from a state."""


@dataclass(frozen=True, eq=False)
class Verification(ShownAsText):
    """The result of verify.  bool() is true only if every check passed.

    title: the network as text; rows: how many were recomputed; checks: in order; notes: what was
    not checked, and why; notices: the messages of reading the rows.
    """

    title: str
    rows: int
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()

    def __bool__(self) -> bool:
        return all(self.checks)

    @property
    def share(self) -> float:
        """The largest deviation as a share of its bound, NaN if nothing was compared."""
        shares = [check.share for check in self.checks if not math.isnan(check.share)]
        return max(shares, default=math.nan)

    def __str__(self) -> str:
        from vetro.glass.verify.verify_text import text

        return visible_lines(text(self))

    def to_json(self) -> dict[str, Any]:
        """The checks with their deviations and bounds, as plain data."""
        share = self.share
        return {
            "passed": bool(self),
            "network": self.title,
            "rows": self.rows,
            "largest_share": share if math.isfinite(share) else None,
            "checks": [check.to_json() for check in self.checks],
            "notes": list(self.notes),
        }


def verify(
    module_or_model: Any,
    x: Any,
    y: Any = None,
    loss: Any = None,
    optimizer: Any = None,
    *,
    predictor: Any = None,
    unknown: Unknown = "refuse",
    options: ReadOptions | None = None,
    **reading: Any,
) -> Verification:
    """Recompute outputs, gradients and updates exactly, and compare the returned ones with them.

    For a Model, x is anything that predict accepts.  Gradients and updates are those of the
    recipe's loss and optimizer; they need targets, in the rows or as y.
    unknown, options and reading (decimal=",", missing=("?",)): as in Model.predict.
    For a torch module, x is (rows, inputs).  With y, (rows, outputs) or classes (rows,), the
    gradient of loss(output, y) is checked too (default: MSELoss, or CrossEntropyLoss for whole
    numbers), and with an optimizer its updates.  predictor: an object that should give the module's
    outputs, such as a vetro.Predictor made earlier; its outputs are checked in the same way.

    A module is read as its classes declare it, without hooks and replaced forwards; of a custom
    autograd.Function, the forward is read.  Then the module itself runs, unchanged.  Module,
    optimizer and random generators are left unchanged.

    The bounds: gamma_n = n u / (1 - n u) of the sum of absolute values for a sum of n products in
    any order, u for one operation (Higham 2002, chapters 2 and 3), 4 units in the last place for
    tanh and similar functions, all propagated through the layers; see rounding.py.
    Piecewise linear networks are recomputed in fractions, others in balls of 256 bits.

    Raises E701 for a module that cannot be read, E702 for wrong rows, E313 and E315 for targets
    that vetro.train refuses, E711 if something cannot be recomputed.
    """
    missing = why_not_native()
    if missing:
        raise error("E604", what=missing, fix="Use a machine whose processor has them.")
    from vetro.model.model import Model

    how = reading_asked(module_or_model, options, reading)
    with np.errstate(all="ignore"):
        if isinstance(module_or_model, Model) or (
            isinstance(module_or_model, Subject) and module_or_model.model is not None
        ):
            subject = subject_of(module_or_model)
            found = verify_model(subject, rows_of(subject, x, how, unknown), y, loss)
        else:
            from vetro.glass.verify.verify_module import verify_module

            found = verify_module(module_or_model, x, y, loss, optimizer, predictor)
    issue_warnings(found.notices)
    return found


def as_trained(subject: Subject) -> list[Check]:
    """Whether every member still has the parameters that training left, by their SHA-256; no check
    if the model's evidence does not hold the SHA-256."""
    assert subject.model is not None
    known = subject.model.evidence.fingerprints
    if not known:
        return []
    pairs = zip(subject.model.members, known, strict=True)
    changed = [n for n, (member, sha) in enumerate(pairs, start=1) if member.fingerprint != sha]
    name = "parameters: as training left them"
    if changed:
        which = "member " + ", ".join(map(str, changed)) if len(known) > 1 else "the network"
        return [
            Check(name, "failed", detail=f"The numbers of {which} were changed (SHA-256 differs).")
        ]
    return [
        Check(
            name, "passed", detail=f"{counted(len(known), 'member')}, each with the stored SHA-256."
        )
    ]


def verify_model(
    subject: Subject,
    rows: Rows,
    y: Any = None,
    loss: Any = None,
    tell: Callable[[str], None] = lambda step: None,
) -> Verification:
    """The checks of every member: outputs, and with targets gradients and the recipe's updates.

    tell: called with a short text before each step.
    """
    from vetro.glass.learning.model_learning import learnings

    forward: list[Worst] = []
    gradients: list[Worst] = []
    updates: list[Worst] = []
    learning = learnings(subject, rows, y, loss)
    names = parameter_names(subject)
    for number, part in enumerate(subject.parts):
        inputs = part_inputs(part, rows)
        whose = f" of member {number + 1} of {len(subject.parts)}" if part.name else ""
        tell(f"Recomputing the outputs{whose}")
        with recomputing(part) as known:
            values = known.forward(inputs)
            returned = part_outputs(part, inputs)
            forward.append(compare(returned.T, values[-1], outputs_place(subject, part, rows)))
            if learning is None:
                continue
            tell(f"Recomputing the gradients{whose}")
            given = learning.of(number)
            chosen = learning.rows
            steps = engine_run.steps_of(
                part, inputs[chosen], given.target, given.learning, STEPS, part_one_hot(part)
            )
            wanted = values if len(chosen) == len(rows) else [v[:, chosen] for v in values]
            exact = known.gradients(wanted, given.target, given.learning)
            gradients.append(exact.worst(steps[0].gradient, names))
            if not number:  # all members step by the same code
                tell("Recomputing the updates")
                updates += update_worst(part, names, given.learning, steps)
    tell("Adding up in the engine's order")
    checks = [
        *as_trained(subject),
        check_of("engine: outputs", forward, "output"),
        *engine_order(subject, rows),
    ]
    if learning is not None:
        checks.append(check_of("engine: gradients", gradients, "gradient"))
        checks.append(check_of("engine: update", updates, "number"))
    notes = () if learning is not None else (NO_TARGETS,)
    return Verification(title_of(subject), len(rows), tuple(checks), notes, rows.notices)


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


def part_one_hot(part: Part) -> tuple[tuple[int, int], ...]:
    """The inputs of which at most one is 1, as training passes them to the engine."""
    return () if part.encoder is None else part.encoder.one_hot


class Recomputed:
    """A part's exact values with their bounds."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._weights = exact_backward.Weights(part)
        self.format = FORMATS[part.network.dtype]

    def forward(self, x: Array) -> list[Rounded]:
        """Every value (features, rows) of x (rows, features)."""
        return exact_backward.forward(self._part, x, self.format, self._weights)

    def gradients(self, values: list[Rounded], target: Array, learning: Learning) -> Gradients:
        """The gradient of the loss by every parameter that learns; values: of `forward`."""
        found = slope(learning.loss, values[-1], target, self.format)
        exact, _ = exact_backward.backward(
            self._part, values, found.delta, found.format, self._weights
        )
        learns = np.concatenate([np.arange(begin, end) for begin, end, _ in learning.ranges])
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
    part: Part, names: Sequence[str], learning: Learning, steps: list[Step]
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
        for rule, taken, places in step.pieces(learning):
            before = State.at(step.before, places, taken)
            after = State.at(step.after, places, taken)
            gradient = step.gradient[places]
            wanted = update(rule, before, gradient, format)
            for kind, text in words.items():
                exact = getattr(wanted, kind)
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
