"""Small files that ask for much memory or time: refused by name, under a limit of the process."""

from __future__ import annotations

import gzip
import resource
import signal
import struct
import subprocess
import sys
import zipfile
import zlib

import openpyxl
import pandas as pd
import pytest
from told import told

from vetro.apps.recipe_file import read_recipe
from vetro.errors import VetroError
from vetro.tables.read import read_table
from vetro.tables.roles import assign_roles

GIB = 1 << 30
CALL = """
import sys
from vetro.errors import VetroError
from vetro.tables.read import read_table
try:
    table = read_table(sys.argv[1])
    print("read", table.rows)
except VetroError as refusal:
    print(refusal.code, refusal)
"""


def answer(path, largest: int = GIB) -> str:
    """What reading says in a process that may have 4 GiB of addresses and 60 s of CPU.

    largest: the bytes of a file that it may write.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (4 * GIB, 4 * GIB))
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    done = subprocess.run(
        [sys.executable, "-c", CALL, str(path)],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )
    return done.stdout.strip() or done.stderr[-600:]


@pytest.mark.parametrize("cells", [["XFD1048576"], ["A1", "XFD1048576"], ["A1", "B1048576"]])
def test_a_stray_cell_in_the_last_corner(tmp_path, cells) -> None:
    book = openpyxl.Workbook()
    for cell in cells:
        book.active[cell] = 1
    book.save(tmp_path / "w.xlsx")
    said = answer(tmp_path / "w.xlsx")
    if cells[-1].startswith("B"):
        assert said.startswith("E")  # 2 million cells are read, and are no table
        return
    assert said.startswith(f"E125 w.xlsx: its {len(cells)} cells span 1,048,576 rows and 16,384")
    assert said.endswith("Clear cell XFD1048576 if it is a mistake, or save the table as CSV.")


def repacked(path, part: str, text: bytes) -> None:
    """The same archive with another text in a part."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts[part] = text
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, data in parts.items():
            book.writestr(name, data)


