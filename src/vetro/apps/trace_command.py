"""`vetro trace`: every number of one prediction, as text, JSON or a page."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from vetro.apps.options import READING, Given, taking, valued, whole
from vetro.apps.predict_command import ModelArgument, UnknownOption, unknown_of
from vetro.apps.present import notices_json, print_json, say_line, show_notices
from vetro.apps.row_options import RowOption, SetOption, SourceOption, looking_at
from vetro.errors import error

if TYPE_CHECKING:
    from vetro.glass.subject import Subject

MemberOption = Annotated[
    str,
    valued(
        "--member",
        "N",
        "Member to show, counted from 1 [the one whose answer is nearest to the mean].",
    ),
]


@taking(reading=READING)
def trace(
    model: ModelArgument,
    *,
    row: RowOption = "",
    set_: SetOption = None,
    source: SourceOption = "",
    unknown: UnknownOption = "refuse",
    member: MemberOption = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Show every unit and every term, not only the largest.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one complete JSON object instead.")
    ] = False,
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

    looking = looking_at(model, row, set_, source, reading, unknown_of(unknown))
    number = member_number(member, looking.subject)
    # the table's target does not belong to a row with other values
    rows = replace(looking.rows, table=None) if set_ else looking.rows
    found = trace_of(looking.subject, rows, looking.shown)
    if html:
        from vetro.report.trace_page import write_trace

        write_trace(found, html, number)
        say_line(f"The trace is in {html}", sys.stderr if json else None)
    if json:
        messages = notices_json(looking.notices)
        print_json({"model": model, **found.to_json(number), "messages": messages})
        return
    if not html:
        for line in lines(found, number, everything):
            say_line(line)
        if not everything:
            say_line("")
            say_line("--all shows every unit and term, --html FILE draws the network.")
    show_notices(looking.notices)


def member_number(text: str, subject: Subject) -> int | None:
    """The member that --member names, from 1, None for none; E601, E702."""
    if not text:
        return None
    number, count = whole("--member", text), len(subject.parts)
    if not 1 <= number <= count:
        what = f"member {number} not found: the model has {count}"
        raise error("E702", what=what, fix="Members are counted from 1; leave out --member.")
    return number
