"""Proving a claim about every row of a box, or refuting it with a row.

A claim about values is proved for the engine's floats; a claim that an answer rises or falls, for
the network in real numbers (monotonicity.py).  A refutation is a row, or a pair of rows, for which
the engine's own answers break the claim.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vetro.errors import Words, error, words
from vetro.glass.bounds.bounds_text import proof_lines
from vetro.glass.bounds.claims import Claim, answer_label, read_claim
from vetro.glass.bounds.exploring import Tell, explore
from vetro.glass.bounds.monotonicity import trends_along, why_not_moving
from vetro.glass.bounds.over import example_of
from vetro.glass.bounds.question import SECONDS, Question, asked
from vetro.glass.bounds.records import ProofRecord, Verdict
from vetro.glass.bounds.witness import Search
from vetro.glass.plain import Floats
from vetro.glass.rows import row_of
from vetro.glass.stopping import Limit
from vetro.glass.subject import Subject
from vetro.notebook import ShownAsText
from vetro.visible import visible_lines


class Proof(ProofRecord, ShownAsText):
    """The result of a claim; bool() is true only if it is proved."""

    def __str__(self) -> str:
        return visible_lines(proof_lines(self))

    __repr__ = __str__


def prove(
    thing: Any,
    claim: str,
    over: Any = None,
    *,
    seconds: float = SECONDS,
    tell: Tell = lambda boxes, certain: None,
) -> Proof:
    """Prove or refute a claim for every row of a box, within the given number of seconds.

    claim: "flow >= 0", "10 <= flow <= 80", "flow rises with speed", "flow falls with head"; for a
    classification "P(yes) <= 0.5".  over and tell: as in vetro.bounds.  If Ctrl-C ends the search,
    the claim is undecided.
    E734: the claim cannot be read.
    """
    question = asked(thing, over, seconds)
    subject = question.subject
    read = read_claim(subject, claim)
    decide = _decide_range if read.kind == "range" else _decide_direction
    with question.searching() as limit:
        found = decide(question, read, limit, tell)
        interrupted = limit.interrupted() and found["verdict"] == "undecided"
    return Proof(
        claim=read.text,
        about=answer_label(subject, read.answer),
        unit=subject.answer_units[read.answer],
        **found,
        **question.facts(interrupted=interrupted),
    )


def _decide_range(question: Question, claim: Claim, limit: Limit, tell: Tell) -> dict[str, Any]:
    subject = question.subject
    low, high = claim.answer, claim.answer + len(subject.answers)
    goals = np.full(2 * len(subject.answers), -np.inf)
    goals[low], goals[high] = claim.low, -claim.high

    def wanted(search: Search) -> Floats:
        """The bounds still to prove; none once a row breaks the claim."""
        broken = bool((search.values < goals).any())
        return np.full_like(goals, -np.inf) if broken else goals

    found = explore(subject, question.ranges, wanted, limit, tell)
    search = found.search
    certain = np.where(np.isfinite(goals), found.certain, -np.inf)
    ends = (float(certain[low]), -float(certain[high]))
    worst = int(np.argmax(goals - search.values))
    broken = float(goals[worst] - search.values[worst])
    if broken > 0:
        answer = float(search.values[worst] if worst == low else -search.values[worst])
        row = row_of(subject, search.rows[worst])
        return {"verdict": "refuted", "margin": broken, "certain": ends, "counterexample": row,
                "answer": answer}  # fmt: skip
    asked_for = np.isfinite(goals)
    spare = float((certain[asked_for] - goals[asked_for]).min())
    verdict: Verdict = "proved" if spare >= 0 else "undecided"
    return {"verdict": verdict, "margin": abs(spare), "certain": ends}


def _what_moves(subject: Subject, column: int) -> Words:
    """A range for this column, or that another one is needed."""
    if subject.model is None:
        return words("Give it a range.")
    found = subject.model.schema.inputs[column]
    if found.kind == "category":
        return words("Name a column of numbers, dates or flags.")
    return words("Give it a range such as {=over all}.", all=example_of(found))


def _decide_direction(question: Question, claim: Claim, limit: Limit, tell: Tell) -> dict[str, Any]:
    subject, ranges = question.subject, question.ranges
    reason = why_not_moving(ranges[claim.column])
    if reason is not None:
        fix = _what_moves(subject, claim.column)
        raise error("E731", column=subject.inputs[claim.column], what=reason, fix=fix)
    rises = claim.kind == "rises"
    trends = trends_along(
        subject, ranges, claim.column, limit, tell, (claim.answer, "rises" if rises else "falls")
    )
    trend = trends[claim.answer]
    against = trend.down if rises else trend.up
    if against is not None:
        margin = abs(against.second_answer - against.first_answer)
        return {"verdict": "refuted", "margin": margin, "certain": trend.slope,
                "counterexample": against.first, "answer": against.first_answer,
                "pair": against}  # fmt: skip
    spare = trend.slope[0] if rises else -trend.slope[1]
    verdict: Verdict = "proved" if spare >= 0 else "undecided"
    margin = abs(spare) if math.isfinite(spare) else math.inf
    return {"verdict": verdict, "margin": margin, "certain": trend.slope}
