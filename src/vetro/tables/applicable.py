"""Which options for reading mean something for which kind of source.

An option that would do nothing is refused, so that nobody believes that it did something.
"""

from __future__ import annotations

from typing import Literal

from vetro.errors import error, words
from vetro.settings import Setting, chosen
from vetro.tables.options import ReadOptions

SourceKind = Literal["text", "sheet", "JSON", "Parquet", "database", "server", "frame"]

_LINES = ("header", "skip_rows", "skip_footer", "comment", "units_row")
_TEXT = ("sep", "encoding", "bad_rows")
_NOT_TEXT = (*_TEXT, *_LINES, "sheet")
_MEANINGLESS: dict[SourceKind, tuple[str, tuple[str, ...]]] = {
    "text": ("a delimited text", ("sheet",)),
    "sheet": ("a spreadsheet", _TEXT),
    "JSON": ("JSON", _NOT_TEXT),
    "Parquet": ("Parquet", _NOT_TEXT),
    "database": ("a database", _NOT_TEXT),
    "server": ("a database", _NOT_TEXT),
    "frame": ("a table in memory", _NOT_TEXT),
}


def check_applies(options: ReadOptions, kind: SourceKind, source: str) -> None:
    """E604 for the first option that does nothing for this kind of source."""
    label, meaningless = _MEANINGLESS[kind]
    for setting in chosen(options):
        if setting.name in meaningless:
            # Only the name: the value may be anything, an address with a password too.
            value = setting.value if isinstance(setting.value, bool) else None
            what = words("{source} is {label}, for which {setting} does nothing",
                         source=source, label=label,
                         setting=Setting(setting.name, value))  # fmt: skip
            fix = words("Leave out {setting}.", setting=Setting(setting.name, value, left_out=True))
            raise error("E604", what=what, fix=fix)
