"""Roles: which columns are target, input, weight and group, and which are left out, and why.

Decides from names given by the user and from the values; it changes no value.  Whether
the target can be learnt at all is checks.py's matter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, counted, error, listed, nearest, notice, shown, words
from vetro.tables.blocks import MISSING
from vetro.tables.schema import Column, Role, Schema, with_role
from vetro.tables.table import Table

FEW_ROWS = 20
"""Up to so many rows, texts that all differ and row counts 1, 2, 3, ... may be real inputs."""

_ID_WORDS = frozenset(("id", "ids", "uuid", "guid", "pid", "rowid", "rownames", "unnamed"))
_ID_ENDINGS = _ID_WORDS | {"idx", "index", "key", "nr", "no", "num", "rownum"}
"""Only at the end of a name: "order_no" numbers orders, "no_of_rooms" counts rooms."""
_IDENTIFIER = "identifier: different in every row"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


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
) -> Table:
    """The table with every column's role, and what was decided in its notices.

    inputs: when given, no other column is an input; but where all of them are columns that
    would be left out (an identifier, say), they are kept beside the others.  forced:
    columns named by the user (--category and the like); these and `inputs` are kept even
    if they look like identifiers (W117) or hold too many different texts (W123).
    Columns that are empty (W122) or constant (W116) are left out in any case.  Rows
    without a target: E115, or left out (I213).  E114: a name is not found; E604: a
    column is named for two roles; E208: no input is left.
    """
    named = _named_roles(table.schema, targets, inputs, drop, weight, group)
    # W117 says "Use --input id to keep it": that is no wish to lose the other columns.
    only = any(_useless(table.schema[name], table, keep=()) is None for name in inputs)
    columns = []
    for column in table.schema:
        role = named.get(column.name)
        if role == "ignored":
            column = with_role(column, "ignored", "left out by --drop")
        elif role is not None:
            column = replace(column, role=role)
        elif only:
            column = with_role(column, "ignored", "not among --input")
        else:
            column = replace(column, role="input")
        columns.append(column)
    schema = Schema(tuple(columns))
    _check_named(schema, table.rows, keep={*forced, *inputs} - {*drop})
    table = table.with_schema(schema)
    table = _with_targets(table, drop_missing_target)
    return _without_useless(table, keep={*forced, *inputs})


def label_of(column: Column, value: float) -> str:
    """A value of a column as text: a category's level, a flag's word, a plain number."""
    if column.kind == "category":
        return column.levels[int(value)]
    if column.kind == "flag" and all(column.reading.flag_words):
        return column.reading.flag_words[int(value)]
    if column.kind == "date":
        return str(np.datetime64(round(value * 86_400_000), "ms")).removesuffix("T00:00:00.000")
    return repr(float(value)).removesuffix(".0")


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a column's values are missing."""
    missing: NDArray[np.bool_] = np.isnan(values) if values.dtype.kind == "f" else values == MISSING
    return missing


def _named_roles(
    schema: Schema,
    targets: Sequence[str],
    inputs: Sequence[str],
    drop: Sequence[str],
    weight: str,
    group: str,
) -> dict[str, Role]:
    """The roles that the user named; E114 and E604."""
    lists: tuple[tuple[Role, str, Sequence[str]], ...] = (
        ("target", "target", targets),
        ("input", "input", inputs),
        ("ignored", "dropped column", drop),
        ("weight", "weight", (weight,) if weight else ()),
        ("group", "group", (group,) if group else ()),
    )
    roles: dict[str, Role] = {}
    words: dict[str, str] = {}
    for role, word, names in lists:
        for name in names:
            if name not in schema:
                raise error(
                    "E114",
                    role=word,
                    name=name,
                    hint=nearest(name, schema.names),
                    columns=listed(schema.names),
                )
            if words.get(name, word) != word:
                what = f'column "{shown(name)}" is named as {words[name]} and as {word}'
                raise error("E604", what=what, fix="Name it once.")
            if role == "target" and name in roles:
                what = f'target "{shown(name)}" is named twice'
                raise error("E604", what=what, fix="Name it once.")
            roles[name], words[name] = role, word
    return roles


def _check_named(schema: Schema, rows: int, keep: Collection[str]) -> None:
    """Refuse a column that cannot have the role it was named for."""
    for column in schema:
        name = shown(column.name)
        if column.role == "weight" and column.kind not in ("number", "flag"):
            what = f'weight "{name}" is a {column.kind}'
            raise error("E604", what=what, fix="Name a column of numbers.")
        if not unkept(column):
            continue
        if column.role == "target":
            fix = words("Join classes, or check {=targets}.")
            raise error("E209", column=column.name, classes=column.distinct, rows=rows, fix=fix)
        if column.role == "group" or (column.role == "input" and column.name in keep):
            what = f'column "{name}" holds {column.distinct} different texts, more than Vetro keeps'
            raise error("E210", what=what, fix="Join texts, or leave the column out.")


