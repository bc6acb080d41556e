"""Lines around a table: titles and comments above the header, and units below it.

This module works on the first records of a text or a sheet, as texts.  Lines that are certainly not
part of the table are left out and reported.  If a line may be either, the table is refused and the
message names the line.  It reads no file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from vetro.errors import error, words
from vetro.tables import numbers
from vetro.tables.options import ReadOptions
from vetro.tables.sources.head import Head, Place, Record
from vetro.tables.sources.head_words import doubt, heading, no_header
from vetro.tables.unit_spellings import unit_in

COMMENT_MARKS = ("#", "%", "//", "!", "--")
_MOST_TITLES = 100
_BODY = 50
_NUMERIC = re.compile(r"[\s(+\-−–$€£¥<>~≈]*(?:[A-Z]{3} ?)?[.,]?[0-9]")
_RULES = re.compile(r"[-=+:_|*]{2,}(?: [-=+:_|*]{2,})*")
_YEAR = re.compile(r"(?:1[5-9]|2[01])[0-9]{2}(?:[-/Q ].*)?")


def width_of(records: Sequence[Record]) -> int:
    """The most frequent number of fields in a record; of two equally frequent ones the larger."""
    counts = Counter(len(record.fields) for record in records if not record.blank)
    return max(counts, key=lambda width: (counts[width], width), default=0)


def find_head(records: Sequence[Record], options: ReadOptions, place: Place) -> Head | None:
    """The header and the lines around it; None if the first record is simply the header.

    E160 and E161 if it is not certain which line is the header or a row of units.
    """
    given = [record for record in records if not record.blank]
    if not given:
        return None
    width = width_of(given)
    if not options.header:
        return _without_header(given, width, options)
    titles = 0 if options.skip_rows is not None else _comments(given, options, place)
    if titles:
        width = width_of(given[titles:])
    start = _head_at(given, titles, width)
    if start is None and options.skip_rows is None:
        start = _below_titles(given, titles, width, place)
    if start is None:
        _refuse_two_headers(given[titles:], options, place)
        if options.bad_rows == "skip" and len(given[titles].fields) != width:
            raise no_header(given[titles], width, place)
        return None
    names = tuple(cell.strip() for cell in given[start].cells)
    below = given[start + 1 :]
    width = _with_separators(given[start], below, width)
    units = _units(given[start], below, len(names), options, place)
    rows = below[1:] if units else below
    spare = max(0, width - len(names))
    _refuse_second_table(given[start], rows, options, place)
    gaps = _gaps(names, rows)
    return Head(
        header=given[start],
        names=names,
        titles=tuple(given[:start]),
        units=units,
        rows=tuple(rows),
        width=width,
        spare=spare,
        gaps=gaps,
    )


def _with_separators(header: Record, below: Sequence[Record], width: int) -> int:
    """The width of rows with the separators that also end the header, if any row has them."""
    longest = len(header.fields)
    if longest <= width or len(header.cells) > width:
        return width
    ends = any(len(row.fields) == longest and not any(row.fields[width:]) for row in below)
    return longest if ends else width


def _gaps(names: Sequence[str], rows: Sequence[Record]) -> tuple[int, ...]:
    """The positions without a name and without a value in any row."""
    return tuple(
        at
        for at, name in enumerate(names)
        if not name
        and rows
        and not any("".join(row.fields[at : at + 1]).strip() for row in rows)
        and (at == 0 or _on_both_sides(rows[-1], at))
    )


def _on_both_sides(last: Record, at: int) -> bool:
    """Whether the last row goes on after an empty column: two tables side by side end apart."""
    return any(map(str.strip, last.fields[:at])) and any(map(str.strip, last.fields[at + 1 :]))


def _without_header(given: Sequence[Record], width: int, options: ReadOptions) -> Head:
    """For a table without header: leave out comments above it, and separators at the end."""
    start = 0
    if options.skip_rows is None:
        while start < len(given) - 1 and _is_comment(given[start]):
            start += 1
    rows = [record for record in given[start:] if len(record.fields) == width]
    used = max((len(record.cells) for record in rows), default=width)
    ends = used == width - 1 and all(record.fields[-1] == "" for record in rows)
    spare = 1 if ends and used else 0
    names = tuple(f"c{position}" for position in range(1, width - spare + 1))
    return Head(None, names, tuple(given[:start]), None, tuple(given[start:]), width, spare)


def _is_comment(record: Record) -> bool:
    return record.fields[0].lstrip().startswith(COMMENT_MARKS)


def _comments(given: Sequence[Record], options: ReadOptions, place: Place) -> int:
    """The number of comment records at the top; E160 if the last of them may be the header."""
    count = 0
    while count < len(given) and _is_comment(given[count]):
        count += 1
    if count in (0, len(given)):
        return 0
    last, following = given[count - 1], given[count]
    width = width_of(given[count:])
    fits = len(last.cells) == width
    valued = any(map(is_numeric, following.fields))
    if count == 1 and fits:
        mark = next(m for m in COMMENT_MARKS if last.fields[0].lstrip().startswith(m))
        spoken = last.fields[0].lstrip().removeprefix(mark)[:1] in (" ", "")
        if valued or not spoken:
            return 0
        if _tells(following, given[count + 1 :], width):
            return count
        fix = words(
            "Use {=skip_rows lines} if it is a comment, or {=skip_rows none} if it is the header.",
            lines=last.end,
            none=0,
        )
        raise doubt(last, place, "may be a comment or the header", fix)
    if valued and not _tells(following, given[count + 1 :], width):
        if fits:
            fix = words(
                "Use {=skip_rows lines} if {place} is the header, or {=header no}.",
                lines=last.line - 1,
                place=f"{place.word} {last.line}",
            )
        else:
            fix = words("Write a header, or use {=header no}.")
        raise doubt(following, place, "holds values where the header is expected", fix)
    return count


def _head_at(given: Sequence[Record], at: int, width: int) -> int | None:
    """`at` if that record can be the header of the rows below it without changes."""
    names = [cell.strip() for cell in given[at].cells]
    spare = width - len(names)
    if spare < 0 or not names or (not names[0] and len(names) < 2):
        return None
    if not all(names[1:]):
        gaps = _gaps(names, given[at + 1 :])
        if any(not name and place not in gaps for place, name in enumerate(names) if place):
            return None
    if spare and len(names) == 1 and len(given[at].fields) == 1:
        return None  # the last character of the rows may belong to their value
    if spare:
        rows = [record for record in given[at + 1 :] if len(record.fields) == width]
        if any(cell.strip() for record in rows for cell in record.fields[len(names) :]):
            return None
    return at


def _below_titles(given: Sequence[Record], first: int, width: int, place: Place) -> int | None:
    """The place of the header below lines of title; None if nothing indicates one."""
    for at in range(first + 1, min(first + _MOST_TITLES, len(given) - 1)):
        if _head_at(given, at, width) is None:
            continue
        header, titles = given[at], given[first:at]
        names = [cell.strip() for cell in header.cells]
        if len(set(names)) < len(names):
            return None
        below = given[at + 1 :]
        numeric = numeric_columns(below, len(names))
        years = [place_ for place_ in numeric if is_numeric(names[place_])]
        if not all(_YEAR.fullmatch(names[place_]) for place_ in years) or (
            years and len(years) == len(names)
        ):
            return None
        narrow = all(
            record.filled <= max(1, len(names) // 2) or len(record.cells) != len(names)
            for record in titles
        )
        if not narrow:
            return None
        told = any(not is_numeric(names[place_]) for place_ in numeric)
        spoken = all(record.filled == 1 and len(record.text.split()) > 1 for record in titles)
        if told or header.after_blank or spoken:
            return at
        return None
    return None


def _tells(header: Record, below: Sequence[Record], width: int) -> bool:
    """Whether the record differs from the rows below it as a header does: words above numbers."""
    numeric = numeric_columns(below, min(width, len(header.fields)))
    named = [header.fields[place].strip() for place in numeric]
    return bool(named) and all(name and not is_numeric(name) for name in named)


def numeric_columns(below: Sequence[Record], count: int) -> list[int]:
    """The columns whose values in the first rows look like numbers or dates."""
    rows = below[2 : 2 + _BODY] if len(below) > 4 else below[1:] if len(below) > 2 else below
    found = []
    for place in range(count):
        cells = [record.fields[place] for record in rows if len(record.fields) > place]
        present = [cell for cell in cells if not numbers.means_missing(cell)]
        fitting = sum(map(is_numeric, present))
        if fitting and fitting >= 0.8 * len(present):
            found.append(place)
    return found


def is_numeric(text: str) -> bool:
    """Whether a text begins as a number or a date does."""
    return _NUMERIC.match(text) is not None


def _units(
    header: Record, below: Sequence[Record], count: int, options: ReadOptions, place: Place
) -> Record | None:
    """The row of units below the header; E161 where it may be another line of the header."""
    if options.units_row is True:
        return below[0] if below else None
    if options.units_row is False or len(below) < 3:
        return None
    numeric = numeric_columns(below, count)
    repeated = next((item for item in below if item.fields == header.fields), None)
    if repeated is not None and any(map(str.strip, header.fields)):
        # Among numbers its words would be wrong cells, so that it is a row among texts only.
        row = words("Remove it, or use {=units_row no} if it is a row.")
        fix = "Remove it." if numeric else row
        raise doubt(repeated, place, "repeats the header", fix)
    top = below[: min(6, len(below) - 2)]
    words_above = [_is_heading(record, numeric, options) for record in top]
    if len(numeric) > 1 and any(words_above[1:]):
        last = len(words_above) - words_above[::-1].index(True)
        raise heading(top[:last], place)
    headings = top[:1] if words_above[0] else []
    if not headings:
        return None
    cells = [headings[0].fields[place_] for place_ in numeric if place_ < len(headings[0].fields)]
    found = [unit_in(cell) for cell in cells]
    if None not in found and any(found):
        return headings[0]
    if len(numeric) < 2:
        return None  # one wrong cell; reading the column will name it
    # Names differ from each other, and a header has one for each column.
    fields = headings[0].fields
    repeated_or_lacking = len({*map(str.strip, fields)} - {""}) < len(fields)
    raise heading(headings, place, units=any(found) or repeated_or_lacking)


def _refuse_two_headers(given: Sequence[Record], options: ReadOptions, place: Place) -> None:
    """E161 where a name lacks in the first record, and the second holds words above numbers."""
    if len(given) < 4 or all(map(str.strip, given[0].cells[1:])):
        return
    first, second = given[:2]
    numeric = numeric_columns(given[2:], len(second.fields))
    if _is_heading(second, numeric, options):
        what = f"is a header above another one ({place.word} {second.line})"
        fix = "Write one header, with a name in each column."
        raise error(
            "E161", source=place.source, line=first.line, value=first.text, what=what, fix=fix
        )


def _refuse_second_table(
    header: Record, rows: Sequence[Record], options: ReadOptions, place: Place
) -> None:
    """E160 for a line of rules below the header, and for the header of another table below."""
    if rows and _RULES.fullmatch(rows[0].text) and rows[0].filled == header.filled:
        raise doubt(rows[0], place, "is a line and not a row", "Remove it.")
    numeric = numeric_columns(rows, len(header.cells))
    for row in rows[1:]:
        named = len(row.cells) == len(header.cells) and all(map(str.strip, row.cells))
        if row.after_blank and named and numeric and _is_heading(row, numeric, options):
            what = "below a blank line is the header of another table"
            raise doubt(row, place, what, "Write each table to a file or sheet of its own.")


def _is_heading(record: Record, numeric: Sequence[int], options: ReadOptions) -> bool:
    """Whether all of a record's cells above numbers are words, apart from words for missing."""
    cells = [record.fields[place].strip() for place in numeric if place < len(record.fields)]
    present = [
        cell
        for cell in cells
        if cell and not numbers.means_missing(cell) and cell not in options.missing
    ]
    values = [cell for cell in present if is_numeric(cell) and not _is_reciprocal(cell)]
    return bool(present) and not values and len(record.fields) > 1


def _is_reciprocal(cell: str) -> bool:
    """Whether a cell that begins as a number is a unit such as 1/min."""
    return cell.startswith("1/") and bool(unit_in(cell))
