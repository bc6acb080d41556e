"""Text in drawings, cut to the room that it has: SVG does not wrap lines."""

from __future__ import annotations

import unicodedata

from vetro.figures import figure
from vetro.report.markup import signed, text

NAME_SIZE, SMALL_SIZE = 13.0, 11.5
"""Font sizes of names and of the values below them, as in page.css."""


def two_lines(x: float, y: float, name: str, value: str, side: str, room: float) -> str:
    """A name with a value below it."""
    above = y - 4 if value else y + 4
    below = svg_label(x, y + 12, value, "small", room, side) if value else ""
    return svg_label(x, above, name, "label", room, side) + below


def svg_label(x: float, y: float, content: str, kind: str, room: float, side: str) -> str:
    """A text element; if the text is cut, its <title> holds the whole.  side: text-anchor."""
    size = SMALL_SIZE if kind == "small" else NAME_SIZE
    shown = cut(content, room, size)
    title = f"<title>{text(content)}</title>" if shown != content else ""
    return (
        f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{side}">{title}{text(shown)}</text>'
    )


def width_of(content: str, size: float) -> float:
    """An upper estimate of the width of a text."""
    return sum(map(_share, content)) * size


def _share(character: str) -> float:
    """The width of a character, as a share of the font's size."""
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in "mwMW@%":
        return 0.92
    if character in "iljtfr.,:;'| ()[]":
        return 0.38
    return 0.72 if character.isupper() else 0.6


def cut(content: str, room: float, size: float) -> str:
    """The text, or as much of it as fits, with an ellipsis."""
    # One pass that ends where the room ends, however long the text is.
    used, ellipsis, fitting = 0.0, _share("…"), 0
    for place, character in enumerate(content, 1):
        used += _share(character)
        if used * size > room:
            return content[:fitting].rstrip() + "…"
        if (used + ellipsis) * size <= room:
            fitting = place
    return content


def value_text(value: float) -> str:
    """A number with three digits and a true minus."""
    return signed(figure(value, 3))
