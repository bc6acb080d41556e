"""`vetro parameters`: every number of the networks, named by its source and destination."""

from __future__ import annotations

from typing import Annotated

import typer

from vetro.apps.options import valued
from vetro.apps.predict_command import ModelArgument
from vetro.apps.present import figure, print_json, say, table
from vetro.apps.trace_command import member_number
from vetro.errors import counted, error, shown


def parameters(
    model: ModelArgument,
    *,
    member: Annotated[str, valued("--member", "N", "Show only member N [all].")] = "",
    match: Annotated[
        str,
        valued(
            "--match", "TEXT", 'Show only names that contain this text, such as "h3 <-" or "bias".'
        ),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """List every weight and bias by name: layer1.weight[h3 <- cement].

    This name means: the number that multiplies cement on its way into unit h3 of layer1.
    """
    from vetro.apps.runs import load_model
    from vetro.glass.names import Parameters
    from vetro.glass.subject import subject_of

    subject = subject_of(load_model(model))
    number = member_number(member, subject)
    chosen = "" if number is None else subject.parts[number - 1].name
    found = {
        name: value
        for name, value in Parameters(subject).items()
        if name.startswith(f"{chosen}." if chosen else "") and match.casefold() in name.casefold()
    }
    if not found:
        fix = 'Names look like layer1.weight[h3 <- cement]; try --match "h3 <-".'
        raise error("E702", what=f'no parameter has "{shown(match)}" in its name', fix=fix)
    if json:
        print_json({"model": model, "parameters": found})
        return
    table(["parameter", "value"], ([name, figure(value, 6)] for name, value in found.items()),
          numbers=[1])  # fmt: skip
    say(counted(len(found), "parameter"))
