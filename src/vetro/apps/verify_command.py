"""`vetro verify`: the file, the evidence from the data, and the arithmetic recomputed exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from vetro.addresses import kept, short_name
from vetro.apps.live_line import LiveLine
from vetro.apps.options import (
    READING,
    Given,
    JsonOption,
    ModelArgument,
    UnknownOption,
    at_least_one,
    taking,
    valued,
)
from vetro.apps.present import DOOR, print_json, say_lines
from vetro.apps.row_options import SourceOption, source_of
from vetro.errors import VetroError, error

if TYPE_CHECKING:
    from vetro.glass.check import Check
    from vetro.glass.rows import Rows
    from vetro.glass.subject import Subject
    from vetro.model.model import Model
    from vetro.model.odd_rows import Unknown


@taking(reading=READING)
def verify(
    model: ModelArgument,
    table: Annotated[
        str,
        typer.Argument(metavar="[SOURCE]", show_default=False, help="The same as --source."),
    ] = "",
    *,
    source: SourceOption = "",
    rows: Annotated[
        int, valued("--rows", "N", "Number of rows to recompute [100].", at_least_one)
    ] = 100,
    refit: Annotated[
        bool, typer.Option("--refit", help="Also fit again, and compare every parameter.")
    ] = False,
    unknown: UnknownOption = "ignore",
    json: JsonOption = False,
    reading: Given,
) -> None:
    """Prove that a model's numbers are right.

    The checks: the file is undamaged; the model's table gives the stored split, predictions and
    metrics again; outputs, gradients and updates agree with exact arithmetic within proven bounds
    of rounding.  Exit status: 0 if all checks passed, 1 if not.
    """
    from vetro.glass.subject import subject_of
    from vetro.glass.verify.verification import Verification
    from vetro.glass.verify.verify_model import verify_model
    from vetro.glass.verify.verify_text import text

    if table and source and table != source:
        what = f"two tables are named, {kept(table)} and {kept(source)}"
        raise error("E604", what=what, fix="Give one of them.")
    file_check, loaded = _loaded(model)
    if loaded is None:
        found = Verification(model, 0, (file_check,))
    else:
        subject = subject_of(loaded)
        with LiveLine() as tell:
            chosen, of_data, notes = _at_hand(
                loaded, subject, model, table or source, rows, reading, refit, unknown, tell
            )
            made = verify_model(subject, chosen, tell=tell)
        checks = (file_check, *of_data, *made.checks)
        found = replace(made, checks=checks, notes=(*notes, *made.notes))
    if json:
        print_json({"model": model, **found.to_json()}, found.notices)
    else:
        say_lines(text(found), found.notices)
    if not found:
        raise typer.Exit(1)


def _loaded(named: str) -> tuple[Check, Model | None]:
    """The check that the file is unchanged, and the model in it."""
    from vetro.apps.runs import load_model
    from vetro.glass.check import Check

    name = "file: seal and structure"
    try:
        model = load_model(named)
    except VetroError as refusal:
        if refusal.code != "E501":
            raise
        return Check(name, "failed", detail=str(refusal)), None
    return Check(name, "passed", detail="its SHA-256 is that of its contents."), model


def _at_hand(
    model: Model,
    subject: Subject,
    named: str,
    place: str,
    count: int,
    reading: Given,
    refit: bool,
    unknown: Unknown,
    tell: Callable[[str], None],
) -> tuple[Rows, tuple[Check, ...], tuple[str, ...]]:
    """The rows to recompute, the checks of the evidence with their table, and notes.

    The rows come from the given table, or from the table that the run names, or are drawn from the
    schema.
    """
    from vetro.glass.drawn import drawn_rows
    from vetro.glass.rows import rows_of, rows_of_table
    from vetro.glass.verify.evidence_checks import data_check, evidence_checks, refit_check, reread
    from vetro.model.kept import kept_schema
    from vetro.tables.options import read_options

    if not place:
        try:
            place = source_of(named)
        except VetroError as refusal:
            why = refusal.words.worded(DOOR)
            note = f"The evidence is not compared, and rows are drawn: {why}"
            return drawn_rows(model, count), (), (note,)
    options = read_options(None, reading)
    if model.request.options.query and not options.query:
        # It may be somebody else's text: model/own_table.py has the same rule.
        note = (
            "The evidence is not compared, and rows are drawn: the table of the fit came from a "
            "query, and a query in a model file is never run. Use --query to give it."
        )
        return drawn_rows(model, count), (), (note,)
    tell("Reading the table")
    table = reread(model, place, options)
    shown = short_name(place)
    checks: tuple[Check, ...] = (data_check(model, table, shown),)
    if table is None or kept_schema(table.schema) != kept_schema(model.schema):
        return rows_of(subject, place, options, unknown, only=range(count)), checks, ()
    tell("Predicting the held-out rows again")
    checks = (*checks, *evidence_checks(model, table))
    if refit:
        tell("Fitting again")
        checks = (*checks, refit_check(model, place, options))
    return rows_of_table(subject, table, count), checks, ()
