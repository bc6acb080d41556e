"""Functions for DuckDB that all sources share: the connection, quoting, names and reasons.

It opens no source.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vetro.errors import VetroError, error, shown
from vetro.limits import check_memory, memory_error
from vetro.visible import is_text

if TYPE_CHECKING:
    import duckdb

LONGEST_NAME = 1000
"""As long as levels may be."""
ONLY_SELECT = "it is not a SELECT, and Vetro only reads"


def connect(
    files: Iterable[Path] = (), *, database: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """An in-memory connection: rows keep their order, times are UTC, nothing is downloaded.

    files: the only files that it can read.  database: a DuckDB file, attached read-only as
    `source`.  No statement can reach another file, the network or a secret, write a file, or change
    a setting except the number of threads: DuckDB itself refuses it.  This includes the views and
    functions of an attached database.
    """
    check_memory()  # DuckDB would end the process
    import duckdb

    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_persistent_secrets": "false",
            # A query must not reach Python variables by their names.
            "python_enable_replacements": "false",
            # A table that does not fit into memory goes to this folder, not to the current one.
            "temp_directory": str(Path(tempfile.gettempdir(), f"vetro-duckdb-{os.getpid()}")),
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    # In a notebook without ipywidgets the bar is off, and DuckDB refuses even to turn it off.
    if connection.sql("SELECT current_setting('enable_progress_bar')").fetchall()[0][0]:
        connection.execute("SET enable_progress_bar = false")
    if database is not None:
        connection.execute(f"ATTACH {literal(str(database))} AS source (READ_ONLY)")
        connection.execute("USE source")
    # A path is allowed both literally and as the pattern under which DuckDB reads it.
    listing = ", ".join(
        text for path in files for text in (literal(str(path.absolute())), file_literal(path))
    )
    connection.execute(f"SET allowed_paths = [{listing}]")
    connection.execute("SET allowed_configs = ['threads']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def matching(text: str, shape: str, value: str) -> str:
    """SQL for a value where a text has the shape of a regular expression, else NULL."""
    return f"CASE WHEN regexp_full_match({text}, {literal(shape)}) THEN {value} END"


def file_literal(path: Path) -> str:
    """A file's path as an SQL string that is not a pattern, home folder or address for DuckDB."""
    return literal(glob.escape(str(path.absolute())))


def described(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """The columns of an SQL text after FROM: name -> DuckDB type, in order."""
    rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {str(row[0]): str(row[1]) for row in rows}


def check_names(names: Iterable[str], source: str, rename: str = "Rename one.") -> None:
    """E110 for a name used twice; E125 for one that is empty, not valid text, or too long to be a
    name: it would stand in every message and picture."""
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if not name.strip():
            what = f"column {position} has an empty name"
            raise error("E125", source=source, what=what, fix="Name it.")
        if not is_text(name):
            what = f'the name of column {position}, "{shown(name)}", is not valid text (UTF-8)'
            raise error("E125", source=source, what=what, fix="Rename it.")
        if len(name) > LONGEST_NAME:
            what = f"the name of column {position} has {len(name):,} characters"
            fix = f"Shorten it to {LONGEST_NAME:,} characters."
            raise error("E125", source=source, what=what, fix=fix)
        first = seen.setdefault(name, position)
        if first != position:
            raise error("E110", first=first, second=position, name=name, fix=rename)


def check_case(names: Iterable[str], source: str) -> None:
    """E125 for names that SQL does not distinguish: DuckDB would silently rename the second."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            what = f'SQL does not distinguish the columns "{shown(other)}" and "{shown(name)}"'
            raise error("E125", source=source, what=what, fix="Rename one.")


def reason(failure: BaseException) -> str:
    """The first line of a failure without the name of its class, ready to end a sentence."""
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    text = lines[0] if lines else type(failure).__name__
    text = re.sub(r"^[A-Z][A-Za-z ]{1,30} Error: ", "", text)
    return "".join(filter(str.isprintable, text)).rstrip(" .!:;")


def unreadable(source: str, failure: Exception) -> VetroError:
    """The E125 of a failure of reading, or E901 if memory ran out."""
    if no_memory := memory_error(failure):
        return no_memory
    what = f"it cannot be read ({shown(reason(failure))})"
    return error("E125", source=source, what=what, fix="Write it again, or restore it.")


def files_fingerprint(paths: Iterable[Path]) -> str:
    """SHA-256 of a file's bytes; of several files, of their names and digests."""
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append((path.name, hashlib.file_digest(file, "sha256").hexdigest()))
    if len(digests) == 1:
        return digests[0][1]
    listing = "\n".join(f"{digest} {name}" for name, digest in digests)
    return hashlib.sha256(listing.encode()).hexdigest()
