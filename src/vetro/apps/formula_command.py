"""`vetro formula`: the formula of a model around one row, where it holds, and its proof."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from vetro.apps.live_line import LiveLine
from vetro.apps.options import (
    READING,
    Given,
    JsonOption,
    ModelArgument,
    UnknownInRowOption,
    at_least_one,
    number,
    one_of,
    refused,
    taking,
    valued,
    whole,
)
from vetro.apps.over_options import over_of
from vetro.apps.present import DOOR, print_json, say, say_line, say_lines, show_notices
from vetro.apps.row_options import ROW, looking_at
from vetro.signals import INTERRUPTED

if TYPE_CHECKING:
    from vetro.glass.formula.formula import Formula

FORMATS = ("text", "latex", "python")
POINTS = 1000
"""Points of the proof, over all members: about 0.2 ms per point and member."""


def _digits(option: str, raw: str) -> int:
    count = whole(option, raw)
    if not 1 <= count <= 17:
        raise refused(option, raw, "1 to 17 are possible")
    return count


def _share(option: str, raw: str) -> float:
    share = number(option, raw)
    if not 0 <= share < math.inf:
        fix = "Use for example --within 0.05."
        raise refused(option, raw, "it must be a share of at least 0", fix)
    return share


@taking(row=ROW, reading=READING)
def formula(
    model: ModelArgument,
    *,
    row: Given,
    unknown: UnknownInRowOption = "refuse",
    format: Annotated[
        str, valued("--format", "|".join(FORMATS), "Output format [text].", one_of(FORMATS))
    ] = "text",
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
    digits: Annotated[int, valued("--digits", "N", "Digits shown [3].", _digits)] = 3,
    every: Annotated[
        bool, typer.Option("--all", help="Add small terms and the other levels.")
    ] = False,
    within: Annotated[
        float,
        valued(
            "--within",
            "SHARE",
            "How far a tangent's box reaches, as a share of each training range [0.1].",
            _share,
        ),
    ] = 0.1,
    over: Annotated[
        list[str] | None,
        valued(
            "--over",
            "COL=LOW..HIGH",
            "Show instead the linear formula that fits best over a box, with its proven error: a "
            "range LOW..HIGH of a column, or a value or level. Repeatable. Other columns stay as "
            "in the row.",
        ),
    ] = None,
    points: Annotated[
        int | None,
        valued(
            "--points",
            "N",
            "Number of points in the proof [1000, shared by the members].",
            at_least_one,
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        valued(
            "--seconds",
            "S",
            "Time limit to find the inequalities that matter [none], or with --over to prove the "
            "error [8], in seconds.",
            number,
        ),
    ] = None,
    json: JsonOption = False,
    reading: Given,
) -> None:
    """Show the exact formula of the answer around one row, and where it holds.

    For a smooth network it shows the tangent.  With --over it shows the linear formula that fits
    best over a box.
    """
    from vetro.glass.formula.formula import formula as formula_of
    from vetro.glass.formula.law import SECONDS

    look = looking_at(model, row, reading, unknown)
    box = None if over is None else over_of(over, look.model)
    longest = SECONDS if seconds is None else seconds
    found = formula_of(look.subject, look.rows, within, over=box, seconds=longest)
    if exact and not found.members:
        found.exact()  # E722 before anything is printed
    interrupted = (region or (format == "python" and not json)) and _settled(
        found, math.inf if seconds is None else seconds
    )
    if format == "latex" and not json:
        say_lines(found.latex(digits, every=every, borders=region).splitlines())
    elif format == "python" and not json:
        say_lines(found.python(exact=exact).splitlines())
    else:
        members = found.members or ((found,) if found.kind == "exact" else ())
        each = points or max(1, POINTS // len(found.subject.parts))
        checks = [member.prove_equal(each) for member in members]
        if json:
            data = found.to_json(exact=exact, borders=region)
            print_json({**data, "checks": [check.to_json() for check in checks]})
        else:
            say(f"{look.shown[0].upper()}{look.shown[1:]}")
            for line in found.text(digits, every=every, borders=region, door=DOOR).splitlines():
                say(line)
            for member in members if exact else ():
                _say_fractions(member)
            if checks:
                say()
            for check in checks:
                word = "Proved" if check else "NOT EQUAL"
                say(f"{word}: {check.name}, {check.detail}.")
    show_notices(found.rows.notices)
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


def _say_fractions(found: Formula) -> None:
    exact = found.exact()
    for output, name in enumerate(found.outputs):
        say()
        say(f"{name}, exactly:")
        say_line(f"  {exact.intercept[output]}")
        for term, value in zip(found.terms, exact.coefficients[output], strict=True):
            if value:
                say_line(f"  + ({value}) {term.name}")
