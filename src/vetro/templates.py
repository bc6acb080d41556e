"""The words of a template with its values, and a value as messages show it.

It knows no template; they are in catalogue.py.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import Any

from vetro.addresses import safe
from vetro.settings import Setting, Value, Words, setting_value
from vetro.twins import marked
from vetro.visible import visible

SHOWN_CHARACTERS = 40
_HUGE = 1e6
_SWITCHES = {"yes": True, "no": False}


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


def _set_to(word: str, values: Mapping[str, Any]) -> Value:
    if not word:
        return None
    return setting_value(values[word]) if word in values else _SWITCHES.get(word, word.strip('"'))
