"""Notices about how numbers in texts were read, so that Vetro guesses nothing silently."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from vetro.errors import Notice, error, notice, shown, words
from vetro.tables import dress, lookups, numbers
from vetro.tables import unit_spellings as units
from vetro.tables.cells import Values
from vetro.tables.dress import Dress
from vetro.tables.evidence import Case
from vetro.tables.instants import SECONDS, is_duration
from vetro.tables.opened import Opened
from vetro.tables.plan import Plan
from vetro.tables.respelled import is_respelled
from vetro.tables.schema import Column

MOST_APART = 3
"""Up to this number, each dressed column has its own notice; more columns share one."""
_UNIT = re.compile(r".*\S\s*(?:\[([^\[\]]+)\]|\(([^()]+)\))\s*")


def unit_of(name: str) -> str:
    """The unit in brackets at the end of a header: "m3/h" of "flow [m3/h]"."""
    found = _UNIT.fullmatch(name)
    return (found[1] or found[2]).strip() if found else ""


def check_unit(opened: Opened, plan: Plan, column: Column) -> None:
    """E416 if the cells have a unit other than that of the model's column."""
    worn, known = plan.dress, column.reading.unit or column.unit
    if worn is None or not worn.unit or units.key_of(known) == worn.key:
        return
    place = lookups.place_of(opened, plan, worn.example)
    other = f'is in "{shown(known)}"' if known else "has no unit"
    raise error(
        "E416", column=plan.name, place=place, value=worn.example, unit=worn.unit, other=other
    )


def bare_notices(plans: Sequence[Plan], columns: Mapping[str, Column]) -> list[Notice]:
    """W417 for each column whose cells had a unit in training and have none now."""
    return [
        notice("W417", column=plan.name, unit=columns[plan.name].reading.unit)
        for plan in plans
        if plan.way == "number" and columns[plan.name].reading.unit and not plan.unit
    ]


def dress_notices(opened: Opened, plans: Sequence[Plan]) -> list[Notice]:
    """I144 for dressed columns, W146 if the header has another unit."""
    dressed = [(plan, plan.dress) for plan in plans if plan.way == "number" and plan.dress]
    found = []
    if len(dressed) > MOST_APART:
        said = "; ".join(f'"{shown(plan.name)}": {_reading(plan, worn)}' for plan, worn in dressed)
        fix = words("Use {=category} for labels.")
        found.append(notice("I144", columns="columns read as numbers", reading=said, fix=fix))
    else:
        for plan, worn in dressed:
            column = f'column "{shown(plan.name)}" read as numbers'
            place = lookups.place_of(opened, plan, worn.example)
            fix = words("Use {=category column} if they are labels.", column=plan.name)
            reading = f"{_reading(plan, worn)} ({place})"
            found.append(notice("I144", columns=column, reading=reading, fix=fix))
    measured = [(plan, worn.unit) for plan, worn in dressed]
    measured += [(plan, SECONDS) for plan in plans if is_duration(plan.date_format)]
    for plan, unit in measured:
        header = opened.units.get(plan.name) or unit_of(plan.name)
        if unit and units.is_known(header) and not units.same_unit(header, unit):
            found.append(notice("W146", column=plan.name, header=header, unit=unit))
    return found


def respelled_notices(opened: Opened, plan: Plan, column: Values) -> Iterator[Notice]:
    """I150 for the first number in an unusual spelling."""
    for text, rows in column.exceptions.items():
        value = float(column.array[rows[0]])
        if is_respelled(text) and not math.isnan(value):
            number, place = numbers.number_text(value), opened.place_of(rows[0])
            yield notice("I150", column=plan.name, value=text, number=number, place=place)
            return


def marks_notice(case: Case, plans: Sequence[Plan]) -> list[Notice]:
    """I105 for the first column that was read with a decimal comma or with thousands."""
    opened = case.opened
    for plan in plans if opened.is_text else ():
        if plan.way != "number" or not (plan.thousands or plan.decimal == ","):
            continue
        marks = case.columns[plan.name].marks
        sure = marks.thousands if plan.thousands else marks.decimal
        text = next(iter([*sure.values(), *marks.either.values()]), "")
        value = dress.dressed_value(text, plan.decimal, plan.thousands, plan.dress)
        if value is not None:
            return [
                notice(
                    "I105",
                    column=plan.name,
                    sep=opened.sep.replace("\t", "\\t"),
                    decimal=plan.decimal,
                    example=text,
                    value=numbers.number_text(value),
                    place=lookups.place_of(opened, plan, text),
                )
            ]
    return []


def _reading(plan: Plan, worn: Dress) -> str:
    """'"5%" is 5 with the unit "%", not 0.05'."""
    value = dress.dressed_value(worn.example, plan.decimal, plan.thousands, worn)
    text = f'"{shown(worn.example)}" is {numbers.number_text(value or 0.0)}'
    if worn.key:
        text += f' with the unit "{shown(worn.unit)}"'
    if worn.key == "%" and value:
        text += f", not {value / 100:.10g}"
    return text
