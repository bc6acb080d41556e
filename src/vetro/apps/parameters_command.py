"""`vetro parameters`: every number of the networks, named by its source and destination."""

from __future__ import annotations

from typing import Annotated

from vetro.apps.options import JsonOption, ModelArgument, valued, whole
from vetro.apps.present import figure, print_json, say, table
from vetro.apps.row_options import check_member
from vetro.errors import counted, error, shown


def parameters(
    model: ModelArgument,
    *,
    member: Annotated[
        int | None, valued("--member", "N", "Show only member N [all].", whole)
    ] = None,
    match: Annotated[
        str,
        valued(
            "--match", "TEXT", 'Show only names that contain this text, such as "h3 <-" or "bias".'
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """List every weight and bias by name: layer1.weight[h3 <- cement].

    This name means: the number that multiplies cement on its way into unit h3 of layer1.
    """
    from vetro.apps.runs import load_model
    from vetro.glass.names import Parameters
    from vetro.glass.subject import subject_of

    subject = subject_of(load_model(model))
    check_member(member, subject)
    chosen = "" if member is None else subject.parts[member - 1].name
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
