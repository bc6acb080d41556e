"""How results look in a notebook: HTML with every text escaped.

A result that prints as text shows that text; a result with a table shows the table.  The HTML runs
no script and loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from vetro.visible import visible

LINE = "\n"
_CELL = "padding: 2px 10px; text-align: {side}; vertical-align: top"


class ShownAsText:
    """A result whose text is what a notebook shows."""

    def _repr_html_(self) -> str:
        return preformatted(str(self))


def preformatted(text: str) -> str:
    """A text with its line breaks, in a fixed-width font."""
    shown = escape(visible(text, keep=LINE))
    return f'<pre style="line-height: 1.35; white-space: pre-wrap">{shown}</pre>'


def paragraph(text: str) -> str:
    """A sentence or two."""
    return f"<p>{escape(visible(text))}</p>"


def paragraphs(texts: Iterable[str]) -> str:
    """A paragraph for each text."""
    return "".join(map(paragraph, texts))


def table_html(
    heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()
) -> str:
    """A table; `numbers` are the right-aligned columns."""
    right = set(numbers)
    sides = ["right" if column in right else "left" for column in range(len(heads))]

    def row(cells: Sequence[str], tag: str) -> str:
        parts = (
            f'<{tag} style="{_CELL.format(side=side)}">{escape(visible(cell))}</{tag}>'
            for cell, side in zip(cells, sides, strict=True)
        )
        return f"<tr>{''.join(parts)}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f"<table><thead>{row(heads, 'th')}</thead><tbody>{body}</tbody></table>"
