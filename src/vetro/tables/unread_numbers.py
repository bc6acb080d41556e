"""Texts that hold a number and say more or less than it: "~5", "ca. 5", "> 5", "5 ± 1", "5'1\"".

Vetro reads none of them as a number, because that would drop what they say.  It only knows them, so
that a column of such texts never becomes one of labels in silence.
"""

from __future__ import annotations

import re

from vetro.tables import dress, numbers
from vetro.tables.unit_lists import SCALES

_BEFORE = re.compile(
    r"(?:[~≈∼≃≤≥±=]|<[<=]?|>[>=]?|(?:about|around|over|under|up to|(?:less|more) than|"
    r"at (?:least|most)|ca|cca|circa|approx|approximately|"
    r"etwa|rund|über|unter|env|environ|oltre)\b\.?)\s*(?=\S)",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r"\s*(?:[*†‡§+]+|\[[0-9a-z]{1,2}\]|\(?(?:approx|est|ca|circa|estimated|[cd]r)\.?\)?)",
    re.IGNORECASE,
)
_TWO = re.compile(r"(.+?)\s*(?:±|\+/-|\+-)\s*(.+)")
_FEET = re.compile(
    r"[0-9]+\s?(?:['\u2032\u2019]|ft\.?|feet|foot)\s?[0-9]+(?:\.[0-9]+)?\s?"
    r"(?:[\"\u2033\u201d]|''|\u2019\u2019|in\.?|inch(?:es)?)?"
)
_NUMBER = r"[0-9]+(?:[.,][0-9]+)?"
_WRITTEN = re.compile(
    r"0x[0-9A-Fa-f]+|0b[01]+|0o[0-7]+|[+-]?[0-9]{1,3}(?:_[0-9]{3})+(?:\.[0-9]+)?|[0-9]+[·˙][0-9]+"
    rf"|{_NUMBER}[fF]|{_NUMBER}[+-][0-9]{{3}}|[+-]?{_NUMBER}\s?[x×*]\s?10[+-]?[0-9]{{1,2}}"
    rf"|[-+]\s+{_NUMBER}|{_NUMBER}\([0-9]{{1,3}}\)|{_NUMBER}/-|'{_NUMBER}'"
    rf"|{_NUMBER}\s?/\s?{_NUMBER}|[0-9]+[.,][0-9]+\s?[NSEWO]|{_NUMBER}\s?[µμunp]"
    rf"|[0-9]+\s?°\s?{_NUMBER}\s?['\u2032\u2019](?:\s?{_NUMBER}\s?(?:[\"\u2033\u201d]|''))?\s?[NSEWO]?"
)
"""Numbers of programs (0x1F, 1_000, 0.15+102), standard errors (1.23(4)), degrees, pairs (146/78),
4.7µ, and the like."""
_LONGEST = 80


def holds_number(text: str) -> bool:
    """Whether the text is one of these, or a number with a scale: "1k", "2.5M"."""
    bare = numbers.tidy(text)
    if len(bare) > _LONGEST or not any(map(str.isdigit, bare)):
        return False
    if _FEET.fullmatch(bare) or _WRITTEN.fullmatch(bare):
        return True
    found = dress.undress(bare)
    if found is not None and found.unit.strength != "none":
        return found.unit.text in SCALES
    if two := _TWO.fullmatch(bare):
        return _is_cell(two[1]) and _is_cell(two[2])
    start = _BEFORE.match(bare)
    inside = bare[start.end() :] if start else bare
    behind = next((end for end in _BEHIND.finditer(inside) if end.end() == len(inside)), None)
    inside = inside[: behind.start()] if behind else inside
    return inside != bare and _is_cell(inside)


def _is_cell(text: str) -> bool:
    """Whether a text is a number, perhaps with a unit."""
    found = dress.undress(text)
    return found is not None and found.unit.strength != "none"
