"""The settings that a message proposes, as data, and the words of each door for them.

A Setting names an entry of a recipe, a role, or an option of reading or of a command; it has one
name in all of Vetro.  A door words it as `--missing "?"` or `missing=("?",)`.  Words are a text
that contains settings.  This module knows no messages: catalogue.py has their texts, templates.py
fills them in, quoting.py quotes for a shell and for Python.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from vetro.quoting import column_list, literal, number_or_literal, quoted

Door = Literal["command line", "python"]

LONGEST_VALUE = 1000


@dataclass(frozen=True)
class ColumnIs:
    """A column's value, or with `to` the range from the one to the other."""

    column: str
    value: str
    to: str | None = None


Value = str | bool | tuple[str, ...] | ColumnIs | None


@dataclass(frozen=True)
class Setting:
    """One thing to set, by the name that it has in every door.

    value: a text; several texts where it takes several; True or False for a switch; a ColumnIs
    where a column is set; None where only the name is meant.  left_out: the proposal is to leave it
    out, or the value of it.
    """

    name: str
    value: Value = None
    left_out: bool = False

    def worded(self, door: Door) -> str:
        """As the door's user writes it; what is worded can be pasted.

        If the value is too long for a message, only the name is worded.
        """
        if isinstance(self.value, str) and len(self.value) > LONGEST_VALUE:
            return Setting(self.name).worded(door)
        if door == "command line" and self.value == ():
            return ""
        return _option(self) if door == "command line" else _keyword(self)


@dataclass(frozen=True)
class Words:
    """A text whose settings are not worded yet: texts and settings in turn."""

    parts: tuple[str | Setting, ...] = ()

    def worded(self, door: Door) -> str:
        """The text in the words of a door."""
        parts = (part if isinstance(part, str) else part.worded(door) for part in self.parts)
        return "".join(parts).strip()

    def __str__(self) -> str:
        return self.worded("python")

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that the text proposes, in order."""
        return tuple(part for part in self.parts if isinstance(part, Setting))


def setting_value(value: Any) -> str | bool | tuple[str, ...] | ColumnIs:
    """A value as a Setting holds it."""
    if isinstance(value, bool | ColumnIs):
        return value
    if isinstance(value, tuple):
        return tuple(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def chosen(record: Any, usual: Any = None) -> tuple[Setting, ...]:
    """A Setting for each entry of a frozen dataclass, and of the records in it, that is not the
    usual record's, or, without one, not the default of its class."""
    usual = type(record)() if usual is None else usual
    found: list[Setting] = []
    for entry in fields(record):
        value, other = getattr(record, entry.name), getattr(usual, entry.name)
        if is_dataclass(value):
            found += chosen(value, other)
        elif value != other:
            found.append(Setting(entry.name, _whole(entry.name, value)))
    return tuple(found)


def _whole(name: str, value: Any) -> Value:
    """A value for a command that is to repeat it: no digit of a number is lost."""
    if name == "hidden":
        return ",".join(map(str, value))
    return repr(value) if isinstance(value, float) else setting_value(value)


# The names that differ from the setting's name.
_OPTIONS = {"targets": "--target", "inputs": "--input", "out": "-o", "every": "--all"}
_KEYWORDS = {"targets": "target", "target_value": "y"}
# Names of columns; texts that are quoted even if a shell needs no quotes.
COLUMNS = frozenset(
    ("targets", "inputs", "drop", "unordered", "number", "category", "date", "flag", "keep")
)
_QUOTED = frozenset(
    ("sep", "decimal", "thousands", "missing", "date_format", "query", "sheet", "ordered")
)
_SEVERAL = (COLUMNS | {"missing", "ordered"}) - {"targets"}


def option_name(name: str) -> str:
    """The option of a setting: learning_rate -> --learning-rate."""
    return _OPTIONS.get(name, "--" + name.replace("_", "-"))


def _option(setting: Setting) -> str:
    name, value = option_name(setting.name), setting.value
    if value is None or value is True:
        return name
    if value is False:
        return "--no-" + name.removeprefix("--")
    if isinstance(value, ColumnIs):
        end = "" if value.to is None else f"..{value.to}"
        return f"{name} {quoted(f'{value.column}={value.value}{end}')}"
    several = value if isinstance(value, tuple) else (value,)
    if setting.name in COLUMNS:
        several = (column_list(several),)
    elif setting.name == "hidden":
        several = tuple(item or "none" for item in several)
    always = setting.name in _QUOTED
    return " ".join(f"{name} {quoted(item, always=always)}" for item in several)


def _keyword(setting: Setting) -> str:
    name, value = _KEYWORDS.get(setting.name, setting.name), setting.value
    if value is None:
        return name
    if isinstance(value, bool):
        return f"{name}={value}"
    if isinstance(value, ColumnIs):
        ends = number_or_literal(value.value)
        ends = ends if value.to is None else f"({ends}, {number_or_literal(value.to)})"
        return f"{name}={{{literal(value.column)}: {ends}}}"
    if isinstance(value, tuple) or setting.name in _SEVERAL:
        several = value if isinstance(value, tuple) else (value,)
        texts = ", ".join(map(literal, several))
        return f"{name}=({texts},)" if len(several) == 1 else f"{name}=({texts})"
    if setting.name == "hidden":
        return f"{name}=({value},)" if value and "," not in value else f"{name}=({value})"
    return f"{name}={literal(value) if setting.name in _QUOTED else number_or_literal(value)}"
