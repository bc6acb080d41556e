"""`vetro backprop`: the loss of one row, and every gradient as a product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vetro.apps.options import (
    READING,
    CompleteJsonOption,
    Given,
    ModelArgument,
    UnknownInRowOption,
    taking,
    valued,
    whole,
)
from vetro.apps.present import print_json, say_lines
from vetro.apps.row_options import ROW, check_member, looking_at
from vetro.errors import error, listed, words
from vetro.named import named_value
from vetro.settings import ColumnIs

if TYPE_CHECKING:
    from vetro.model.model import Model


@taking(row=ROW, reading=READING)
def backprop(
    model: ModelArgument,
    *,
    row: Given,
    unknown: UnknownInRowOption = "refuse",
    target_value: Annotated[
        list[str] | None,
        valued(
            "--target-value",
            "[COL=]VALUE",
            "Target to use instead of the table's; repeatable if there are several targets.",
        ),
    ] = None,
    member: Annotated[
        int, valued("--member", "N", "Member to show, counted from 1 [the first].", whole)
    ] = 1,
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
    json: CompleteJsonOption = False,
    reading: Given,
) -> None:
    """Show backpropagation with its numbers, for one row.

    It shows the loss, the error signal of each unit, each gradient compared with autograd's and
    with a central difference, and the updates that SGD, Adam, AdamW and RMSprop would make.
    """
    from vetro.glass.backprop.backprop import explain
    from vetro.glass.backprop.backprop_text import text
    from vetro.glass.backprop.differentiated import differentiated

    looking = looking_at(model, row, reading, unknown)
    check_member(member, looking.subject)
    given = _targets(target_value or (), looking.model)
    found = explain(differentiated(looking.subject, looking.rows, given, None, None, member))
    if json:
        print_json({"model": model, "shown": looking.shown, **found.to_json()}, found.notices)
        return
    several = len(looking.subject.parts)
    of = f", member {member} of {several}" if several > 1 else ""
    say_lines([f"{looking.shown}{of}", *text(found, everything, parameter)], found.notices)


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
