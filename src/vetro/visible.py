"""Text that cannot drive a terminal or hide: control characters are escaped.

Each medium has one place where text leaves, which calls one of these: messages in templates.words,
results in apps/present and notebook, pages in report/markup, JSON in apps/present.
"""

from __future__ import annotations

import json
from collections.abc import Iterable


def visible(text: str, keep: str = "") -> str:
    """The text with characters that cannot be printed escaped, so that it stays on one line.

    keep: characters that are not escaped, such as a line break.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in keep
        else character.encode("unicode_escape").decode()
        for character in text
    )


def is_text(text: str) -> bool:
    """Whether a file can hold the text: UTF-8 has no halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def visible_lines(lines: Iterable[str]) -> str:
    """Lines as one text, whose only control characters are the line breaks between them."""
    return "\n".join(map(visible, lines))


def visible_json(text: str) -> str:
    """JSON of the same meaning, in which only line breaks between values cannot be printed."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]
        for character in text
    )
