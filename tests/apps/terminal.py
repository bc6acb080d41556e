"""Looking at a real terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator


def screens(leader: int) -> Iterator[str]:
    """All that was written to a terminal so far, each time that more comes; then it is closed."""
    shown = ""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the terminal's other end is closed
            break
        shown += part.decode(errors="replace")
        yield shown
    os.close(leader)
