"""`vetro formula`: the formula of a model around one row, where it holds, and its proof."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from vetro.apps.live_line import LiveLine
from vetro.apps.options import READING, Given, number, taking, valued, whole
from vetro.apps.over_options import seconds_of
from vetro.apps.predict_command import ModelArgument, UnknownOption, unknown_of
from vetro.apps.present import DOOR, print_json, say, say_line, show_notices
from vetro.apps.row_options import RowOption, SetOption, SourceOption, looking_at
from vetro.errors import error
from vetro.signals import INTERRUPTED

if TYPE_CHECKING:
    from vetro.glass.formula.formula import Formula

FORMATS = ("text", "latex", "python")
POINTS = 1000
"""Points of the proof, over all members: about 0.2 ms per point and member."""


@taking(reading=READING)
def formula(
    model: ModelArgument,
    *,
    row: RowOption = "",
    settings: SetOption = None,
    source: SourceOption = "",
    unknown: UnknownOption = "refuse",
    format: Annotated[str, valued("--format", "|".join(FORMATS), "Output format [text].")] = "text",
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Add exact fractions; with --format python, use them instead of decimals.",
        ),
    ] = False,
    region: Annotated[
        bool, typer.Option("--region", help="Add the inequalities of the region.")
    ] = False,
    digits: Annotated[str, valued("--digits", "N", "Digits shown [3].")] = "3",
    every: Annotated[
        bool, typer.Option("--all", help="Add small terms and the other levels.")
    ] = False,
    within: Annotated[
        str,
        valued(
            "--within",
            "SHARE",
            "How far a tangent's box reaches, as a share of each training range [0.1].",
        ),
    ] = "0.1",
    points: Annotated[
        str, valued("--points", "N", "Number of points in the proof [1000, shared by the members].")
    ] = "",
    seconds: Annotated[
        str,
        valued(
            "--seconds",
            "S",
            "Time limit to find the inequalities that matter, in seconds [no limit].",
        ),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
    reading: Given,
) -> None:
    """Show the exact formula of the answer around one row, and where it holds.

    For a smooth network it shows the tangent.
    """
    from vetro.glass.formula.formula import formula as formula_of

    if format not in FORMATS:
        fix = f"Use one of: {', '.join(FORMATS)}."
        raise error("E601", argument="--format", value=format, reason="it is unknown", fix=fix)
    count = whole("--digits", digits)
    if not 1 <= count <= 17:
        raise error(
            "E601", argument="--digits", value=digits, reason="1 to 17 are possible",
            fix="Correct it.",
        )  # fmt: skip
    asked = whole("--points", points) if points else None
    if asked is not None and asked < 1:
        raise error(
            "E601", argument="--points", value=points, reason="at least 1 is needed",
            fix="Correct it.",
        )  # fmt: skip
    limit, reach = seconds_of(seconds, math.inf), number("--within", within)
    if not 0 <= reach < math.inf:
        raise error(
            "E601", argument="--within", value=within, reason="it must be a share of at least 0",
            fix="Use for example --within 0.05.",
        )  # fmt: skip
    look = looking_at(model, row, settings, source, reading, unknown_of(unknown))
    found = formula_of(look.subject, look.rows, reach)
    if exact and not found.members:
        found.exact()  # E722 before anything is printed
    interrupted = (region or (format == "python" and not json)) and _settled(found, limit)
    if format == "latex" and not json:
        say_line_by_line(found.latex(count, every=every, borders=region))
    elif format == "python" and not json:
        say_line_by_line(found.python(exact=exact))
    else:
        members = found.members or ((found,) if found.kind == "exact" else ())
        each = asked or max(1, POINTS // len(found.subject.parts))
        checks = [member.prove_equal(each) for member in members]
        if json:
            data = found.to_json(exact=exact, borders=region)
            print_json({**data, "checks": [check.to_json() for check in checks]})
        else:
            say(f"{look.shown[0].upper()}{look.shown[1:]}")
            for line in found.text(count, every=every, borders=region, door=DOOR).splitlines():
                say(line)
            for member in members if exact else ():
                _say_fractions(member)
            if checks:
                say()
            for check in checks:
                word = "Proved" if check else "NOT EQUAL"
                say(f"{word}: {check.name}, {check.detail}.")
    show_notices(look.notices)
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _settled(found: Formula, seconds: float) -> bool:
    """Find the inequalities that matter, for each member if the members have regions.  Returns
    whether Ctrl-C ended the search."""
    from vetro.glass.stopping import limited

    with LiveLine(search=True) as line, limited(seconds) as limit:
        for one in found.members or ((found,) if found.kind == "exact" else ()):
            one.region.settle(
                limit.over,
                lambda kept, left: line(f"{kept} inequalities matter, {left} are open"),
            )
        return limit.interrupted()


def say_line_by_line(text: str) -> None:
    """Print text that will be copied: unchanged and not wrapped."""
    for line in text.splitlines():
        say_line(line)


def _say_fractions(found: Formula) -> None:
    exact = found.exact()
    for output, name in enumerate(found.outputs):
        say()
        say(f"{name}, exactly:")
        say_line(f"  {exact.intercept[output]}")
        for term, value in zip(found.terms, exact.coefficients[output], strict=True):
            if value:
                say_line(f"  + ({value}) {term.name}")
