"""`vetro backprop`: the loss of one row, and every gradient as a product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vetro.apps.options import READING, Given, taking, valued
from vetro.apps.predict_command import ModelArgument, UnknownOption, unknown_of
from vetro.apps.present import notices_json, print_json, say_line, show_notices
from vetro.apps.row_options import RowOption, SetOption, SourceOption, looking_at
from vetro.apps.trace_command import member_number
from vetro.errors import error, listed, words
from vetro.named import named_value
from vetro.settings import ColumnIs

if TYPE_CHECKING:
    from vetro.model.model import Model


@taking(reading=READING)
def backprop(
    model: ModelArgument,
    *,
    row: RowOption = "",
    set_: SetOption = None,
    source: SourceOption = "",
    unknown: UnknownOption = "refuse",
    target_value: Annotated[
        list[str] | None,
        valued(
            "--target-value",
            "[COL=]VALUE",
            "Target to use instead of the table's; repeatable if there are several targets.",
        ),
    ] = None,
    member: Annotated[
        str, valued("--member", "N", "Member to show, counted from 1 [the first].")
    ] = "",
    parameter: Annotated[
        str,
        valued(
            "--parameter",
            "NAME",
            "Parameter whose update is shown [the one with the largest gradient].",
        ),
    ] = "",
    everything: Annotated[
        bool,
        typer.Option("--all", help="Show every unit, term and gradient, not only the largest."),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one complete JSON object instead.")
    ] = False,
    reading: Given,
) -> None:
    """Show backpropagation with its numbers, for one row.

    It shows the loss, the error signal of each unit, each gradient compared with autograd's and
    with a central difference, and the updates that SGD, Adam, AdamW and RMSprop would make.
    """
    from vetro.glass.backprop.backprop_text import text
    from vetro.glass.backprop.differentiated import differentiated

    looking = looking_at(model, row, set_, source, reading, unknown_of(unknown))
    number = member_number(member, looking.subject) or 1
    given = _targets(target_value or (), looking.model)
    from vetro.glass.backprop.backprop import explain

    found = explain(differentiated(looking.subject, looking.rows, given, None, None, number))
    if json:
        messages = notices_json(found.notices)
        print_json(
            {"model": model, "shown": looking.shown, **found.to_json(), "messages": messages}
        )
        return
    several = len(looking.subject.parts)
    of = f", member {number} of {several}" if several > 1 else ""
    for line in [f"{looking.shown}{of}", *text(found, everything, parameter)]:
        say_line(line)
    show_notices(found.notices)


def _targets(given: Sequence[str], model: Model) -> Any:
    """The targets of --target-value: a mapping, or None; E604 if a value's target is unknown."""
    found: dict[str, str] = {}
    for text in given:
        named = named_value(text, model.targets)
        if named is not None:
            found[named[0]] = named[1]
        elif len(model.targets) == 1:
            found[model.targets[0]] = text
        else:
            what = f'--target-value "{text}" does not name its target'
            first, targets = ColumnIs(model.targets[0], text), listed(model.targets)
            example = "Use for example {=target_value first}. Targets: {targets}."
            fix = words(example, first=first, targets=targets)
            raise error("E604", what=what, fix=fix)
    return found or None
