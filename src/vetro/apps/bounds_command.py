"""`vetro bounds`: the range that a model's answers certainly stay in."""

from __future__ import annotations

from typing import Annotated

import typer

from vetro.apps.options import number
from vetro.apps.over_options import OverOption, SecondsOption, over_of, seconds_of
from vetro.apps.predict_command import ModelArgument
from vetro.apps.present import notices_json, print_json, say_line, show_notices


def bounds(
    model: ModelArgument,
    *,
    over: OverOption = None,
    tightness: Annotated[
        str,
        typer.Option(
            "--tightness",
            metavar="X",
            show_default=False,
            help="Stop when the range is at most this share wider than what was found [0.05].",
        ),
    ] = "",
    seconds: SecondsOption = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
) -> None:
    """Prove between which values all answers lie.

    For every row of a box of columns' ranges, with certainty, rounding included; and the rows
    that come nearest to both ends.
    """
    from vetro.apps.runs import load_model
    from vetro.glass.bounds.bounds import SECONDS, TIGHTNESS
    from vetro.glass.bounds.bounds import bounds as find_bounds
    from vetro.glass.bounds.bounds_text import bounds_lines

    found = load_model(model)
    result = find_bounds(
        found,
        over_of(over, found),
        tightness=number("--tightness", tightness) if tightness else TIGHTNESS,
        seconds=seconds_of(seconds, SECONDS),
    )
    if json:
        print_json({"model": model, **result.to_json(), "messages": notices_json(result.notices)})
        return
    for line in bounds_lines(result):
        say_line(line)
    show_notices(result.notices)
