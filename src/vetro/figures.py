"""Numbers in texts: short, with the digits that matter.

Two numbers that differ are never written alike because they lie near each other: `ends` writes the
two ends of a range, `among` one of several numbers that lie in a narrow range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_OF_WIDTH = 3
"""Significant digits of a narrow range's width that its ends show."""
_OF_DOUBLE = 15
"""Significant digits that every double holds."""


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


def among(value: float, width: float, digits: int = 5) -> str:
    """The value as `figure` writes it, or with the decimals that tell such values apart.

    width: of the range in which such values lie; 0 or infinite if it is not known.
    """
    decimals = _decimals(abs(value), width, digits)
    return figure(value, digits) if decimals is None else _fixed(value, decimals)


def ends(low: float, high: float, digits: int = 6) -> tuple[str, str]:
    """Both ends of a range as `figure` writes them; of a narrow range with the same number of
    decimals, so that they differ: 999999995.4 and 1000000017.6."""
    decimals = _decimals(max(abs(low), abs(high)), abs(high - low), digits)
    if decimals is None:
        return figure(low, digits), figure(high, digits)
    while decimals > 0 and all(_fixed(end, decimals).endswith("0") for end in (low, high)):
        decimals -= 1
    return _fixed(low, decimals), _fixed(high, decimals)


def outward(
    low: float, high: float, digits: int = 6, width: float | None = None
) -> tuple[str, str]:
    """Both ends, rounded outward: the range that is written holds the whole range.

    width: the one to tell apart, if it is not high - low; an end may then be infinite.
    """
    width = high - low if width is None else width
    size = max((abs(end) for end in (low, high) if math.isfinite(end)), default=0.0)
    decimals = _decimals(size, width, digits)
    return _beyond(low, -1, decimals, digits), _beyond(high, 1, decimals, digits)


def _beyond(value: float, way: int, decimals: int | None, digits: int) -> str:
    """The value rounded down (way -1) or up (way 1)."""

    def written(number: float) -> str:
        return figure(number, digits) if decimals is None else _fixed(number, decimals)

    if not math.isfinite(value):
        return figure(value)
    text = written(value)
    if way * float(text) >= way * value:
        return text
    step = abs(value) * 10.0 ** (1 - digits) if decimals is None else 10.0**-decimals
    return written(value + way * step)


def _decimals(size: float, width: float, digits: int) -> int | None:
    """The decimals that numbers of this size need; None if `digits` significant digits are enough
    to tell numbers in a range of this width apart."""
    if not 0 < width < math.inf or not width * 10.0 ** (digits - 2) < size < math.inf:
        return None
    needed = _OF_WIDTH - 1 - math.floor(math.log10(width))
    return min(needed, _OF_DOUBLE - 1 - math.floor(math.log10(size)))


def _fixed(value: float, decimals: int) -> str:
    """The value with so many decimals; with an exponent if it is very large or small."""
    if 1e-4 <= abs(value) < 10.0**_OF_DOUBLE:
        return f"{value:.{max(decimals, 0)}f}"
    power = math.floor(math.log10(abs(value))) if value else 0
    mantissa, _, exponent = f"{value:.{max(decimals + power, 0)}e}".partition("e")
    return f"{mantissa}e{int(exponent):+03d}"


def signed_sum(parts: Sequence[tuple[float, str]], glue: str = " ") -> str:
    """A sum of parts (value, text of its size): "-0.5 x0 + 2 x1"; glue: the space after a sign."""
    text = ""
    for value, size in parts:
        sign = "-" if value < 0 else "+"
        text += f" {sign}{glue}{size}" if text else sign.strip("+") + size
    return text


def aligned(rows: Sequence[Sequence[str]], indent: int = 2, gap: int = 2) -> list[str]:
    """Rows of cells as text lines: the first column left-aligned, the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        line = (" " * gap).join([first.ljust(widths[0]), *cells])
        lines.append(" " * indent + line.rstrip())
    return lines
