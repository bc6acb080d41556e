"""Small wrong or tricky tables: each is refused with its message, or read exactly.

The expected texts are written out in full: they are the interface.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from told import told

from vetro.errors import TableError, UsageError, VetroError
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.table import Table

NAN = math.nan
MIB = 1 << 20

# (id, file name, contents, options, the whole message with its code)
REFUSED: list[tuple[str, str, str | bytes, dict[str, Any], str]] = [
    (
        "empty",
        "data.csv",
        b"",
        {},
        "E101 data.csv is empty (0 bytes). Provide a header and at least 2 rows.",
    ),
    (
        "blank-lines",
        "data.csv",
        "\n\r\n  \n",
        {},
        "E101 data.csv is empty (only blank lines). Provide a header and at least 2 rows.",
    ),
    (
        "only-bom",
        "data.csv",
        b"\xef\xbb\xbf",
        {},
        "E101 data.csv is empty (only blank lines). Provide a header and at least 2 rows.",
    ),
    (
        "empty-gz",
        "data.csv.gz",
        gzip.compress(b""),
        {},
        "E101 data.csv.gz is empty (0 bytes). Provide a header and at least 2 rows.",
    ),
    (
        "no-row",
        "data.csv",
        "a,b\n",
        {},
        "E102 data.csv has 0 rows; at least 2 are needed. Add rows, or use --no-header if the "
        "first line holds data.",
    ),
    (
        "one-row",
        "data.csv",
        "a,b\n1,2\n",
        {},
        "E102 data.csv has 1 row; at least 2 are needed. Add rows, or use --no-header if the "
        "first line holds data.",
    ),
    (
        "one-row-no-header",
        "data.csv",
        "1,2\n",
        {"header": False},
        "E102 data.csv has 1 row; at least 2 are needed. Add rows.",
    ),
    (
        "cp1252-header",
        "data.csv",
        "città,b\n1,2\n3,4\n".encode("cp1252"),
        {},
        'E103 data.csv:1: byte 0xE0 at offset 4 is not UTF-8 (looks like cp1252, "città"). '
        "Use --encoding cp1252.",
    ),
    (
        "cp1252-value",
        "data.csv",
        "a,b\n1,x\n2,Zürich\n".encode("cp1252"),
        {},
        'E103 data.csv:3: byte 0xFC at offset 11 is not UTF-8 (looks like cp1252, "Zürich"). '
        "Use --encoding cp1252.",
    ),
    (
        "cp1252-late",
        "data.csv",
        b"a,b\n" + b"1,x\n" * 200_000 + b"2,Caf\xe9\n",
        {},
        "E103 data.csv:200002: byte 0xE9 at offset 800009 is not UTF-8 "
        '(looks like cp1252, "Café"). Use --encoding cp1252.',
    ),
    (
        "not-cp1252",
        "data.csv",
        b"a,b\n1,x\n2,\x81\n",
        {},
        'E103 data.csv:3: byte 0x81 at offset 10 is not UTF-8 (looks like cp850, "ü"). '
        "Use --encoding cp850.",
    ),
    (
        "cut-utf8",
        "data.csv",
        b"a,b\n1,x\n2,\xc3",
        {},
        'E103 data.csv:3: byte 0xC3 at offset 10 is not UTF-8 (looks like cp1252, "Ã" or '
        'cp1250, "Ă"). Use --encoding cp1252 or --encoding cp1250.',
    ),
    (
        "wrong-encoding",
        "data.csv",
        "a,b\n1,é\n3,4\n",
        {"encoding": "ascii"},
        'E103 data.csv:2: byte 0xC3 at offset 6 is not ascii (looks like UTF-8, "é"). '
        "Use --encoding utf-8.",
    ),
    (
        "unknown-encoding",
        "data.csv",
        "a,b\n1,2\n3,4\n",
        {"encoding": "utf-9"},
        'E601 --encoding "utf-9" is not valid: Python has no such encoding of text. '
        "Use for example utf-8, cp1252 or utf-16.",
    ),
    (
        "long-separator",
        "data.csv",
        "a,b\n1,2\n3,4\n",
        {"sep": "::"},
        'E601 --sep "::" is not valid: a separator is one character. '
        'Use for example --sep ";" or --sep "\\t".',
    ),
    (
        "two-separators",
        "data.csv",
        "a,b;c\n1,2;3\n4,5;6\n",
        {},
        'E104 data.csv: both ";" and "," fit as separator. Use --sep ";" or --sep ",".',
    ),
    (
        "comma-or-semicolon",
        "data.csv",
        "x,mm;y,mm\n1,5;2,5\n3,5;4,5\n",
        {},
        'E104 data.csv: both ";" and "," fit as separator. Use --sep ";" or --sep ",".',
    ),
    (
        "tab-or-pipe",
        "data.csv",
        "a\tb|c\n1\t2|3\n4\t5|6\n",
        {},
        'E104 data.csv: both "\\t" and "|" fit as separator. Use --sep "\\t" or --sep "|".',
    ),
    (
        "thousands-or-decimals",
        "data.csv",
        "id;importo\n1;500\n2;7.000\n3;8.500\n",
        {},
        'E106 column "importo", line 3: "7.000" may mean 7 or 7000. '
        'Use --decimal "." or --decimal ",".',
    ),
    (
        "point-of-thousands-in-commas",
        "data.csv",
        "id,importo\n1,500\n2,7.000\n3,8.500\n",
        {},
        'E106 column "importo", line 3: "7.000" may mean 7 or 7000. '
        'Use --decimal "." or --decimal ",".',
    ),
    (
        "ambiguous-comma",
        "data.csv",
        "x;y\n1,250;1\n3,500;2\n",
        {},
        'E106 column "x", line 2: "1,250" may mean 1.25 or 1250. '
        'Use --decimal "." or --decimal ",".',
    ),
    (
        "ambiguous-negative",
        "data.csv",
        "x;y\n-1,250;1\n3,500;2\n",
        {},
        'E106 column "x", line 2: "-1,250" may mean -1250 or -1.25. '
        'Use --decimal "." or --decimal ",".',
    ),
    (
        "ambiguous-late",
        "data.csv",
        "x;y\n" + "5;1\n" * 4000 + "7.000;2\n",
        {},
        'E106 column "x", line 4002: "7.000" may mean 7 or 7000. '
        'Use --decimal "." or --decimal ",".',
    ),
    (
        "file-does-not-decide",
        "data.csv",
        "x;y;z\n7.000;1,5;1.5\n8.000;2,5;2.5\n",
        {},
        'E106 column "x", line 2: "7.000" may mean 7 or 7000. Column "z" has decimal points and '
        'column "y" decimal commas: use one mark.',
    ),
    (
        "mixed-marks",
        "data.csv",
        "x;y\n1,5;1\n1.5;2\n",
        {},
        'E107 column "x": line 2 "1,5" and line 3 "1.5" use different decimal marks. '
        "Make them the same.",
    ),
    (
        "mixed-marks-reversed",
        "data.csv",
        "x;y\n0.25;1\n2;1\n0,25;2\n",
        {},
        'E107 column "x": line 2 "0.25" and line 4 "0,25" use different decimal marks. '
        "Make them the same.",
    ),
    (
        "mixed-marks-late",
        "data.csv",
        "x;y\n" + "1.5;1\n" * 5000 + "2,5;2\n",
        {},
        'E107 column "x": line 2 "1.5" and line 5002 "2,5" use different decimal marks. '
        "Make them the same.",
    ),
    (
        "mixed-either",
        "data.csv",
        "x;y\n1.500;1\n2,500;2\n",
        {},
        'E107 column "x": line 2 "1.500" and line 3 "2,500" use different decimal marks. '
        "Make them the same.",
    ),
    (
        "mixed-groups",
        "data.csv",
        "x;y\n1.234,5;1\n1,234.5;2\n",
        {},
        'E107 column "x": line 2 "1.234,5" and line 3 "1,234.5" use different decimal marks. '
        "Make them the same.",
    ),
    (
        "long-row",
        "data.csv",
        "a,b\n1,2\n1,2,3\n",
        {},
        'E108 data.csv:3: 3 fields where the header has 2. Quote values that contain ",", '
        "or use --bad-rows skip.",
    ),
    (
        "short-row",
        "data.csv",
        "a,b,c\n1,2,3\n1,2\n4,5,6\n",
        {},
        "E108 data.csv:3: 2 fields where the header has 3. "
        "Fill the row up, or use --bad-rows skip.",
    ),
    (
        "one-field-row",
        "data.csv",
        "a;b\n1;2\n3\n4;5\n",
        {},
        "E108 data.csv:3: 1 field where the header has 2. Fill the row up, or use --bad-rows skip.",
    ),
    (
        "separator-at-end-once",
        "data.csv",
        "a;b\n1;2\n3;4;\n5;6\n",
        {},
        'E108 data.csv:3: 3 fields where the header has 2. Remove the ";" at the end of each row, '
        "or use --bad-rows skip.",
    ),
    (
        "header-too-short",
        "data.csv",
        "a\nx,y\nz,w\n",
        {},
        "E108 data.csv:2: 2 fields where the header has 1. Name every column in the header, "
        'quote values that contain ",", or use --skip-rows if a title stands above the header.',
    ),
    (
        "long-row-late",
        "data.csv",
        "a,b\n" + "1,2\n" * 300_000 + "1,2,3\n",
        {},
        'E108 data.csv:300002: 3 fields where the header has 2. Quote values that contain ",", '
        "or use --bad-rows skip.",
    ),
    (
        "long-row-after-quoted-break",
        "data.csv",
        'a,b\n1,"x\ny"\n1,2,3\n',
        {},
        'E108 data.csv:4: 3 fields where the header has 2. Quote values that contain ",", '
        "or use --bad-rows skip.",
    ),
    (
        "blank-separated-row",
        "data.dat",
        "a b\n1 2\n3 4 5\n",
        {"sep": " "},
        'E108 data.dat:3: 3 fields where the header has 2. Quote values that contain " ", '
        "or use --bad-rows skip.",
    ),
    (
        "open-quote",
        "data.csv",
        'a,b\n"1,2\n3,4\n',
        {},
        "E109 data.csv:2: the quote opened at column 1 is never closed. Add the closing quote.",
    ),
    (
        "open-quote-second",
        "data.csv",
        'a,b\n1,2\n3,"4\n5,6\n',
        {},
        "E109 data.csv:3: the quote opened at column 2 is never closed. Add the closing quote.",
    ),
    (
        "open-quote-header",
        "data.csv",
        'a,"b\n1,2\n3,4\n',
        {},
        "E109 data.csv:1: the quote opened at column 2 is never closed. Add the closing quote.",
    ),
    (
        "open-quote-long",
        "data.csv",
        'a,b\n1,"2\n' + "3,4\n" * 400_000,
        {},
        "E109 data.csv:2: the quote opened at column 2 is never closed. Add the closing quote.",
    ),
    (
        "same-names",
        "data.csv",
        "a,a\n1,2\n3,4\n",
        {},
        'E110 columns 1 and 2 are both named "a". Rename one.',
    ),
    (
        "same-names-after-strip",
        "data.csv",
        "a,b, a\n1,2,3\n3,4,5\n",
        {},
        'E110 columns 1 and 3 are both named "a". Rename one.',
    ),
    (
        "long-field",
        "data.csv",
        "a,b\n1,2\n3," + "x" * (MIB + 10) + "\n",
        {},
        "E111 data.csv:3: a field exceeds 1 MiB. Check for a missing quote.",
    ),
    (
        "long-quoted-field",
        "data.csv",
        'a,b\n1,2\n3,"' + "x\n" * MIB + '"\n',
        {},
        "E111 data.csv:3: a field exceeds 1 MiB. Check for a missing quote.",
    ),
    (
        "long-line",
        "data.csv",
        "a,b\n1,2\n" + "x" * 700_000 + "," + "x" * 700_000 + "\n",
        {},
        "E111 data.csv:3: the line exceeds 1 MiB. Check for a missing quote.",
    ),
    (
        "nul",
        "data.csv",
        b"a,b\n1,2\n3,4\x005\n",
        {},
        "E111 data.csv:3: a value holds a NUL byte. Remove it.",
    ),
    (
        "utf16-without-mark",
        "data.csv",
        "a,b\n1,2\n3,4\n".encode("utf-16-le"),
        {},
        "E111 data.csv:1: NUL bytes stand between the letters: the file is UTF-16-LE without a "
        "mark. Use --encoding utf-16-le.",
    ),
    (
        "text-after-quote",
        "data.csv",
        'a,b\n1,"x" y\n2,z\n',
        {},
        "E111 data.csv:2: text follows the closing quote of a value. "
        "Write a quote inside a value twice.",
    ),
    (
        "overflow",
        "data.csv",
        "x,y\n1,1\n1e999,2\n2,3\n",
        {},
        'E112 column "x", line 3: "1e999" is not finite. Correct it, or use --missing "1e999".',
    ),
    (
        "infinity",
        "data.csv",
        "x,y\n1,1\n2,2\n-Infinity,3\n",
        {},
        'E112 column "x", line 4: "-Infinity" is not finite. '
        'Correct it, or use --missing "-Infinity".',
    ),
    (
        "inf-late",
        "data.csv",
        "x,y\n" + "1.5,2\n" * 5000 + "inf,2\n",
        {},
        'E112 column "x", line 5002: "inf" is not finite. Correct it, or use --missing "inf".',
    ),
    (
        "inf-in-decimal-comma",
        "data.csv",
        "x;y\n1,5;2\n2,5;3\ninf;2\n",
        {},
        'E112 column "x", line 4: "inf" is not finite. Correct it, or use --missing "inf".',
    ),
    (
        "two-bad",
        "data.csv",
        "x,y\n" + "1,2\n" * 2 + "abc,1\nabd,2\n" + "7,7\n" * 996,
        {},
        'E113 column "x": 2 of 1000 values are not numbers (first "abc", line 4). '
        'Correct them, use --missing "abc", or --category x.',
    ),
    (
        "one-bad",
        "data.csv",
        "x,y\n1,1\n2,2\n3x,3\n4,4\n",
        {},
        'E113 column "x": 1 of 4 values are not numbers (first "3x", line 4). '
        'Correct it, use --missing "3x", or --category x.',
    ),
    (
        "bad-late",
        "data.csv",
        "x,y\n" + "1.5,2\n" * 60_000 + "oops,1\n",
        {},
        'E113 column "x": 1 of 60001 values are not numbers (first "oops", line 60002). '
        'Correct it, use --missing "oops", or --category x.',
    ),
    (
        "bad-late-sparse",
        "data.csv",
        "x,y\n" + "1.5,2\n,3\n" * 3_000 + "oops,1\n",
        {},
        'E113 column "x": 1 of 3001 values are not numbers (first "oops", line 6002). '
        'Correct it, use --missing "oops", or --category x.',
    ),
    (
        "underscore",
        "data.csv",
        "x,y\n1_000,1\n2,2\n3,3\n",
        {},
        'E113 column "x": 1 of 3 values are not numbers (first "1_000", line 2). '
        'Correct it, use --missing "1_000", or --category x.',
    ),
    (
        "underscore-in-decimals",
        "data.csv",
        "x,y\n1.5,1\n2.5,2\n1_0.5,3\n",
        {},
        'E113 column "x": 1 of 3 values are not numbers (first "1_0.5", line 4). '
        'Correct it, use --missing "1_0.5", or --category x.',
    ),
    (
        "hexadecimal",
        "data.csv",
        "x,y\n1,1\n2,2\n0x10,3\n",
        {},
        'E113 column "x": 1 of 3 values are not numbers (first "0x10", line 4). '
        'Correct it, use --missing "0x10", or --category x.',
    ),
    (
        "percent",
        "data.csv",
        "x,y\n1,1\n2,2\n5%,3\n",
        {},
        'E143 column "x": line 2 "1" and line 4 "5%" have different units. '
        "Write all cells in one unit, or use --category x or --drop x.",
    ),
    (
        "excel-error",
        "data.csv",
        "x,y\n1,1\n2,2\n#DIV/0!,3\n",
        {},
        'E113 column "x": 1 of 3 values are not numbers (first "#DIV/0!", line 4). '
        "Correct it, use --missing '#DIV/0!', or --category x.",
    ),
    (
        "broken-groups",
        "data.csv",
        'x;y\n"1,234.5";1\n"12,34.5";2\n"2,345.5";3\n',
        {},
        'E113 column "x": 1 of 3 values are not numbers (first "12,34.5", line 3). '
        'Correct it, use --missing "12,34.5", or --category x.',
    ),
    (
        "bad-cut",
        "data.csv",
        "x,y\n1,1\n2,2\n" + "z" * 60 + ",3\n",
        {"missing": ("q",)},
        'E113 column "x": 1 of 3 values are not numbers (first "' + "z" * 39 + '…", line 4). '
        'Correct it, use --missing "' + "z" * 60 + '", or --category x.',
    ),
    (
        "forced-number",
        "data.csv",
        "x,y\nlow,1\nhigh,2\nmid,3\n",
        {"number": ("x",)},
        'E113 column "x": 3 of 3 values are not numbers (first "low", line 2). '
        "Write plain numbers, or leave out --number x: it does not fit this column.",
    ),
    (
        "wrong-decimal",
        "data.csv",
        "x;y\n1,5;1\n2,5;2\n3;3\n",
        {"decimal": ".", "number": ("x",)},
        'E113 column "x": 2 of 3 values are not numbers (first "1,5", line 2). '
        "Write plain numbers, or leave out --number x: it does not fit this column.",
    ),
    (
        "bad-after-quoted-break",
        "data.csv",
        'x,y\n1,"a\nb"\n2,c\n\nbad,d\n4,e\n',
        {},
        'E113 column "x": 1 of 4 values are not numbers (first "bad", line 6). '
        'Correct it, use --missing "bad", or --category x.',
    ),
    (
        "bad-among-skipped",
        "data.csv",
        "x,y\n1,a\n1,2,3\n2,c\nbad,d\n4,e\n",
        {"bad_rows": "skip"},
        'E113 column "x": 1 of 4 values are not numbers (first "bad", line 5). '
        'Correct it, use --missing "bad", or --category x.',
    ),
    (
        "unknown-column",
        "data.csv",
        "price,y\n1,1\n2,2\n",
        {"category": ("pric",)},
        'E114 --category "pric" not found. Did you mean "price"? Columns: price, y',
    ),
    (
        "ambiguous-date",
        "data.csv",
        "data,y\n01/02/2024,1\n03/04/2024,2\n",
        {},
        'E120 column "data": "01/02/2024" may be 1 February 2024 or 2 January 2024. '
        'Use --date-format "%d/%m/%Y" or --date-format "%m/%d/%Y".',
    ),
    (
        "ambiguous-dashes",
        "data.csv",
        "data,y\n01-02-2024,1\n03-04-2024,2\n",
        {},
        'E120 column "data": "01-02-2024" may be 1 February 2024 or 2 January 2024. '
        'Use --date-format "%d-%m-%Y" or --date-format "%m-%d-%Y".',
    ),
    (
        "short-year",
        "data.csv",
        "data,y\n13/02/24,1\n14/04/24,2\n",
        {},
        'E120 column "data": "13/02/24" may be 13 February 2024 or 24 February 2013. '
        'Use --date-format "%d/%m/%y" or --date-format "%y/%m/%d".',
    ),
    (
        "no-such-day",
        "data.csv",
        "d,y\n2024-02-01,1\n2024-02-30,2\n2024-03-01,3\n",
        {},
        'E129 column "d", line 3: "2024-02-30" is not a date of the form "%Y-%m-%d". '
        'Correct it, use --missing "2024-02-30", or --category d.',
    ),
    (
        "two-forms",
        "data.csv",
        "d,y\n2024-02-01,1\n2024-02-02,2\n01.03.2024,3\n",
        {},
        'E136 column "d": line 2 "2024-02-01" is a date of the form "%Y-%m-%d" and line 4 '
        '"01.03.2024" one of the form "%d.%m.%Y". Write all dates of the column in one way.',
    ),
    (
        "two-forms-or-three",
        "data.csv",
        "d,y\n2024-02-01,1\n2024-02-02,2\n01/03/2024,3\n",
        {},
        'E136 column "d": line 2 "2024-02-01" is a date of the form "%Y-%m-%d" and line 4 '
        '"01/03/2024" one of the form "%d/%m/%Y" or "%m/%d/%Y". '
        "Write all dates of the column in one way.",
    ),
    (
        "month-13",
        "data.csv",
        "d,y\n20/12/2024,1\n12/13/2024,2\n21/12/2024,3\n",
        {},
        'E136 column "d": line 2 "20/12/2024" is a date of the form "%d/%m/%Y" and line 3 '
        '"12/13/2024" one of the form "%m/%d/%Y". Write all dates of the column in one way.',
    ),
    (
        "forced-date",
        "data.csv",
        "d,y\nsoon,1\n2024-01-01,2\n",
        {"date": ("d",)},
        'E129 column "d", line 2: "soon" is not a date of the form "%Y-%m-%d". '
        'Correct it, use --missing "soon", or --category d.',
    ),
    ("no-file", "nothing.csv", "", {"gone": True}, "E124 {path} not found. Check the path."),
    (
        "pickle",
        "data.pkl",
        b"\x80\x04",
        {},
        "E125 data.pkl: files of the kind .pkl are not read, because they can run code or hold no "
        "table. Write the table as CSV or Parquet.",
    ),
    (
        "unknown-suffix",
        "data.abc",
        "a,b\n",
        {},
        "E125 data.abc: the kind .abc is not known. "
        "Use one of: CSV, TSV, Parquet, JSON lines, .xlsx, "
        "DuckDB and SQLite files, and PostgreSQL addresses.",
    ),
    (
        "no-suffix",
        "data",
        "a,b\n",
        {},
        "E125 data: the name has no suffix, so that its kind is not known. "
        "Rename it, for example to data.csv.",
    ),
    (
        "cut-gz",
        "data.csv.gz",
        gzip.compress(b"a,b\n1,2\n3,4\n" * 100)[:-12],
        {},
        "E125 data.csv.gz: not a complete gzip file (Compressed file ended before the "
        "end-of-stream marker was reached). Provide the file again.",
    ),
    (
        "not-gz",
        "data.csv.gz",
        b"a,b\n1,2\n",
        {},
        "E125 data.csv.gz: it is not packed with gzip. "
        "Rename it to data.csv if it was never packed.",
    ),
    (
        "no-flag",
        "data.csv",
        "f,y\nyes,1\nno,2\nperhaps,3\n",
        {"flag": ("f",)},
        'E125 column "f", line 4: "perhaps" is not a flag value. '
        "Use words such as yes and no, or leave out --flag f.",
    ),
    (
        "empty-name",
        "data.csv",
        "a,,c\n1,2,3\n4,5,6\n",
        {},
        "E131 data.csv:1: the header has an empty name in column 2. Name it.",
    ),
    (
        "empty-name-below-blank",
        "data.csv",
        "\n\na,b,\n1,2,3\n4,5,6\n",
        {},
        "E131 data.csv:3: the header has an empty name in column 3. Name it.",
    ),
]

# (id, file name, contents, options, column -> (kind, values), notices with their codes)
READ: list[
    tuple[str, str, str | bytes, dict[str, Any], dict[str, tuple[str, list[Any]]], list[str]]
]
READ = [
    (
        "plain",
        "data.csv",
        "a,b\n1,2.5\n3,-4e2\n",
        {},
        {"a": ("number", [1, 3]), "b": ("number", [2.5, -400])},
        [],
    ),
    (
        "no-last-line-end",
        "data.csv",
        "a,b\n1,2\n3,4",
        {},
        {"a": ("number", [1, 3]), "b": ("number", [2, 4])},
        [],
    ),
    (
        "crlf",
        "data.csv",
        "a,b\r\n1,2\r\n3,4\r\n",
        {},
        {"a": ("number", [1, 3]), "b": ("number", [2, 4])},
        [],
    ),
    (
        "old-mac",
        "data.csv",
        "a,b\r1,2\r3,4\r",
        {},
        {"a": ("number", [1, 3]), "b": ("number", [2, 4])},
        [],
    ),
    (
        "mixed-line-ends",
        "data.csv",
        "a,b\r\n1,2\n3,4\r\n5,6\r",
        {},
        {"a": ("number", [1, 3, 5]), "b": ("number", [2, 4, 6])},
        [],
    ),
    (
        "blank-lines-at-end",
        "data.csv",
        "a,b\n1,2\n3,4\n\n\n",
        {},
        {"a": ("number", [1, 3]), "b": ("number", [2, 4])},
        [],
    ),
    ("one-column-blank-lines", "data.csv", "a\n1\n\n3\n\n\n", {}, {"a": ("number", [1, 3])}, []),
    (
        "bom",
        "data.csv",
        b"\xef\xbb\xbfa,b\n1,2\n3,4\n",
        {},
        {"a": ("number", [1, 3]), "b": ("number", [2, 4])},
        [],
    ),
    (
        "bom-and-quoted-name",
        "data.csv",
        b'\xef\xbb\xbf"a",b\n1,2\n3,4\n',
        {},
        {"a": ("number", [1, 3]), "b": ("number", [2, 4])},
        [],
    ),
    (
        "utf16",
        "data.csv",
        "ä;b\n1;2\n3;4\n".encode("utf-16"),
        {},
        {"ä": ("number", [1, 3]), "b": ("number", [2, 4])},
        [],
    ),
    (
        "cp1252",
        "data.csv",
        "città,b\nForlì,2\nRoma,4\n".encode("cp1252"),
        {"encoding": "cp1252"},
        {"città": ("category", ["Forlì", "Roma"]), "b": ("number", [2, 4])},
        [],
    ),
    (
        "gz",
        "data.csv.gz",
        gzip.compress(b"a,b\n1,2\n3,4\n"),
        {},
        {"a": ("number", [1, 3]), "b": ("number", [2, 4])},
        [],
    ),
    (
        "tabs",
        "data.tsv",
        "a\tb\n1\tx y\n3\tz,w\n",
        {},
        {"a": ("number", [1, 3]), "b": ("category", ["x y", "z,w"])},
        [],
    ),
    (
        "pipes",
        "data.txt",
        "a|b\n1|2\n3|4\n",
        {},
        {"a": ("number", [1, 3]), "b": ("number", [2, 4])},
        [],
    ),
    (
        "blanks",
        "data.dat",
        "a   b\n 1  2.5\n30 -4\n",
        {},
        {"a": ("number", [1, 30]), "b": ("number", [2.5, -4])},
        [],
    ),
    (
        "blanks-with-quotes",
        "data.txt",
        'a b\n1 "New York"\n2 Rome\n',
        {},
        {"a": ("number", [1, 2]), "b": ("category", ["New York", "Rome"])},
        [],
    ),
    (
        "comma-in-quotes",
        "data.csv",
        'a,b\n1,"x, y"\n2,"say ""hi"""\n',
        {},
        {"a": ("number", [1, 2]), "b": ("category", ["x, y", 'say "hi"'])},
        [],
    ),
    (
        "line-break-in-quotes",
        "data.csv",
        'a,b\n1,"x\ny"\n2,z\n',
        {},
        {"a": ("number", [1, 2]), "b": ("category", ["x\ny", "z"])},
        [],
    ),
    (
        "line-break-in-name",
        "data.csv",
        '"a\nb",c\n1,2\n2,z\n4,5\n',
        {"category": ("c",)},
        {"a\nb": ("number", [1, 2, 4]), "c": ("category", ["2", "z", "5"])},
        [],
    ),
    (
        "quote-inside",
        "data.csv",
        'a,b\n1,5" pipe\n2,6" pipe\n',
        {},
        {"a": ("number", [1, 2]), "b": ("category", ['5" pipe', '6" pipe'])},
        [],
    ),
    (
        "semicolon-with-commas",
        "data.csv",
        "a;b\n1,5;2,25\n3,0;4,1\n",
        {},
        {"a": ("number", [1.5, 3.0]), "b": ("number", [2.25, 4.1])},
        ['I105 Read with separator ";" and decimal ",": "1,5" is 1.5 (line 2).'],
    ),
    (
        "italian-thousands",
        "data.csv",
        "x;y\n1.234,56;1\n12,5;2\n",
        {},
        {"x": ("number", [1234.56, 12.5]), "y": ("number", [1, 2])},
        ['I105 Read with separator ";" and decimal ",": "1.234,56" is 1234.56 (line 2).'],
    ),
    (
        "english-thousands",
        "data.csv",
        'x,y\n"1,234.56",1\n12.5,2\n',
        {},
        {"x": ("number", [1234.56, 12.5]), "y": ("number", [1, 2])},
        ['I105 Read with separator "," and decimal ".": "1,234.56" is 1234.56 (line 2).'],
    ),
    (
        "millions",
        "data.csv",
        "x;y\n1.234.567;1\n12;2\n",
        {},
        {"x": ("number", [1234567, 12]), "y": ("number", [1, 2])},
        ['I105 Read with separator ";" and decimal ",": "1.234.567" is 1234567 (line 2).'],
    ),
    (
        "file-decides-thousands",
        "data.csv",
        "x;y\n7.000;1,5\n8.000;2,5\n",
        {},
        {"x": ("number", [7000, 8000]), "y": ("number", [1.5, 2.5])},
        ['I105 Read with separator ";" and decimal ",": "7.000" is 7000 (line 2).'],
    ),
    (
        "file-decides-decimals",
        "data.csv",
        "x,y\n7.000,1.5\n8.000,2.5\n",
        {},
        {"x": ("number", [7, 8]), "y": ("number", [1.5, 2.5])},
        [],
    ),
    (
        "zero-decides",
        "data.csv",
        "x,y\n0.125,1\n7.250,2\n",
        {},
        {"x": ("number", [0.125, 7.25]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "told-decimal-point",
        "data.csv",
        "x;y\n7.000;1\n8.000;2\n",
        {"decimal": "."},
        {"x": ("number", [7, 8]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "told-decimal-comma",
        "data.csv",
        "x;y\n7.000;1\n8.000;2\n",
        {"decimal": ","},
        {"x": ("number", [7000, 8000]), "y": ("number", [1, 2])},
        ['I105 Read with separator ";" and decimal ",": "7.000" is 7000 (line 2).'],
    ),
    (
        "told-thousands",
        "data.csv",
        "x;y\n7.000;1\n8.000;2\n",
        {"thousands": "."},
        {"x": ("number", [7000, 8000]), "y": ("number", [1, 2])},
        ['I105 Read with separator ";" and decimal ",": "7.000" is 7000 (line 2).'],
    ),
    (
        "late-thousands",
        "data.csv",
        "x;y\n" + "1.5;1\n" * 5000 + "1,234.5;2\n",
        {},
        {"x": ("number", [1.5] * 5000 + [1234.5]), "y": ("number", [1] * 5000 + [2])},
        ['I105 Read with separator ";" and decimal ".": "1,234.5" is 1234.5 (line 5002).'],
    ),
    (
        "late-decimal-comma",
        "data.csv",
        "x;y\n" + "15;1\n" * 5000 + "1,5;2\n",
        {},
        {"x": ("number", [15] * 5000 + [1.5]), "y": ("number", [1] * 5000 + [2])},
        ['I105 Read with separator ";" and decimal ",": "1,5" is 1.5 (line 5002).'],
    ),
    (
        "space-thousands",
        "data.csv",
        "x;y\n1 234,5;1\n12 345 678;2\n",
        {},
        {"x": ("number", [1234.5, 12345678]), "y": ("number", [1, 2])},
        ['I105 Read with separator ";" and decimal ",": "1 234,5" is 1234.5 (line 2).'],
    ),
    (
        "narrow-space",
        "data.csv",
        "x;y\n1\u202f234,5;1\n2\u00a0345,5;2\n",
        {},
        {"x": ("number", [1234.5, 2345.5]), "y": ("number", [1, 2])},
        ['I105 Read with separator ";" and decimal ",": "1\\u202f234,5" is 1234.5 (line 2).'],
    ),
    (
        "apostrophes",
        "data.csv",
        "x;y\n1'234.5;1\n2’345.5;2\n",
        {},
        {"x": ("number", [1234.5, 2345.5]), "y": ("number", [1, 2])},
        ['I105 Read with separator ";" and decimal ".": "1\'234.5" is 1234.5 (line 2).'],
    ),
    (
        "one-column-of-commas",
        "data.csv",
        "x\n1,5\n2,25\n",
        {},
        {"x": ("number", [1.5, 2.25])},
        ['I105 Read with separator ";" and decimal ",": "1,5" is 1.5 (line 2).'],
    ),
    (
        "signs",
        "data.csv",
        "x,y\n+1.5,1\n-2.5,2\n\u22123.5,3\n",
        {},
        {"x": ("number", [1.5, -2.5, -3.5]), "y": ("number", [1, 2, 3])},
        [],
    ),
    (
        "odd-decimals",
        "data.csv",
        "x,y\n.5,1\n5.,2\n1E3,3\n",
        {},
        {"x": ("number", [0.5, 5, 1000]), "y": ("number", [1, 2, 3])},
        [],
    ),
    (
        "blanks-around",
        "data.csv",
        "x, y\n 1.5 , 1\n2.5,  2\n",
        {},
        {"x": ("number", [1.5, 2.5]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "underflow",
        "data.csv",
        "x,y\n1e-400,1\n1.5,2\n",
        {},
        {"x": ("number", [0, 1.5]), "y": ("number", [1, 2])},
        [
            'W149 column "x", line 2: "1e-400" is too small for 64-bit numbers; read as 0. '
            "Give the column in another unit if 0 is not meant."
        ],
    ),
    (
        "seventeen-digits",
        "data.csv",
        "x,y\n0.1234567890123456789,1\n2.5,2\n",
        {},
        {"x": ("number", [0.1234567890123456789, 2.5]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "huge",
        "data.csv",
        "x,y\n6.02e23,1\n1e300,2\n",
        {},
        {"x": ("number", [6.02e23, 1e300]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "overflow-as-missing",
        "data.csv",
        "x,y\n1,1\n1e999,2\n3,3\n",
        {"missing": ("1e999",)},
        {"x": ("number", [1, NAN, 3]), "y": ("number", [1, 2, 3])},
        [],
    ),
    (
        "code-as-missing",
        "data.csv",
        "x,y\n1,a\n-999,b\n3,-999\n",
        {"missing": ("-999",)},
        {"x": ("number", [1, NAN, 3]), "y": ("category", ["a", "b", None])},
        [],
    ),
    (
        "bad-as-missing",
        "data.csv",
        "x,y\n1,1\nabc,2\n3,3\n4,4\n",
        {"missing": ("abc",)},
        {"x": ("number", [1, NAN, 3, 4]), "y": ("number", [1, 2, 3, 4])},
        [],
    ),
    (
        "empty-values",
        "data.csv",
        'x,y\n1,a\n,""\n3,c\n',
        {},
        {"x": ("number", [1, NAN, 3]), "y": ("category", ["a", None, "c"])},
        [],
    ),
    (
        "na-in-numbers",
        "data.csv",
        "x,y\nNA,1\n1.5,2\nNA,3\n2.5,4\n",
        {},
        {"x": ("number", [NAN, 1.5, NAN, 2.5]), "y": ("number", [1, 2, 3, 4])},
        ['I132 column "x": "NA" in 2 rows read as missing.'],
    ),
    (
        "nan-in-numbers",
        "data.csv",
        "x,y\n1.5,1\nnan,2\n2.5,3\n",
        {},
        {"x": ("number", [1.5, NAN, 2.5]), "y": ("number", [1, 2, 3])},
        ['I132 column "x": "nan" in 1 row read as missing.'],
    ),
    (
        "nan-late",
        "data.csv",
        "x,y\n" + "1.5,1\n" * 5000 + "nan,2\n",
        {},
        {"x": ("number", [1.5] * 5000 + [NAN]), "y": ("number", [1] * 5000 + [2])},
        ['I132 column "x": "nan" in 1 row read as missing.'],
    ),
    (
        "signs-for-missing",
        "data.csv",
        "x,y\n1,1\n-,2\n?,3\n4,4\n",
        {},
        {"x": ("number", [1, NAN, NAN, 4]), "y": ("number", [1, 2, 3, 4])},
        [
            'I132 column "x": "-" in 1 row read as missing.',
            'I132 column "x": "?" in 1 row read as missing.',
        ],
    ),
    (
        "null-in-dates",
        "data.csv",
        "d,y\n1970-01-02,1\nNULL,2\n1970-01-11,3\n",
        {},
        {"d": ("date", [1, NAN, 10]), "y": ("number", [1, 2, 3])},
        ['I132 column "d": "NULL" in 1 row read as missing.'],
    ),
    (
        "na-in-category",
        "data.csv",
        "country,y\nNA,1\nIT,2\nNA,3\nUS,4\n",
        {},
        {"country": ("category", ["NA", "IT", "NA", "US"]), "y": ("number", [1, 2, 3, 4])},
        [
            'W121 column "country": "NA" in 2 rows kept as a category. '
            'Use --missing "NA" if they are blanks.'
        ],
    ),
    (
        "na-told-missing",
        "data.csv",
        "country,y\nNA,1\nIT,2\nNA,3\nUS,4\n",
        {"missing": ("NA",)},
        {"country": ("category", [None, "IT", None, "US"]), "y": ("number", [1, 2, 3, 4])},
        [],
    ),
    (
        "leading-zeros",
        "data.csv",
        "cap,y\n00123,1\n10000,2\n00456,3\n",
        {},
        {"cap": ("category", ["00123", "10000", "00456"]), "y": ("number", [1, 2, 3])},
        [
            'W118 column "cap": "00123" has leading zeros; read as a category. '
            "Use --number cap to override."
        ],
    ),
    (
        "leading-zeros-late",
        "data.csv",
        "cap,y\n" + "10000,1\n" * 5000 + "00456,3\n",
        {},
        {"cap": ("category", ["10000"] * 5000 + ["00456"]), "y": ("number", [1] * 5000 + [3])},
        [
            'W118 column "cap": "00456" has leading zeros; read as a category. '
            "Use --number cap to override."
        ],
    ),
    (
        "leading-zeros-forced",
        "data.csv",
        "cap,y\n00123,1\n10000,2\n",
        {"number": ("cap",)},
        {"cap": ("number", [123, 10000]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "beyond-2^53",
        "data.csv",
        "n,y\n9007199254740993,1\n5,2\n",
        {},
        {"n": ("number", [9007199254740992, 5]), "y": ("number", [1, 2])},
        ['W119 column "n": 9007199254740993 exceeds 2^53 and would lose digits. Use --category n.'],
    ),
    (
        "beyond-2^53-kept",
        "data.csv",
        "n,y\n9007199254740993,1\n5,2\n",
        {"category": ("n",)},
        {"n": ("category", ["9007199254740993", "5"]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "beyond-2^64",
        "data.csv",
        "n,y\n36893488147419103233,1\n5,2\n",
        {},
        {"n": ("number", [36893488147419103232, 5]), "y": ("number", [1, 2])},
        [
            'W119 column "n": 36893488147419103233 exceeds 2^53 and would lose digits. '
            "Use --category n."
        ],
    ),
    (
        "even-beyond-2^53",
        "data.csv",
        "n,y\n9007199254740994,1\n5,2\n",
        {},
        {"n": ("number", [9007199254740994, 5]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "mostly-text",
        "data.csv",
        "x,y\n1,1\ntwo,2\nthree,3\n4,4\nfive,5\n",
        {},
        {"x": ("category", ["1", "two", "three", "4", "five"]), "y": ("number", [1, 2, 3, 4, 5])},
        [],
    ),
    (
        "late-text",
        "data.csv",
        "x,y\n" + "1,1\n" * 3000 + "a,2\nb,2\n" * 1000,
        {},
        {
            "x": ("category", ["1"] * 3000 + ["a", "b"] * 1000),
            "y": ("number", [1] * 3000 + [2] * 2000),
        },
        [],
    ),
    (
        "currency",
        "data.csv",
        "x,y\n€5,1\n€6,2\n€7,3\n",
        {},
        {"x": ("number", [5, 6, 7]), "y": ("number", [1, 2, 3])},
        [
            'I144 column "x" read as numbers: "€5" is 5 with the unit "€" (line 2). '
            "Use --category x if they are labels."
        ],
    ),
    (
        "flag-words",
        "data.csv",
        "f,g,h\nyes,T,Vero\nNO,F,falso\nYes,T,VERO\n",
        {},
        {"f": ("flag", [1, 0, 1]), "g": ("flag", [1, 0, 1]), "h": ("flag", [1, 0, 1])},
        [],
    ),
    (
        "flag-si",
        "data.csv",
        "f,g\nsì,on\nno,off\n,on\n",
        {},
        {"f": ("flag", [1, 0, NAN]), "g": ("flag", [1, 0, 1])},
        [],
    ),
    (
        "flag-zero-one",
        "data.csv",
        "f,x\n0,0.0\n1,1.0\n1,0.0\n",
        {},
        {"f": ("flag", [0, 1, 1]), "x": ("number", [0, 1, 0])},
        [],
    ),
    (
        "flag-as-number",
        "data.csv",
        "f,y\n0,1\n1,2\n",
        {"number": ("f",)},
        {"f": ("number", [0, 1]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "flag-as-category",
        "data.csv",
        "f,y\nyes,1\nno,2\n",
        {"category": ("f",)},
        {"f": ("category", ["yes", "no"]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "flag-forced",
        "data.csv",
        "f,y\n1,3\n0,4\n0,5\n",
        {"flag": ("f",)},
        {"f": ("flag", [1, 0, 0]), "y": ("number", [3, 4, 5])},
        [],
    ),
    (
        "two-words",
        "data.csv",
        "f,y\nmale,1\nfemale,2\n",
        {},
        {"f": ("category", ["male", "female"]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "numbers-as-category",
        "data.csv",
        "x,y\n10,1\n9,2\n10,3\n",
        {"category": ("x",)},
        {"x": ("category", ["10", "9", "10"]), "y": ("number", [1, 2, 3])},
        [],
    ),
    (
        "iso-dates",
        "data.csv",
        "d,y\n1970-01-01,1\n1969-12-31,2\n2000-02-29,3\n",
        {},
        {"d": ("date", [0, -1, 11016]), "y": ("number", [1, 2, 3])},
        [],
    ),
    (
        "iso-times",
        "data.csv",
        "d,y\n1970-01-01T12:00Z,1\n1970-01-02 06:00:00 UTC,2\n1970-01-03T00:00:00Z,3\n"
        "1970-01-01T02:00:00+02:00,4\n1970-01-01 09:30:00-02,5\n",
        {},
        {"d": ("date", [0.5, 1.25, 2, 0, 11.5 / 24]), "y": ("number", [1, 2, 3, 4, 5])},
        [],
    ),
    (
        "slashed-years",
        "data.csv",
        "d,y\n1970/01/02,1\n1970/1/3,2\n",
        {},
        {"d": ("date", [1, 2]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "day-first",
        "data.csv",
        "d,y\n01/02/1970,1\n13/01/1970,2\n",
        {},
        {"d": ("date", [31, 12]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "month-first",
        "data.csv",
        "d,y\n01/02/1970,1\n01/13/1970,2\n",
        {},
        {"d": ("date", [1, 12]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "day-first-late",
        "data.csv",
        "d,y\n" + "01/02/1970,1\n" * 5000 + "13/01/1970,2\n",
        {},
        {"d": ("date", [31] * 5000 + [12]), "y": ("number", [1] * 5000 + [2])},
        [],
    ),
    (
        "dotted",
        "data.csv",
        "d,y\n01.02.1970,1\n3.1.1970 12:00,2\n",
        {},
        {"d": ("date", [31, 2.5]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "months-by-name",
        "data.csv",
        "d,y\n2 Jan 1970,1\n1 Feb 1970,2\n",
        {},
        {"d": ("date", [1, 31]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "told-format",
        "data.csv",
        "d,y\n01/02/1970,1\n03/01/1970,2\n",
        {"date_format": "%d/%m/%Y"},
        {"d": ("date", [31, 2]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "compact-dates",
        "data.csv",
        "d,y\n19700102,1\n19700201,2\n",
        {"date_format": "%Y%m%d", "date": ("d",)},
        {"d": ("date", [1, 31]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "compact-is-number",
        "data.csv",
        "d,y\n19700102,1\n19700201,2\n",
        {},
        {"d": ("number", [19700102, 19700201]), "y": ("number", [1, 2])},
        [
            'I139 column "d": "19700102" and all other values could be dates; read as numbers. '
            "Use --date d if they are dates."
        ],
    ),
    (
        "date-as-category",
        "data.csv",
        "d,y\n01/02/1970,1\n03/04/1970,2\n",
        {"category": ("d",)},
        {"d": ("category", ["01/02/1970", "03/04/1970"]), "y": ("number", [1, 2])},
        [],
    ),
    (
        "skip-bad-rows",
        "data.csv",
        "a,b\n1,2\n1,2,3\n5\n3,4\n",
        {"bad_rows": "skip"},
        {"a": ("number", [1, 3]), "b": ("number", [2, 4])},
        ["W130 data.csv: 2 rows with a wrong number of fields were skipped (first line 3)."],
    ),
    (
        "skip-one-bad-row",
        "data.csv",
        "a,b\n1,2\n5\n3,4\n",
        {"bad_rows": "skip"},
        {"a": ("number", [1, 3]), "b": ("number", [2, 4])},
        ["W130 data.csv: 1 row with a wrong number of fields was skipped (first line 3)."],
    ),
    (
        "no-header",
        "data.csv",
        "1,x\n3,y\n",
        {"header": False},
        {"c1": ("number", [1, 3]), "c2": ("category", ["x", "y"])},
        [],
    ),
    (
        "numbers-in-header",
        "data.csv",
        "1,2\n3,4\n5,6\n",
        {},
        {"1": ("number", [3, 5]), "2": ("number", [4, 6])},
        [
            'W134 data.csv: 2 of 2 names in the first line could be values (first "1"). '
            "Use --no-header if that line holds values."
        ],
    ),
    (
        "names-differ-in-case",
        "data.csv",
        "a,A\n1,2\n3,4\n",
        {},
        {"a": ("number", [1, 3]), "A": ("number", [2, 4])},
        [],
    ),
    (
        "odd-names",
        "data.csv",
        "a\"b,it's;x,{c}\n1,2,3\n3,4,5\n",
        {"sep": ","},
        {'a"b': ("number", [1, 3]), "it's;x": ("number", [2, 4]), "{c}": ("number", [3, 5])},
        [],
    ),
    (
        "all-missing",
        "data.csv",
        "a,b\n,2\n,4\n",
        {},
        {"a": ("category", [None, None]), "b": ("number", [2, 4])},
        [],
    ),
    (
        "told-separator",
        "data.csv",
        "a,b;c\n1,2;3\n4,5;6\n",
        {"sep": ";", "category": ("a,b",)},
        {"a,b": ("category", ["1,2", "4,5"]), "c": ("number", [3, 6])},
        [],
    ),
    (
        "tab-by-name",
        "data.csv",
        "a\tb\n1\t2\n3\t4\n",
        {"sep": "tab"},
        {"a": ("number", [1, 3]), "b": ("number", [2, 4])},
        [],
    ),
]


def write(folder: Path, name: str, contents: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return path


def shown_values(table: Table, name: str) -> list[Any]:
    """A column's values, categories as their texts and missing ones as None."""
    values = table.values[name]
    if table.schema[name].kind != "category":
        return values.tolist()
    levels = table.schema[name].levels
    return [None if code < 0 else levels[code] for code in values.tolist()]


@pytest.mark.parametrize(
    ("name", "contents", "options", "message"),
    [pytest.param(*case[1:], id=case[0]) for case in REFUSED],
)
def test_refused(
    tmp_path: Path, name: str, contents: str | bytes, options: dict[str, Any], message: str
) -> None:
    path = tmp_path / name
    if not options.pop("gone", False):
        write(tmp_path, name, contents)
    with pytest.raises(VetroError) as caught:
        read_table(path, ReadOptions(**options))
    assert isinstance(caught.value, TableError | UsageError)
    assert told(caught.value) == message.replace("{path}", str(path))


@pytest.mark.parametrize(
    ("name", "contents", "options", "columns", "notices"),
    [pytest.param(*case[1:], id=case[0]) for case in READ],
)
def test_read(
    tmp_path: Path,
    name: str,
    contents: str | bytes,
    options: dict[str, Any],
    columns: dict[str, tuple[str, list[Any]]],
    notices: list[str],
) -> None:
    table = read_table(write(tmp_path, name, contents), ReadOptions(**options))
    assert {column.name: column.kind for column in table.schema} == {
        column: kind for column, (kind, _) in columns.items()
    }
    assert [told(item) for item in table.notices] == notices
    for column, (kind, values) in columns.items():
        if kind == "category":
            assert shown_values(table, column) == values
        else:
            np.testing.assert_array_equal(table.values[column], np.array(values, dtype=float))


def test_there_are_enough_cases() -> None:
    ids = [case[0] for case in (*REFUSED, *READ)]
    assert len(set(ids)) == len(ids)
    assert len(ids) >= 120


def test_nearest_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, "pumps.csv", "a,b\n1,2\n3,4\n")
    with pytest.raises(TableError) as caught:
        read_table(tmp_path / "pump.csv")
    assert str(caught.value) == (
        f'{tmp_path}/pump.csv not found. Did you mean "{tmp_path}/pumps.csv"?'
    )


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match='There is no folder "'):
        read_table(tmp_path / "no" / "pump.csv")


def test_an_object_that_is_no_table() -> None:
    with pytest.raises(TableError) as caught:
        read_table(object())
    assert told(caught.value) == (
        "E125 a object: not a kind of table that Vetro reads. Pass a path, a pandas, polars or "
        "pyarrow table, a dict of columns, or a 2-d array."
    )
