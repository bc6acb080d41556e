"""The row that a command examines: --row N of a source, and --set COL=VALUE.

trace, backprop, formula and similar commands share these options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from vetro.addresses import is_address, kept, short_name
from vetro.apps.options import Choice, Given, valued, whole
from vetro.errors import error, shown, words
from vetro.named import known_name, named_value
from vetro.settings import ColumnIs, Setting, option_name
from vetro.twins import match

if TYPE_CHECKING:
    from vetro.glass.rows import Rows
    from vetro.glass.subject import Subject
    from vetro.model.model import Model
    from vetro.model.odd_rows import Unknown
    from vetro.tables.options import ReadOptions

ROW = (
    Choice("row", "Row of the source, counted from 1.", whole, metavar="N"),
    Choice(
        "set",
        "Value of a column; repeatable. With --row, it replaces the row's value.",
        type=list[str],
        metavar="COL=VALUE",
    ),
    Choice(
        "source",
        "Table of the rows [the table that the model was fitted to].",
        metavar="TABLE",
    ),
)
"""The options that name one row, for a parameter `row` of a command."""

SourceOption = Annotated[str, valued("--source", "TABLE", ROW[-1].help)]


@dataclass(frozen=True)
class Looking:
    """A model as the glass sees it, and a row.  shown: the row's name in texts, "row 17 of
    concrete.csv"."""

    model: Model
    subject: Subject
    rows: Rows
    shown: str


def looking_at(named: str, row: Given, reading: Given, unknown: Unknown) -> Looking:
    """The model and the one row that the options of ROW name; E604 if they name none.

    unknown: how category texts not seen in training are read.
    """
    from vetro.apps.runs import load_model
    from vetro.glass.rows import rows_of, with_values
    from vetro.glass.subject import subject_of
    from vetro.tables.options import read_options

    model = load_model(named)
    subject = subject_of(model)
    written = settings_of(row.get("set", ()), model)
    options = read_options(None, reading)
    given = {name: as_a_cell(model, name, text, options) for name, text in written.items()}
    if "row" not in row:
        if not given:
            fix = words(
                "Use {=row number} for the first row of the table, or {=set one} with a value for "
                "each column.",
                number=1,
                one=_example(model, model.inputs[0], "set"),
            )
            raise error("E604", what="no row to look at is named", fix=fix)
        rows = rows_of(subject, {name: [text] for name, text in given.items()}, options, unknown)
        return Looking(model, subject, rows, "the row given")
    number = row["row"]
    if number < 1:
        what = f"row {number} not found: rows are counted from 1"
        raise error("E702", what=what, fix=words("Use another {=row}."))
    place = row.get("source") or source_of(named)
    rows = rows_of(subject, place, options, unknown, only=range(number - 1, number))
    name = f"row {number} of {short_name(place)}"
    if given:
        rows = with_values(subject, rows, given, options, unknown)
        name += " with " + ", ".join(f"{column} = {text}" for column, text in written.items())
    return Looking(model, subject, rows, name)


def check_member(number: int | None, subject: Subject) -> None:
    """E702 if the model has no member of this number, from 1; None is no number."""
    count = len(subject.parts)
    if number is not None and not 1 <= number <= count:
        what = f"member {number} not found: the model has {count}"
        raise error("E702", what=what, fix="Members are counted from 1; leave out --member.")


def as_a_cell(model: Model, name: str, text: str, options: ReadOptions) -> str:
    """A value of the command line as the text of a cell that can be read in one way only.

    A point is the decimal mark, as in all options.  If the model's table had decimal commas, 1.200
    stays ambiguous.  A number without a unit gets the unit of the model's table.
    """
    from vetro.tables.dress import undress
    from vetro.tables.numbers import in_doubt, marks_of

    column = model.schema[name]
    marks, _ = marks_of([text])
    if column.kind == "number" and marks.open and not options.decimal:
        text += "" if in_doubt(text, column.reading.decimal) else "0"
    if not column.reading.unit:
        return text
    found = undress(text)
    return column.with_unit(text) if found is not None and not found.unit.key else text


def settings_of(settings: Sequence[str], model: Model, name: str = "set") -> dict[str, str]:
    """column -> text of each COL=VALUE; E604 for one without "=", E114 for an unknown column.

    name: of the setting, "set" or "over".
    """
    found: dict[str, str] = {}
    known = model.inputs
    for text in settings:
        named = named_value(text, known)
        if named is not None:
            found[named[0]] = named[1]
            continue
        given, equals, _ = text.partition("=")
        if equals:
            known_name(given, known)  # raises the error that names it
        what = f'{option_name(name)} "{shown(text)}" has no "="'
        column = match(text, known)
        one = _example(model, column if column in known else known[0], name)
        fix = words("Use for example {example}.", example=Setting(name, one))
        raise error("E604", what=what, fix=fix)
    return found


def _example(model: Model, name: str, setting: str) -> ColumnIs:
    """The training range of a column; its first end as the value of a row."""
    from vetro.glass.bounds.over import example_of

    found = example_of(model.schema[name])
    return found if setting == "over" else replace(found, to=None)


def source_of(named: str) -> str:
    """The table that a run was fitted to; E604 if it is unknown or not there."""
    from vetro.apps.recipe_file import read_recipe
    from vetro.apps.runs import RunFolder

    path = Path(named)
    run = RunFolder(path if path.is_dir() else path.parent)
    if run.recipe.is_file():
        source = read_recipe(run.recipe).source
        if source and (is_address(source) or Path(source).exists()):
            return source
        what = f"the table that {named} was fitted to, {kept(source) or 'unnamed'}, is not there"
    else:
        what = f"{named} does not say where the table is that it was fitted to"
    raise error("E604", what=what, fix=words("Name it with {=source}."))
