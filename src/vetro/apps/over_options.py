"""The box that `vetro bounds` and `vetro prove` look at: --over COLUMN=RANGE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vetro.apps.options import names, number
from vetro.apps.row_options import settings_of
from vetro.errors import error, shown

if TYPE_CHECKING:
    from vetro.model.model import Model

OverOption = Annotated[
    list[str] | None,
    typer.Option(
        "--over",
        metavar="COL=LOW..HIGH",
        help="Range of a column, or a value, or levels A,B; nothing after = means missing. "
        "Repeatable; other columns take their whole training range.",
    ),
]
SecondsOption = Annotated[
    str,
    typer.Option("--seconds", metavar="S", show_default=False, help="Time at most [8]."),
]


def seconds_of(text: str, default: float) -> float:
    """The seconds that an option gives; E601."""
    return number("--seconds", text) if text else default


def over_of(settings: Sequence[str] | None, model: Model) -> dict[str, Any]:
    """column -> what vetro.bounds takes for it; E604 for one without "=", E114."""
    found: dict[str, Any] = {}
    for setting in settings or ():
        ((column, text),) = settings_of([setting], model, option="--over").items()
        given = _given(model.schema[column].kind, column, text)
        found[column] = [*found[column], *given] if column in found else given
    return found


def _given(kind: str, column: str, text: str) -> list[Any]:
    if kind == "category":
        return list(names("--over", [text])) if text else [None]
    if not text:
        return [None]
    low, dots, high = text.partition("..")
    if not dots:
        return [text]
    if not low or not high or ".." in high:
        what = f'--over "{shown(f"{column}={text}")}" is not a range'
        raise error("E604", what=what, mend="Use --over COLUMN=LOW..HIGH.")
    return [low, high]
