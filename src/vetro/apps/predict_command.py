"""`vetro predict` and `vetro evaluate`: apply a model to the rows of a table."""

from __future__ import annotations

from typing import Annotated

import typer

from vetro.addresses import kept
from vetro.apps.options import (
    READING,
    Given,
    JsonOption,
    ModelArgument,
    SafeOption,
    UnknownOption,
    names,
    number,
    taking,
    valued,
)
from vetro.apps.present import print_json, say, show_notices
from vetro.errors import Notice, counted, notice, shown

STDOUT = "-"

SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="Table of the rows.")]


@taking(reading=READING)
def predict(
    model: ModelArgument,
    source: SourceArgument,
    *,
    out: Annotated[
        str,
        valued(
            "--out", "FILE", "Output file: .csv, .parquet or .jsonl [CSV on stdout].", short="-o"
        ),
    ] = STDOUT,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help='Add a column "P(label)" for each class.')
    ] = False,
    interval: Annotated[
        float | None,
        valued(
            "--interval",
            "LEVEL",
            'Add "low(TARGET)" and "high(TARGET)", which hold the truth with this probability, '
            'such as 0.9; for classes "set(TARGET)". Also adds "far", the distance from the rows '
            "of the fit.",
            number,
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        valued("--keep", "COL[,COL...]", "Copy these columns to the output; repeatable."),
    ] = None,
    spreadsheet_safe: SafeOption = False,
    unknown: UnknownOption = "ignore",
    reading: Given,
) -> None:
    """Predict the rows of a table, in order."""
    from vetro.apps.runs import load_model
    from vetro.model.predict import predict_stream
    from vetro.tables.options import read_options
    from vetro.tables.write import TableWriter

    found: list[Notice] = []
    options = read_options(None, reading)
    chunks = predict_stream(
        load_model(model),
        source,
        found,
        options=options,
        probabilities=probabilities,
        interval=interval,
        keep=names("--keep", keep or ()),
        unknown=unknown,
    )
    with TableWriter(out, spreadsheet_safe=spreadsheet_safe) as writer:
        for chunk in chunks:
            writer.write(chunk)
    show_notices(found)
    if out != STDOUT:
        say(f"{counted(writer.rows, 'row')} predicted to {out}")


@taking(reading=READING)
def evaluate(
    model: ModelArgument,
    source: SourceArgument,
    *,
    json: JsonOption = False,
    interval: Annotated[
        float | None,
        valued("--interval", "LEVEL", "Level whose intervals are measured [0.9].", number),
    ] = None,
    unknown: UnknownOption = "ignore",
    reading: Given,
) -> None:
    """Measure a model on rows with known targets.

    Use rows that the model was not fitted to.  vetro show has the quality of the fit itself.
    """
    from vetro.apps.quality import coverage_rows, metrics_table, unit_of, with_unit
    from vetro.apps.runs import load_model
    from vetro.glass.as_json import as_json
    from vetro.model.evaluate import evaluate_source
    from vetro.model.own_table import is_own_table
    from vetro.report.command import show_command
    from vetro.tables.options import read_options

    options = read_options(None, reading)
    fitted = load_model(model)
    found = evaluate_source(fitted, source, options=options, interval=interval, unknown=unknown)
    notices = list(found.notices)
    if not options.query and is_own_table(fitted, source):
        notices.insert(0, notice("W407", source=shown(kept(source)), command=show_command(model)))
    if json:
        figures = as_json(found, "rows groups metrics per_target coverage")
        print_json({"model": model, "source": kept(source), **figures}, notices)
        return
    groups = f" in {found.groups} groups" if found.groups else ""
    head = f"on {counted(found.rows, 'row')}{groups}"
    metrics_table(head, {"network": found.metrics}, unit_of(fitted))
    if found.per_target:
        say()
        own = {with_unit(fitted, name): each for name, each in found.per_target.items()}
        metrics_table("target", own)
    coverage_rows(fitted, found.coverage)
    show_notices(notices)