def blanks(size: int) -> bytes:
    """A zip of one part that unpacks to so many blanks: one packed megabyte, again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b" " * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = (size >> 20) * block + b"\x03\x00"
    name = b"xl/sharedStrings.xml"
    head = struct.pack("<5H3I2H", 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0)
    part = b"PK\x03\x04" + head + name + packed
    entry = b"PK\x01\x02\x14\x00" + head + struct.pack("<3H2I", 0, 0, 0, 0, 0) + name
    return (
        part + entry + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1, 1, len(entry), len(part), 0)
    )


def test_a_zip_bomb(tmp_path) -> None:
    (tmp_path / "w.xlsx").write_bytes(blanks(GIB + (4 << 20)))
    said = answer(tmp_path / "w.xlsx")
    assert said.startswith("E125 w.xlsx: its parts are larger than 1 GiB unpacked.")


def test_an_ods_that_repeats_a_cell(tmp_path) -> None:
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
        ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
        ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
        '<office:spreadsheet><table:table table:name="a"><table:table-row '
        'table:number-rows-repeated="1048576"><table:table-cell '
        'table:number-columns-repeated="16384" office:value-type="float" office:value="1"/>'
        "</table:table-row></table:table></office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    with zipfile.ZipFile(tmp_path / "w.ods", "w") as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr("content.xml", content)
    said = answer(tmp_path / "w.ods")
    assert said.startswith("E125 w.ods: its 17,179,869,184 cells span 1,048,576 rows")


@pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl.gz", "t.json.gz"])
def test_a_gzip_bomb(tmp_path, name: str) -> None:
    line = b"1,2\n" if "csv" in name else b'{"a": 1, "b": "' + b"x" * 5000 + b'"}\n'
    first = b"a,b\n" if "csv" in name else b"[" if name == "t.json.gz" else b""
    # A gzip file may have many members: 300 times the same megabyte.
    member = gzip.compress(line * ((1 << 20) // len(line)), 9)
    (tmp_path / name).write_bytes(gzip.compress(first) + 300 * member)
    said = answer(tmp_path / name)
    assert said.startswith(f"E125 {name}: it unpacks to more than 256 MiB, over 200 times its size")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "a,b\n1,2\n" + "7" * 5000 + ",3\n4,5\n"),
        ("t.csv", "a,b\n1,2\n0." + "7" * 5000 + ",3\n4,5\n"),
        ("t.jsonl", '{"a": 1, "b": 2}\n{"a": ' + "7" * 5000 + ', "b": 3}\n'),
        ("t.json", '[{"a": 1, "b": 2}, {"a": ' + "7" * 5000 + ', "b": 3}]'),
        ("t.jsonl", '{"a": 1, "b": 2}\n{"a": 1e' + "7" * 5000 + ', "b": 3}\n'),
    ],
)
def test_numbers_of_5000_digits(tmp_path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    said = answer(tmp_path / name)
    assert said.startswith(("E1", "read 3")) and len(said) < 300, said


def test_a_number_of_5000_digits_in_a_recipe(tmp_path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[recipe]\nepochs = " + "7" * 5000 + "\n")
    with pytest.raises(VetroError) as caught:
        read_recipe(path)
    assert caught.value.code == "E603" and "digits" in str(caught.value)


def test_deep_toml(tmp_path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[table]\nmissing = " + "[" * 100_000 + "]" * 100_000)
    with pytest.raises(VetroError) as caught:
        read_recipe(path)
    assert caught.value.code == "E603"


LONG = "u" * 2_000_000


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet", "frame", "categorical", "csv"])
def test_a_text_of_2_megabytes_is_no_level(tmp_path, form: str) -> None:
    """It would stand in the model: the column is left out, or refused where it is needed."""
    size = 900_000 if form == "csv" else len(LONG)  # longer lines of a text file are refused
    names = [LONG[:size] if n == 3 else "v" for n in range(30)]
    frame = pd.DataFrame({"x": range(30), "name": names, "y": [n % 7 for n in range(30)]})
    source = tmp_path / f"t.{form}"
    if form in ("jsonl", "json"):
        frame.to_json(source, orient="records", lines=form == "jsonl")
    elif form == "parquet":
        frame.to_parquet(source)
    elif form == "csv":
        frame.to_csv(source, index=False)
    else:
        source = frame.astype({"name": "category"}) if form == "categorical" else frame
    table = read_table(source)
    assert table.schema["name"].levels == () and len(table.schema["name"].example) < 1001
    looked = assign_roles(table, targets=["y"])
    (said,) = [item for item in looked.notices if item.code == "W171"]
    assert told(said) == (
        f'W171 column "name" holds texts of up to {size:,} characters; ignored. '
        "A level has 1,000 characters at most."
    )
    assert looked.schema["name"].role == "ignored"
    for roles in ({"targets": ["name"]}, {"targets": ["y"], "group": "name"}):
        with pytest.raises(VetroError) as caught:
            assign_roles(table, **roles)
        assert told(caught.value).startswith('E210 column "name" holds texts of up to ')


def test_texts_of_1000_characters_are_levels(tmp_path) -> None:
    table = read_table({"x": [1, 2, 3], "name": ["u" * 1000, "v", "v"]})
    assert len(table.schema["name"].levels) == 2


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_keys_that_are_all_different(tmp_path, name: str) -> None:
    """1.5 MB that would fill 80 GB."""
    objects = [f'{{"key{n}": 1}}' for n in range(100_000)]
    text = "\n".join(objects) if name == "t.jsonl" else "[" + ",".join(objects) + "]"
    (tmp_path / name).write_text(text)
    said = answer(tmp_path / name)
    assert said == (
        f"E125 {name}: its 20,000 values span 20,000 rows and 20,000 columns. "
        "Give each object the same keys."
    )


@pytest.mark.parametrize("form", ["packed", "utf-16", "mixed", "titled"])
def test_a_temporary_copy_on_a_full_disk(tmp_path, form: str) -> None:
    """The file is not blamed."""
    rows = "".join(f"{row},{row % 7}.5\n" for row in range(9000))
    text = "a,b\n" + rows
    path = tmp_path / ("t.csv.gz" if form == "packed" else "t.csv")
    if form == "packed":
        path.write_bytes(gzip.compress(text.encode()))
    elif form == "utf-16":
        path.write_text(text, encoding="utf-16")
    else:
        first = "a,b\r\n" if form == "mixed" else "Flow of a pump\n\na,b\n"
        path.write_bytes((first + rows).encode())
    assert answer(path) == "read 9000"
    assert answer(path, 1000) == (
        f"E503 Cannot save a temporary copy of {path.name}: file too large for this system. "
        "Raise the limit on file sizes."
    )
