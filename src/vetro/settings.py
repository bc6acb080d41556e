"""The settings that a message proposes, as data, and the words of each door for them.

A Setting names an entry of a recipe, a role, or an option of reading or of a command; it has one
name in all of Vetro.  A door words it as `--missing "?"` or `missing=("?",)`.  Words are a text
that contains settings.  This module knows no messages; they are in catalogue.py.
"""

from __future__ import annotations

import re
import shlex
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from vetro.addresses import safe
from vetro.twins import marked
from vetro.visible import visible

Door = Literal["command line", "python"]

SHOWN_CHARACTERS = 40
LONGEST_VALUE = 1000


def shown(value: object) -> str:
    """The text of a value as messages show it: one line, cut at 40 characters; blanks at its ends
    and characters that cannot be seen are written out."""
    text = marked(safe(_text(value)))
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _text(value: object, spec: str = "") -> str:
    """The value in a format; Python writes no whole number of more than 4,300 digits."""
    try:
        return format(value, spec) if spec else str(value)
    except ValueError as fault:
        if "digits" not in str(fault):
            raise
        return "a number of more than 4,300 digits"


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


def words(template: str, /, **values: Any) -> Words:
    """A template with its values filled in.

    {name} is a value, with a format or a conversion as in str.format; {name!q} stands in double
    quotes, cut at 40 characters.  {=setting} is a Setting's name.  {=setting word} sets it to the
    value with the name `word`, or to the word itself if there is no such value ({=engine torch}; a
    mark needs quotes: {=decimal ","}); yes and no are True and False.  {-setting word}
    proposes to leave it out.  A value may be Words or a Setting.
    """
    parts: list[str | Setting] = []
    for part in _parts(template, values):
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        else:
            parts.append(part)
    return Words(tuple(parts))


def _parts(template: str, values: Mapping[str, Any]) -> Iterator[str | Setting]:
    for literal, field, spec, conversion in string.Formatter().parse(template):
        yield literal
        if field is None:
            continue
        if field[:1] in ("=", "-"):
            name, _, word = field[1:].partition(" ")
            yield Setting(name, _set_to(word, values), left_out=field[0] == "-")
            continue
        value = values[field]
        if isinstance(value, Words):
            yield from value.parts
        elif isinstance(value, Setting):
            yield value
        elif conversion == "q":
            yield f'"{shown(value)}"'
        else:
            yield visible(safe(_formatted(value, spec or "")))


def _formatted(value: Any, spec: str) -> str:
    """A value in a format; of a huge number the decimal places would be hundreds of digits."""
    huge = isinstance(value, float) and spec.endswith("f") and abs(value) >= _HUGE
    return _text(value, ".3g" if huge else spec)


_HUGE = 1e6
_SWITCHES = {"yes": True, "no": False}


def _set_to(word: str, values: Mapping[str, Any]) -> Value:
    if not word:
        return None
    return _value(values[word]) if word in values else _SWITCHES.get(word, word.strip('"'))


def _value(value: Any) -> str | bool | tuple[str, ...] | ColumnIs:
    if isinstance(value, bool | ColumnIs):
        return value
    if isinstance(value, tuple):
        return tuple(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def chosen(record: Any, usual: Any = None) -> tuple[Setting, ...]:
    """A Setting for each entry of a frozen dataclass that is not the usual record's, or, without
    one, not the default of its class."""
    usual = type(record)() if usual is None else usual
    return tuple(
        Setting(entry.name, _whole(entry.name, value))
        for entry in fields(record)
        if (value := getattr(record, entry.name)) != getattr(usual, entry.name)
    )


def _whole(name: str, value: Any) -> Value:
    """A value for a command that is to repeat it: no digit of a number is lost."""
    if name == "hidden":
        return ",".join(map(str, value))
    return repr(value) if isinstance(value, float) else _value(value)


# The names that differ from the setting's name.
_OPTIONS = {"targets": "--target", "inputs": "--input", "out": "-o", "every": "--all"}
_KEYWORDS = {"targets": "target", "target_value": "y"}
# Names of columns; texts that are quoted even if a shell needs no quotes.
COLUMNS = frozenset(("targets", "inputs", "drop", "number", "category", "date", "flag", "keep"))
_QUOTED = frozenset(("sep", "decimal", "thousands", "missing", "date_format", "query", "sheet"))
_SEVERAL = (COLUMNS | {"missing"}) - {"targets"}
_BARE = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./:+@%-]*[A-Za-z0-9_])?")
_CHANGED_IN_QUOTES = re.compile(r'["$`!]|\\(?:\\|$)')
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?")


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


def quoted(text: str, *, always: bool = False) -> str:
    """A text as one word of a shell command, in double quotes if these keep it unchanged.

    What cannot be printed is escaped in $'...', which bash, zsh and ksh understand.
    """
    if _BARE.fullmatch(text) and not always:
        return text
    if not text.isprintable():
        return "$'" + "".join(map(_in_ansi_c, text)) + "'"
    return f'"{text}"' if _CHANGED_IN_QUOTES.search(text) is None else shlex.quote(text)


def _in_ansi_c(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogatepass"))


def column_list(names: tuple[str, ...]) -> str:
    """Names of columns as one comma list; those with a comma, a quote, a line break or a blank at
    an end are quoted as in CSV."""
    return ",".join(
        '"' + name.replace('"', '""') + '"'
        if set(name) & set(',"\r\n') or name != name.strip()
        else name
        for name in names
    )


def _keyword(setting: Setting) -> str:
    name, value = _KEYWORDS.get(setting.name, setting.name), setting.value
    if value is None:
        return name
    if isinstance(value, bool):
        return f"{name}={value}"
    if isinstance(value, ColumnIs):
        ends = _plain(value.value)
        ends = ends if value.to is None else f"({ends}, {_plain(value.to)})"
        return f"{name}={{{_literal(value.column)}: {ends}}}"
    if isinstance(value, tuple) or setting.name in _SEVERAL:
        several = value if isinstance(value, tuple) else (value,)
        texts = ", ".join(map(_literal, several))
        return f"{name}=({texts},)" if len(several) == 1 else f"{name}=({texts})"
    if setting.name == "hidden":
        return f"{name}=({value},)" if value and "," not in value else f"{name}=({value})"
    return f"{name}={_literal(value) if setting.name in _QUOTED else _plain(value)}"


def _plain(text: str) -> str:
    """A number as it stands, any other text as a literal."""
    return text if _NUMBER.fullmatch(text) else _literal(text)


def _literal(text: str) -> str:
    """A text as Python writes it, in double quotes where it can be printed."""
    if not text.isprintable():
        return repr(text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
