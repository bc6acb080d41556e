"""Reading a box as a user writes it: ranges and levels of columns, and the default for the others.

A column that is not named takes all values seen in training: the whole range of numbers and dates,
all levels, and missing if a training row lacked it.  A module has no training range, so each of its
inputs must be named.  Text is read by the model's schema.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vetro.errors import Notice, Words, counted, error, listed, nearest, notice, shown, words
from vetro.glass.bounds.box import Range
from vetro.glass.rows import cell, measured
from vetro.glass.subject import Subject
from vetro.named import known_name
from vetro.settings import ColumnIs
from vetro.tables.dates import instant
from vetro.tables.dress import undress
from vetro.tables.instants import ISO, TIME, is_time
from vetro.tables.level_blocks import MISSING, LevelBlock
from vetro.tables.numbers import in_doubt, marks_of
from vetro.tables.schema import Column
from vetro.tables.unit_spellings import key_of
from vetro.twins import match


def ranges_of(
    subject: Subject, over: Any, others: Sequence[Range] | None = None
) -> tuple[list[Range], tuple[Notice, ...]]:
    """A Range for each input, and W731 for values outside the training range.

    others: the ranges of the columns that are not named, instead of those seen in training.
    over: None, or column -> a number, (low, high), a level, several levels, None for missing; for a
    module also a list of (low, high).  Raises E114, E731 and E732.
    """
    named = {
        known_name(name, subject.inputs): given for name, given in _named(subject, over).items()
    }
    if subject.model is None:
        return [
            others[place] if others and name not in named else _of_input(name, named)
            for place, name in enumerate(subject.inputs)
        ], ()
    notices: list[Notice] = []
    found = []
    for place, (column, block) in enumerate(
        zip(subject.model.schema.inputs, subject.blocks, strict=True)
    ):
        if column.name not in named:
            found.append(whole_range(column) if others is None else others[place])
            continue
        given = _of_column(column, named[column.name])
        found.append(given)
        if _outside(column, given):
            notices.append(
                notice(
                    "W731",
                    column=column.name,
                    low=measured(column, given.low),
                    high=measured(column, given.high),
                    least=measured(column, _end(column.minimum)),
                    most=measured(column, _end(column.maximum)),
                )
            )
        if column.missing == 0 and _allows_missing(given):
            reading = block.unseen if isinstance(block, LevelBlock) else "the median"
            notices.append(notice("W732", column=column.name, reading=reading))
    return found, tuple(notices)


def whole_range(column: Column) -> Range:
    """All values of a column that were seen in training."""
    missing = (np.nan,) if column.missing > 0 else ()
    if column.kind == "category":
        return Range(0.0, 0.0, (*map(float, range(len(column.levels))), *missing))
    if column.kind == "flag":
        return Range(0.0, 1.0, (None, *missing))
    return Range(_end(column.minimum), _end(column.maximum), (None, *missing))


def example_of(column: Column) -> ColumnIs:
    """The training range of a column, or a level, as what a user may give."""
    if column.kind == "category":
        return ColumnIs(column.name, column.levels[0])
    found = whole_range(column)
    return ColumnIs(column.name, _written(column, found.low), _written(column, found.high))


def _written(column: Column, value: float) -> str:
    """A value as a user may give it: with a decimal point that cannot separate thousands."""
    text = cell(column, value)
    in_two_ways = column.kind == "number" and in_doubt(text, column.reading.decimal)
    return f"{text}0" if in_two_ways else text


def _one_or_two(column: Column | None) -> Words:
    if column is None:
        return words("Give a number, or (low, high).")
    return words("Give a number, or a range such as {=over all}.", all=example_of(column))


def text_of(column: Column | None, found: Range) -> str:
    """A range as text: "102 to 540", "Rome, Pisa or missing"."""
    texts = []
    if column is None or column.kind != "category":
        if None in found.codes:
            low, high = (
                (f"{found.low:.10g}", f"{found.high:.10g}")
                if column is None
                else (cell(column, found.low), cell(column, found.high))
            )
            text = low if found.low == found.high else f"{low} to {high}"
            texts.append(text if column is None else column.with_unit(text))
    else:
        texts = [column.levels[int(code)] for code in found.codes if code is not None and code >= 0]
    if _allows_missing(found):
        texts.append("missing")
    return ", ".join(texts[:-1]) + (" or " if len(texts) > 1 else "") + texts[-1]


def data_of(column: Column | None, found: Range) -> list[Any]:
    """A range as JSON: [low, high] for numbers and dates, [levels] for categories, [words] for
    flags, each with None at the end if the column may be missing."""
    data: list[Any] = []
    if column is not None and column.kind == "category":
        data = [column.levels[int(code)] for code in found.codes if code is not None and code >= 0]
    elif None in found.codes:
        ends = (found.low, found.high)
        if column is not None and column.kind == "flag":
            data = [cell(column, value) for value in dict.fromkeys(ends)]
        elif column is not None and column.kind == "date":
            data = [cell(column, value) for value in ends]
        else:
            data = list(ends)
    return [*data, None] if _allows_missing(found) else data


def _allows_missing(found: Range) -> bool:
    return any(code is not None and math.isnan(code) for code in found.codes)


def _outside(column: Column, given: Range) -> bool:
    if column.kind not in ("number", "date") or None not in given.codes:
        return False
    return given.low < _end(column.minimum) or given.high > _end(column.maximum)


def _end(value: float | None) -> float:
    return 0.0 if value is None else value


def _named(subject: Subject, over: Any) -> dict[str, Any]:
    if over is None:
        return {}
    if isinstance(over, Mapping):
        return {str(name): value for name, value in over.items()}
    if subject.model is None and (isinstance(over, Sequence) or hasattr(over, "__array__")):
        if not isinstance(over, str) and len(over) == len(subject.inputs):
            return dict(zip(subject.inputs, over, strict=True))
        given = counted(len(over), "range is given", "ranges are given")
        what = f"{given}, but the module has {counted(len(subject.inputs), 'input')}"
        raise error("E732", what=what, fix="Give one (low, high) for each.")
    what = f"{shown(over)} is not a box"
    fix = 'Use a mapping such as {"speed": (1200, 1500)}.'
    raise error("E732", what=what, fix=fix)


def _of_input(name: str, named: Mapping[str, Any]) -> Range:
    if name not in named:
        what = f"no range is given for {name}, and a module has no training range"
        raise error("E732", what=what, fix="Give (low, high) for every input.")
    low, high = _ends(name, _plain(named[name]), None)
    return _checked(name, _number(name, low), _number(name, high), None)


def _of_column(column: Column, given: Any) -> Range:
    given = _plain(given)
    if column.kind == "category":
        several = given if _is_several(given) else [given]
        if not len(several):
            raise error("E731", column=column.name, what="no level is given", fix="Name one.")
        codes = list(dict.fromkeys(_level(column, level) for level in several))
        known = [float(code) for code in codes if code >= 0]
        return Range(0.0, 0.0, (*known, *([np.nan] if MISSING in codes else [])))
    values = list(given) if _is_several(given) else [given]
    present = [value for value in values if not _is_missing(value)]
    missing = (np.nan,) if len(present) < len(values) else ()
    if not present:
        if not values:
            raise error("E731", column=column.name, what="no range is given", fix="Give one.")
        low = high = _end(column.minimum)
        return Range(low, high, missing)
    low, high = _ends(column.name, present, column)
    found = _checked(column.name, end_of(column, low), end_of(column, high), column)
    return Range(found.low, found.high, (None, *missing))


def _plain(given: Any) -> Any:
    """An array or tensor as a list or number."""
    return given.tolist() if hasattr(given, "tolist") else given


def _is_several(given: Any) -> bool:
    return isinstance(given, (Sequence, set, frozenset)) and not isinstance(given, (str, bytes))


def _is_missing(value: Any) -> bool:
    return value is None or value == ""


def _ends(name: str, given: Any, column: Column | None) -> tuple[Any, Any]:
    values = list(given) if _is_several(given) else [given]
    if len(values) == 1:
        return values[0], values[0]
    if len(values) == 2:
        return values[0], values[1]
    what = f"{len(values)} numbers are given"
    raise error("E731", column=name, what=what, fix=_one_or_two(column))


def _checked(name: str, low: float, high: float, column: Column | None) -> Range:
    if low <= high:
        return Range(low, high)
    first, last, fix = str(low), str(high), words("Swap the two ends.")
    if column is not None:
        first, last = measured(column, low), measured(column, high)
        turned = ColumnIs(name, _written(column, high), _written(column, low))
        fix = words("Use {=over turned}.", turned=turned)
    what = f"the range {first} to {last} is empty: its low end is above its high end"
    raise error("E731", column=name, what=what, fix=fix)


def _level(column: Column, level: Any) -> int:
    """The code of a level's text; E731 for a level that was not seen in training."""
    if _is_missing(level):
        return MISSING
    text = match(str(level), column.levels)
    if text in column.levels:
        return column.levels.index(text)
    hint = nearest(text, column.levels)
    raise error(
        "E731",
        column=column.name,
        what=f'"{shown(text)}" is not a level seen in training',
        fix=f"{hint}Levels: {listed(column.levels)}",
    )


