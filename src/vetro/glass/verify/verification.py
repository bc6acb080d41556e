"""The result of verify, as users hold it."""

from __future__ import annotations

from vetro.glass.verify.verification_record import VerificationRecord
from vetro.glass.verify.verify_text import text
from vetro.notebook import ShownAsText
from vetro.visible import visible_lines


class Verification(VerificationRecord, ShownAsText):
    """The checks of a network.  bool() is true only if every check passed."""

    def __str__(self) -> str:
        return visible_lines(text(self))
