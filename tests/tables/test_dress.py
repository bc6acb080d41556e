"""Dressed numbers: which columns are numbers with a unit, which are labels, which are refused."""

from __future__ import annotations

import csv
import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.told import told

from vetro.errors import VetroError
from vetro.tables import dress
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.schema import Schema
from vetro.tables.table import Table
from vetro.tables.unit_spellings import key_of

NUMBERS: list[tuple[str, list[float], str]] = [
    ("5%|10%|7.5%", [5, 10, 7.5], "%"),
    ("5%|6 %|7\u00a0%", [5, 6, 7], "%"),
    ("-5%|+3%|0%", [-5, 3, 0], "%"),
    ("(5%)|6%|7%", [-5, 6, 7], "%"),
    ("$8.00|$9.50|-$3.25", [8, 9.5, -3.25], "$"),
    ("($8.00)|$9.50|$-1.00", [-8, 9.5, -1], "$"),
    ("$1,200.50|$80.00|$3,000,000.00", [1200.5, 80, 3_000_000], "$"),
    ("8 mm|10 mm|12.5 mm", [8, 10, 12.5], "mm"),
    ("8mm|10 mm|12MM", [8, 10, 12], "mm"),
    ("36 months|60 months|36 months", [36, 60, 36], "months"),
    ("1 month|2 months|3 Months", [1, 2, 3], "months"),
    ("36 mesi|12 mesi|1 mese", [36, 12, 1], "mesi"),
    ("(0.3)|0.5|1.2", [-0.3, 0.5, 1.2], ""),
    ("(0.3)|(0.5)|(1.2)", [-0.3, -0.5, -1.2], ""),
    ("(3)|12|7", [-3, 12, 7], ""),
    ("0.3-|0.5|12-", [-0.3, 0.5, -12], ""),
    ("1 1/2|2|3/4", [1.5, 2, 0.75], ""),
    ("1½|2|¾", [1.5, 2, 0.75], ""),
    ("1 1/2 in|2 in|5/8 in", [1.5, 2, 0.625], "in"),
    ("1/2 in|3/4 in|2 in", [0.5, 0.75, 2], "in"),
    ("CHF 1'200.00|CHF 80.50|CHF 0.05", [1200, 80.5, 0.05], "CHF"),
    ("CHF 12.-|CHF 15.50|CHF 9.-", [12, 15.5, 9], "CHF"),
    ("12.-|15.50|9.-", [12, 15.5, 9], ""),
    ("EUR 5|EUR 6|EUR 7", [5, 6, 7], "EUR"),
    ("5 €|€ 6|7€", [5, 6, 7], "€"),
    ("EUR 5|6 €|7 EUR", [5, 6, 7], "EUR"),
    ("£5|£6|£7", [5, 6, 7], "£"),
    ("1,200.5 kg|900.0 kg|1,300.0 kg", [1200.5, 900, 1300], "kg"),
    ("1 200 kg|500 kg|1 300 kg", [1200, 500, 1300], "kg"),
    ("+3 °C|-2 °C|\u22124 °C", [3, -2, -4], "°C"),
    ("12 m²|13 m2|14 m^2", [12, 13, 14], "m²"),
    ("3.5e3 Pa|1e3 Pa|20 Pa", [3500, 1000, 20], "Pa"),
    ("3 m/s|4 m/s|5.5 m/s", [3, 4, 5.5], "m/s"),
    ("120 kWh/m²|80 kWh/m²|95 kWh/m²", [120, 80, 95], "kWh/m²"),
    ("5.5 l/100km|6 l/100 km|7 l/100km", [5.5, 6, 7], "l/100km"),
    ("$5/kg|$6/kg|$7.50/kg", [5, 6, 7.5], "$/kg"),
    ("$50 per night|$60 per night|$70 per night", [50, 60, 70], "$/night"),
    ("$1.2M|$3M|$0.9M", [1.2, 3, 0.9], "$ M"),
    ("1.5A|2A|3A", [1.5, 2, 3], "A"),
    ("60 W|100 W|40 W", [60, 100, 40], "W"),
    ("45°|90°|180°", [45, 90, 180], "°"),
    ("3 bedrooms|2 bedrooms|1 bedroom", [3, 2, 1], "bedrooms"),
    ("23.4 kmpl|18 kmpl|20.5 kmpl", [23.4, 18, 20.5], "kmpl"),
    ("12 widgets|15 widgets|9 widgets", [12, 15, 9], "widgets"),
    ("1248 CC|1498 CC|998 CC", [1248, 1498, 998], "CC"),
    ("90 bpm|100 bpm|72 bpm", [90, 100, 72], "bpm"),
    ("13.5% vol|12% vol|14% vol", [13.5, 12, 14], "% vol"),
    ("16GB|32GB|8GB", [16, 32, 8], "GB"),
    ("[unit] 5 [mm]|6 (mm)|7 mm", [5, 6, 7], "mm"),
    ("5'|6'|7'", [5, 6, 7], "'"),
    ("10 yrs.|12 yrs|1 yr", [10, 12, 1], "yrs"),
]
NUMBERS = [(text.removeprefix("[unit] "), values, unit) for text, values, unit in NUMBERS]

