"""Verify for a model of a table: every member, by its recipe's loss and optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vetro.errors import counted
from vetro.glass.check import Check
from vetro.glass.learning import engine_run
from vetro.glass.learning.model_learning import learnings
from vetro.glass.rows import Rows, part_outputs
from vetro.glass.subject import Subject
from vetro.glass.verify.comparison import Worst, check_of
from vetro.glass.verify.recomputing import (
    NO_TARGETS,
    engine_order,
    recomputing,
    title_of,
)
from vetro.glass.verify.verification import Verification


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
    forward: list[Worst] = []
    gradients: list[Worst] = []
    updates: list[Worst] = []
    learning = learnings(subject, rows, y, loss)
    for number, part in enumerate(subject.parts):
        whose = f" of member {number + 1} of {len(subject.parts)}" if part.name else ""
        tell(f"Recomputing the outputs{whose}")
        with recomputing(subject, part, rows) as known:
            forward.append(known.outputs(part_outputs(part, known.inputs)))
            if learning is None:
                continue
            tell(f"Recomputing the gradients{whose}")
            job = learning.of(number, known.inputs)
            steps = engine_run.steps_of(job)
            gradients.append(known.gradients(job, learning.rows)(steps[0].gradient))
            if not number:  # all members step by the same code
                tell("Recomputing the updates")
                updates += known.updates(job.updates, steps)
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