def end_of(column: Column, given: Any) -> float:
    """The number behind a value of a number, date or flag column; E731."""
    if column.kind == "flag":
        own = column.reading.flag_words
        if isinstance(given, str) and given in own:
            return float(own.index(given))
        if given in (0, 1, "0", "1"):
            return float(given)
        no, yes = (ColumnIs(column.name, own[code] or str(code)) for code in (0, 1))
        fix = words("Use {=over no_} or {=over yes_}.", no_=no, yes_=yes)
        what = f'"{shown(given)}" is not one of its values'
        raise error("E731", column=column.name, what=what, fix=fix)
    if column.kind == "date":
        return _days(column, given)
    plain = _with_point(column, given) if isinstance(given, str) else given
    return _number(column.name, plain, column)


def _with_point(column: Column, text: str) -> str:
    """A number's text with a decimal point; E731 where it may mean two numbers.

    A comma is read as the decimal mark if it cannot be anything else.  "1.200" is 1.2, as usual in
    bounds, unless the model's table had decimal commas: there a point may separate thousands.
    """
    text = _in_unit(column, text)
    marks, others = marks_of([text])
    if others or not (marks.decimal or marks.either):
        return text
    if in_doubt(text, column.reading.decimal):
        point, plain = text.replace(",", "."), text.replace(",", "").replace(".", "")
        what = f'"{shown(text)}" may mean {float(point):g} or {plain}'
        raise error("E731", column=column.name, what=what, fix=f"Write {point}0, or {plain}.")
    return text.replace(",", ".") if marks.decided == "," and not marks.thousands else text


