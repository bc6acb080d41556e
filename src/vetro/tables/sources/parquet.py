"""Parquet: one file, a folder of files, or a glob such as data/*.parquet.

Several files are one table only if their columns have the same names and types.  The
folders of a partitioned table (year=2024/) are columns of text.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vetro.errors import VetroError, error, shown
from vetro.tables.connection import (
    check_case,
    check_names,
    connect,
    described,
    file_literal,
    files_fingerprint,
    quoted,
    reason,
)
from vetro.tables.faults import Fault, refused_type
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions

if TYPE_CHECKING:
    import duckdb

_ENDS = (".parquet", ".pq", ".parq")
_MAGIC = b"PAR1"


def open_parquet(source: str | os.PathLike[str], options: ReadOptions) -> Opened:
    """The rows of the files in the order of their names.

    E124 if there is no file; E125 for a file that is not complete Parquet, and for files whose
    columns differ.
    """
    paths = _found(os.fspath(source))
    source = os.fspath(source)
    for path in paths:
        if not Path(source).exists() and not _begins_as_parquet(path):
            what = f"it names several files, which must be Parquet, and {path.name} is not"
            fix = "Join the files into one, or write them as Parquet."
            raise error("E125", source=source, what=what, fix=fix)
        _check_ends(path)
    connection = connect(paths)
    in_folders = len(paths) > 1 and any("=" in part for path in paths for part in path.parts[:-1])
    first = _columns(connection, paths[0])
    for path in paths[1:]:
        _check_same(paths[0], first, path, _columns(connection, path))
    listing = ", ".join(file_literal(path) for path in paths)
    relation = (
        # Columns are matched by name, whatever their order in each file.
        f"read_parquet([{listing}], hive_partitioning={in_folders}, hive_types_autocast=false)"
    )
    faults: dict[str, Fault] = {}
    if "BIGINT" in first.values():
        relation, faults = _with_meaning(relation, paths[0])
    name = paths[0].name if len(paths) == 1 else os.fspath(source)
    return Opened(
        connection,
        relation,
        described(connection, relation),
        name,
        fingerprint=files_fingerprint(paths),
        faults=faults,
    )


# Parquet stores Arrow's durations as whole numbers; a note in the file gives their unit.  Their
# microseconds:
_MICROSECONDS = {"s": "* 1000000", "ms": "* 1000", "us": "* 1", "ns": "// 1000"}


def _with_meaning(relation: str, path: Path) -> tuple[str, dict[str, Fault]]:
    """The relation with whole numbers that pandas, polars or Arrow wrote as durations as INTERVAL,
    and the faults of whole numbers that stand for periods."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from vetro.tables.sources.arrow import period_extension

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError):
        return relation, {}  # DuckDB says what is wrong with it
    faults = {
        field.name: Fault(refused_type(field.name, extension), of_type=True)
        for field in schema
        if (extension := period_extension(field))
    }
    converted = [
        f"to_microseconds({quoted(field.name)} {_MICROSECONDS[field.type.unit]}) "
        f"AS {quoted(field.name)}"
        for field in schema
        if pa.types.is_duration(field.type)
    ]
    if converted:
        relation = f"(SELECT * REPLACE ({', '.join(converted)}) FROM {relation})"
    return relation, faults


def _found(source: str) -> list[Path]:
    """The files of a source, by name; a file whose own name has glob signs is found too."""
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        # Programs that write data also leave files whose names begin with "_" or ".".
        inside = sorted(item for item in path.rglob("*") if item.suffix.lower() in _ENDS)
        files = [
            item
            for item in inside
            if item.is_file() and not any(part[0] in "._" for part in item.relative_to(path).parts)
        ]
        if not files:
            raise _no_table(path)
        return files
    matches = Path(path.anchor or ".").glob(str(path.relative_to(path.anchor)))
    files = sorted(item for item in matches if item.is_file())
    if not files:
        signs = any(sign in source for sign in "*?[")
        hint = "No file fits the pattern." if signs else "Check the path."
        raise error("E124", source=source, hint=hint)
    return files


def _no_table(folder: Path) -> VetroError:
    names = sorted(item.name for item in folder.iterdir() if item.is_file())[:1]
    fix = f"Name a file in it, for example {folder / names[0]}." if names else "Check the path."
    what = "it is a folder without a .parquet file"
    return error("E125", source=str(folder), what=what, fix=fix)


def _begins_as_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (_MAGIC, b"PARE", b"")


def _check_ends(path: Path) -> None:
    """Refuse a file without Parquet's marks at both ends; a cheap check that names the file."""
    size = path.stat().st_size
    if size == 0:
        raise error("E101", source=path.name, size="0 bytes")
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(size - 4, 0))
        end = file.read(4)
    if start == b"PARE" or end == b"PARE":
        what, fix = "it is encrypted", "Decrypt it first."
    elif start != _MAGIC:
        what, fix = "it is not a Parquet file", "Check its contents, or rename it."
    elif end != _MAGIC or size < 12:
        what, fix = "it is cut short (the end is missing)", "Copy or write it again."
    else:
        return
    raise error("E125", source=path.name, what=what, fix=fix)


def _columns(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    """The columns by the file's own schema, before DuckDB renames any."""
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path.absolute()) as file:
            check_names(file.schema_arrow.names, path.name)
            check_case(file.schema_arrow.names, path.name)
        return described(connection, f"read_parquet({file_literal(path)}, hive_partitioning=false)")
    except VetroError:
        raise
    except (duckdb.Error, pa.ArrowException, OSError, ValueError) as failure:
        raise error(
            "E125", source=path.name, what=_damage(failure), fix="Copy or write it again."
        ) from failure


def _damage(failure: Exception) -> str:
    return f"it is damaged ({shown(reason(failure))})"


def _check_same(
    first_path: Path, first: dict[str, str], path: Path, columns: dict[str, str]
) -> None:
    """E125, naming both files, if names or types differ."""
    one, other = first_path.name, path.name
    if one == other:
        one, other = str(first_path), str(path)
    what = ""
    for name in {**first, **columns}:
        if name not in columns:
            what = f'{other} lacks the column "{shown(name)}" of {one}'
        elif name not in first:
            what = f'{one} lacks the column "{shown(name)}" of {other}'
        elif first[name] != columns[name]:
            what = (
                f'column "{shown(name)}" is {first[name]} in {one} and {columns[name]} in {other}'
            )
        if what:
            raise error(
                "E125",
                source=str(path.parent),
                what=what,
                fix="Write the files with the same columns.",
            )
