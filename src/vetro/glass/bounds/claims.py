"""Claims in words: "strength rises with cement", "10 <= flow <= 80", "P(yes) <= 0.5".

This file only reads them; prove.py decides them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from vetro.errors import error, nearest
from vetro.glass.subject import Subject
from vetro.tables.dress import undress
from vetro.tables.unit_spellings import key_of
from vetro.twins import match, plain

FORMS = '"A rises with C", "A falls with C", "A >= 1", "A <= 2", "1 <= A <= 2"'
_CLASS_FORMS = '"P(A) >= 0.1", "P(A) <= 0.9", "P(A) rises with C", "P(A) falls with C"'
_DIRECTION = re.compile(r"\s(rises|falls|increases|decreases)\s+with\s")
_SIGNS = {"≤": "<=", "≥": ">=", "=<": "<=", "=>": ">="}
_SIDE = re.compile(r"\s*(<=|>=|<|>)\s*(\S+)\s*(.*)")


@dataclass(frozen=True)
class Claim:
    """kind "range": the answer lies in [low, high]; an end that is not allowed itself is the next
    number.  kind "rises" or "falls": the answer never moves the other way while the column grows
    and the others stay the same."""

    text: str
    kind: Literal["range", "rises", "falls"]
    answer: int
    low: float = -math.inf
    high: float = math.inf
    column: int = -1


def read_claim(subject: Subject, text: str) -> Claim:
    """The claim of a text; E734 for one that cannot be read."""
    text = plain(" ".join(str(text).split()))
    direction = _DIRECTION.search(text)
    if direction is None:
        return _range(subject, text)
    answer = _answer(subject, text, text[: direction.start()])
    name = match(text[direction.end() :].strip(), subject.inputs)
    if name not in subject.inputs:
        hint = nearest(name, subject.inputs)
        raise refused(subject, text, f'there is no input "{name}"', hint)
    rises = direction[1] in ("rises", "increases")
    column = subject.inputs.index(name)
    return Claim(text, "rises" if rises else "falls", answer, column=column)


def answer_label(subject: Subject, answer: int) -> str:
    """The names of the answers in claims: a class as P(class)."""
    name = subject.answers[answer]
    return f"P({name})" if subject.kind == "classification" else name


def refused(subject: Subject, text: str, reason: str, hint: str = "") -> Exception:
    """E734 with the forms that this subject's claims may take."""
    forms = _CLASS_FORMS if subject.kind == "classification" else FORMS
    return error("E734", claim=text, reason=reason, fix=hint, forms=f"{forms}.")


def _answer(subject: Subject, text: str, name: str) -> int:
    labels = [answer_label(subject, number) for number in range(len(subject.answers))]
    name = match(name.strip(), labels)
    if name in labels:
        return labels.index(name)
    hint = nearest(name, labels)
    if not hint:
        hint = f"Answers: {', '.join(labels[:8])}. "
    raise refused(subject, text, f'there is no answer "{name}"', hint)


def _range(subject: Subject, text: str) -> Claim:
    for sign, usual in _SIGNS.items():
        text = text.replace(sign, usual)
    labels = [plain(answer_label(subject, number)) for number in range(len(subject.answers))]
    # the longest name at this place: one name may be a part of another
    for label in sorted(labels, key=len, reverse=True):
        before, found, after = text.partition(label)
        if found and _may_stand(before, after):
            return _sides(subject, text, labels.index(label), before, after)
    pieces = re.split(r"<=|>=|<|>", text)
    if len(pieces) < 2:
        raise refused(subject, text, 'it has neither a comparison nor "rises" or "falls"')
    words = [piece.strip() for piece in pieces if not _is_number(piece.strip())]
    _answer(subject, text, words[0] if words else pieces[0])
    raise refused(subject, text, "it cannot be read")


def _may_stand(before: str, after: str) -> bool:
    """Whether a name between these is a whole word of the claim."""
    return bool(re.fullmatch(r"(.*(<|>)=?)?\s*", before)) and bool(
        re.fullmatch(r"\s*((<|>)=?.*)?", after)
    )


def _sides(subject: Subject, text: str, answer: int, before: str, after: str) -> Claim:
    low, high = -math.inf, math.inf
    sides = []
    if before.strip():
        found = re.fullmatch(r"\s*(\S+)\s*(<=|>=|<|>)\s*", before)
        if found is None:
            raise refused(subject, text, f'"{before.strip()}" cannot be read')
        sides.append(({"<": ">", ">": "<"}[found[2][0]] + found[2][1:], found[1], ""))
    if after.strip():
        found = _SIDE.fullmatch(after)
        if found is None:
            raise refused(subject, text, f'"{after.strip()}" cannot be read')
        sides.append((found[1], found[2], found[3]))
    if not sides:
        raise refused(subject, text, "it has no comparison")
    for sign, number, unit in sides:
        number, unit = _taken_apart(number, unit)
        if unit and key_of(unit) != key_of(subject.answer_units[answer]):
            raise refused(subject, text, f'"{unit}" cannot be read')
        if not _is_number(number):
            raise refused(subject, text, f'"{number}" is not a number')
        way = math.inf if sign[0] == ">" else -math.inf
        end = float(number) if sign.endswith("=") else math.nextafter(float(number), way)
        low, high = (max(low, end), high) if way > 0 else (low, min(high, end))
    if low > high:
        raise refused(subject, text, f"nothing lies between {low:g} and {high:g}")
    return Claim(text, "range", answer, low, high)


def _taken_apart(number: str, unit: str) -> tuple[str, str]:
    """The digits and the unit of "90%" and "$90", as of "90 %"."""
    found = undress(f"{number} {unit}")
    if _is_number(number) or found is None or not found.unit.key or found.marked:
        return number, unit
    return f"{'-' if found.negative else ''}{found.body}", found.unit.text


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
