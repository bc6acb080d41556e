"""A footer: totals, notes and sources below a table.

It works on the first and last records, as texts.  Records that are certainly not rows are left out
and reported; if a record may be a row, the table is refused and the message names its line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from vetro.errors import Notice, counted, error, notice, words
from vetro.tables import numbers
from vetro.tables.options import ReadOptions
from vetro.tables.sources.around import COMMENT_MARKS, is_numeric, numeric_columns
from vetro.tables.sources.head import Head, Place, Record
from vetro.tables.sources.head_words import named

TOTALS = frozenset(
    (
        *("total", "totals", "grand total", "sub total", "subtotal", "sub-total", "sum", "all"),
        *("overall", "total general", "sum total", "totale", "totale generale", "totali", "somma"),
        *("summe", "gesamt", "gesamtsumme", "insgesamt", "gesamtergebnis", "endsumme", "zusammen"),
        *("total général", "total general", "totaux", "somme", "ensemble", "suma", "totales"),
        *("totaal", "soma", "итого", "всего", "合計", "总计", "合计", "summa", "yhteensä", "razem"),
    )
)
_FIGURES = frozenset(
    (
        *("mean", "average", "avg", "median", "min", "max", "minimum", "maximum", "std", "stdev"),
        *("std dev", "standard deviation", "count", "n", "media", "mittelwert", "durchschnitt"),
        *("moyenne", "promedio", "média", "mediana", "massimo", "minimo", "rows", "records"),
    )
)
_NOTE = re.compile(
    r"(?:source|sources|note|notes|n\.?b\.?|footnote|remark|remarks|data|last updated?|updated?|"
    r"retrieved|generated|created|exported?|printed|end of|copyright|©|\(c\)|licen[cs]e|legend|"
    r"quelle|quellen|hinweis|anmerkung|stand|fonte|fonti|nota|note|legenda|aggiornat|source|"
    r"sources|remarque|mise à jour|fuente|notas|elaboraci|unit|units|page)\b",
    re.IGNORECASE,
)
_MARKED = re.compile(r"\s*(?:[*†‡§¹²³⁴]|\(?[0-9a-z]\)\s|\[[0-9a-z]\]|https?://|www\.)")
_CLOSE = 1e-6


def find_footer(
    tail: Sequence[Record], head: Head, whole: bool, options: ReadOptions, place: Place
) -> list[Record]:
    """The records at the end that are not rows.

    tail: the last records.  whole: whether they are all of the table's rows.  E166 if the last
    one may be a total or a row.
    """
    given = [record for record in tail if not record.blank]
    if options.skip_footer is not None:
        return given[max(0, len(given) - options.skip_footer) :] if options.skip_footer else []
    count = len(head.names)
    if count < 2:
        return []
    start = len(given)
    blank = False
    while start > 1 and _is_note(given[start - 1], head, blank or given[start - 1].after_blank):
        start -= 1
        blank = blank or given[start].after_blank
    notes = len(given) - start
    while start > 1 and _is_total(given[start - 1], given[: start - 1], head, whole, notes, place):
        start -= 1
    if start == len(given) and whole and _is_unnamed_total(given, head):
        start -= 1
    return given[start:]


def _is_unnamed_total(given: Sequence[Record], head: Head) -> bool:
    """Whether the last row's numbers are all sums, and one column is empty only in this row."""
    if len(given) < 4:
        return False
    last, above = given[-1], given[:-1]
    if not _fits(last, head) or not _blank_where_filled(last, above):
        return False
    present = [at for at, cell in enumerate(last.fields) if cell.strip()]
    return bool(present) and all(_is_sum(last, above, at) for at in present)


def _is_note(record: Record, head: Head, below_blank: bool) -> bool:
    """Whether a record is a note: a comment, or a text by itself."""
    text = record.text
    if text.startswith(COMMENT_MARKS) and not _fits(record, head):
        return True
    alone = record.filled == 1 and bool(record.fields[0].strip())
    spoken = _NOTE.match(text) is not None or _MARKED.match(text) is not None
    if _fits(record, head) and not alone:
        return False
    number = alone and is_numeric(record.fields[0])
    if number and (_fits(record, head) or not (_MARKED.match(text) or record.after_blank)):
        return False  # a row whose other values are missing
    if _label(record) in TOTALS:
        return False
    many = len(text.split()) >= 4
    return spoken or many or below_blank


