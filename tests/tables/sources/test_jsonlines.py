"""JSON lines and arrays, read against Python's own json."""

from __future__ import annotations

import gzip
import json
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from told import told

from vetro.tables.opened import Opened
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.sources.jsonlines import _elements, open_json

OPTIONS = ReadOptions()


@pytest.fixture
def opened(tmp_path):
    def opening(content, name="x.jsonl") -> Opened:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_json(path, OPTIONS)

    return opening


@pytest.mark.parametrize(
    ("content", "kind", "values"),
    [
        ('{"a":1}\n{"a":2}\n', "BIGINT", [1, 2]),
        ('{"a":1}\n{"a":2.5}', "DOUBLE", [1.0, 2.5]),
        ('{"a":1}\n\n  \n{"a":null}\n', "BIGINT", [1, None]),
        ('{"a":true}\n{"a":false}\n', "BOOLEAN", [True, False]),
        ('{"a":"2024-01-02"}\n{"a":"x"}\n', "VARCHAR", ["2024-01-02", "x"]),
        ('{"a":1}\n{"a":"7,5"}\n', "VARCHAR", ["1", "7,5"]),
        ('{"a":3.0}\n{"a":"x"}\n', "VARCHAR", ["3", "x"]),
        ('{"a":1}\n{"a":true}\n', "VARCHAR", ["1", "true"]),
        ('{"a":9007199254740993}\n{"a":0.5}\n', "VARCHAR", ["9007199254740993", "0.5"]),
        ('{"a":9007199254740993}\n{"a":5}\n', "BIGINT", [9007199254740993, 5]),
        ('{"a":18446744073709551616}\n{"a":1}', "VARCHAR", ["18446744073709551616", "1"]),
        ('{"a":null}\n{"a":null}\n', "VARCHAR", [None, None]),
        ('{"a":1}\n{"b":2}\n', "BIGINT", [1, None]),
        ('\ufeff{"a":1}\r\n{"a":2}\r\n', "BIGINT", [1, 2]),
        ('{"a":{"b":1}}\n{"a":null}\n', "JSON", ['{"b": 1}', None]),
        ('{"a":[1]}\n{"a":2}\n', "JSON", ["[1]", "2"]),
        ('[{"a":1},\n {"a":2}]', "BIGINT", [1, 2]),
    ],
)
def test_values_and_types(opened, columns, content, kind, values):
    found = opened(content)
    assert found.columns["a"] == kind
    read = columns(found)["a"]
    if kind == "JSON":
        read = [value and json.dumps(json.loads(value)) for value in read]
    assert read == values


def test_columns_in_order_of_first_appearance(opened, columns):
    found = opened('{"b":1}\n{"a":2,"b":3}\n{"c":4}\n')
    assert columns(found) == {"b": [1, 3, None], "a": [None, 2, None], "c": [None, None, 4]}


def test_names_may_differ_in_case(opened, columns):
    assert columns(opened('{"a":1,"A":2}')) == {"a": [1], "A": [2]}


def test_a_kind_that_changes_after_many_rows(opened, columns):
    lines = [f'{{"a": {row}}}' for row in range(30_000)] + ['{"a": 0.5}', '{"b": "x"}']
    read = columns(opened("\n".join(lines)))
    assert read["a"] == [*map(float, range(30_000)), 0.5, None]
    assert read["b"] == [None] * 30_001 + ["x"]


def test_packed(tmp_path, columns):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a":1}\n{"a":2}\n'))
    assert columns(open_json(path, OPTIONS)) == {"a": [1, 2]}


def test_rows_are_named_by_their_lines(opened):
    assert opened('{"a":1}\n\n{"a":2}\n').place_of(1) == "line 3"
    assert opened('[{"a":1},{"a":2}]').place_of(1) == "row 2"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "E101 x.jsonl is empty (0 bytes)."),
        ("\n\n", "E101 x.jsonl is empty (no object with a value)."),
        ("{}\n{}\n", "E101 x.jsonl is empty (no object with a value)."),
        ("[]", "E101 x.jsonl is empty (no object with a value)."),
        ('{"a":1}\n{"a":2\n{"a":3}\n', "E125 x.jsonl:2: not valid JSON at column 7"),
        ('{"a":1}\n[1,2]\n', "E125 x.jsonl:2: it is not an object."),
        ('{"a":1}\n5\n', "E125 x.jsonl:2: it is not an object."),
        ('{"a":1} {"a":2}\n', "E125 x.jsonl:1: more than one value in the line"),
        ('{\n"a":1}\n{"a":2}', "E125 x.jsonl:1: each object must be on one line."),
        ('{"a":1}\n{"a":1,"b":2,"a":3}', 'E125 x.jsonl:2: an object has the key "a" twice.'),
        ('[{"a":1},{"a":1,"a":3}]', 'E125 x.jsonl: an object has the key "a" twice.'),
        ('[{"a":1},7]', "E125 x.jsonl: element 2 of the array is not an object."),
        ('[{"a":1},\n{"a":2}', "E125 x.jsonl:2: not valid JSON at column 8"),
        (b'{"a":"citt\xe0"}\n', "E125 x.jsonl: byte 0xE0 is not UTF-8."),
        ('{"a":"\\ud800"}\n', 'E125 x.jsonl: column "a" holds half of a surrogate pair.'),
        ("[" * 100_000, "E125 x.jsonl: its values are nested too deeply."),
        ('{"":1}', "E125 x.jsonl: column 1 has an empty name. Name it."),
    ],
)
def test_refusals(opened, refusal, content, message):
    assert refusal(opened, content).startswith(message)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("document", "rows", "how"),
    [
        ({"a": [1, 2], "b": ["x", None]}, [(1, "x"), (2, None)], "each key is a column"),
        (
            {"meta": {"n": 2}, "data": [{"a": 1}, {"b": 2, "a": 3}], "k": 5},
            [(1, None), (3, 2)],
            'the rows are the list "data"; left out: meta, k',
        ),
        ({"rows": [{"a": 1}, {"a": 4}]}, [(1,), (4,)], 'the rows are the list "rows"'),
    ],
)
def test_one_object_that_is_a_table(opened, document, rows, how, indent):
    found = opened(json.dumps(document, indent=indent), "x.json")
    assert found.ask(f"FROM {found.relation}") == rows
    assert list(map(told, found.notices)) == [f"I169 x.json: read as one table: {how}."]


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"a": [1, 2], "b": [3]}, 'its lists have 1 to 2 values ("a", "b"). Give all lists'),
        ({"a": [1, 2], "b": 3}, 'it is one object that holds lists and other values (2 keys: "a",'),
        ({"a": {"0": 1}, "b": {"0": 2}}, "it is one object that holds objects: each may be a row"),
        ({"columns": ["a"], "data": [[1], [2]]}, "it is one object of lists of lists"),
        ({"a": [{"x": 1}], "b": [{"x": 2}]}, 'several of its keys hold rows ("a", "b"). Write one'),
    ],
)
def test_one_object_that_may_be_several_things(opened, refusal, document, what):
    assert refusal(opened, json.dumps(document), "x.json").startswith(f"E125 x.json: {what}")


