"""docs/messages.md: every message with its meaning, written by `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

from vetro.explanations import BLOCKS, explanations

HEAD = """# Messages

Every message has a code that does not change. E refuses: the command ends with status 2. W warns
and continues. I informs. `vetro explain CODE` shows the same text. The examples use the options of
the command line. In Python a message names arguments (`missing=("?",)`), and `.code` of the
exception holds the code.
"""


def messages_page() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for block in BLOCKS.values():
        group = [found for found in explanations().values() if found.block == block]
        if not group:
            continue
        parts.append(f"## {block}\n")
        for found in group:
            example = found.example.worded("command line")
            meaning = found.meaning.worded("command line")
            remedy = found.remedy.worded("command line")
            parts.append(f"### {found.code}\n\n> {example}\n\n{meaning}\n\n**Do:** {remedy}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(messages_page(), encoding="utf-8")
