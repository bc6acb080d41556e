"""Backpropagation with numbers: every gradient as a product, computed in three ways.

The chain rule in float64 (plain.py) is compared with torch's autograd and with central differences.
The updates of the optimizers are computed too, and the gradients that add up without zero_grad.
The given module, model and optimizer are not changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import error, issue_warnings
from vetro.glass import plain
from vetro.glass.backprop.allowance import allowance
from vetro.glass.backprop.backprop_json import to_json
from vetro.glass.backprop.backprop_record import BackpropRecord
from vetro.glass.backprop.backprop_text import text
from vetro.glass.backprop.differences import Differences, differences, verdicts_of
from vetro.glass.backprop.differentiated import Differentiated, differentiated
from vetro.glass.backprop.proposals import not_shown, proposals, within
from vetro.glass.check import Check
from vetro.glass.learning.loss_terms import LossTerms, OtherLoss, loss_terms
from vetro.glass.names import parameter_names
from vetro.glass.rows import reading_asked
from vetro.glass.subject import Part
from vetro.model.odd_rows import Unknown
from vetro.notebook import ShownAsText
from vetro.tables.options import ReadOptions
from vetro.visible import visible_lines

Floats = NDArray[np.float64]

MOST_WORK = 1e9
"""Multiplications allowed for the central differences of all parameters; if they need more, only
the largest gradients are compared."""

FEWEST = 64
"""Gradients that are compared in any case."""


class Backprop(BackpropRecord, ShownAsText):
    """The result of backprop: str() gives the text, to_json() all of it."""

    def __str__(self) -> str:
        return visible_lines(text(self))

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return to_json(self)


def backprop(
    thing: Any,
    x: Any,
    y: Any = None,
    loss: Any = None,
    optimizer: Any = None,
    *,
    member: int = 1,
    unknown: Unknown = "refuse",
    options: ReadOptions | None = None,
    **reading: Any,
) -> Backprop:
    """The loss of these rows, every error signal and gradient, and the updates of optimizers.

    thing: a torch module or a Model.
    For a module: x and y in any form that vetro.train accepts, a loss(output, target) or its name
    (mse, l1, smooth_l1, huber, bce, cross_entropy), and optionally an optimizer.
    For a Model: x is anything that predict accepts; y holds targets in their units or class labels
    (default: the targets in x's table).  `member` chooses the network.  The loss is the
    recipe's, on scaled targets.  unknown, options and reading (decimal=",", missing=("?",)): as in
    Model.predict.

    Gradients are computed in float64 by the chain rule.  `.checks` compares them with torch's
    autograd, within the rounding that a running error analysis allows (allowance.py), and with
    central differences, within the difference of two step lengths plus rounding (differences.py).
    bool() is true if every check passed.  Nothing given is changed: no gradient, state, mode or
    generator.

    Raises E701 for a module that is not understood; E601, E710 and E308 to E315 for wrong
    arguments.
    """
    how = reading_asked(thing, options, reading)
    found = explain(differentiated(thing, x, y, loss, optimizer, member, unknown, how))
    issue_warnings(found.notices)
    return found


def explain(given: Differentiated) -> Backprop:
    """The whole Backprop of a prepared module or member."""
    from vetro.glass.backprop.autograd import autograd

    part, rule = given.part, given.rule
    by_torch = autograd(given.asked, given.lowering)
    values = plain.forward(part, given.x)
    terms = loss_terms(rule, values[-1], given.y)
    for value in (terms.value, by_torch.loss):
        if not np.isfinite(value):
            raise error("E710", what=f"the loss is {value}", fix=_why(values, part, terms))
    gradient, deltas = plain.backward(part, values, terms.slope)
    learns = ~np.isnan(by_torch.gradient)
    rounding = allowance(part, given.x, given.y, terms, "float64", part.network.dtype)
    own_rounding = allowance(part, given.x, given.y, terms, "float64")
    chosen = _chosen(part, len(given.x), gradient, isinstance(rule, OtherLoss))
    central = differences(part, given.x, values, rule, given.y, chosen, own_rounding)
    names = tuple(parameter_names(given.subject))
    learning = [name for name, own in zip(names, learns, strict=True) if own]
    updates, stepping = proposals(given, gradient, by_torch.gradient)
    checks = (
        within("loss agrees with torch", [by_torch.loss - terms.value], [rounding.loss], ("loss",)),
        within(
            "gradients agree with autograd",
            by_torch.gradient[learns] - gradient[learns],
            rounding.gradient[learns],
            learning,
        ),
        _central(central, gradient, own_rounding.gradient, names),
        within(
            "a second backward without zero_grad doubles .grad",
            by_torch.twice[learns] - 2 * by_torch.gradient[learns],
            2.0 * rounding.gradient[learns],
            learning,
        ),
        *stepping,
    )
    return Backprop(
        subject=given.subject,
        part=part,
        places=given.places,
        targets=given.targets,
        x=given.x,
        y=given.y,
        values=values,
        deltas=deltas,
        terms=terms,
        names=names,
        gradient=gradient,
        autograd=by_torch.gradient,
        twice=by_torch.twice,
        learns=learns,
        rounding=rounding,
        central=central,
        updates=updates,
        checks=checks,
        notes=(*given.notes, *not_shown(given, updates)),
        notices=given.notices,
    )


def _why(values: list[Floats], part: Part, terms: LossTerms) -> str:
    if not terms.divisor:
        return "No target counts: all are ignored or have weight 0. Give at least one that counts."
    most = float(np.finfo(part.network.dtype).max)
    if all((np.abs(value) <= most).all() for value in values):
        return "Look at the loss and its targets."
    return (
        f"A number inside the network exceeds {part.network.dtype}: look at the inputs and the "
        "parameters."
    )


def _chosen(part: Part, rows: int, gradient: Floats, slow: bool) -> NDArray[np.int64]:
    """The parameters whose central differences are computed: all, or the largest gradients."""
    network = part.network
    work = 6.0 * rows * max(network.parameter_count, 1)
    most = max(FEWEST, int(MOST_WORK / work))
    if slow:
        most = FEWEST
    order = np.argsort(-np.abs(gradient), kind="stable")
    return np.sort(order[:most])


def _central(
    central: Differences, gradient: Floats, rounding: Floats, names: tuple[str, ...]
) -> Check:
    title = "gradients agree with central differences"
    verdicts = verdicts_of(central, gradient, rounding)
    told = np.array([verdict != "undecided" for verdict in verdicts], dtype=bool)
    index = central.index[told]
    reasons = {
        "a bend of the loss lies within the step": central.bent,
        "the loss is too curved for the step": central.curved & ~central.bent,
        "rounding may be as large as the gradients": ~told & ~central.silent,
    }
    words = [
        f"{int(these.sum())} undecided: {why}" for why, these in reasons.items() if these.any()
    ]
    if not len(index):
        return Check(title, "undecided", detail=", ".join(words))
    found = within(
        title,
        central.value[told] - gradient[index],
        central.allowance[told] + rounding[index],
        [names[number] for number in index],
    )
    if len(central.index) < len(gradient):
        words.append(f"only the largest of {len(gradient)}")
    detail = ", ".join([found.detail, *words])
    return Check(title, found.verdict, found.deviation, found.bound, detail)
