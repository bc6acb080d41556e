"""What a message proposes to set, as data, and how each door words it.

A Setting names an entry of a recipe, a role, or an option of reading or of a command; it has one
name in all of Vetro.  A door words it as `--missing "?"` or `missing=("?",)`.  Words are a text
that contains settings.  This module knows no messages; they are in catalogue.py.
"""

from __future__ import annotations

import re
import shlex
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vetro.addresses import safe
from vetro.twins import marked

Door = Literal["command line", "python"]

SHOWN_CHARACTERS = 40
LONGEST_VALUE = 1000


def shown(value: object) -> str:
    """The text of a value as messages show it: one line, cut at 40 characters; blanks at its ends
    and characters that cannot be seen are written out."""
    text = marked(safe(str(value)))
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


@dataclass(frozen=True)
class Setting:
    """One thing to set, by the name that it has in every door.

    value: a text; True or False for a switch; None where only the name is meant.
    """

    name: str
    value: str | bool | None = None

    def worded(self, door: Door) -> str:
        """As the door's user writes it; what is worded can be pasted.

        If the value is too long for a message, only the name is worded.
        """
        if isinstance(self.value, str) and len(self.value) > LONGEST_VALUE:
            return Setting(self.name).worded(door)
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
        """What the text proposes to set, in order."""
        return tuple(part for part in self.parts if isinstance(part, Setting))


def words(template: str, /, **values: Any) -> Words:
    """A template with its values filled in.

    {name} is a value, with a format or a conversion as in str.format; {name!q} stands in double
    quotes, cut at 40 characters.  {=setting} is a Setting's name.  {=setting word} sets it to the
    value with the name `word`, or to the word itself if there is no such value ({=engine torch}; a
    mark needs quotes: {=decimal ","}); yes and no are True and False.  A value may be Words or a
    Setting.
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
        if field.startswith("="):
            name, _, word = field[1:].partition(" ")
            yield Setting(name, _set_to(word, values))
            continue
        value = values[field]
        if isinstance(value, Words):
            yield from value.parts
        elif isinstance(value, Setting):
            yield value
        elif conversion == "q":
            yield f'"{shown(value)}"'
        else:
            yield safe(format(value, spec or ""))


_SWITCHES = {"yes": True, "no": False}


def _set_to(word: str, values: Mapping[str, Any]) -> str | bool | None:
    if not word:
        return None
    if word in values:
        value = values[word]
        return value if isinstance(value, bool) else _text(value)
    return _SWITCHES.get(word, word.strip('"'))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


# The names that differ from the setting's name.
_OPTIONS = {"targets": "--target", "inputs": "--input", "out": "-o", "every": "--all"}
_KEYWORDS = {"targets": "target", "target_value": "y"}
# Names of columns; texts that are quoted even if a shell needs no quotes.
COLUMNS = frozenset(("targets", "inputs", "drop", "number", "category", "date", "flag", "keep"))
_QUOTED = frozenset(("sep", "decimal", "thousands", "missing", "date_format", "query", "sheet"))
_SEVERAL = (COLUMNS | {"missing"}) - {"targets"}
_PLAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./:+@%-]*[A-Za-z0-9_])?")
_CHANGED_IN_QUOTES = re.compile(r'["$`!]|\\(?:\\|$)')
_NUMBER = re.compile(r"[+-]?[0-9.]+(?:e[+-]?[0-9]+)?")


def option_name(name: str) -> str:
    """The option of a setting: learning_rate -> --learning-rate."""
    return _OPTIONS.get(name, "--" + name.replace("_", "-"))


def _option(setting: Setting) -> str:
    name, value = option_name(setting.name), setting.value
    if value is None or value is True:
        return name
    if value is False:
        return "--no-" + name.removeprefix("--")
    if setting.name in COLUMNS:
        value = column_list((value,))
    return f"{name} {quoted(value, always=setting.name in _QUOTED)}"


def quoted(text: str, *, always: bool = False) -> str:
    """A text as one word of a shell command, in double quotes if these keep it unchanged."""
    if _PLAIN.fullmatch(text) and not always:
        return text
    if text.isprintable() and _CHANGED_IN_QUOTES.search(text) is None:
        return f'"{text}"'
    return shlex.quote(text)


def column_list(names: tuple[str, ...]) -> str:
    """Names of columns as one comma list; those with a comma or a quote are quoted as in CSV."""
    return ",".join(
        '"' + name.replace('"', '""') + '"' if set(name) & set(',"') else name for name in names
    )


def _keyword(setting: Setting) -> str:
    name, value = _KEYWORDS.get(setting.name, setting.name), setting.value
    if value is None:
        return name
    if isinstance(value, bool):
        return f"{name}={value}"
    if setting.name == "hidden":
        return f"{name}=({value},)" if "," not in value else f"{name}=({value})"
    if setting.name not in _SEVERAL and setting.name not in _QUOTED and _NUMBER.fullmatch(value):
        return f"{name}={value}"
    text = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    text = text if value.isprintable() else repr(value)
    return f"{name}=({text},)" if setting.name in _SEVERAL else f"{name}={text}"