def _fits(record: Record, head: Head) -> bool:
    return len(record.fields) == head.width


def _label(record: Record) -> str:
    """The first text of a record, in the form in which names of totals are looked up."""
    first = next((cell for cell in record.fields if cell.strip()), "")
    return " ".join(first.strip().strip(":=.").casefold().split())


def _is_total(
    record: Record,
    above: Sequence[Record],
    head: Head,
    whole: bool,
    notes: int,
    place: Place,
) -> bool:
    """Whether a record is the total, or another statistic, of the rows above; E166 if in doubt.

    notes: how many records below it are left out."""
    label = _label(record)
    if label not in TOTALS and label not in _FIGURES:
        return False
    column = next(at for at, cell in enumerate(record.fields) if cell.strip())
    rows = [item for item in (*head.rows, *above) if len(item.fields) == head.width]
    rows = [item for item in rows if item.line != record.line]
    others = [item.fields[column] for item in rows if len(item.fields) > column]
    if any(_label(item) == label for item in rows):
        return False  # an ordinary value of its column
    if not _fits(record, head):
        return True
    present = [cell for cell in others if cell.strip()]
    if present and sum(map(is_numeric, present)) > 0.5 * len(present):
        return True
    if _blank_where_filled(record, rows) or (whole and _adds_up(record, above)):
        return True
    if label in _FIGURES:
        return False
    raise error(
        "E166",
        source=place.source,
        line=record.line,
        value=record.text,
        fix=words(
            "Use {=skip_footer count} if it is a total, or {=skip_footer none} if it is a row.",
            count=1 + notes,
            none=notes,
        ),
    )


def _blank_where_filled(record: Record, rows: Sequence[Record]) -> bool:
    """Whether the record has an empty cell in a column that is filled in every other row."""
    return any(
        not cell.strip() and all(item.fields[at].strip() for item in rows if len(item.fields) > at)
        for at, cell in enumerate(record.fields)
        if any(len(item.fields) > at and item.fields[at].strip() for item in rows)
    )


def _adds_up(record: Record, rows: Sequence[Record]) -> bool:
    """Whether a number of the record is the sum of those above it."""
    return len(rows) > 1 and any(_is_sum(record, rows, at) for at in range(len(record.fields)))


def _is_sum(record: Record, rows: Sequence[Record], at: int) -> bool:
    """Whether a cell is a number, not 0, and the sum of those above it, in one way of reading."""
    for decimal, thousands in ((".", ","), (",", ".")):
        total = numbers.value_of(record.fields[at], decimal, thousands)
        if total is None or total == 0 or not math.isfinite(total):
            continue
        cells = [item.fields[at] for item in rows if len(item.fields) > at]
        values = [numbers.value_of(cell, decimal, thousands) or 0.0 for cell in cells]
        if abs(math.fsum(values) - total) <= _CLOSE * abs(total):
            return True
    return False


def footer_notice(footer: Sequence[Record], head: Head, place: Place) -> Notice:
    """The message about the records left out below the table."""
    lines = {record.line for record in footer}
    rows = [record for record in head.rows if record.line not in lines]
    numeric = numeric_columns(rows, len(head.names))
    readable = all(
        _fits(record, head) and all(_may_be_value(record.fields[at]) for at in numeric)
        for record in footer
    )
    fix = words(" Use {=skip_footer none} to read them as rows.", none=0) if readable else ""
    return notice("I167", source=place.source, lines=named(footer, place), fix=fix)


def _may_be_value(cell: str) -> bool:
    """Whether a cell fits a column of numbers."""
    return is_numeric(cell) or numbers.means_missing(cell)


def empty_notice(count: int, place: Place) -> Notice:
    """The message about lines or rows without a value that were left out at the end."""
    lines = f"{counted(count, place.word)} without a value"
    fix = words(" Use {=skip_footer none} to read them as rows.", none=0)
    return notice("I167", source=place.source, lines=lines, fix=fix)
