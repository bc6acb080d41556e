"""Which inputs are ordered: as the user says, as the source says, or as their texts show.

orders.py knows the words; this file gives the columns their orders, and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from vetro.errors import (
    Notice,
    Setting,
    VetroError,
    Words,
    error,
    listed,
    nearest,
    notice,
    shown,
    words,
)
from vetro.named import known_name, named_value
from vetro.tables.orders import MOST, order_of
from vetro.tables.schema import Column
from vetro.tables.table import Table
from vetro.twins import match, plain_names

_ROLES = {"target": "the target", "weight": "the weight", "group": "the group"} | {
    "ignored": "left out"
}


def with_orders(table: Table, ordered: Sequence[str], unordered: Sequence[str]) -> Table:
    """The table, each input of ordered texts with its order, and I179 for those not named.

    ordered: "COL=a<b<c" with all levels of the column.  unordered: columns whose texts are not to
    be ordered.  E114 for an unknown column; E219 for a text that is no order of its column.
    """
    names = table.schema.names
    asked = dict(_named(text, names) for text in ordered)
    free = {known_name(name, names, Setting("unordered")) for name in plain_names(unordered)}
    for name in free & asked.keys():
        twice = words("it is named in {=ordered} and in {=unordered}")
        raise _refused(name, twice, "Name it once.")
    notices: list[Notice] = []
    schema = table.schema
    for name, text in asked.items():
        column = schema[name]
        if column.role != "input" or column.kind != "category":
            what = f"a {column.kind}" if column.role == "input" else _ROLES[column.role]
            raise _refused(name, f"it is {what}", "Only inputs that are categories have an order.")
        schema = schema.replaced(replace(column, order=_order_in(text, column)))
    for column in schema.inputs:
        if column.kind != "category" or column.order or column.name in free:
            continue
        order, why = _found(column, table.orders)
        if order:
            schema = schema.replaced(replace(column, order=order))
            chain = " < ".join(f'"{shown(text)}"' for text in order)
            notices.append(notice("I179", column=column.name, order=chain, why=why))
    return table.with_schema(schema, *notices)


def _found(column: Column, of_source: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], str]:
    """The order of a column that the user does not name, and what shows it."""
    given = tuple(text for text in of_source.get(column.name, ()) if text in column.levels)
    if 2 < len(given) == len(column.levels) <= MOST:
        return given, "the source orders them"
    return order_of(column.levels), "by their words"


def _named(text: str, names: Collection[str]) -> tuple[str, str]:
    """(column, order) of "COL=a<b<c"."""
    found = named_value(text, names)
    if found is not None:
        return found
    name, equals, _ = text.partition("=")
    if equals:
        known_name(name, names, Setting("ordered"))  # raises the error that names it
    fix = words("Use for example {example}.", example=Setting("ordered", "size=small<medium<large"))
    raise error("E601", argument=Setting("ordered"), value=text, reason='it has no "="', fix=fix)


def _order_in(text: str, column: Column) -> tuple[str, ...]:
    """The levels in the order of "a<b<c", where a level may itself hold "<"."""
    levels = set(column.levels)
    found = _split(text.split("<"), levels)
    if found is None:
        parts = [part.strip() for part in text.split("<")]
        strange = next((part for part in parts if match(part, levels) not in levels), parts[0])
        fix = f"{nearest(strange, column.levels)}Levels: {listed(column.levels)}."
        raise _refused(column.name, f'"{shown(strange)}" is not one of its texts', fix)
    if len(set(found)) < len(found):
        twice = next(level for level in found if found.count(level) > 1)
        raise _refused(column.name, f'"{shown(twice)}" stands twice in the order', "Name it once.")
    missing = [level for level in column.levels if level not in found]
    if missing:
        what = f"the order lacks {listed(missing)}"
        raise _refused(column.name, what, "Name every text of the column, the lowest first.")
    return tuple(found)


def _split(parts: Sequence[str], levels: Collection[str]) -> list[str] | None:
    """Levels that the parts, joined again by "<" where needed, are; None if there are none."""
    if not parts:
        return []
    for count in range(1, len(parts) + 1):
        level = match("<".join(parts[:count]).strip(), levels)
        if level in levels:
            rest = _split(parts[count:], levels)
            if rest is not None:
                return [level, *rest]
    return None


def _refused(column: str, what: str | Words, fix: str) -> VetroError:
    return error("E219", column=column, what=what, fix=fix)
