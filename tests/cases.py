"""Cases of tests that are data: a TOML file beside the tests, one table a case, named by its id."""

from __future__ import annotations

import gzip
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest


def cases(file: Path, section: str) -> list[Any]:
    """The cases of a section of a TOML file, as parameters of a test."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))[section]
    return [pytest.param(case, id=name) for name, case in content.items()]


def content_of(case: Mapping[str, Any]) -> bytes | None:
    """The bytes of the file of a case with a `text`, its `encoding`, whether it is `packed` with
    gzip, and by how many bytes it is `cut`; None without a text."""
    if "text" not in case:
        return None
    text = case["text"]
    whole = text if isinstance(text, str) else "".join(spread(text))
    content = whole.encode(case.get("encoding", "utf-8"))
    if case.get("packed"):
        content = gzip.compress(content)
    return content[: len(content) - case.get("cut", 0)]


def spread(items: list[Any]) -> Iterator[Any]:
    """The items of a list, with {times, each} repeated; `each` may be a list of its own."""
    for item in items:
        if isinstance(item, dict):
            each = item["each"]
            yield from (each if isinstance(each, list) else [each]) * item["times"]
        else:
            yield item