LABELS = [
    "Grade 1|Grade 2|Grade 3", "Type 2|Type 3|Type 4", "Q1|Q2|Q3", "v1|v2|v3", "v1.2|v1.3|v1.4",
    "A4|A3|A5", "1st|2nd|3rd", "1st|1st|4th", "3B|4B|5B", "3B|4A|5C", "12A|12C|14A", "2A|3A|4A",
    "ID 1001|ID 1002|ID 1003", "INV-2031|INV-2032|INV-2033", "EUR-5|EUR-6|EUR-7",
    "TOP 5|TOP 10|TOP 20", "+39 02 1234567|+39 06 555|+39 011 12", "555-1234|555-2222|555-9876",
    "(02) 1234|(06) 5555|(011) 12", "12345-6789|02139-1111|10001-0001", "1.2.3|1.2.4|1.10.0",
    "10.0.0.1|10.0.0.2|192.168.1.1", "1/2|3/4|1/4", "10-20|20-30|30-40",
    "10 - 20 mm|20 - 30 mm|5 - 7 mm", "TP53|BRCA1|EGFR", "H2O|CO2|NH3", "16S|18S|28S",
    "5-HT|14-3-3|p53", "1 Series|3 Series|5 Series", "2.0 TDI|1.6 TDI|1.9 TDI", "4WD|2WD|4WD",
    "3D|2D|3D", "4K|8K|4K", "5G|4G|3G", "80s|90s|70s", "7 pm|8 pm|9 am", "3 May|4 May|5 May",
    "3 mai|4 mai|9 mai", "≥5|≥6|≥7", "<5|<6|<7", "~5|~6|~7", "10+|20+|30+", "5 ± 1|6 ± 2|7 ± 1",
    "120/80 mmHg|130/85 mmHg|110/70 mmHg", "3/5 stars|4/5 stars|1/5 stars", "(1)|(2)|(3)",
    "5-|7-|9-", "1º|2º|3º", "3 cats|5 dogs|2 apples", "5'11\"|6'2\"|5'9\"", "10k|20k|5k",
    "12 bis|14 bis|3 bis", "5/A|6/B|7/A", "5/d|6/d|7/d", "5A2|6A2|7A2",
    "1.2 beta|1.3 beta|1.4 beta", "10 of 12|9 of 12|8 of 12", "Room 5|Room 6|Room 7",
    "2016 Q1|2016 Q2|2016 Q3", "5 Main St|7 Main St|9 Main St", "#5|#6|#7", "No. 5|No. 6|No. 7",
    "2CVs|3CVs|4CVs",
]  # fmt: skip

