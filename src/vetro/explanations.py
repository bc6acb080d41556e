"""The meaning of every message, with an example and what to do; `vetro explain CODE` shows it.

The texts are in explanations.toml, one section per code.  The messages themselves are in
catalogue.py.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from vetro.catalogue import CATALOGUE
from vetro.settings import Words
from vetro.templates import words

KINDS = {"E": "error", "W": "warning", "I": "information"}
BLOCKS = {
    "1": "Reading a table",
    "2": "Before training",
    "3": "Training",
    "4": "Predicting",
    "5": "Model files and runs",
    "6": "Arguments and recipes",
    "7": "Looking inside",
    "9": "Vetro failed",
}


@dataclass(frozen=True)
class Explanation:
    """meaning: what has happened and why it matters.  remedy: what to do, the usual way first.

    example: the message as it may read.
    """

    code: str
    meaning: Words
    remedy: Words
    example: Words

    @property
    def kind(self) -> str:
        """error, warning or information."""
        return KINDS[self.code[0]]

    @property
    def block(self) -> str:
        """The part of Vetro that gives the message: "Reading a table", ..."""
        return BLOCKS[self.code[1]]


@cache
def explanations() -> dict[str, Explanation]:
    """Every explanation by its code, in the order of the catalogue."""
    text = files("vetro").joinpath("explanations.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    return {code: _explanation(code, data[code]) for code in CATALOGUE if code in data}


def _explanation(code: str, entry: dict[str, Any]) -> Explanation:
    values = {
        name: words(value) if isinstance(value, str) and re.search("{[=-]", value) else value
        for name, value in entry.get("example", {}).items()
    }
    return Explanation(
        code=code,
        meaning=words(entry["meaning"]),
        remedy=words(entry["remedy"]),
        example=words(CATALOGUE[code], **values),
    )