def unkept(column: Column) -> bool:
    """Whether a column held so many different texts that none were kept: its values say nothing."""
    return column.kind == "category" and not column.levels and column.distinct > 0


def _with_targets(table: Table, drop_missing: bool) -> Table:
    """The table without rows that lack a target, or E115."""
    missing = np.zeros(table.rows, dtype=np.bool_)
    for column in table.schema.targets:
        lacking = is_missing(table.values[column.name])
        if lacking.any() and not drop_missing:
            rows = counted(int(lacking.sum()), "row")
            place = table.place_of(int(lacking.argmax()))
            raise error("E115", column=column.name, rows=rows, place=place)
        missing |= lacking
    if not missing.any():
        return table
    left = table.take(np.flatnonzero(~missing))
    if left.rows < 2:
        have = f"{counted(left.rows, 'row')} {'has' if left.rows == 1 else 'have'} a target"
        raise error("E210", what=have, fix=words("At least 2 are needed: check {=targets}."))
    schema = Schema(tuple(_restated(column, left.values[column.name]) for column in left.schema))
    return left.with_schema(schema, notice("I213", rows=counted(int(missing.sum()), "row")))


def _restated(column: Column, values: NDArray[Any]) -> Column:
    """The column with what was seen in fewer rows; levels keep their codes."""
    if unkept(column):
        return column
    missing = is_missing(values)
    count, present = int(missing.sum()), values[~missing]
    distinct = len(np.unique(present))
    if column.kind == "category" or len(present) == 0:
        return replace(column, missing=count, distinct=distinct)
    low, high = float(present.min()), float(present.max())
    return replace(column, missing=count, distinct=distinct, minimum=low, maximum=high)


def _without_useless(table: Table, keep: Collection[str]) -> Table:
    """The table with inputs that can teach nothing ignored; E208 if a target has no input left."""
    found = {column.name: _useless(column, table, keep) for column in table.schema.inputs}
    if all(found.values()):
        # Nothing else to learn from: x = 1, 2, 3, ... may well be what was measured.
        for column in table.schema.inputs:
            if _counts_rows(column, table.values[column.name]) and not looks_like_id(column.name):
                found[column.name] = None
    schema, notices = table.schema, []
    for column in table.schema.inputs:
        useless = found[column.name]
        if useless is not None:
            schema = schema.replaced(with_role(column, "ignored", useless[0]))
            notices.append(useless[1])
    if schema.targets and not schema.inputs:
        ignored = [column.name for column in table.schema.inputs]
        fix = f"Left out: {listed(ignored)}." if ignored else "Provide one beside the target."
        raise error("E208", fix=fix)
    return table.with_schema(schema, *notices)


def _useless(column: Column, table: Table, keep: Collection[str]) -> tuple[str, Notice] | None:
    """Why an input is left out and the warning that says so, or None if it stays."""
    values, name = table.values[column.name], column.name
    if unkept(column):
        if column.missing == 0 and column.distinct == table.rows:
            return _IDENTIFIER, notice("W117", column=name)
        return _too_many(column, table.rows)
    if is_missing(values).all():
        return "empty", notice("W122", column=name)
    if bool((values == values[0]).all()):
        value = label_of(column, float(values[0]))
        text = f'"{shown(value)}"' if column.kind == "category" else value
        return f"always equals {text}", notice("W116", column=name, value=text)
    if name in keep:
        return None
    if _is_identifier(column, values):
        return _IDENTIFIER, notice("W117", column=name)
    if column.kind == "category" and column.distinct > level_limit(table.rows):
        return _too_many(column, table.rows)
    return None


def _too_many(column: Column, rows: int) -> tuple[str, Notice]:
    message = notice("W123", column=column.name, levels=column.distinct, rows=rows)
    return f"{column.distinct} different texts", message


def level_limit(rows: int) -> int:
    """How many levels a category may have unasked: 20; more if each has 5 rows on average,
    up to 100; more than that, up to 300, if each has 1000 rows on average."""
    return max(20, min(rows // 5, 100), min(rows // 1000, 300))


def _is_identifier(column: Column, values: NDArray[Any]) -> bool:
    """Texts or integers that differ in every row and number or name the rows.

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
    """Whether a column's name says that it numbers the rows: "id", "customerID", "row_no"."""
    words = [word.casefold() for word in _WORD.findall(name)]
    return bool(words) and (words[0] in _ID_WORDS or words[-1] in _ID_ENDINGS)