MIXED = [
    ("8 mm|3 in|4 mm", ("2", "8 mm", "3", "3 in")),
    ("5%|5|6%", ("2", "5%", "3", "5")),
    ("5|6|7%", ("2", "5", "4", "7%")),
    ("$5|€6|$7", ("2", "$5", "3", "€6")),
    ("512GB|1TB|256GB", ("2", "512GB", "3", "1TB")),
    ("$1.2M|$900k|$3M", ("2", "$1.2M", "3", "$900k")),
    ("6 months|1 year|3 months", ("2", "6 months", "3", "1 year")),
    ("5 widgets|6 widgets|7", ("2", "5 widgets", "4", "7")),
]


def table_of(path: Path, texts: list[str], **options: Any) -> Table:
    """The texts as the column x of a CSV file, read."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="|")
        writer.writerows([["x", "y"], *zip(texts, range(len(texts)), strict=True)])
    return read_table(path, ReadOptions(sep="|", **options))


@pytest.mark.parametrize(("texts", "values", "unit"), NUMBERS, ids=[case[0] for case in NUMBERS])
def test_dressed_columns_are_numbers(
    tmp_path: Path, texts: str, values: list[float], unit: str
) -> None:
    cells = texts.split("|")
    table = table_of(tmp_path / "t.csv", [*cells, "", "n/a", *cells])
    column = table.schema["x"]
    assert (column.kind, column.unit, column.reading.unit) == ("number", unit, unit)
    gap = [np.nan, np.nan]
    np.testing.assert_array_equal(table.values["x"], [*values, *gap, *values])
    (said,) = [told(item) for item in table.notices if item.code == "I144"]
    assert said.endswith("Use --category x if they are labels.")
    if unit:
        assert f'with the unit "{unit}"' in said
        assert key_of(unit) == dress.undress(cells[0]).unit.key
    if unit == "%":
        assert ", not " in said
    # under the table's own schema, as a model reads it, the same
    again = read_table(tmp_path / "t.csv", ReadOptions(sep="|"), table.schema)
    np.testing.assert_array_equal(again.values["x"], table.values["x"])
    assert not [item for item in again.notices if item.code == "W417"]


@pytest.mark.parametrize("texts", LABELS)
def test_labels_are_no_numbers(tmp_path: Path, texts: str) -> None:
    table = table_of(tmp_path / "t.csv", texts.split("|") * 10)
    column = table.schema["x"]
    assert (column.unit, column.reading.unit) == ("", "")
    if column.kind != "date":  # 7 pm is a time of day, 2016 Q1 a quarter
        assert column.kind == "category"
        assert set(column.levels) == set(texts.split("|"))


@pytest.mark.parametrize(("texts", "said"), MIXED, ids=[case[0] for case in MIXED])
def test_mixed_units_are_refused(
    tmp_path: Path, texts: str, said: tuple[str, str, str, str]
) -> None:
    cells = texts.split("|")
    line, value, other_line, other = said
    message = (
        f'E143 column "x": line {line} "{value}" and line {other_line} "{other}" have different '
        "units. Write all cells in one unit, or use --category x or --drop x."
    )
    with pytest.raises(VetroError) as caught:
        table_of(tmp_path / "t.csv", cells)
    assert told(caught.value) == message
    with pytest.raises(VetroError) as caught:
        table_of(tmp_path / "t.csv", cells, number=("x",))
    assert told(caught.value) == message
    table = table_of(tmp_path / "t.csv", cells, category=("x",))
    assert table.schema["x"].kind == "category"


@pytest.mark.parametrize("other", ["7 in", "7", "(7)"])
def test_another_unit_late_in_the_file_is_refused(tmp_path: Path, other: str) -> None:
    cells = [f"{n} mm" for n in range(1, 3001)] + [other]
    with pytest.raises(VetroError) as caught:
        table_of(tmp_path / "t.csv", cells)
    assert caught.value.code == "E143" and f'line 3002 "{other}"' in told(caught.value)


def test_a_unit_from_the_middle_on_is_refused(tmp_path: Path) -> None:
    cells = [f"{n}" for n in range(1, 3001)] + [f"{n}%" for n in range(1, 3001)]
    with pytest.raises(VetroError) as caught:
        table_of(tmp_path / "t.csv", cells)
    assert told(caught.value).startswith('E143 column "x": line 2 "1" and line 3002 "1%"')


def test_a_dress_that_the_first_rows_do_not_show(tmp_path: Path) -> None:
    bare = [f"{n}.5" for n in range(3000)]
    table = table_of(tmp_path / "a.csv", [*bare, "(7.25)", "8-", "1 1/2", "3/4"])
    assert table.values["x"][-4:].tolist() == [-7.25, -8, 1.5, 0.75]
    assert [item.code for item in table.notices] == ["I144"]
    table = table_of(tmp_path / "b.csv", ["" for _ in range(3000)] + ["5%", "6%", "7 %"])
    assert table.values["x"][-3:].tolist() == [5, 6, 7]
    assert table.schema["x"].unit == "%"
    # late cells with a decimal comma, and thousands
    table = table_of(tmp_path / "c.csv", [f"{n} kg" for n in range(3000)] + ["1.234,5 kg"])
    assert table.values["x"][-1] == 1234.5


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ("1,200 kg|1,300 kg", {}, 'E106 column "x", line 2: "1,200 kg" may mean 1.2 or 1200.'),
        ("$1.200|$1.300", {}, 'E106 column "x", line 2: "$1.200" may mean 1.2 or 1200.'),
        ("(1,200)|(1,300)", {}, 'E106 column "x", line 2: "(1,200)" may mean -1200 or -1.2.'),
        ("1,5%|1.5%", {}, 'E107 column "x": line 2 "1,5%" and line 3 "1.5%" use different'),
        ("1e999 Pa|5 Pa|6 Pa", {}, 'E112 column "x", line 2: "1e999 Pa" is not finite.'),
        ("5 kg|6 kg|7 kg|abc", {}, 'E113 column "x": 1 of 4 values are not numbers (first "abc"'),
        ("Grade 1|Grade 2", {"number": ("x",)}, 'E113 column "x": 2 of 2 values are not numbers'),
    ],
)
def test_the_rules_of_bare_numbers_hold_within_a_dress(
    tmp_path: Path, texts: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(VetroError) as caught:
        table_of(tmp_path / "t.csv", texts.split("|"), **options)
    assert told(caught.value).startswith(message)


def test_a_decimal_mark_given_settles_a_dress(tmp_path: Path) -> None:
    table = table_of(tmp_path / "t.csv", ["1,200 kg", "1,300 kg"], decimal=",")
    assert table.values["x"].tolist() == [1.2, 1.3]
    table = table_of(tmp_path / "t.csv", ["1,200 kg", "1,300 kg"], decimal=".")
    assert table.values["x"].tolist() == [1200, 1300]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        ("3B|4B|5B", [3, 4, 5]),
        ("1/2|3/4|1/4", [0.5, 0.75, 0.25]),
        ("(1)|(2)|(3)", [-1, -2, -3]),
        ("1 Series|3 Series|5 Series", [1, 3, 5]),
        ("10k|20k|5k", [10, 20, 5]),
        ("36 months|60 months|36 months", [36, 60, 36]),
    ],
)
def test_number_reads_what_may_be_labels(tmp_path: Path, texts: str, values: list[float]) -> None:
    table = table_of(tmp_path / "t.csv", texts.split("|"), number=("x",))
    assert table.values["x"].tolist() == values


def test_what_may_be_a_number_is_offered(tmp_path: Path) -> None:
    table = table_of(tmp_path / "t.csv", ["3B", "4B", "5B"])
    assert [told(item) for item in table.notices] == [
        'I145 column "x": "3B" may be a number or a label; read as a category. '
        "Use --number x if it is one."
    ]
    assert not table_of(tmp_path / "t.csv", ["3B", "4B", "5B"], category=("x",)).notices


def test_many_dressed_columns_share_a_notice(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c,d\n1%,$2,3 mm,(4.5)\n2%,$3,4 mm,5\n")
    (said,) = read_table(path).notices
    assert told(said) == (
        'I144 columns read as numbers: "a": "1%" is 1 with the unit "%", not 0.01; '
        '"b": "$2" is 2 with the unit "$"; "c": "3 mm" is 3 with the unit "mm"; '
        '"d": "(4.5)" is -4.5. Use --category for labels.'
    )


@pytest.mark.parametrize(
    ("header", "unit", "warned"),
    [("x [mm]", "mm", False), ("x [cm]", "mm", True), ("x (net)", "mm", False)],
)
def test_a_header_that_says_another_unit(
    tmp_path: Path, header: str, unit: str, warned: bool
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{header},y\n5 mm,1\n6 mm,2\n")
    table = read_table(path)
    assert table.schema[header].unit == unit
    assert ("W146" in [item.code for item in table.notices]) == warned


TRAINED = ["5%|6%|7%", "$5|$6|$7", "5 mm|6 mm|7 mm", "5|6|7", "(5.5)|6|7"]


@pytest.mark.parametrize("given", TRAINED)
@pytest.mark.parametrize("trained", TRAINED)
def test_a_model_reads_its_own_unit(tmp_path: Path, trained: str, given: str) -> None:
    """The reading under a model is that of inspecting the file, or it is refused."""
    model = table_of(tmp_path / "a.csv", trained.split("|"))
    seen = table_of(tmp_path / "b.csv", given.split("|"))
    units = model.schema["x"].unit, seen.schema["x"].unit
    if units[1] and units[0] != units[1]:
        with pytest.raises(VetroError) as caught:
            read_table(tmp_path / "b.csv", ReadOptions(sep="|"), model.schema)
        own = f'is in "{units[0]}"' if units[0] else "has no unit"
        cell = given.split("|")[0]
        assert told(caught.value) == (
            f'E416 column "x", line 2: "{cell}" is in "{units[1]}", but the model\'s column '
            f"{own}. Convert it to the model's unit."
        )
        return
    again = read_table(tmp_path / "b.csv", ReadOptions(sep="|"), model.schema)
    np.testing.assert_array_equal(again.values["x"], seen.values["x"])
    warned = [told(item) for item in again.notices if item.code == "W417"]
    assert len(warned) == (units[0] != units[1])


def test_a_header_s_unit_is_the_model_s(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x [mm],y\n5,1\n6,2\n")
    schema = read_table(path).schema
    assert (schema["x [mm]"].unit, schema["x [mm]"].reading.unit) == ("mm", "")
    assert not read_table(path, schema=schema).notices
    path.write_text("x [mm],y\n5 mm,1\n6 mm,2\n")
    assert read_table(path, schema=schema).values["x [mm]"].tolist() == [5, 6]
    path.write_text("x [mm],y\n5 cm,1\n6 cm,2\n")
    with pytest.raises(VetroError, match='is in "cm", but the model\'s column is in "mm"'):
        read_table(path, schema=schema)


def test_a_number_column_of_a_typed_source_takes_the_model_s_unit(tmp_path: Path) -> None:
    schema = table_of(tmp_path / "a.csv", ["5%", "6%"]).schema
    table = read_table({"x": [5.0, 6.0], "y": [1, 2]}, schema=schema)
    assert [told(item) for item in table.notices] == [
        'W417 column "x": the numbers have no unit; read in "%", as in training. '
        "Write the unit in the cells to be sure."
    ]


def _sources(folder: Path, cells: list[Any]) -> dict[str, Any]:
    import duckdb
    import openpyxl
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = {"x": cells, "y": list(range(len(cells)))}
    text = [None if cell is None else str(cell) for cell in cells]
    pq.write_table(pa.table({"x": text, "y": data["y"]}), folder / "t.parquet")
    rows = [{"x": x, "y": y} for x, y in zip(cells, data["y"], strict=True)]
    (folder / "t.json").write_text(json.dumps(rows))
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    book = openpyxl.Workbook()
    for row in [("x", "y"), *((row["x"], row["y"]) for row in rows)]:
        book.active.append(row)
    book.save(folder / "t.xlsx")
    with duckdb.connect(str(folder / "t.duckdb")) as connection:
        connection.execute("CREATE TABLE t (x VARCHAR, y BIGINT)")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?)", list(zip(text, data["y"], strict=True))
        )
    return {
        "dict": data,
        "pandas": pd.DataFrame({"x": pd.Series(cells, dtype=object), "y": data["y"]}),
        "polars": pl.DataFrame({"x": text, "y": data["y"]}),
        "arrow": pa.table({"x": text, "y": data["y"]}),
        **{path.suffix: path for path in folder.iterdir()},
    }


def test_typed_sources_read_dressed_texts(tmp_path: Path) -> None:
    sources = _sources(tmp_path, ["5%", None, "7.5 %"])
    assert len(sources) == 9
    for name, source in sources.items():
        table = read_table(source)
        assert (table.schema["x"].kind, table.schema["x"].unit) == ("number", "%"), name
        np.testing.assert_array_equal(table.values["x"], [5, np.nan, 7.5])


def test_numbers_and_dressed_texts_in_one_sheet_are_refused(tmp_path: Path) -> None:
    """A cell formatted as percent is stored as 0.05: it must not join "5%"."""
    sources = _sources(tmp_path, [0.05, "5%", "6%"])
    for name in (".xlsx", ".json", ".jsonl"):
        with pytest.raises(VetroError) as caught:
            read_table(sources[name])
        assert caught.value.code == "E143" and '"0.05"' in told(caught.value), name


def test_a_schema_keeps_the_unit() -> None:
    table = read_table({"x": ["5 %", "6 %"], "y": [1, 2]})
    assert Schema.from_json(table.schema.to_json()) == table.schema


_BODIES = st.one_of(
    st.integers(0, 10**6).map(str),
    st.decimals(0, 10**6, places=2, allow_nan=False).map(lambda value: f"{value:.2f}"),
    st.decimals(0, 10**6, places=1, allow_nan=False).map(lambda value: f"{value:,.1f}"),
)
_DRESSES = st.sampled_from(["%", " %", "$", "CHF ", " mm", " m²", "kg"])
_SIGNS = st.sampled_from(["", "", "", "-", "+", "()", "behind"])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_value_is_the_number_that_stands_there(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    worn = data.draw(_DRESSES)
    cells, values = [], []
    for body, sign in data.draw(st.lists(st.tuples(_BODIES, _SIGNS), min_size=2, max_size=30)):
        before, after = (worn, "") if worn in ("$", "CHF ") else ("", worn)
        value = float(Fraction(body.replace(",", "")))
        text = {
            "": f"{before}{body}{after}",
            "-": f"-{before}{body}{after}",
            "+": f"+{before}{body}{after}",
            "()": f"({before}{body}{after})",
            "behind": f"{before}{body}{after}-",
        }[sign]
        cells.append(text)
        values.append(-value if sign in ("-", "()", "behind") else value)
    path = tmp_path_factory.mktemp("dress") / "t.csv"
    table = table_of(path, cells, decimal=".")
    np.testing.assert_array_equal(table.values["x"], values)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789.,-+()%$€ kgm/°'\"½eE\u2212", max_size=12))
def test_any_text_is_taken_apart_or_left(text: str) -> None:
    found = dress.undress(text)
    worn = dress.dress_of(Counter([text, text]), forced=True).dress
    if found is not None and worn is not None:
        value = dress.dressed_value(text, ".", ",", worn)
        assert value is None or value == value
