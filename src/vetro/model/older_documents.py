"""Descriptions of model files that an older Vetro wrote, in the form that document.py reads.

It checks nothing: an entry that it does not know stays as it is, and document.py refuses it.
"""

from __future__ import annotations

from typing import Any

from vetro.errors import error


def from_version_1(document: Any, path: str) -> Any:
    """The description of version 2; E509 if its members read their inputs in different ways.

    In version 1 each member has an encoder of its own: `{"fold", "encoder": {"inputs",
    "targets"}}`.  The encoders of a held-out split with one member, and those of the last
    files of version 1, have the same inputs.
    """
    members = document.get("members") if isinstance(document, dict) else None
    if not isinstance(members, list) or not members or not all(map(_is_member, members)):
        return document
    inputs = members[0]["encoder"]["inputs"]
    if any(member["encoder"]["inputs"] != inputs for member in members):
        raise error("E509", path=path, found=1)
    own = [{"fold": member["fold"], "targets": member["encoder"]["targets"]} for member in members]
    return {**document, "encoder": {"inputs": inputs}, "members": own}


def _is_member(item: Any) -> bool:
    if not isinstance(item, dict) or set(item) != {"fold", "encoder"}:
        return False
    return isinstance(item["encoder"], dict) and set(item["encoder"]) == {"inputs", "targets"}
