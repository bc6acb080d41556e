"""`vetro diagnose`: unusual units, inputs, members and rows, and what to do about them."""

from __future__ import annotations

from typing import Annotated

import typer

from vetro.addresses import kept
from vetro.apps.options import READING, Given, taking
from vetro.apps.predict_command import ModelArgument, UnknownOption, unknown_of
from vetro.apps.present import DOOR, notices_json, print_json, say_line, show_notices


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
    unknown: UnknownOption = "refuse",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
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
    options, texts = read_options(None, reading), unknown_of(unknown)
    found = diagnose_model(subject, source or None, options=options, unknown=texts)
    if json:
        messages = notices_json(found.notices)
        print_json(
            {
                "model": model,
                "source": kept(source) or None,
                **to_json(found, DOOR),
                "messages": messages,
            }
        )
        return
    for line in text(found, DOOR):
        say_line(line)
    show_notices(found.notices)
