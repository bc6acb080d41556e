"""Messages about dressed numbers: how they were read, and which units contradict each other.

dress.py decides how a cell is read; this module reports it to the user.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from vetro.errors import Notice, VetroError, error, notice, shown, words
from vetro.tables import dress, lookups, numbers
from vetro.tables import unit_spellings as units
from vetro.tables.cells import Values
from vetro.tables.dress import Dress
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


def mixed_units(opened: Opened, plan: Plan, texts: Sequence[str]) -> VetroError:
    """E143 for two texts of a column, in their order in the source."""
    (place, value), (other_place, other) = lookups.in_order(opened, plan.index, texts)
    return error(
        "E143",
        column=plan.name,
        place=place,
        value=value,
        other_place=other_place,
        other=other,
    )


def check_unit(opened: Opened, plan: Plan, column: Column) -> None:
    """E416 if the cells have a unit other than that of the model's column."""
    unit = plan.dress.unit if plan.dress is not None else ""
    known = column.reading.unit or column.unit
    if plan.dress is None or not unit or units.key_of(known) == plan.dress.key:
        return
    row = lookups.first_row(opened, plan.index, [plan.dress.example])
    other = f'is in "{shown(known)}"' if known else "has no unit"
    raise error(
        "E416",
        column=plan.name,
        place=opened.place_of(row),
        value=plan.dress.example,
        unit=unit,
        other=other,
    )


def bare_notices(plans: Sequence[Plan], columns: Mapping[str, Column]) -> list[Notice]:
    """W417 for each column whose cells had a unit in training and have none now."""
    return [
        notice("W417", column=plan.name, unit=columns[plan.name].reading.unit)
        for plan in plans
        if plan.way == "number"
        and columns[plan.name].reading.unit
        and (plan.dress is None or not plan.dress.key)
    ]


def dress_notices(
    opened: Opened,
    plans: Sequence[Plan],
) -> list[Notice]:
    """I144 for dressed columns, W146 if the header has another unit."""
    dressed = [plan for plan in plans if plan.way == "number" and plan.dress is not None]
    found: list[Notice] = []
    if len(dressed) > MOST_APART:
        said = "; ".join(f'"{shown(plan.name)}": {_reading(plan)}' for plan in dressed)
        found.append(
            notice(
                "I144",
                columns="columns read as numbers",
                reading=said,
                fix=words("Use {=category} for labels."),
            )
        )
    else:
        for plan in dressed:
            row = lookups.first_row(opened, plan.index, [_dress(plan).example])
            found.append(
                notice(
                    "I144",
                    columns=f'column "{shown(plan.name)}" read as numbers',
                    reading=f"{_reading(plan)} ({opened.place_of(row)})",
                    fix=words("Use {=category column} if they are labels.", column=plan.name),
                )
            )
    worn = [(plan, _dress(plan).unit) for plan in dressed]
    worn += [(plan, SECONDS) for plan in plans if is_duration(plan.date_format)]
    for plan, unit in worn:
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


def _dress(plan: Plan) -> Dress:
    assert plan.dress is not None
    return plan.dress


def _reading(plan: Plan) -> str:
    """'"5%" is 5 with the unit "%", not 0.05'."""
    worn = _dress(plan)
    value = dress.dressed_value(worn.example, plan.decimal, plan.thousands, worn)
    text = f'"{shown(worn.example)}" is {numbers.number_text(value or 0.0)}'
    if worn.key:
        text += f' with the unit "{shown(worn.unit)}"'
    if worn.key == "%" and value:
        text += f", not {value / 100:.10g}"
    return text
