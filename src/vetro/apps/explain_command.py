"""`vetro explain`: the meaning of a message, an example, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from vetro.apps.options import JsonOption
from vetro.apps.present import DOOR, facts, print_json, say
from vetro.errors import error, nearest
from vetro.explanations import BLOCKS, Explanation, explanations


def explain(
    code: Annotated[
        str,
        typer.Argument(
            metavar="[CODE]", help="Code of a message, such as E106; without it, all are listed."
        ),
    ] = "",
    *,
    json: JsonOption = False,
) -> None:
    """Explain a message, with an example and what to do."""
    known = explanations()
    if not code:
        _list(known, json)
        return
    name = code.strip().upper()
    if name not in known:
        hint = nearest(name, known)
        what = f'there is no message "{name}"'
        raise error("E604", what=what, fix=f"{hint}vetro explain lists all codes.")
    found = known[name]
    if json:
        print_json(_json(found))
        return
    say(f"{found.code}, {found.kind}: {found.block.lower()}")
    say()
    facts((name.replace("_", " "), text) for name, text in _texts(found).items())


def _list(known: dict[str, Explanation], json: bool) -> None:
    if json:
        print_json({"messages": [_json(found) for found in known.values()]})
        return
    for block in BLOCKS.values():
        group = [found for found in known.values() if found.block == block]
        if group:
            say(block)
            facts(((found.code, found.example.worded(DOOR)) for found in group), indent=2)
            say()


def _json(found: Explanation) -> dict[str, str]:
    return {"code": found.code, "kind": found.kind, "block": found.block, **_texts(found)}


def _texts(found: Explanation) -> dict[str, str]:
    parts = {"example": found.example, "meaning": found.meaning, "what_to_do": found.remedy}
    return {name: words.worded(DOOR) for name, words in parts.items()}
