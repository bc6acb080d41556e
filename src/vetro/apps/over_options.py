"""The box of `vetro bounds` and `vetro prove`: --over COLUMN=RANGE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from vetro.apps.options import names, number, valued
from vetro.apps.row_options import settings_of
from vetro.errors import error, shown, words

if TYPE_CHECKING:
    from vetro.model.model import Model
    from vetro.tables.schema import Column

OverOption = Annotated[
    list[str] | None,
    valued(
        "--over",
        "COL=LOW..HIGH",
        "Range LOW..HIGH of a column, or a value, or levels A,B. LOW.. and ..HIGH go to the "
        "end of the training range; nothing after = means missing. Repeatable. Other columns take "
        "their whole training range.",
    ),
]
SecondsOption = Annotated[
    float | None, valued("--seconds", "S", "Time limit in seconds [8].", number)
]


def over_of(settings: Sequence[str] | None, model: Model) -> dict[str, Any]:
    """column -> its range in the form of vetro.bounds; E604 for a text without "=", E114."""
    found: dict[str, Any] = {}
    for setting in settings or ():
        ((column, text),) = settings_of([setting], model, "over").items()
        given = _given(model.schema[column], text)
        found[column] = [*found[column], *given] if column in found else given
    return found


def _given(column: Column, text: str) -> list[Any]:
    from vetro.glass.bounds.over import example_of

    if column.kind == "category":
        return list(names("--over", [text])) if text else [None]
    if not text:
        return [None]
    low, dots, high = text.partition("..")
    if not dots:
        return [text]
    if ".." in high or (column.kind == "flag" and not (low and high)):
        what = f'--over "{shown(f"{column.name}={text}")}" is not a range'
        raise error("E604", what=what, fix=words("Use {=over all}.", all=example_of(column)))
    return _ends(column, low, high)


def _ends(column: Column, low: str, high: str) -> list[Any]:
    """Both ends of a range; an open end is the training range's; E731 if that gives no range."""
    from vetro.glass.bounds.over import end_of
    from vetro.glass.rows import measured

    first, last = (end_of(column, text) if text else None for text in (low, high))
    least, most = column.minimum or 0.0, column.maximum or 0.0
    if (last is None and first is not None and first > most) or (
        first is None and last is not None and last < least
    ):
        raise error(
            "E731", column=column.name, fix="Give both ends.",
            what=f"its training range, {measured(column, least)} to {measured(column, most)}, "
            f"gives no other end to {shown(low or high)}",
        )  # fmt: skip
    return [least if first is None else low, most if last is None else high]