def _in_unit(column: Column, text: str) -> str:
    """The digits of "5 %", if the column has this unit; E731 for another unit."""
    found = undress(text)
    if found is None or not found.unit.key:
        return text
    if found.unit.key != key_of(column.unit):
        known = f'in "{shown(column.unit)}"' if column.unit else "without a unit"
        what = f'"{shown(text)}" is in "{shown(found.unit.text)}", but the column is {known}'
        raise error("E731", column=column.name, what=what, fix=_one_or_two(column))
    return f"-{found.body}" if found.negative else found.body


def _days(column: Column, given: Any) -> float:
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return _number(column.name, given, column)
    text = str(given)
    form = column.reading.date_format
    usual = TIME if is_time(form) else ISO
    for format_ in (form or usual, usual):
        found = instant(text, format_)
        if found is not None:
            return found.days
    kind, fix = ("time of day", "14:30") if is_time(form) else ("date", "2024-01-31")
    what = f'"{shown(text)}" is not a {kind}'
    raise error("E731", column=column.name, what=what, fix=f"Write it as {fix}.")


def _number(name: str, given: Any, column: Column | None = None) -> float:
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        what = f'"{shown(given)}" is not a number'
        raise error("E731", column=name, what=what, fix=_one_or_two(column)) from None
    if not math.isfinite(number):
        what = f"{number} is not a finite number"
        raise error("E731", column=name, what=what, fix="Give finite ends.")
    return number


def inputs_of(over: Any) -> int | None:
    """How many inputs a module has, if the box shows it."""
    if over is None or isinstance(over, (str, Mapping)) or not hasattr(over, "__len__"):
        return None
    return len(over)
