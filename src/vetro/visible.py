"""Text that cannot drive a terminal or hide: control characters are escaped."""

from __future__ import annotations


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
