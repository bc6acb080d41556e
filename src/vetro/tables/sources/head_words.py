"""The messages about the lines around a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from vetro.errors import Notice, Words, counted, error, notice, shown, words
from vetro.tables.sources.head import Head, Place, Record, units_of


def head_notices(head: Head, names: Sequence[str], place: Place) -> list[Notice]:
    """The messages about the lines at the top."""
    found: list[Notice] = []
    if head.titles:
        what = "header" if head.header else "first row"
        line = (head.header or head.rows[0]).line
        found.append(
            notice(
                "I162",
                source=place.source,
                what=what,
                place=f"{place.word} {line}",
                lines=named(head.titles, place),
            )
        )
    if head.names and head.names[0] == "" and head.header is not None and 0 not in head.gaps:
        found.append(notice("I163", source=place.source, line=head.header.line, name=names[0]))
    if head.spare and place.word == "line":
        rows = "some rows end" if head.short else "every row ends"
        found.append(notice("I164", source=place.source, rows=rows))
    if head.gaps and place.word == "line":
        columns = ", ".join(str(at + 1) for at in head.gaps)
        word = "column" if len(head.gaps) == 1 else "columns"
        found.append(notice("I174", source=place.source, columns=f"{word} {columns}"))
    if head.units is not None:
        units = units_of(head)
        listing = ", ".join(f"{shown(name)} in {shown(unit)}" for name, unit in units.items())
        found.append(
            notice(
                "I165",
                source=place.source,
                line=head.units.line,
                units=listing or "none",
            )
        )
    return found


def named(records: Sequence[Record], place: Place, most: int = 3) -> str:
    """Records in the form of messages: 'line 1 "Report", line 2 "Rome" and 2 more'."""
    listing = ", ".join(f'{place.word} {item.line} "{shown(item.text)}"' for item in records[:most])
    more = len(records) - most
    return listing + (f" and {more} more" if more > 0 else "")


def heading(headings: Sequence[Record], place: Place, *, units: bool = False) -> Exception:
    """E161 for several lines of words above numbers.

    units: whether the first is likely a row of units, which is then proposed first.
    """
    last = headings[-1]
    choices = (
        "{=skip_rows lines} if {place} is the header",
        "{=units_row yes} if {first} holds units",
    )
    first, second = reversed(choices) if units else choices
    fix = words(
        f"Use {first}, or {second}.",
        lines=last.line - 1,
        place=f"{place.word} {last.line}",
        first=f"{place.word} {headings[0].line}",
    )
    what = "holds words where the rows below hold numbers"
    return error(
        "E161",
        source=place.source,
        line=headings[0].line,
        value=headings[0].text,
        what=what,
        fix=fix,
    )


def distinct_names(
    cells: Iterable[tuple[int | str, str]],
    source: str,
    line: int,
    fix: Callable[[str], str | Words],
) -> list[str]:
    """The names of a header; E131 for an empty one, E110 for one that is there twice.

    cells: the place of each name (the number or the letters of its column) and the name.
    fix: of E110, for a name.
    """
    places: dict[str, int | str] = {}
    for position, name in cells:
        if not name:
            raise error("E131", source=source, line=line, position=position)
        if name in places:
            raise error("E110", first=places[name], second=position, name=name, fix=fix(name))
        places[name] = position
    return list(places)


def no_header(record: Record, width: int, place: Place) -> Exception:
    """E160 for a first record that is not as long as the rows below."""
    what = f"has {counted(len(record.fields), 'field')} where most rows have {width}"
    fix = words("Use {=skip_rows lines} if it is a title.", lines=record.end)
    return doubt(record, place, f"{what}: it is not their header", fix)


def doubt(record: Record, place: Place, what: str, fix: str | Words) -> Exception:
    """E160 for a record that may or may not be part of the table."""
    return error(
        "E160", source=place.source, line=record.line, value=record.text, what=what, fix=fix
    )
