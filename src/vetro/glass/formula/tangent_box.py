"""The box around a row where a tangent's error is bounded: how far each number column goes.

Categories, flags, dates and missing values stay as in the row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from vetro.errors import error, shown
from vetro.figures import among, ends
from vetro.glass.formula.terms import Place, training_range
from vetro.glass.subject import Subject
from vetro.named import known_name

Sides = Mapping[int, tuple[Fraction, Fraction]]
"""The number of a term that moves -> how far it goes."""

WITHIN = 0.1
"""How far a tangent's box reaches from the row, as a share of each column's training range."""


def sides_of(place: Place, box: float | Mapping[str, tuple[float, float]]) -> Sides:
    """Number of a term that moves -> how far it goes."""
    subject, at = place.subject, place.at
    straight = {
        term.name: number
        for number, term in enumerate(place.terms)
        if term.kind == "number" and not math.isnan(place.raw[term.column])
    }
    if isinstance(box, Mapping):
        return {
            straight[name]: _between(name, sides, at[straight[name]])
            for name, sides in _known(box, straight, subject).items()
        }
    share = float(box) if isinstance(box, (int, float)) else math.nan
    if not 0 <= share < math.inf:
        fix = "Use for example 0.1, or a mapping of column to (low, high)."
        raise error("E721", what=f'the box "{shown(box)}" is not a share', fix=fix)
    found = {}
    for number in straight.values():
        ends = training_range(subject, place.terms[number])
        if ends is None:
            width = Fraction(abs(at[number]) or 1)
        else:
            width = Fraction(ends[1]) - Fraction(ends[0])
        # the ends of the box are exactly the float64 numbers that are shown
        half = width * Fraction(share)
        found[number] = (Fraction(float(at[number] - half)), Fraction(float(at[number] + half)))
    return {n: (min(low, at[n]), max(high, at[n])) for n, (low, high) in found.items()}


def ranges_of(place: Place, sides: Sides) -> list[tuple[Fraction, Fraction] | None]:
    """The range of each column's number in the box, None for a column that stays as in the row."""
    found: list[tuple[Fraction, Fraction] | None] = [None] * len(place.raw)
    for number, own in sides.items():
        found[place.terms[number].column] = own
    return found


def _known(
    box: Mapping[str, tuple[float, float]], straight: Mapping[str, int], subject: Subject
) -> Mapping[str, tuple[float, float]]:
    found = {known_name(name, subject.inputs): sides for name, sides in box.items()}
    for name in found:
        if name not in straight:
            what = f'column "{shown(name)}" is not a number here, and stays as in the row'
            raise error("E721", what=what, fix="Leave it out of the box.")
    return found


def _between(name: str, sides: tuple[float, float], here: Fraction) -> tuple[Fraction, Fraction]:
    try:
        low, high = (Fraction(float(side)) for side in sides)
    except (TypeError, ValueError, OverflowError):
        what = f'the box of "{shown(name)}" is not two finite numbers'
        raise error("E721", what=what, fix="Use (low, high).") from None
    if not low <= here <= high:
        box = " to ".join(ends(float(low), float(high)))
        row = among(float(here), float(high - low), 6)
        what = f'the box of "{shown(name)}", {box}, leaves out the row\'s {row}'
        raise error("E721", what=what, fix="Put the row inside.")
    return low, high
