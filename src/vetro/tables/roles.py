"""Roles: which columns are target, input, weight or group, and which are left out, with the reason.

The user's names and the values decide; no value is changed.  checks.py decides whether the target
can be learnt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import (
    Notice,
    Setting,
    TableError,
    Words,
    error,
    listed,
    notice,
    shown,
    words,
)
from vetro.named import known_name
from vetro.tables.cells import LONGEST_LEVEL
from vetro.tables.column_words import words_of
from vetro.tables.doubts import CATEGORY, IGNORED
from vetro.tables.faults import NOT_READ, left_out
from vetro.tables.frequent import has_too_many, with_frequent_levels
from vetro.tables.labels import is_missing, label_of, too_long, unkept
from vetro.tables.left_out import with_rows_that_count
from vetro.tables.ordered import with_orders
from vetro.tables.schema import Column, Role, Schema, with_role
from vetro.tables.table import Table
from vetro.twins import plain, plain_names

FEW_ROWS = 20
"""Up to this many rows, texts that all differ and the numbers 1, 2, 3, ... may be real inputs."""

_ID_WORDS = frozenset(("id", "ids", "uuid", "guid", "pid", "rowid", "rownames", "unnamed"))
_ID_ENDINGS = _ID_WORDS | {"idx", "index", "key", "nr", "no", "num", "rownum"}
"""Words that count only at the end of a name: "order_no" numbers orders, "no_of_rooms" does not."""
_IDENTIFIER = "identifier: different in every row"
_Named = tuple[Role, str, tuple[str, ...]]
"""A role, its word in messages, and the columns that the user named for it."""


def assign_roles(
    table: Table,
    *,
    targets: Sequence[str] = (),
    inputs: Sequence[str] = (),
    drop: Sequence[str] = (),
    weight: str = "",
    group: str = "",
    drop_missing_target: bool = False,
    forced: Collection[str] = (),
    ordered: Sequence[str] = (),
    unordered: Sequence[str] = (),
) -> Table:
    """The table with every column's role; its notices report the decisions.

    inputs: if given, no other column is an input.  But if all of them are columns that
    would be left out (such as an identifier), they are kept in addition to the others.  forced:
    columns named by the user (--category and the like); these and `inputs` are kept even
    if they look like identifiers (W117) or hold too many different texts (W123).
    Columns that are empty (W122) or constant (W116) are always left out.  Rows of weight 0, and
    with drop_missing_target rows without a target, are removed first; see left_out.py.
    ordered, unordered: see ordered.py.
    E114: a name is not found; E604: a column is named for two roles; E208: no input is left.
    """
    targets, inputs, drop = plain_names(targets), plain_names(inputs), plain_names(drop)
    by_role = _by_role(targets, inputs, drop, plain(weight), plain(group))
    named = _named_roles(table.schema, by_role)
    given = Schema(
        tuple(replace(item, role=named.get(item.name, "input")) for item in table.schema)
    )
    for name, found in table.faults.items():
        if named.get(name, "ignored") != "ignored":
            raise found.error
    _check_named(given, table.rows, keep={*forced, *inputs} - {*drop})
    table = with_rows_that_count(table.with_schema(given), drop_missing_target)
    # W117 says "Use --input id to keep it": this must not remove the other columns.
    only = any(_useless(table.schema[name], table, keep=()) is None for name in inputs)
    columns, notices = [], []
    for column in table.schema:
        if column.role == "ignored":
            column = with_role(column, "ignored", "left out as asked")
        elif only and column.name not in named:
            column = with_role(column, "ignored", "not among the inputs that were named")
        elif (fault := table.faults.get(column.name)) is not None:
            if not fault.of_type or column.name in forced:
                raise fault.error
            column = with_role(column, "ignored", NOT_READ)
            said = left_out(column.name, fault)
            notices += [said] if said not in table.notices else []
        columns.append(column)
    table = _without_doubts_of_ignored(table.with_schema(Schema(tuple(columns)), *notices))
    kept = {*forced, *inputs}
    table = _without_useless(with_frequent_levels(table, _identifiers(table) | kept), kept)
    return with_orders(table, ordered, unordered)


def check_known(
    columns: Sequence[str],
    *,
    targets: Sequence[str] = (),
    inputs: Sequence[str] = (),
    drop: Sequence[str] = (),
    weight: str = "",
    group: str = "",
    **others: object,
) -> frozenset[str]:
    """The columns that may not be needed: dropped ones and, if inputs are named, all others.

    They are not judged before assign_roles.  E114 for the first name of a role that is not a
    column, before any cell is read.
    """
    for _, word, names in _by_role(targets, inputs, drop, weight, group):
        for name in names:
            known_name(name, columns, word)
    named = set(plain_names((*targets, *inputs, weight, group)))
    return frozenset(plain_names(drop)) | (frozenset(columns) - named if inputs else frozenset())


def roles_to_look_at(table: Table, **roles: Any) -> Table:
    """Like assign_roles, but for inspection: a target with blanks gives only a warning (W217), and
    rows without a target are not shown."""
    try:
        return assign_roles(table, **roles)
    except TableError as refusal:
        if refusal.code != "E115":
            raise
        left = assign_roles(table, **{**roles, "drop_missing_target": True})
        return left.with_schema(left.schema, notice("W217", **refusal.values))


def _by_role(
    targets: Sequence[str], inputs: Sequence[str], drop: Sequence[str], weight: str, group: str
) -> tuple[_Named, ...]:
    return (
        ("target", "target", plain_names(targets)),
        ("input", "input", plain_names(inputs)),
        ("ignored", "dropped column", plain_names(drop)),
        ("weight", "weight", plain_names((weight,) if weight else ())),
        ("group", "group", plain_names((group,) if group else ())),
    )


def _named_roles(schema: Schema, by_role: Sequence[_Named]) -> dict[str, Role]:
    """The roles that the user named; E114 and E604."""
    roles: dict[str, Role] = {}
    words: dict[str, str] = {}
    for role, word, names in by_role:
        for name in names:
            known_name(name, schema.names, word)
            if words.get(name, word) != word:
                what = f'column "{shown(name)}" is named as {words[name]} and as {word}'
                raise error("E604", what=what, fix="Name it once.")
            if role == "target" and name in roles:
                what = f'target "{shown(name)}" is named twice'
                raise error("E604", what=what, fix="Name it once.")
            roles[name], words[name] = role, word
    return roles


def _check_named(schema: Schema, rows: int, keep: Collection[str]) -> None:
    """Refuse a column that cannot have the role that the user gave it."""
    for column in schema:
        name = shown(column.name)
        if column.role == "weight" and column.kind not in ("number", "flag"):
            what = f'weight "{name}" is a {column.kind}'
            raise error("E604", what=what, fix="Name a column of numbers.")
        if not unkept(column):
            continue
        if too_long(column) and (column.role != "input" or column.name in keep):
            what = f'column "{name}" holds {column.reason.split(";")[0]}'
            fix = words("Shorten them to {most} characters, or leave it out.", most=LONGEST_LEVEL)
            raise error("E210", what=what, fix=fix)
        if column.role == "target":
            fix = words("Join classes, or check {=targets}.")
            raise error("E209", column=column.name, classes=column.distinct, rows=rows, fix=fix)
        if column.role == "group" or (column.role == "input" and column.name in keep):
            what = f'column "{name}" holds {column.distinct} different texts, more than Vetro keeps'
            raise error("E210", what=what, fix="Join texts, or leave the column out.")


def _without_doubts_of_ignored(table: Table) -> Table:
    """The table without what was said of texts in columns that the user does not want."""
    ignored = {column.name for column in table.schema.with_role("ignored")}
    doubts = {name: doubt for name, doubt in table.doubts.items() if name not in ignored}
    unsaid = {doubt.said(CATEGORY) for name, doubt in table.doubts.items() if name in ignored}
    notices = tuple(item for item in table.notices if item not in unsaid)
    return replace(table, doubts=doubts, notices=notices)


def _without_useless(table: Table, keep: Collection[str]) -> Table:
    """The table, with useless inputs ignored; E208 if a target has no input left."""
    found = {column.name: _useless(column, table, keep) for column in table.schema.inputs}
    if all(found.values()):
        # There is no other input: x = 1, 2, 3, ... may be a measurement.
        for column in table.schema.inputs:
            if _counts_rows(column, table.values[column.name]) and not looks_like_id(column.name):
                found[column.name] = None
    schema, notices, unsaid = table.schema, [], set()
    for column in table.schema.inputs:
        useless = found[column.name]
        if useless is not None:
            schema = schema.replaced(with_role(column, "ignored", useless[0]))
            doubt = table.doubts.get(column.name)
            said_of = useless[1] if doubt is None else doubt.said(IGNORED)
            notices += [said_of] if said_of not in table.notices else []
            unsaid |= set() if doubt is None else {doubt.said(CATEGORY)}
    if schema.targets and not schema.inputs:
        raise error("E208", fix=_how_to_have_an_input(table, found)).after(notices)
    said = tuple(item for item in table.notices if item not in unsaid)
    return replace(table, notices=said).with_schema(schema, *notices)


def _how_to_have_an_input(
    table: Table, left_out: Mapping[str, tuple[str, Notice] | None]
) -> str | Words:
    """The fix of E208: keep one of the columns that can be kept, or provide another column."""
    if not left_out:
        return "Provide a column in addition to the target."
    names = listed(left_out)
    for name, useless in left_out.items():
        code = useless[1].code if useless is not None else ""
        if code in ("W117", "W123") and not unkept(table.schema[name]):
            setting = Setting("inputs" if code == "W117" else "category", name)
            text = "Left out: {names}. Use {setting} to keep one, or provide another column."
            return words(text, names=names, setting=setting)
    return f"Left out: {names}. Provide another column."


def _useless(column: Column, table: Table, keep: Collection[str]) -> tuple[str, Notice] | None:
    """Why an input is left out, with the warning; None if it stays."""
    values, name = table.values[column.name], column.name
    if too_long(column):
        texts = column.reason.split(";")[0]
        return texts, notice("W171", column=name, texts=texts, most=f"{LONGEST_LEVEL:,}")
    if unkept(column):
        if column.missing == 0 and column.distinct == table.rows:
            return _IDENTIFIER, notice("W117", column=name)
        return _too_many(column, table.rows)
    if is_missing(values).all():
        return "empty", notice("W122", column=name)
    if bool((values == values[0]).all()):
        value = label_of(column, float(values[0]))
        text = f'"{shown(value)}"' if column.kind == "category" else column.with_unit(value)
        for item in table.notices:
            if item.code == "W119" and item.column == name:
                return "equal as 64-bit numbers", item  # in the source they may differ
        return f"always equals {text}", notice("W116", column=name, value=text)
    if name in keep:
        return None
    if _is_identifier(column, values):
        return _IDENTIFIER, notice("W117", column=name)
    if column.distinct == len(column.levels) and has_too_many(column, table.rows):
        return _too_many(column, table.rows)
    return None


def _too_many(column: Column, rows: int) -> tuple[str, Notice]:
    message = notice("W123", column=column.name, levels=column.distinct, rows=rows)
    return f"{column.distinct} different texts", message


def _identifiers(table: Table) -> set[str]:
    """The inputs that identify the rows; they are to be named so, however many texts they hold."""
    return {c.name for c in table.schema.inputs if _is_identifier(c, table.values[c.name])}


def _is_identifier(column: Column, values: NDArray[Any]) -> bool:
    """Whether a column identifies the rows: texts or integers that differ in every row.

    Texts: in more than 20 rows, or under a name such as "id".  Integers: under such a name, or
    the row numbers 0, 1, 2, ... or 1, 2, 3, ... of more than 20 rows.  Anything else that is
    different in every row may be a measurement.
    """
    rows = len(values)
    if column.kind == "category":
        differ = column.missing == 0 and len(column.levels) == len(np.unique(values)) == rows
        return differ and (rows > FEW_ROWS or looks_like_id(column.name))
    if column.kind != "number":
        return False
    if _counts_rows(column, values):
        return True
    whole = bool((values == np.floor(values)).all())
    return whole and looks_like_id(column.name) and len(np.unique(values)) == rows


def _counts_rows(column: Column, values: NDArray[Any]) -> bool:
    """Whether the values are the row numbers, from 0 or 1, of more than 20 rows."""
    return (
        column.kind == "number"
        and len(values) > FEW_ROWS
        and values[0] in (0.0, 1.0)
        and bool((np.diff(values) == 1).all())
    )


def looks_like_id(name: str) -> bool:
    """Whether a column's name is that of an identifier: "id", "customerID", "row_no"."""
    words = words_of(name)
    return bool(words) and (words[0] in _ID_WORDS or words[-1] in _ID_ENDINGS)
