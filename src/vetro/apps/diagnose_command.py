"""`vetro diagnose`: unusual units, inputs, members and rows, and what to do about them."""

from __future__ import annotations

from typing import Annotated

import typer

from vetro.addresses import kept
from vetro.apps.options import READING, Given, JsonOption, ModelArgument, UnknownOption, taking
from vetro.apps.present import DOOR, print_json, say_lines


@taking(reading=READING)
def diagnose(
    model: ModelArgument,
    source: Annotated[
        str,
        typer.Argument(
            metavar="[SOURCE]",
            show_default=False,
            help="Table of rows, preferably with targets [rows drawn from the columns' ranges].",
        ),
    ] = "",
    *,
    unknown: UnknownOption = "ignore",
    json: JsonOption = False,
    reading: Given,
) -> None:
    """Show what is unusual inside a model, and what to do about it.

    It reports dead and duplicate units, weights and gradients by layer, inputs that hardly matter,
    members that disagree, and rows with the largest pull on the fit.
    """
    from vetro.apps.runs import load_model
    from vetro.glass.diagnose.diagnose import diagnose_model
    from vetro.glass.diagnose.diagnose_text import text, to_json
    from vetro.glass.subject import subject_of
    from vetro.tables.options import read_options

    subject = subject_of(load_model(model))
    options = read_options(None, reading)
    found = diagnose_model(subject, source or None, options=options, unknown=unknown)
    if json:
        place = kept(source) or None
        print_json({"model": model, "source": place, **to_json(found, DOOR)}, found.notices)
    else:
        say_lines(text(found, DOOR), found.notices)
