"""Text in drawings: cut to the room that it has, since SVG wraps nothing."""

from __future__ import annotations

import unicodedata

from vetro.glass.figures import figure
from vetro.report.markup import MINUS, text

NAME_SIZE, SMALL_SIZE = 13.0, 11.5
"""Font sizes of names and of what stands below them, as in page.css."""


def two_lines(x: float, y: float, name: str, value: str, side: str, room: float) -> str:
    """A name with a value below it."""
    above = y - 4 if value else y + 4
    below = label(x, y + 12, value, "small", room, side) if value else ""
    return label(x, above, name, "label", room, side) + below


def label(x: float, y: float, content: str, kind: str, room: float, side: str) -> str:
    """A text element; where it had to be cut its title holds the whole.  side: text-anchor."""
    size = SMALL_SIZE if kind == "small" else NAME_SIZE
    shown = cut(content, room, size)
    title = f"<title>{text(content)}</title>" if shown != content else ""
    return (
        f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{side}">{title}{text(shown)}</text>'
    )


def width_of(content: str, size: float) -> float:
    """The width of a text, estimated from above."""
    total = 0.0
    for character in content:
        if unicodedata.east_asian_width(character) in "WF":
            total += 1.05
        elif character in "mwMW@%":
            total += 0.92
        elif character in "iljtfr.,:;'| ()[]":
            total += 0.38
        else:
            total += 0.72 if character.isupper() else 0.6
    return total * size


def cut(content: str, room: float, size: float) -> str:
    """The text, or as much of it as there is room for with an ellipsis."""
    if width_of(content, size) <= room:
        return content
    while content and width_of(content + "…", size) > room:
        content = content[:-1]
    return content.rstrip() + "…"


def value_text(value: float) -> str:
    """A number with three digits and a true minus."""
    shown = figure(value, 3)
    return MINUS + shown[1:] if shown.startswith("-") else shown
