"""Whole numbers of a typed source that may be dates, such as 20160901: read as their digits.

A text file holds 20160901 as a text, which a date format may read.  In a database or a frame the
same value is a number.  Where dates are asked for, the column becomes the text of its digits, so
that one set of rules decides, whatever the source.
"""

from __future__ import annotations

from collections.abc import Mapping

from vetro.tables.date_formats import is_of_numbers
from vetro.tables.numbers import LARGEST_EXACT
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.schema import Kind
from vetro.tables.typed_plans import is_number_type, is_whole_type


def as_digits(opened: Opened, kinds: Mapping[str, Kind | None], options: ReadOptions) -> None:
    """Make texts of the columns of whole numbers that are to be dates, or may be by the format.

    kinds: for each column that is to be read, the kind that the user or a model gives.  A column
    of the type NULL, which has no values, becomes text too.
    """
    of_numbers = is_of_numbers(options.date_format)
    replaced: dict[str, str] = {}
    for index, (name, type_) in enumerate(opened.columns.items()):
        kind = kinds.get(name, "number")
        if type_ == '"NULL"':
            replaced[name] = f"CAST(c{index} AS VARCHAR) AS c{index}"
        elif (kind == "date" or (of_numbers and kind is None)) and is_number_type(type_):
            digits = _digits(opened, f"c{index}", type_)
            if digits:
                replaced[name] = f"CAST({digits} AS VARCHAR) AS c{index}"
    if replaced:
        listing = ", ".join(replaced.values())
        opened.relation = f"(SELECT * REPLACE ({listing}) FROM {opened.numbered})"
        opened.columns = {
            name: "VARCHAR" if name in replaced else type_ for name, type_ in opened.columns.items()
        }


def _digits(opened: Opened, column: str, type_: str) -> str:
    """SQL for a column's values as whole numbers; "" if one of them has a fraction."""
    if is_whole_type(type_):
        return column
    # A column of whole numbers with gaps is one of floats in pandas, with NaN in the gaps.
    present = f"CASE WHEN NOT isnan(CAST({column} AS DOUBLE)) THEN {column} END"
    fits = f"abs({present}) <= {LARGEST_EXACT} AND floor({present}) = {present}"
    whole = opened.ask(f"SELECT coalesce(bool_and({fits}), true) FROM {opened.numbered}")
    return f"CAST({present} AS BIGINT)" if whole[0][0] else ""