def test_one_object_of_plain_values_is_a_row(opened):
    found = opened('{\n"a": 1,\n"b": "x"}\n')
    assert found.ask(f"FROM {found.relation}") == [(1, "x")]
    assert found.notices == []


def test_bad_gzip(opened, refusal):
    assert "it is not whole gzip" in refusal(opened, b"no gzip", "x.jsonl.gz")
    cut = gzip.compress(b'{"a":1}\n' * 1000)[:-9]
    assert "it is not whole gzip" in refusal(opened, cut, "x.jsonl.gz")


def test_nested_values_are_left_out_with_a_warning(tmp_path, refusal):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a":1,"c":{"d":1}}\n{"a":2}\n')
    query = """SELECT * EXCLUDE ("c"), "c"->>'d' AS "c.d" FROM data"""
    table = read_table(path)
    assert list(map(told, table.notices)) == [
        'W170 column "c" has the type JSON, which Vetro does not read; ignored. Read its '
        f"parts with --query {shlex.quote(query)}."
    ]
    parts = read_table(path, ReadOptions(query=query))
    assert parts.schema.names == ("a", "c.d")
    assert refusal(read_table, path, ReadOptions(category=("c",))).startswith(
        'E128 column "c" has the type JSON'
    )


def test_infinity_is_refused_and_nan_is_missing(tmp_path, refusal):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a":NaN}\n{"a":1.5}\n{"a":2.5}\n')
    assert read_table(path).schema["a"].missing == 1
    path.write_text('{"a":1.5}\n{"a":Infinity}\n')
    assert refusal(read_table, path).startswith('E112 column "a", line 2')


SCALARS = st.one_of(
    st.none(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.fixed_dictionaries({}, optional={"a": SCALARS, "b": SCALARS}), min_size=1))
def test_numbers_come_as_python_reads_them(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("json") / "x.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    names = dict.fromkeys(name for record in records for name in record)
    if not names:
        return
    found = open_json(path, OPTIONS)
    table = found.connection.sql(f"FROM {found.relation}").to_arrow_table()
    for name, column in zip(names, table.columns, strict=True):
        assert column.to_pylist() == [record.get(name) for record in records]


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 1}, {"a": 2}]',
        ' [ {"a": 1} ,\n {"a": 2, "b": [1, {"c": "],"}]} ] \n',
        "[]",
        "[ ]",
        "[1, 2]",
        '[{"a": 1} {"a": 2}]',
        '[{"a": 1},]',
        '[{"a": 1}',
        '[{"a": 1},',
        '[{"a": 1}] x',
        '[{"a": 1}]]',
        '[{"a": 1},\n{"a": }]',
        "[",
        "[,]",
    ],
)
def test_elements_are_those_of_the_whole_array(text: str) -> None:
    """Read one by one, with the messages and lines of json.loads."""
    try:
        wanted = json.loads(text)
    except json.JSONDecodeError as failure:
        with pytest.raises(json.JSONDecodeError) as caught:
            list(_elements(text))
        assert caught.value.msg == failure.msg or "trailing comma" in failure.msg
        assert caught.value.lineno == failure.lineno
    else:
        assert list(_elements(text)) == wanted


def test_parts_of_nested_values_are_read_by_their_own_kind(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a":1,"c":{"t":"Rome","n":1.5}}\n{"a":2,"c":{"t":"Oslo","n":-2}}\n')
    (notice,) = read_table(path).notices
    (query,) = [setting.value for setting in notice.words.settings]
    table = read_table(path, ReadOptions(query=query))
    assert table.schema["c.t"].levels == ("Oslo", "Rome")
    assert table.values["c.n"].tolist() == [1.5, -2]
