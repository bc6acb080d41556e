"""`vetro prove`: a claim about every row of a box, proved or refuted; exit status 0 if proved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vetro.apps.live_line import LiveLine
from vetro.apps.options import JsonOption, ModelArgument
from vetro.apps.over_options import OverOption, SecondsOption, over_of
from vetro.apps.present import DOOR, print_json, say_lines
from vetro.errors import counted, error
from vetro.quoting import quoted
from vetro.signals import INTERRUPTED

if TYPE_CHECKING:
    from vetro.glass.bounds.monotonicity import Monotonicity
    from vetro.glass.bounds.prove import Proof


def prove(
    model: ModelArgument,
    claim: Annotated[
        str,
        typer.Argument(
            metavar="CLAIM",
            show_default=False,
            help='For example "flow >= 0", "10 <= flow <= 80", "flow rises with speed", '
            '"P(yes) <= 0.5".',
        ),
    ] = "",
    *,
    over: OverOption = None,
    monotone: Annotated[
        bool,
        typer.Option(
            "--monotone", help="Without a claim: show with which columns the answers rise or fall."
        ),
    ] = False,
    seconds: SecondsOption = None,
    json: JsonOption = False,
) -> None:
    """Prove a claim for every row of a box, or refute it with a row.

    Exit status: 0 if the claim is proved, 1 if it is refuted or undecided, 130 if Ctrl-C ended the
    search undecided.
    """
    from vetro.apps.runs import load_model
    from vetro.glass.bounds.bounds_text import proof_lines, trend_lines
    from vetro.glass.bounds.monotonicity import monotonicity
    from vetro.glass.bounds.prove import prove as find_proof
    from vetro.glass.bounds.question import SECONDS

    if bool(claim) == monotone:
        what = "--monotone takes no claim" if monotone else "vetro prove needs CLAIM"
        fix = f'Use vetro prove {quoted(model)} --monotone, or a claim such as "flow >= 0" instead.'
        raise error("E604", what=what, fix=fix)
    found = load_model(model)
    box, limit = over_of(over, found), SECONDS if seconds is None else seconds
    result: Monotonicity | Proof
    with LiveLine(search=True) as line:
        if monotone:
            result = monotonicity(
                found, box, seconds=limit, tell=lambda column: line(f"looking along {column}")
            )
            lines, proved = trend_lines(result), True
        else:
            result = find_proof(
                found, claim, box, seconds=limit,
                tell=lambda boxes, certain: line(counted(boxes, "box", "boxes")),
            )  # fmt: skip
            lines, proved = proof_lines(result, DOOR), bool(result)
    if json:
        print_json({"model": model, **result.to_json()}, result.notices)
    else:
        say_lines(lines, result.notices)
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)
    if not proved:
        raise typer.Exit(1)
