"""The parts of its table that a model keeps: no value of a column that its network does not use.

Such columns are identifiers, names of persons, the group and the weight.  Files and reports hold
only their names, kinds and counts.  This module writes nothing; document.py and report/ use it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from vetro.errors import Notice
from vetro.model.parts import ModelParts
from vetro.tables.schema import Column, Reading, Schema

Parts = TypeVar("Parts", bound=ModelParts)

WITHOUT_VALUES = frozenset(("W117", "W122", "W123", "W170", "W171"))
"""The messages about a column that repeat no value of it."""


def kept_model(model: Parts) -> Parts:
    """The model as a file and a report hold it."""
    used = {column.name for column in model.schema if _is_used(column)}
    notices = tuple(item for item in model.evidence.notices if _is_kept(item, used))
    evidence = replace(model.evidence, notices=notices)
    return replace(model, schema=kept_schema(model.schema), evidence=evidence)


def kept_schema(schema: Schema) -> Schema:
    """The schema without the values of the columns that are not used."""
    return Schema(tuple(column if _is_used(column) else _bare(column) for column in schema))


def _is_used(column: Column) -> bool:
    return column.role in ("input", "target")


def _bare(column: Column) -> Column:
    reading = column.reading
    constant = column.reason.startswith("always equals")
    return replace(
        column,
        reading=Reading(reading.decimal, reading.thousands, reading.date_format),
        minimum=None,
        maximum=None,
        levels=(),
        example="",
        reason="always the same value" if constant else column.reason,
    )


def _is_kept(item: Notice, used: set[str]) -> bool:
    # A query that reads the parts of nested values names their keys.
    keyed = any(setting.name == "query" for setting in item.words.settings)
    return not item.column or item.column in used or (item.code in WITHOUT_VALUES and not keyed)
