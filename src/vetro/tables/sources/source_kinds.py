"""The kinds of sources: one line of this table is all that the other files know of each.

A file of the kind's own opens it.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from typing import Any

from vetro.errors import error, words
from vetro.settings import Setting, chosen
from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions


@dataclass(frozen=True)
class SourceKind:
    """A kind of source.

    label: its name in messages.  idle: the options of reading that do nothing for it.  opener: the
    module and function that open it, imported when it is needed, because pyarrow takes 0.1 s.
    suffixes: of its files.  starts: first bytes of its files, what such a file is, and a suffix.
    packed: whether its files may be packed with gzip.  queries: whether its opener runs the query.
    """

    label: str
    idle: tuple[str, ...]
    opener: str
    suffixes: tuple[str, ...] = ()
    starts: tuple[tuple[bytes, str, str], ...] = ()
    packed: bool = False
    queries: bool = False

    def open(self, source: Any, options: ReadOptions, name: str) -> Opened:
        """The opened source, which messages call `name`.

        E604 for an option that does nothing, so that nobody believes that it did something.
        """
        for setting in chosen(options):
            if setting.name in self.idle:
                # Only the name: the value may be anything, an address with a password too.
                value = setting.value if isinstance(setting.value, bool) else None
                what = words("{source} is {label}, for which {setting} does nothing",
                             source=name, label=self.label,
                             setting=Setting(setting.name, value))  # fmt: skip
                unused = Setting(setting.name, value, left_out=True)
                raise error("E604", what=what, fix=words("Leave out {setting}.", setting=unused))
        opening = pkgutil.resolve_name(f"vetro.tables.sources.{self.opener}")
        opened: Opened = opening(source, options)
        return opened


_LINES = ("header", "skip_rows", "skip_footer", "comment", "units_row")
_OF_TEXT = ("sep", "encoding", "bad_rows")
_NOT_TYPED = (*_OF_TEXT, *_LINES, "sheet")

TEXT = SourceKind("delimited text", ("sheet",), "text.delimited:open_delimited",
                  (".csv", ".tsv", ".txt", ".dat", ".data"), packed=True)  # fmt: skip
SHEET = SourceKind("a spreadsheet", _OF_TEXT, "sheets.spreadsheet:open_spreadsheet",
                   (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"))  # fmt: skip
JSON = SourceKind("JSON", _NOT_TYPED, "jsonlines:open_json",
                  (".jsonl", ".ndjson", ".json"), packed=True)  # fmt: skip
PARQUET = SourceKind("Parquet", _NOT_TYPED, "parquet:open_parquet", (".parquet", ".pq"),
                     ((b"PAR1", "Parquet", ".parquet"),))  # fmt: skip
DATABASE = SourceKind("a database", _NOT_TYPED, "database:open_database",
                      (".duckdb", ".ddb", ".db", ".sqlite", ".sqlite3", ".db3"),
                      ((b"SQLite format 3\0", "a SQLite database", ".sqlite"),),
                      queries=True)  # fmt: skip
SERVER = SourceKind("a database", _NOT_TYPED, "postgres:open_postgres", queries=True)
FRAME = SourceKind("a table in memory", _NOT_TYPED, "frames:open_frame")
FILES = (TEXT, SHEET, JSON, PARQUET, DATABASE)
