"""What a user of the command line reads of an error or a warning."""

from __future__ import annotations

from vetro.errors import Notice, VetroError


def told(item: VetroError | Notice) -> str:
    """The code and the whole message in the command line's words: "E113 column ..."."""
    return f"{item.code} {item.words.worded('command line')}"
