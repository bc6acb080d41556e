"""Files in other encodings: the right one is among those that the message proposes.

Python encodes the words, so that what they are is known.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from vetro.errors import TableError
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.sources.text.encodings import encoding_of, likely_encodings, wide_encoding

WORDS = {
    "città perché più già età qualità": ("cp1252", "mac-roman", "cp850"),
    "été prénom français hôtel garçon": ("cp1252", "mac-roman", "cp850"),
    "Zürich Köln München Düsseldorf Größe": ("cp1252", "mac-roman", "cp850", "cp437"),
    "señor año España corazón número": ("cp1252", "mac-roman"),
    "Łódź Kraków Gdańsk Wrocław Częstochowa": ("cp1250", "iso-8859-2", "cp852"),
    "Plzeň Děčín výška šířka žlutý": ("cp1250", "iso-8859-2"),
    "Győr Pécs Székesfehérvár hőmérséklet": ("cp1250", "iso-8859-2"),
    "İstanbul Şişli Ağrı Muğla Çanakkale": ("cp1254",),
    "Москва Казань Самара высота ширина": ("cp1251", "koi8-r", "cp866"),
    "Αθήνα Πάτρα Θεσσαλονίκη ύψος": ("cp1253",),
    "東京 大阪 名古屋 さくら 温度": ("cp932", "euc-jp"),
    "北京 上海 广州 深圳 温度": ("gb18030",),
    "臺北 高雄 臺中 新竹 溫度": ("big5",),
    "서울 부산 대구 인천 온도": ("cp949",),
}
CASES = [(text, name) for text, several in WORDS.items() for name in several]


@pytest.mark.parametrize(("text", "name"), CASES)
def test_the_right_words_are_proposed(text: str, name: str) -> None:
    given = text.split()
    found = likely_encodings([f"{word},1\n".encode(name) for word in given])
    assert given[0] in [word for _, word in found]
    assert 1 <= len(found) <= 2


@pytest.mark.parametrize(("text", "name"), CASES)
def test_a_proposal_reads_the_file(tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "".join(f"{word},1\n" for word in text.split()), encoding=name)
    with pytest.raises(TableError) as refusal:
        read_table(path)
    assert refusal.value.code == "E103"
    proposed = [setting.value for setting in refusal.value.words.settings]
    tables = [read_table(path, ReadOptions(encoding=str(value))) for value in proposed]
    assert text.split()[0] in [table.schema["x"].levels[0] for table in tables] or any(
        set(text.split()) == set(table.schema["x"].levels) for table in tables
    )


@pytest.mark.parametrize("name", ["cp1252", "mac-roman"])
def test_a_sign_of_a_unit(name: str) -> None:
    assert likely_encodings(["T °C,y\n".encode(name)])[0] == (name, "°C")


@pytest.mark.parametrize("text", ["1.234,56 €", "€ 5,00", "12,50;€"])
def test_a_sign_of_money_beside_a_number(text: str) -> None:
    assert likely_encodings([f"{text}\n".encode("cp1252")])[0][0] == "cp1252"


def test_a_file_of_two_encodings_is_named_with_its_lines(tmp_path: Path) -> None:
    lines = [f"{'città' if i % 2 else 'Roma'},{i}\n".encode() for i in range(20)]
    lines[7], lines[11] = "università,7\n".encode("cp1252"), "più,11\n".encode("cp1252")
    path = tmp_path / "data.csv"
    path.write_bytes(b"x,y\n" + b"".join(lines))
    with pytest.raises(TableError) as refusal:
        read_table(path)
    said = str(refusal.value)
    assert said.startswith("data.csv:9: byte 0xE0 at offset")
    assert ' is not UTF-8, but other lines are (this one looks like cp1252, "università"' in said
    assert said.endswith("Convert lines 9, 13 to UTF-8.")


def test_nothing_plausible_is_not_guessed() -> None:
    assert likely_encodings([bytes(range(0x80, 0x100))]) == []


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_letters_without_a_mark(tmp_path: Path, name: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes("x,y\na,2\nb,4\ncittà,5\n".encode(name))
    assert wide_encoding(path.read_bytes()) == name
    with pytest.raises(TableError) as refusal:
        read_table(path)
    assert refusal.value.code == "E111"
    assert [setting.value for setting in refusal.value.words.settings] == [name]
    assert read_table(path, ReadOptions(encoding=name)).rows == 3


def test_one_zero_byte_is_no_wide_encoding() -> None:
    assert wide_encoding(b"x,y\n1,\0002\n3,4\n") == ""


def test_encoding_marks() -> None:
    assert encoding_of("a".encode("utf-16"), "") == "utf-16"
    assert encoding_of("a".encode("utf-32"), "") == "utf-32"
    assert encoding_of(b"\xef\xbb\xbfa", "") == "utf-8-sig"
    assert encoding_of(b"abc", "") == "utf-8"
    assert encoding_of(b"abc", "latin1") == "iso8859-1"
