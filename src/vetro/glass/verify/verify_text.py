"""A verification as lines of plain text."""

from __future__ import annotations

import math

from vetro.errors import counted
from vetro.figures import figure
from vetro.glass.check import Check
from vetro.glass.verify.verification_record import VerificationRecord


def text(found: VerificationRecord) -> list[str]:
    """The verdict first, then each check with its margin."""
    lines = [verdict(found), "", *(line for check in found.checks for line in check_lines(check))]
    return [*lines, *([""] if found.notes else []), *found.notes]


def verdict(found: VerificationRecord) -> str:
    """One sentence."""
    many = counted(len(found.checks), "check")
    where = f"{found.title}, {counted(found.rows, 'row')}" if found.rows else found.title
    bad = [check for check in found.checks if check.verdict == "failed"]
    open_ = [check for check in found.checks if check.verdict == "undecided"]
    if bad:
        return f"FAILED: {len(bad)} of {many} ({where})."
    if open_:
        return f"UNDECIDED: {len(open_)} of {many} ({where})."
    share = found.share
    margin = ""
    if not math.isnan(share) and share > 0:
        margin = f"; the largest deviation is {share:.1%} of its bound"
    return f"Verified: {many} passed ({where}){margin}."


def check_lines(check: Check) -> list[str]:
    """The verdict, the claim and its margin, and the detail."""
    margin = ""
    if not math.isnan(check.deviation) and 0 < check.bound < math.inf:
        share = f"{check.share:.1%}" if check.share < 1000 else f"{check.share:.3g} times"
        margin = (
            f"off by {figure(check.deviation, 3)}, {share} of the bound {figure(check.bound, 3)}"
        )
    elif check.verdict == "failed" and check.deviation > 0:
        margin = f"off by {figure(check.deviation, 3)}, where no deviation is allowed"
    lines = [f"{check.verdict:<10} {check.name:<36} {margin}".rstrip()]
    if check.detail:
        lines.append(f"{'':<10} {check.detail}")
    return lines
