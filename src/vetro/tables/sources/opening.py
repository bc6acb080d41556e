"""Opening a source of any kind, by the object's type or the file's suffix.

It reads nothing itself.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from vetro.addresses import FORM, is_address, is_postgres, shown_source
from vetro.atomic import NO_SPACE
from vetro.errors import error
from vetro.tables.connection import check_names
from vetro.tables.opened import Opened, check_column_count
from vetro.tables.options import ReadOptions
from vetro.tables.sources.signatures import check_content
from vetro.tables.sources.source_kinds import FILES, FRAME, PARQUET, SERVER, SourceKind
from vetro.twins import plain
from vetro.visible import is_text

_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".npy", ".npz", ".rds", ".rdata", ".mat")
_KNOWN = "CSV, TSV, Parquet, JSON lines, .xlsx, DuckDB and SQLite files, and PostgreSQL addresses"


def open_source(source: object, options: ReadOptions) -> Opened:
    """The opened source: a path or address as text, a Path, or a frame in memory.

    The columns have the plain form of their names (twins.py).  TableError: E110 for two names with
    the same plain form, E124 no such file, E125 a kind of file that Vetro does not read.
    """
    opened = _opened(source, options)
    check_column_count(len(opened.columns), opened.name)
    names = {name: plain(name) for name in opened.columns}
    check_names(names.values(), opened.name)
    opened.columns = {names[name]: type_ for name, type_ in opened.columns.items()}
    opened.units = {names.get(name, name): unit for name, unit in opened.units.items()}
    opened.faults = {names[name]: fault for name, fault in opened.faults.items()}
    return opened


def _opened(source: object, options: ReadOptions) -> Opened:
    if isinstance(source, str | os.PathLike):
        place = os.fspath(source)
        try:
            return _open_path(place, options)
        except OSError as failure:  # no permission, a fault of the disk, /proc/self/mem
            if failure.errno in NO_SPACE:
                raise
            what = f"it cannot be read ({failure.strerror or failure})"
            fix = "Check the file and its permissions."
            raise error("E125", source=shown_source(place), what=what, fix=fix) from failure
    from vetro.tables.sources import frames

    if kind := frames.frame_kind(source):
        if kind == "dict":  # values of the command line, with the options of their table
            return _asked(frames.open_frame(source, options), options)
        return _asked(FRAME.open(source, options, frames.FRAMES[kind].name), options)
    raise error(
        "E125",
        source=f"a {type(source).__name__}",
        what="not a kind of table that Vetro reads",
        fix="Pass a path, a pandas, polars or pyarrow table, a dict of columns, or a 2-d array.",
    )


def _open_path(text: str, options: ReadOptions) -> Opened:
    if not is_text(text):
        what = "its name is not valid text (UTF-8)"
        raise error("E125", source=text, what=what, fix="Rename the file.")
    if is_postgres(text.strip()):
        return SERVER.open(text, options, shown_source(text))
    path = Path(text)
    suffix = _suffix(path)
    exists = _exists(path)
    if not exists and is_address(text):
        fix = f"Use {FORM}, or the path of a file."
        what = "not a kind of address that Vetro reads"
        raise error("E125", source=shown_source(text), what=what, fix=fix)
    several = any(letter in text for letter in "*?[") and not exists
    if not several and not exists:
        shown = shown_source(text)
        hint = _hint(path) if shown == text else "Check the path."
        raise error("E124", source=shown, hint=hint)
    kind = _kind(path, suffix, several)
    if suffix not in _PICKLES:
        check_content(path, kind)
    if kind is None:
        raise _unknown(path, suffix)
    opened = kind.open(path, options, path.name)
    return opened if kind.queries else _asked(opened, options)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # longer than any name, or in a folder that may not be read
        return False


def _asked(opened: Opened, options: ReadOptions) -> Opened:
    """The rows of the query over the opened source, if there is a query.

    Delimited text is returned unchanged: its columns need their kinds first (queries.py).
    """
    if not options.query or opened.is_text:
        return opened
    for fault in opened.faults.values():
        raise fault.error  # the query would see an empty column
    from vetro.tables.sources.database import with_query

    return with_query(opened, options.query)


def _kind(path: Path, suffix: str, several: bool) -> SourceKind | None:
    """What the path says the source is; None for a suffix that is not known."""
    if path.is_dir() or several:
        return PARQUET
    return next((kind for kind in FILES if suffix in kind.suffixes), None)


def _suffix(path: Path) -> str:
    """The suffix in small letters; for packed text, the suffix before .gz."""
    suffix = path.suffix.lower()
    if suffix != ".gz":
        return suffix
    inner = Path(path.stem).suffix.lower()
    packed = any(kind.packed and inner in kind.suffixes for kind in FILES)
    return inner if packed else ".gz"


def _unknown(path: Path, suffix: str) -> Exception:
    if suffix in _PICKLES:
        what = (
            f"files of the kind {suffix} are not read, because they can run code or hold no table"
        )
        fix = "Write the table as CSV or Parquet."
    elif suffix:
        what = f"the kind {suffix} is not known"
        fix = f"Use one of: {_KNOWN}."
    else:
        what = "the name has no suffix, so that its kind is not known"
        fix = "Rename it, for example to " + path.name + ".csv."
    return error("E125", source=path.name, what=what, fix=fix)


def _hint(path: Path) -> str:
    folder = path.parent
    if path.is_symlink():
        return "It is a link to a file that does not exist, or to itself."
    if not folder.is_dir():
        return f'There is no folder "{folder}".'
    names = [item.name for item in folder.iterdir()]
    found = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f'Did you mean "{folder / found[0]}"?' if found else "Check the path."
