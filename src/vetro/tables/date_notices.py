"""Notices about how a column of dates or times was read, so that Vetro guesses nothing silently."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vetro.errors import Notice, notice, words
from vetro.tables import dates, durations, lookups, numbers
from vetro.tables.instants import DURATION, TIME, date_text
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.plan import Plan

_FIRST, _LAST = 19000101, 20991231


def of_values(
    opened: Opened,
    plan: Plan,
    array: NDArray[np.float64],
    low: float | None,
    high: float | None,
    options: ReadOptions,
) -> list[Notice]:
    """I138 for years of two digits, I139 for numbers that could be dates, I140 for times of day
    that could be durations, I141 for durations."""
    if low is None or high is None:
        return []
    if plan.way == "number":
        if low < _FIRST or high > _LAST or plan.name in options.number or not _dates(array):
            return []
        number = numbers.number_text(low)
        fix = words("Convert them to dates if they are.")
        if plan.is_text:
            fix = words("Use {=date column} if they are dates.", column=plan.name)
        return [notice("I139", column=plan.name, value=number, fix=fix)]
    if not plan.is_text or (
        plan.date_format not in (TIME, DURATION) and "%y" not in plan.date_format
    ):
        return []
    row = int(np.argmin(np.isnan(array)))
    text, value = lookups.text_at(opened, plan.index, row), float(array[row])
    if plan.date_format == DURATION:
        seconds = f"{numbers.number_text(value)} s"
        return [notice("I141", column=plan.name, value=text, seconds=seconds)]
    if plan.date_format == TIME:
        # Hours and minutes alone, or with AM, are not a duration.
        clear = plan.name in options.date or not durations.seconds_of(text)
        return [] if clear else [notice("I140", column=plan.name, value=text)]
    return [notice("I138", column=plan.name, value=text, date=date_text(value))]


def _dates(array: NDArray[np.float64]) -> bool:
    """Whether all numbers are dates such as 20240131, and not all the same."""
    different = np.unique(array[~np.isnan(array)])
    if len(different) < 2 or not bool((different == np.floor(different)).all()):
        return False
    return all(dates.days_of(str(int(value)), "%Y%m%d") is not None for value in different)
