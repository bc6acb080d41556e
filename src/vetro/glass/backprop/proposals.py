"""The updates that optimizers would make, and the step taken, compared with its formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.engines.native_core import why_not_native
from vetro.glass.backprop.differentiated import Differentiated
from vetro.glass.check import Check, Verdict
from vetro.glass.learning.engine_run import Learning, steps_of
from vetro.glass.learning.loss_terms import OtherLoss
from vetro.glass.learning.update_terms import (
    StepTaken,
    Update,
    UpdateState,
    title,
    written,
)
from vetro.glass.names import parameter_names
from vetro.glass.verify.exact_update import State, update
from vetro.glass.verify.rounding import FORMATS, last_place
from vetro.networks.updates.rule import UpdateRule, Updates
from vetro.networks.updates.table import update_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Proposal:
    """The update that an optimizer would make.  new: the parameters after it, (parameter_count,).

    title: the optimizer with its settings.  own: whether it is the given optimizer or the recipe's,
    which starts from its present state.
    pieces: (begin, end, Update) of the flat vector, () where the formula is not known.
    """

    title: str
    own: bool
    new: Floats
    pieces: tuple[tuple[int, int, Update], ...]

    def lines(self, index: int) -> list[str]:
        """The update of one parameter, step by step."""
        for begin, end, made in self.pieces:
            if begin <= index < end:
                return made.lines(index - begin)
        return []


def proposals(
    given: Differentiated, gradient: Floats, by_torch: Floats
) -> tuple[tuple[Proposal, ...], list[Check]]:
    """The update of each rule and of the given optimizer, whose own step is also compared."""
    w = given.part.parameters.astype(np.float64)
    learns = ~np.isnan(by_torch)
    found: list[Proposal] = []
    checks: list[Check] = []
    own_kind = ""
    taken = _taken(given, np.where(learns, by_torch, 0.0)) if given.given else None
    if taken is not None:
        pieces, new = _pieces(taken.rules, w, gradient, taken.state)
        own_kind = taken.rules[0][2].kind if taken.rules else ""
        shown = title(taken.rules[0][2]) if taken.rules else taken.name
        found.append(Proposal(shown, True, new if taken.rules else taken.new, pieces))
        checks += _stepping(given, taken, w)
    for rule in given.rules:
        if rule.kind == own_kind:
            continue
        ranges = [(begin, end, rule) for begin, end in _learning(given, learns)]
        pieces, new = _pieces(ranges, w, gradient, UpdateState.none(len(w)))
        found.append(Proposal(title(rule), False, new, pieces))
    return tuple(found), checks


def not_shown(given: Differentiated, updates: Sequence[Proposal]) -> list[str]:
    optimizer = given.asked.training.optimizer
    if not given.given or optimizer is None or any(proposal.own for proposal in updates):
        return []
    name = type(optimizer).__name__
    return [f"The step of {name} is not shown: it evaluates the loss several times."]


def _taken(given: Differentiated, by_torch: Floats) -> StepTaken | None:
    """The step that the optimizer in use takes: torch's, or for a model the engine's.

    None if it cannot be taken: for LBFGS, or on a machine where the engine does not run.
    """
    if given.subject.model is None:
        from vetro.glass.backprop.autograd import stepped

        training = given.asked.training
        return stepped(training.module, training.optimizer, given.lowering, by_torch)
    if why_not_native():
        return None
    rule = given.subject.model.recipe.update
    count = given.part.network.parameter_count
    assert not isinstance(given.rule, OtherLoss)
    learning = Learning(given.rule, Updates((rule,), ((0, count, 0),)))
    y = given.y if given.y.dtype == np.int64 else given.y.astype(np.float32)
    (step,) = steps_of(given.part, given.x, y, learning, 1)
    if not step.taken:
        return None
    return StepTaken(
        "the engine",
        step.after["parameters"].astype(np.float64),
        step.gradient.astype(np.float64),
        ((0, count, rule),),
        UpdateState.none(count),
    )


def _stepping(given: Differentiated, taken: StepTaken, w: Floats) -> list[Check]:
    """The step that was taken, compared with the exact one for the same gradient."""
    if not taken.rules:
        return []
    format = FORMATS[given.part.network.dtype]
    apart, bounds = np.zeros(len(w)), np.zeros(len(w))
    for begin, end, rule in taken.rules:
        piece = slice(begin, end)
        held = taken.state.at(piece)
        before = State(
            w[piece], held.first, held.second, held.third, float(held.step.max(initial=0.0))
        )
        exact = update(rule, before, taken.gradient[piece], format).parameters
        apart[piece] = taken.new[piece] - exact.near
        bounds[piece] = exact.error + last_place(exact.magnitude, FORMATS["float64"])
    name = update_of(taken.rules[0][2]).title
    claim = f"the step of {name} agrees with {taken.name}"
    return [within(claim, apart, bounds, parameter_names(given.subject))]


def _learning(given: Differentiated, learns: NDArray[np.bool_]) -> list[tuple[int, int]]:
    slots = given.part.network.slots
    return [(s.offset, s.offset + s.size) for s in slots if learns[s.offset : s.offset + 1].all()]


def _pieces(
    rules: Sequence[tuple[int, int, UpdateRule]], w: Floats, gradient: Floats, state: UpdateState
) -> tuple[tuple[tuple[int, int, Update], ...], Floats]:
    new = w.copy()
    pieces = []
    for begin, end, rule in rules:
        piece = slice(begin, end)
        made = written(rule, w[piece], gradient[piece], state.at(piece))
        new[piece] = made.new
        pieces.append((begin, end, made))
    return tuple(pieces), new


def within(
    name: str, deviations: Sequence[float] | Floats, bounds: Sequence[float] | Floats, of: Any
) -> Check:
    """The claim that each deviation lies within its bound; its detail names the largest share.

    Deviations without a finite bound are left out and counted.
    """
    apart, bound = np.abs(np.asarray(deviations)), np.asarray(bounds)
    told = np.flatnonzero(np.isfinite(bound))
    beyond = len(apart) - len(told)
    open_ = f"{beyond} undecided: their divisor may round to 0" if beyond else ""
    if not len(told):
        return Check(name, "undecided", detail=open_ or "there is nothing to compare")
    apart, bound, of = apart[told], bound[told], [of[place] for place in told]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(apart == 0, 0.0, apart / bound)
    worst = int(np.argmax(np.where(np.isnan(share), np.inf, share)))
    verdict: Verdict = "passed" if bool((apart <= bound).all()) else "failed"
    many = f"{len(apart)} compared" if len(apart) > 1 else ""
    where = f"the largest share at {of[worst]}" if len(apart) > 1 and share[worst] else ""
    if verdict == "failed":
        wrong = int((~(apart <= bound)).sum())
        where = f"{wrong} outside, the worst at {of[worst]}" if len(apart) > 1 else "outside"
    detail = ", ".join(text for text in (many, where, open_) if text)
    return Check(name, verdict, float(apart[worst]), float(bound[worst]), detail)
