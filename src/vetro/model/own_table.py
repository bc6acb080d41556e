"""A model's own table: the table that it was fitted to is read as the fit read it.

Only this module decides how a table is read for a model, in Python and on the command line.  The
model remembers the options of its fit.  They hold for exactly the bytes that it was fitted to; any
other table is read by its own content.  The kinds are the schema's and hold for all tables.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from vetro.errors import VetroError
from vetro.model.parts import ModelParts
from vetro.tables.options import ReadOptions
from vetro.tables.sources import frames

_PLAIN = ReadOptions()


def reading_of(model: ModelParts, source: Any, given: ReadOptions) -> ReadOptions:
    """The options to read a source with; for the model's own table also those of the fit, unless
    the given ones differ.

    A query that the model remembers is never run, because someone else may have written it, and the
    bytes of the source do not depend on it; the user must give it again.
    """
    # Kinds are the schema's, which holds them for every table.
    kept = replace(model.request.options, keep=(), number=(), category=(), date=(), flag=())
    if kept == _PLAIN or kept.query or not is_own_table(model, source):
        return given
    return chosen_over(kept, given)


def chosen_over(kept: ReadOptions, given: ReadOptions) -> ReadOptions:
    """The given options, and for the others the stored ones."""
    chosen = {
        entry.name: getattr(given, entry.name)
        for entry in fields(ReadOptions)
        if getattr(given, entry.name) != getattr(_PLAIN, entry.name)
    }
    return replace(kept, **chosen)


def is_own_table(model: ModelParts, source: Any) -> bool:
    """Whether a file has the bytes, or a frame the values, that the model was fitted to."""
    known = model.evidence.data.get("sha256")
    return bool(known) and fingerprint_of(source) == known


def fingerprint_of(source: Any) -> str:
    """SHA-256 as a model's evidence holds it: of a file's bytes, of a frame's values; "" for
    anything else and for what cannot be read."""
    if isinstance(source, str | os.PathLike):
        path = Path(os.fspath(source))
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError):
            return ""
    if not frames.frame_kind(source):
        return ""
    try:
        return frames.open_frame(source, _PLAIN).fingerprint
    except VetroError:
        return ""
