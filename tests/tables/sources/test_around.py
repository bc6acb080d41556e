"""What stands around a table in text files: found and reported, or refused by its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from told import told

from vetro.errors import VetroError
from vetro.tables.chunks import read_chunks
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.unit_spellings import unit_in

ROWS = "".join(f"{i};{i * 1.5:.2f};{20 + i % 7}\n" for i in range(1, 21))
HEADER = "id;flow;temp\n"
COUNTRIES = "country;a;b\nItaly;1;2\nFrance;3;4\nSpain;5;6\n"


def read(tmp_path: Path, text: str | bytes, name: str = "t.csv", **options: object):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path, ReadOptions(**options))  # type: ignore[arg-type]


def refused(tmp_path: Path, text: str, name: str = "t.csv", **options: object) -> str:
    with pytest.raises(VetroError) as caught:
        read(tmp_path, text, name, **options)
    return told(caught.value)


LEFT = "I162 t.csv: the header is line {}. Left out above it: "
BELOW = "I167 t.csv: left out below the table: {}."
AS_ROWS = " Use --skip-footer 0 to read them as rows."
FOUND = {
    "title": (
        "Report of pumps\n\n" + HEADER + ROWS, 3, LEFT.format(3) + 'line 1 "Report of pumps".',
    ),
    "title without blank": (
        "Report of pumps\n" + HEADER + ROWS, 2, LEFT.format(2) + 'line 1 "Report of pumps".',
    ),
    "title with other separators": (
        "Sales, costs, and profits\n\n" + HEADER + ROWS, 3,
        LEFT.format(3) + 'line 1 "Sales, costs, and profits".',
    ),
    "padded titles": (
        "Report;;\nDate;2020-01-01;\n;;\n" + HEADER + ROWS, 4,
        LEFT.format(4) + 'line 1 "Report", line 2 "Date 2020-01-01".',
    ),
    "comments": (
        "# a\n# b\n" + HEADER + ROWS, 3, LEFT.format(3) + 'line 1 "# a", line 2 "# b".',
    ),
    "sep line": ("sep=;\n" + HEADER + ROWS, 2, ""),
    "blank first": ("\n\n" + HEADER + ROWS, 3, ""),
    "units": (
        HEADER + ";m3/h;°C\n" + ROWS, 1,
        "I165 t.csv:2: read as units: flow in m3/h, temp in °C. "
        "Remove the line if it holds something else.",
    ),
    "total": (HEADER + ROWS + "Total;315.00;\n", 1, BELOW.format('line 22 "Total 315.00"')),
    "total and source": (
        HEADER + ROWS + "Totale;315.00;\n\nFonte: ISTAT\n", 1,
        BELOW.format('line 22 "Totale 315.00", line 24 "Fonte: ISTAT"'),
    ),
    "mean": (HEADER + ROWS + "Mittelwert;15.75;\n", 1, BELOW.format('line 22 "Mittelwert 15.75"')),
    "separator at the end of all": (
        HEADER.replace("\n", ";\n") + ROWS.replace("\n", ";\n"), 1,
        "I164 t.csv: every row ends with a separator; the empty column after it is left out.",
    ),
    "separator at the end of rows": (
        HEADER + ROWS.replace("\n", ";\n"), 1,
        "I164 t.csv: every row ends with a separator; the empty column after it is left out.",
    ),
    "separator at the end of the header": (HEADER.replace("\n", ";\n") + ROWS, 1, ""),
    "rows of separators at the end": (
        "Report of\n\n" + HEADER + ROWS + ";;\n;;\n", 3,
        LEFT.format(3) + 'line 1 "Report of".|' + BELOW.format("2 lines without a value") + AS_ROWS,
    ),
    "carriage returns": (
        ("Report of\n\n" + HEADER + ROWS + "Sum;315;\n").replace("\n", "\r"), 3,
        LEFT.format(3) + 'line 1 "Report of".|' + BELOW.format('line 24 "Sum 315"'),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_the_same_table_is_read_and_what_is_left_out_is_reported(tmp_path, case) -> None:
    text, header, messages = FOUND[case]
    found, plain = read(tmp_path, text), read(tmp_path, HEADER + ROWS, "plain.csv")
    assert found.rows == plain.rows == 20
    assert found.schema.names == plain.schema.names
    for name, values in plain.values.items():
        assert (found.values[name] == values).all()
    units = 1 if case == "units" else 0
    assert found.place_of(0) == f"line {header + 1 + units}"
    assert found.place_of(19) == f"line {header + 20 + units}"
    assert [told(item) for item in found.notices] == [item for item in messages.split("|") if item]


@pytest.mark.parametrize("bad_rows", ["refuse", "skip"])
@pytest.mark.parametrize("case", FOUND)
def test_a_model_and_skipped_rows_read_the_same(tmp_path, case, bad_rows) -> None:
    plain = read(tmp_path, HEADER + ROWS, "plain.csv")
    (tmp_path / "t.csv").write_bytes(FOUND[case][0].encode())
    options = ReadOptions(bad_rows=bad_rows)
    chunks = list(read_chunks(tmp_path / "t.csv", options, plain.schema, 7))
    assert sum(chunk.rows for chunk in chunks) == 20
    assert [v for chunk in chunks for v in chunk.values["flow"]] == list(plain.values["flow"])


def test_units_stand_in_the_schema(tmp_path: Path) -> None:
    found = read(tmp_path, "t;p;d;f [m]\ns;(kPa);dd.mm.yyyy;\n" + "1;2;01.12.2020;4\n" * 3)
    assert [column.unit for column in found.schema] == ["s", "kPa", "", "m"]


def test_other_units_than_the_models_are_refused(tmp_path: Path) -> None:
    rows = "1;2\n2;3\n3;5\n"
    schema = read(tmp_path, "m;t\nkg;s\n" + rows).schema
    (tmp_path / "g.csv").write_text("m;t\ng;s\n" + rows)
    with pytest.raises(VetroError) as caught:
        list(read_chunks(tmp_path / "g.csv", ReadOptions(), schema))
    assert told(caught.value) == (
        'E419 g.csv: column "m" is in g, and the model knows it in kg. '
        "Convert its values, and write kg in the row of units."
    )


def test_a_column_without_a_name_is_the_index(tmp_path: Path) -> None:
    found = read(tmp_path, ",index,b\n0,5,2\n1,6,5\n")
    assert found.schema.names == ("index 2", "index", "b")
    message = 'I163 t.csv:1: the first column has no name; it is called "index 2".'
    assert told(found.notices[0]) == message


def test_years_are_names_below_a_title(tmp_path: Path) -> None:
    text = "GDP by country\n\nCountry;2019;2020\nItaly;1;2\nFrance;2;3\nSpain;3;4\n\nSource: OECD\n"
    found = read(tmp_path, text)
    assert found.schema.names == ("Country", "2019", "2020") and found.rows == 3


def test_sums_tell_a_total_without_empty_cells_and_one_without_a_name(tmp_path: Path) -> None:
    assert read(tmp_path, COUNTRIES + "Total;9;12\n").rows == 3
    assert read(tmp_path, COUNTRIES + ";9;12\n").rows == 3
    assert read(tmp_path, COUNTRIES + ";9;13\n").rows == 4


ORDINARY = {
    "a level called total": "kind;n\npartial;1\ntotal;2\npartial;3\ntotal;4\n",
    "a name": "name;age\nBob;1\nAnn;3\nMax;7\n",
    "missing in the first row": "a;b\nNA;NA\n1;2\n3;4\n4;5\n",
    "numbers in the header": "a,2019\n1,2\n3,4\n",
    "blank last rows": "a;b\n1;2\n;\n;\n",
    "a header with a mark": "#id,x\n1,2\n3,4\n",
    "one word above numbers": "a;b\nx;1\n1;2\n2;3\n3;4\n4;5\n5;6\n6;7\n",
}


@pytest.mark.parametrize("case", ["a level called total", "a name", "blank last rows"])
def test_ordinary_rows_stay(tmp_path: Path, case: str) -> None:
    found = read(tmp_path, ORDINARY[case])
    assert found.rows == ORDINARY[case].count("\n") - 1
    assert not [item for item in found.notices if item.code in ("I162", "I165", "I167")]


DOUBT = {
    "comment or header": (
        "# name,city\nbob,rome\nann,pisa\neve,bari\n",
        'E160 t.csv:1: "# name city" may be a comment or the header. '
        "Use --skip-rows 1 if it is a comment, or --skip-rows 0 if it is the header.",
    ),
    "header inside comments": (
        "# of me\n# id;flow;temp\n" + ROWS,
        'E160 t.csv:3: "1 1.50 21" holds values where the header is expected. '
        "Use --skip-rows 1 if line 2 is the header, or --no-header.",
    ),
    "two lines of header": (
        HEADER + "number;mean;mean\n" + ROWS,
        'E161 t.csv:2: "number mean mean" holds words where the rows below hold numbers. '
        "Use --units-row if line 2 holds units, or --skip-rows 1 if line 2 is the header.",
    ),
    "facts above the header": (
        "Station,Rome\nDate,2020-01-01\nx,y\n1,2\n2,3\n3,4\n",
        'E161 t.csv:2: "Date 2020-01-01" holds words where the rows below hold numbers. '
        "Use --skip-rows 2 if line 3 is the header, or --units-row if line 2 holds units.",
    ),
    "header again": (
        HEADER + ROWS + HEADER + ROWS,
        'E160 t.csv:22: "id flow temp" repeats the header. Remove it.',
    ),
    "total in doubt": (
        COUNTRIES + "Total;7;8\n\nSource: me\n",
        'E166 t.csv:5: "Total 7 8" may be a total or a row. '
        "Use --skip-footer 2 if it is a total, or --skip-footer 1 if it is a row.",
    ),
    "title above rows": (
        "My list of pumps\n" + ROWS,
        "E108 t.csv:2: 3 fields where the header has 1. Name every column in the header, "
        'quote values that contain ";", or use --skip-rows if a title stands above the header.',
    ),
    "comment among rows": (
        "# log\na,b\n1,2\n3,4\n# restart\n5,6\n7,8\n",
        'E108 t.csv:5: 1 field where the header has 2. Use --comment "#" if it is a comment.',
    ),
    "cut off at the end": (
        HEADER + ROWS + "21;3\n",
        "E108 t.csv:22: 2 fields where the header has 3. "
        "Use --skip-footer 1 if the table ends above it, or fill the row up.",
    ),
    "value without a name": (
        "a,b,\n" + "1,2,\n" * 3000 + "3,4,5\n" + "1,2,\n",
        "E108 t.csv:3002: 3 fields where the header has 2. "
        'Quote values that contain ",", or use --bad-rows skip.',
    ),
}


@pytest.mark.parametrize("case", DOUBT)
def test_doubt_is_refused_by_its_line(tmp_path: Path, case: str) -> None:
    text, message = DOUBT[case]
    assert refused(tmp_path, text) == message


def test_skipping_bad_rows_never_takes_a_title_for_the_header(tmp_path: Path) -> None:
    message = refused(tmp_path, "List\nname;city\nbob;rome\nann;pisa\n", bad_rows="skip")
    assert message == (
        'E160 t.csv:1: "List" has 1 field where most rows have 2: it is not their header. '
        "Use --skip-rows 1 if it is a title."
    )


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("List\nname;city\nbob;rome\nann;pisa\n", {"skip_rows": 1}),
        ("x\n\nname;city\nbob;rome\nann;pisa\n", {"skip_rows": 2}),
        ("% x\nname;city\n% y\nbob;rome\n  % z;\nann;pisa\n% end", {"comment": "%"}),
        ("name;city\nonly;some\nbob;rome\nann;pisa\n", {"units_row": True}),
        ("name;city\nbob;rome\nann;pisa\nTotal;2\n(end)\n", {"skip_footer": 2}),
        ("name;city\nbob;rome\nann;pisa\nmax\n\n", {"skip_footer": 1}),
        ("name;city\nbob;rome\nann;pisa\n", {"skip_rows": 0, "skip_footer": 0}),
    ],
)
def test_options_say_what_to_leave_out(tmp_path: Path, text: str, options) -> None:
    found = read(tmp_path, text, **options)
    assert found.schema.names == ("name", "city")
    assert [column.levels for column in found.schema] == [("ann", "bob"), ("pisa", "rome")]


def test_options_say_what_to_keep(tmp_path: Path) -> None:
    assert read(tmp_path, COUNTRIES + "Total;7;8\n", skip_footer=0).rows == 4
    kept = read(tmp_path, "a;b\nkg;m\nx;y\nu;v\n", units_row=False)
    assert kept.rows == 3
    assert read(tmp_path, "# name,city\nbob,rome\nann,pisa\n", skip_rows=0).rows == 2


def test_the_footer_of_a_long_file_is_named_by_its_line(tmp_path: Path) -> None:
    text = "id;v\n" + "".join(f"{i};{i}\n" for i in range(50_000)) + "Total;12345\nSource: X\n"
    found = read(tmp_path, text)
    assert found.rows == 50_000 and found.values["v"][-1] == 49_999
    places = 'line 50002 "Total 12345", line 50003 "Source: X"'
    assert [told(item) for item in found.notices] == [BELOW.format(places)]


def test_a_quoted_title_of_several_lines(tmp_path: Path) -> None:
    text = '"A ""title""\nof two lines"\nid,v\n1,2\n3,4\n5,x\n'
    message = refused(tmp_path, text, number=("v",))
    assert message.startswith('E113 column "v": 1 of 3 values are not numbers (first "x", line 6)')


names = st.lists(st.text("abcdefg", min_size=2, max_size=5), min_size=2, max_size=5, unique=True)


@settings(max_examples=60, deadline=None)
@given(names, st.integers(3, 30), st.randoms(use_true_random=False), st.sampled_from(",;\t"))
def test_plain_tables_of_numbers_are_left_alone(
    tmp_path_factory, header, rows, random, sep
) -> None:
    lines = [sep.join(header)]
    lines += [sep.join(str(random.randint(-99, 99)) for _ in header) for _ in range(rows)]
    path = tmp_path_factory.getbasetemp() / "plain.tsv"
    path.write_text("\n".join(lines) + "\n")
    found = read_table(path, ReadOptions(sep=sep))
    assert (found.rows, found.notices, found.schema.names) == (rows, (), tuple(header))


@pytest.mark.parametrize(
    "text",
    [
        "kg",
        "m/s",
        "kg/m3",
        "m^2",
        "W/(m K)",
        "[kPa]",
        "(%)",
        "°C",
        "µg/m³",
        "mg L⁻¹",
        "N·m",
        "km/h",
    ],
)
def test_units(text: str) -> None:
    if text != "W/(m K)":
        assert unit_in(text) == text.strip("[]()" if text[0] in "[(" else "")


@pytest.mark.parametrize("text", ["mean", "Rome", "(1.5)", "x1", "flow rate", "number of"])
def test_no_units(text: str) -> None:
    assert unit_in(text) is None


def test_a_reciprocal_in_a_row_of_units_is_a_unit(tmp_path: Path) -> None:
    path = tmp_path / "pumps.csv"
    rows = "".join(f"{n};{100 * n}\n" for n in range(1, 9))
    path.write_text(f"day;speed\n;1/min\n{rows}")
    found = read_table(path)
    assert found.rows == 8 and found.schema["speed"].unit == "1/min"
    path.write_text(f"day;speed\n{rows}")
    assert read_table(path).rows == 8


@pytest.mark.parametrize("rows", ["1,2,3\n4,5,9,\n", "1,2,3,\n4,5,9\n", "1,2,3,\n4,5,9\n7,8,9\n"])
def test_separators_at_the_end_of_the_header_and_of_some_rows(tmp_path: Path, rows: str) -> None:
    table = read(tmp_path, "a,b,Total,\n" + rows)
    assert table.values["Total"].tolist() == [
        float(line.split(",")[2]) for line in rows.splitlines()
    ]
    assert told(table.notices[0]) == (
        "I164 t.csv: some rows end with a separator; the empty column after it is left out."
    )


def test_a_short_row_among_rows_with_a_separator_at_their_end(tmp_path: Path) -> None:
    text = "a,b,c,\n" + "1,2,3,\n" * 600 + "4,5,6\n"
    assert refused(tmp_path, text).startswith("E108 t.csv:602: 3 fields where the header has 4.")


def test_a_column_without_name_and_values_is_left_out(tmp_path: Path) -> None:
    table = read(tmp_path, "a,,b\n1,,2\n3,,5\n4,,1\n")
    assert [column.name for column in table.schema] == ["a", "b"]
    assert table.values["b"].tolist() == [2, 5, 1]
    assert list(map(told, table.notices)) == [
        "I174 t.csv: column 2 without a name and without a value left out."
    ]


def test_a_late_value_in_a_column_without_a_name(tmp_path: Path) -> None:
    text = "a,,b\n" + "1,,2\n" * 700 + "3,7,4\n"
    assert refused(tmp_path, text) == (
        "E131 t.csv:1: the header has an empty name in column 2. Name it."
    )


def test_two_headers_are_named(tmp_path: Path) -> None:
    said = refused(tmp_path, "size,,out,\nw,h,,v\n" + "".join(f"{i},2,{i},4\n" for i in range(9)))
    assert said == (
        'E161 t.csv:1: "size out" is a header above another one (line 2). '
        "Write one header, with a name in each column."
    )


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("a:b:c\n1:2:3\n4:5:6\n", ",", ":"),
        ("a^b\n1^2\n3^4\n", ",", "^"),
        ("name      x\naa        1\nbb        2\n", ",", "  "),
        ("name x\naa 1\nbb 2\n", ",", " "),
        ("sep=;\na,b\n1,2\n3,4\n", ";", ","),
        ("# a b\n1 2\n3 4\n", ",", " "),
    ],
)
def test_one_column_that_another_mark_divides(
    tmp_path: Path, text: str, first: str, second: str
) -> None:
    said = refused(tmp_path, text)
    assert said.startswith(f'E104 t.csv: both "{first}" and "{second}" fit as separator.')
    assert len(read(tmp_path, text, sep=first).schema) == 1


@pytest.mark.parametrize(
    "text", ["full name\nAnn Lee\nBob Ray\n", "time\n10:30\n11:45\n", "x\na^b\nc^d\n"]
)
def test_one_column_of_texts(tmp_path: Path, text: str) -> None:
    assert len(read(tmp_path, text).schema) == 1


def test_fixed_widths_with_blanks_in_values(tmp_path: Path) -> None:
    text = "city        x   y\nNew York    1   2.5\nRome       10   3\nSan Marino  4   7\n"
    table = read(tmp_path, text, "t.txt")
    assert table.schema["city"].levels == ("New York", "Rome", "San Marino")
    assert table.values["x"].tolist() == [1, 10, 4]
    assert "I175 t.txt: the columns are separated by two or more blanks." in map(
        told, table.notices
    )
    assert read(tmp_path, text, sep="  ").values["y"].tolist() == [2.5, 3, 7]


def test_lines_of_blanks_at_the_end(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n1,2\n3,5\n4,4\n\n   \n \n").rows == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a,b\n" + "1,2\n" * 6 + "\nc,d\n3,4\n5,6\n",
            'E160 t.csv:9: "c d" below a blank line is the header of another table. '
            "Write each table to a file or sheet of its own.",
        ),
        (
            "|a|b|\n|---|---|\n|1|2|\n|3|5|\n",
            'E160 t.csv:2: "--- ---" is a line and not a row. Remove it.',
        ),
        (
            "a,,b\n1,,2\n3,,\n4,,\n",
            "E131 t.csv:1: the header has an empty name in column 2. Name it.",
        ),
        (
            "'a','b'\n'1','2'\n'3','5'\n",
            'E111 t.csv:1: the fields are quoted with \' and not with ". Quote them with ".',
        ),
        (
            'a, b\n1, "x, y"\n2, "z"\n',
            "E108 t.csv:2: 3 fields where the header has 2. "
            "Remove the blanks before the opening quotes.",
        ),
        (
            "0 0 1\n1 2 3\n4 5 7\n",
            'E110 columns 1 and 2 are both named "0". Use --no-header if that line holds values.',
        ),
    ],
)
def test_other_tables_lines_and_quotes(tmp_path: Path, text: str, message: str) -> None:
    assert refused(tmp_path, text, "t.txt" if text[:1] == "0" else "t.csv") == message


@pytest.mark.parametrize(
    ("second", "first_fix"),
    [
        ("m/s,widgets,pieces", "--units-row if line 2"),
        ("unit,unit,unit", "--units-row if line 2"),
        (",widgets,pieces", "--units-row if line 2"),
        ("north,south,west", "--skip-rows 1 if line 2"),
    ],
)
def test_the_likely_reading_of_a_second_line_stands_first(
    second: str, first_fix: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"speed,parts,pieces\n{second}\n1,2,3\n2,3,4\n3,5,5\n")
    with pytest.raises(VetroError) as caught:
        read_table(path)
    assert f"Use {first_fix}" in told(caught.value) and caught.value.code == "E161"
