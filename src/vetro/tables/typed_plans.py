"""Plans of columns whose type the source knows."""

from __future__ import annotations

from dataclasses import replace

from vetro.errors import VetroError, error, shown
from vetro.tables.instants import DURATION, TIME
from vetro.tables.plan import Plan
from vetro.tables.schema import Kind

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_TEXTS = ("VARCHAR", "ENUM", "UUID")


def base_type(type_: str) -> str:
    """DuckDB's type without parameters and sign: DECIMAL(18,3) is DECIMAL."""
    return type_.split("(", 1)[0].removeprefix("U") if type_ != "UUID" else type_


def is_whole_type(type_: str) -> bool:
    """Whether the type holds whole numbers only."""
    return base_type(type_) in _WHOLE


def is_number_type(type_: str) -> bool:
    """Whether the type holds numbers."""
    return base_type(type_) in _NUMBERS


def typed_plan(name: str, index: int, type_: str, kind: Kind | None) -> Plan:
    """The plan of a column whose type the source knows; E128 if Vetro does not read it."""
    base = base_type(type_)
    plan = Plan(name, index, type_, "text", final=True)
    if type_.endswith("]") or base not in (
        *_NUMBERS,
        *_TEXTS,
        "BOOLEAN",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
        "TIMESTAMP_NS",
        "TIMESTAMP_MS",
        "TIMESTAMP_S",
        "TIME",
        "TIME_NS",
        "INTERVAL",
    ):
        fix = "Convert it to numbers or text."
        raise error("E128", column=name, type=type_, fix=fix)
    if base == "INTERVAL":
        if kind not in (None, "number"):
            raise _not_as(name, type_, kind)
        return replace(plan, way="date", date_format=DURATION)
    dated = base.startswith(("DATE", "TIME"))
    if (kind == "number" and (dated or base in _TEXTS)) or (kind == "date" and not dated):
        raise _not_as(name, type_, kind)
    if kind == "category" or base in _TEXTS:
        return plan
    if dated:
        format_ = "" if base.startswith(("DATE", "TIMESTAMP")) else TIME
        zoned = "ZONE" in base
        dated_plan = replace(plan, way="date", date_format=format_, zoned=zoned)
        return plan if kind == "flag" else dated_plan
    if kind == "flag" and base != "BOOLEAN":
        return plan
    return replace(plan, way="number")


def _not_as(name: str, type_: str, kind: Kind) -> VetroError:
    """E125 for a type that Vetro reads, but not as this kind."""
    what = f"it has the type {type_}, which cannot be read as a {kind}"
    return error("E125", source=f'column "{shown(name)}"', what=what, fix="Convert it first.")
