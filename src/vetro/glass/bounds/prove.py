"""Proving a claim about every row of a box, or refuting it with a row.

A claim about values is proved for the engine's floats; a claim that an answer rises or falls, for
the network in real numbers (monotonicity.py).  A refutation is a row, or a pair of rows, for which
the engine's own answers break the claim.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Words, error, issue_warnings, words
from vetro.glass.bounds.bounds import SECONDS
from vetro.glass.bounds.bounds_text import proof_lines
from vetro.glass.bounds.box import Range
from vetro.glass.bounds.branching import one_thread
from vetro.glass.bounds.claims import Claim, answer_label, read_claim
from vetro.glass.bounds.exploring import Tell, explore
from vetro.glass.bounds.monotonicity import trends_along, why_not_moving
from vetro.glass.bounds.over import example_of, inputs_of, over_data, over_text, ranges_of, units_of
from vetro.glass.bounds.records import ProofRecord, Verdict
from vetro.glass.bounds.witness import Search
from vetro.glass.rows import row_of
from vetro.glass.stopping import Limit, check_seconds, limited
from vetro.glass.subject import Subject, subject_of
from vetro.notebook import ShownAsText
from vetro.visible import visible_lines

Floats = NDArray[np.float64]


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
    start = time.monotonic()
    check_seconds("seconds", seconds)
    subject = subject_of(thing, inputs=inputs_of(over))
    ranges, notices = ranges_of(subject, over)
    read = read_claim(subject, claim)
    issue_warnings(notices)
    decide = _decide_range if read.kind == "range" else _decide_direction
    with one_thread(), limited(seconds - (time.monotonic() - start)) as limit:
        found = decide(subject, ranges, read, limit, tell)
    return Proof(
        claim=read.text,
        about=answer_label(subject, read.answer),
        unit=subject.answer_units[read.answer],
        over=over_text(subject, ranges),
        box=over_data(subject, ranges),
        seconds=time.monotonic() - start,
        interrupted=limit.interrupted() and found["verdict"] == "undecided",
        notices=notices,
        units=units_of(subject),
        **found,
    )


def _decide_range(
    subject: Subject, ranges: list[Range], claim: Claim, limit: Limit, tell: Tell
) -> dict[str, Any]:
    low, high = claim.answer, claim.answer + len(subject.answers)
    goals = np.full(2 * len(subject.answers), -np.inf)
    goals[low] = np.nextafter(claim.low, np.inf) if claim.strict_low else claim.low
    goals[high] = np.nextafter(-claim.high, np.inf) if claim.strict_high else -claim.high

    def wanted(search: Search) -> Floats:
        """The bounds still to prove; none once a row breaks the claim."""
        broken = bool((search.values < goals).any())
        return np.full_like(goals, -np.inf) if broken else goals

    found = explore(subject, ranges, wanted, limit, tell)
    search, certain = found.search, found.certain
    ends = [end for end in (low, high) if np.isfinite(goals[end])]
    broken = [end for end in ends if search.values[end] < goals[end]]
    verdict: Verdict = "undecided"
    answer = row = None
    if broken:
        verdict = "refuted"
        worst = max(broken, key=lambda end: goals[end] - search.values[end])
        row = row_of(subject, search.rows[worst])
        answer = float(search.values[worst] if worst == low else -search.values[worst])
        margin = float(goals[worst] - search.values[worst])
    else:
        spare = [float(certain[end] - goals[end]) for end in ends]
        verdict = "proved" if min(spare) >= 0 else "undecided"
        margin = abs(min(spare))
    return {
        "verdict": verdict,
        "margin": margin,
        "certain": (
            float(certain[low]) if low in ends else -math.inf,
            -float(certain[high]) if high in ends else math.inf,
        ),
        "counterexample": row,
        "answer": answer,
        "pair": None,
    }


def _what_moves(subject: Subject, column: int) -> Words:
    """A range for this column, or that another one is needed."""
    if subject.model is None:
        return words("Give it a range.")
    found = subject.model.schema.inputs[column]
    if found.kind == "category":
        return words("Name a column of numbers, dates or flags.")
    return words("Give it a range such as {=over all}.", all=example_of(found))


def _decide_direction(
    subject: Subject, ranges: list[Range], claim: Claim, limit: Limit, tell: Tell
) -> dict[str, Any]:
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
    spare = trend.slope[0] if rises else -trend.slope[1]
    verdict: Verdict = "refuted" if against else "proved" if spare >= 0 else "undecided"
    margin = abs(spare)
    if against:
        margin = abs(against.second_answer - against.first_answer)
    return {
        "verdict": verdict,
        "margin": margin if math.isfinite(margin) else math.inf,
        "certain": trend.slope,
        "counterexample": against.first if against else None,
        "answer": against.first_answer if against else None,
        "pair": against,
    }
