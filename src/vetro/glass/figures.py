"""Numbers in the texts of the glass: short, with the digits that matter."""

from __future__ import annotations

import math
from collections.abc import Sequence


def figure(value: float, digits: int = 5) -> str:
    """The value to `digits` significant digits, no trailing zeros: 12.5, -0.0312, 1.2e-07, 540."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("infinity" if value > 0 else "-infinity")
    if value == 0:
        return "0"
    if value == int(value) and abs(value) < 10**9:
        return str(int(value))
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        return f"{mantissa}e{int(exponent):+03d}"
    return text


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as text lines: the first column left-aligned, the others right-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        first = f"{row[0]:{widths[0]}}"
        others = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  " + "  ".join([first, *others]).rstrip())
    return lines
