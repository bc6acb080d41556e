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
from vetro.glass.learning.engine_run import job_of, steps_of
from vetro.glass.learning.loss_terms import OtherLoss
from vetro.glass.learning.steps import State, Step
from vetro.glass.learning.update_terms import Update, title, written
from vetro.glass.names import parameter_names
from vetro.glass.verify.exact_update import update
from vetro.glass.verify.rounding import FORMATS, last_place
from vetro.networks.updates.rule import Updates
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
    learns = ~np.isnan(by_torch)
    found: list[Proposal] = []
    checks: list[Check] = []
    own_kind = ""
    taken = _taken(given, np.where(learns, by_torch, 0.0)) if given.given else None
    if taken is not None:
        who, step, updates = taken
        if updates.ranges:
            own = updates.rules[updates.ranges[0][2]]
            found.append(_proposal(title(own), True, updates, step.before, gradient))
            checks.append(_stepping(given, who, step, updates))
            own_kind = own.kind
        else:
            found.append(Proposal(who, True, step.after.parameters.astype(np.float64), ()))
    slots = [(slot.offset, slot.offset + slot.size) for slot in given.part.network.slots]
    ranges = tuple((begin, end, 0) for begin, end in slots if learns[begin : begin + 1].all())
    new = State.new(given.part.parameters.astype(np.float64))
    for rule in given.rules:
        if rule.kind != own_kind:
            updates = Updates((rule,), ranges)
            found.append(_proposal(title(rule), False, updates, new, gradient))
    return tuple(found), checks


def not_shown(given: Differentiated, updates: Sequence[Proposal]) -> list[str]:
    optimizer = given.asked.training.optimizer
    if not given.given or optimizer is None or any(proposal.own for proposal in updates):
        return []
    name = type(optimizer).__name__
    return [f"The step of {name} is not shown: it evaluates the loss several times."]


def _taken(given: Differentiated, by_torch: Floats) -> tuple[str, Step, Updates] | None:
    """The step that the optimizer in use takes: torch's, or for a model the engine's; its name and
    its rules.

    None if it cannot be taken: for LBFGS, or on a machine where the engine does not run.
    """
    if given.subject.model is None:
        from vetro.glass.backprop.autograd import taken

        training = given.asked.training
        found = taken(training.module, training.optimizer, given.lowering, by_torch)
        return found and (f"torch's {type(training.optimizer).__name__}", *found)
    if why_not_native():
        return None
    assert not isinstance(given.rule, OtherLoss)
    whole = ((0, given.part.network.parameter_count, 0),)
    updates = Updates((given.subject.model.recipe.update,), whole)
    step = steps_of(job_of(given.part, given.x, given.y, given.rule, updates))[0]
    return ("the engine", step, updates) if step.taken else None


def _stepping(given: Differentiated, who: str, step: Step, updates: Updates) -> Check:
    """The step that was taken, compared with the exact one for the same gradient."""
    format = FORMATS[given.part.network.dtype]
    apart, bounds = np.zeros((2, given.part.network.parameter_count))
    for rule, places in step.pieces(updates):
        exact = update(rule, step.before.at(places), step.gradient[places], format).parameters
        apart[places] = step.after.parameters[places] - exact.near
        bounds[places] = exact.error + last_place(exact.magnitude, FORMATS["float64"])
    name = update_of(updates.rules[updates.ranges[0][2]]).title
    claim = f"the step of {name} agrees with {who}"
    return within(claim, apart, bounds, parameter_names(given.subject))


def _proposal(title: str, own: bool, updates: Updates, before: State, gradient: Floats) -> Proposal:
    new, pieces = before.parameters.astype(np.float64), []
    for begin, end, group in updates.ranges:
        piece = slice(begin, end)
        made = written(updates.rules[group], before.at(piece), gradient[piece])
        new[piece] = made.new
        pieces.append((begin, end, made))
    return Proposal(title, own, new, tuple(pieces))


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
