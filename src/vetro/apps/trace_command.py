"""`vetro trace`: every number of one prediction, as text, JSON or a page."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

import typer

from vetro.apps.options import (
    READING,
    CompleteJsonOption,
    Given,
    MemberOption,
    ModelArgument,
    UnknownInRowOption,
    taking,
    valued,
)
from vetro.apps.present import print_json, say_line, say_lines, show_notices
from vetro.apps.row_options import ROW, check_member, looking_at


@taking(row=ROW, reading=READING)
def trace(
    model: ModelArgument,
    *,
    row: Given,
    unknown: UnknownInRowOption = "refuse",
    member: MemberOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every unit and every term, not only the largest.")
    ] = False,
    json: CompleteJsonOption = False,
    html: Annotated[
        str, valued("--html", "FILE", "Write a page with a drawing of the network instead.")
    ] = "",
    reading: Given,
) -> None:
    """Show every number of one prediction, with the formula that made it.

    It follows a row from its cells through scaling and each layer's sum and activation to the
    answer in the target's unit.
    """
    from vetro.glass.trace.trace import trace as trace_of
    from vetro.glass.trace.trace_text import lines

    looking = looking_at(model, row, reading, unknown)
    check_member(member, looking.subject)
    # the table's target does not belong to a row with other values
    rows = replace(looking.rows, table=None) if "set" in row else looking.rows
    found = trace_of(looking.subject, rows, looking.shown)
    if html:
        from vetro.report.trace_page import write_trace

        write_trace(found, html, member)
        say_line(f"The trace is in {html}", sys.stderr if json else None)
    if json:
        print_json({"model": model, **found.to_json(member)}, rows.notices)
        return
    if not html:
        say_lines(lines(found, member, everything))
        if not everything:
            say_line("")
            say_line("--all shows every unit and term, --html FILE draws the network.")
    show_notices(rows.notices)
