"""Roles: what the user names, what is left out unasked, and what is not."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest
from tables.build import table
from told import told

import vetro
from vetro.errors import TableError, UsageError, VetroError
from vetro.quoting import quoted
from vetro.tables.frequent import level_limit
from vetro.tables.labels import label_of
from vetro.tables.roles import assign_roles, looks_like_id, roles_to_look_at

ROWS = 30
NUMBERS = [((n * 37) % 101) / 8 for n in range(ROWS)]
WORDS = ["red", "green", "blue"] * (ROWS // 3)


def houses(**more):
    """A small table with two useful inputs, a price, and what a test adds."""
    return table({"size": NUMBERS, "colour": WORDS, **more, "price": NUMBERS[::-1]})


def roles(built):
    return {column.name: column.role for column in built.schema}


def messages(built):
    return [told(notice) for notice in built.notices]


def refusal(kind, built, **arguments):
    with pytest.raises(kind) as caught:
        assign_roles(built, **arguments)
    return told(caught.value)


# What the user names


def test_every_column_is_an_input_but_the_named_ones():
    built = assign_roles(
        houses(w=[n + 1 for n in NUMBERS], g=WORDS, extra=NUMBERS),
        targets=["price"], drop=["extra"], weight="w", group="g",
    )  # fmt: skip
    assert roles(built) == {
        "size": "input", "colour": "input", "w": "weight", "g": "group", "extra": "ignored",
        "price": "target",
    }  # fmt: skip
    assert built.schema["extra"].reason == "left out as asked"
    assert built.notices == ()


def test_named_inputs_are_the_only_ones():
    built = assign_roles(houses(x=NUMBERS), targets=["price"], inputs=["x", "colour"])
    assert roles(built)["size"] == "ignored"
    assert built.schema["size"].reason == "not among the inputs that were named"
    assert [column.name for column in built.schema.inputs] == ["colour", "x"]


def test_several_targets():
    built = assign_roles(houses(y=NUMBERS), targets=["price", "y"])
    assert [column.name for column in built.schema.targets] == ["y", "price"]


def test_without_a_target_nothing_is_refused():
    built = assign_roles(table({"id": list(range(30))}))
    assert roles(built) == {"id": "ignored"}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"targets": ["pric"]}, "target"),
        ({"inputs": ["pric"]}, "input"),
        ({"drop": ["pric"]}, "dropped column"),
        ({"weight": "pric"}, "weight"),
        ({"group": "pric"}, "group"),
    ],
)
def test_a_name_that_is_not_found(arguments, word):
    assert refusal(TableError, houses(), **arguments) == (
        f'E114 {word} "pric" not found. Did you mean "price"? Columns: size, colour, price'
    )


def test_a_strange_name_has_no_hint_and_the_list_is_cut():
    wide = table({f"column{n}": NUMBERS for n in range(25)})
    found = refusal(TableError, wide, targets=["zzz"])
    assert 'E114 target "zzz" not found. Columns: column0, column1,' in found
    assert found.endswith("column19 and 5 more")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"targets": ["price"], "drop": ["price"]}, "as target and as dropped column"),
        ({"targets": ["price"], "inputs": ["price"]}, "as target and as input"),
        ({"targets": ["price"], "weight": "price"}, "as target and as weight"),
        ({"targets": ["price"], "weight": "size", "group": "size"}, "as weight and as group"),
        ({"inputs": ["size"], "drop": ["size"]}, "as input and as dropped column"),
        ({"targets": ["price", "price"]}, "twice"),
        ({"targets": ["price"], "weight": "colour"}, 'weight "colour" is a category'),
    ],
)
def test_roles_that_do_not_go_together(arguments, words):
    found = refusal(UsageError, houses(), **arguments)
    assert found.startswith("E604") and words in found


# What is left out unasked


def test_a_constant_is_left_out():
    built = assign_roles(
        houses(
            k=[3] * ROWS, city=["Rome"] * ROWS, on=[True] * ROWS,
            d=[datetime.date(2020, 5, 1)] * ROWS,
        ),
        targets=["price"], inputs=["size", "k", "city", "on", "d"],
    )  # fmt: skip
    assert messages(built) == [
        'W116 column "k" always equals 3; ignored.',
        'W116 column "city" always equals "Rome"; ignored.',
        'W116 column "on" always equals yes; ignored.',
        'W116 column "d" always equals 2020-05-01; ignored.',
    ]
    assert built.schema["k"].reason == "always equals 3"


def test_a_constant_with_gaps_is_an_input():
    built = assign_roles(houses(paid=[1] * 10 + [None] * 20), targets=["price"])
    assert roles(built)["paid"] == "input" and built.notices == ()


def test_an_empty_column_is_left_out():
    built = assign_roles(houses(a=[None] * ROWS), targets=["price"], inputs=["a", "size"])
    assert messages(built) == ['W122 column "a" is empty; ignored.']


SERIAL = list(range(1, ROWS + 1))
SCATTERED = [(n * 7919) % 104729 for n in SERIAL]
IDENTIFIERS = {
    "row numbers": ("n", SERIAL),
    "row numbers from 0": ("n", list(range(ROWS))),
    "id": ("id", SCATTERED),
    "customerID": ("customerID", SCATTERED),
    "order_no": ("order_no", SCATTERED),
    "Unnamed: 0": ("Unnamed: 0", SCATTERED),
    "texts": ("name", [f"Mr {n}" for n in SERIAL]),
}


@pytest.mark.parametrize(("name", "items"), IDENTIFIERS.values(), ids=IDENTIFIERS)
def test_identifiers_are_left_out_unless_named(name, items):
    built = houses(**{name: items})
    found = assign_roles(built, targets=["price"])
    assert roles(found)[name] == "ignored"
    assert messages(found) == [
        f'W117 column "{name}" is different in every row and looks like an identifier; ignored. '
        f"Use --input {quoted(name)} to keep it."
    ]
    for kept in (
        assign_roles(built, targets=["price"], inputs=[name]),
        assign_roles(built, targets=["price"], forced=[name]),
    ):
        assert roles(kept)[name] == "input" and kept.notices == ()


KEPT = {
    "distinct measurements": ("size2", [n + n / 7 for n in SERIAL]),
    "distinct measurements called id": ("id", [n + 0.5 for n in SERIAL]),
    "distinct whole numbers": ("income", SCATTERED),
    "years": ("year", [1990 + n for n in SERIAL]),
    "an id that repeats": ("id", [n // 2 for n in SERIAL]),
    "an id with a gap": ("id", [None, *SCATTERED[1:]]),
    "a count": ("no_of_rooms", SCATTERED),
    "dates": ("day", [datetime.date(2020, 1, 1) + datetime.timedelta(days=n) for n in SERIAL]),
    "falling": ("left", SERIAL[::-1]),
}


@pytest.mark.parametrize(("name", "items"), KEPT.values(), ids=KEPT)
def test_a_measurement_is_not_an_identifier(name, items):
    built = assign_roles(houses(**{name: items}), targets=["price"])
    assert roles(built)[name] == "input" and built.notices == ()


def test_few_rows_are_not_row_numbers_unless_called_so():
    few = {"x": [1.0, 2.0, 3.0, 4.0], "word": list("abcd"), "y": [2.0, 4.0, 5.0, 9.0]}
    assert assign_roles(table(few), targets=["y"]).notices == ()
    named = {"id": few["x"], "key": few["word"], "x": few["y"], "y": few["y"]}
    codes = [notice.code for notice in assign_roles(table(named), targets=["y"]).notices]
    assert codes == ["W117", "W117"]


def test_the_only_input_may_count_from_one():
    built = assign_roles(table({"x": SERIAL, "y": NUMBERS}), targets=["y"])
    assert roles(built)["x"] == "input" and built.notices == ()
    assert refusal(TableError, table({"id": SERIAL, "y": NUMBERS}), targets=["y"]) == (
        "E208 no input column is left. Left out: id. Use --input id to keep one, or provide "
        "another column."
    )
    assert refusal(TableError, table({"y": NUMBERS}), targets=["y"]) == (
        "E208 no input column is left. Provide a column in addition to the target."
    )


def test_many_different_texts_are_left_out():
    texts = [f"street {n % 25}" for n in range(ROWS)]
    built = assign_roles(houses(street=texts), targets=["price"])
    assert messages(built) == [
        'W123 column "street" holds 25 different texts in 30 rows; ignored. '
        "Use --category street to keep it."
    ]
    assert built.schema["street"].reason == "25 different texts"
    kept = assign_roles(houses(street=texts), targets=["price"], forced=["street"])
    assert roles(kept)["street"] == "input"
    few = [f"street {n % 20}" for n in range(ROWS)]
    assert assign_roles(houses(street=few), targets=["price"]).notices == ()


@pytest.mark.parametrize(
    ("rows", "limit"),
    [(10, 20), (100, 20), (200, 40), (500, 100), (100_000, 100), (200_000, 200), (10**6, 300)],
)
def test_the_limit_of_levels_grows_with_the_rows(rows, limit):
    assert level_limit(rows) == limit


def overflowed(distinct):
    """A column of which no levels were kept, as reading leaves it."""
    built = houses(text=WORDS)
    column = replace(built.schema["text"], levels=(), distinct=distinct)
    values = {**built.values, "text": np.broadcast_to(np.int32(-1), (ROWS,))}
    return replace(built, schema=built.schema.replaced(column), values=values)


def test_texts_too_many_to_keep_are_named_as_such_and_never_used():
    found = assign_roles(overflowed(200_000), targets=["price"])
    assert [notice.code for notice in found.notices] == ["W123"]
    assert roles(found)["text"] == "ignored"
    assert [n.code for n in assign_roles(overflowed(ROWS), targets=["price"]).notices] == ["W117"]
    for arguments, code in (
        ({"targets": ["price"], "forced": ["text"]}, "E210"),
        ({"targets": ["price"], "inputs": ["text"]}, "E210"),
        ({"targets": ["price"], "group": "text"}, "E210"),
        ({"targets": ["text"]}, "E209"),
    ):
        assert refusal(VetroError, overflowed(200_000), **arguments).startswith(code)
    gappy_target = overflowed(200_000)
    gappy_target.values["price"][3] = np.nan
    left = assign_roles(gappy_target, targets=["price"], drop_missing_target=True)
    assert [notice.code for notice in left.notices] == ["I213", "W123"]
    dropped = assign_roles(overflowed(200_000), targets=["price"], drop=["text"], forced=["text"])
    assert dropped.notices == ()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("id", True), ("ID", True), ("Id", True), ("PassengerId", True), ("user_id", True),
        ("id_user", True), ("UUID", True), ("row.names", False), ("rownames", True), ("Nr.", True),
        ("index", True), ("width", False), ("idle", False), ("humidity", False), ("no2", False),
        ("num_rooms", False), ("key_figures", False), ("", False), ("identity", False),
        ("price", False),
    ],
)  # fmt: skip
def test_names_that_number_rows(name, wanted):
    assert looks_like_id(name) == wanted


# Rows without a target


def gappy(**more):
    target = [1.0, None, 3.0, None, 5.0, 6.0]
    return table({"x": [9.0, 8.0, None, 8.5, 7.0, 6.0], **more, "y": target})


def test_rows_without_a_target_are_refused_or_left_out():
    assert refusal(TableError, gappy(), targets=["y"]) == (
        'E115 target "y" is empty in 2 rows (first row 2). Fill them, or use --drop-missing-target.'
    )
    left = assign_roles(
        gappy(c=["a", "b", "a", None, "a", "b"]), targets=["y"], drop_missing_target=True
    )
    assert left.rows == 4 and left.values["y"].tolist() == [1, 3, 5, 6]
    assert messages(left) == ["I213 2 rows without a target left out."]
    assert [left.place_of(row) for row in range(4)] == ["row 1", "row 3", "row 5", "row 6"]
    x, c, y = left.schema["x"], left.schema["c"], left.schema["y"]
    assert (x.missing, x.minimum, x.maximum, x.distinct) == (1, 6.0, 9.0, 3)
    assert (c.missing, c.levels, c.distinct) == (0, ("a", "b"), 2)
    assert (y.missing, y.minimum) == (0, 1.0)


def test_looking_at_a_target_with_blanks_warns_only():
    found = roles_to_look_at(gappy(), targets=["y"])
    assert (found.rows, found.schema["y"].role) == (4, "target")
    assert messages(found)[-1] == (
        'W217 target "y" is empty in 2 rows (first row 2), left out here; a fit refuses them. '
        "Fill them, or use --drop-missing-target."
    )


def test_a_wrong_target_is_reported_before_any_cell(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "1,2\n" * 9 + "a,3\n")
    with pytest.raises(TableError, match=r'target "Y" not found. Did you mean "y"'):
        vetro.inspect(path, "Y")
    with pytest.raises(TableError, match='target "Y" not found'):
        vetro.fit(path, "Y")


def test_one_missing_target_is_one_row():
    built = table({"x": NUMBERS[:3], "y": [1.0, None, 2.0]})
    assert "is empty in 1 row (first row 2)" in refusal(TableError, built, targets=["y"])


def test_a_missing_class_label_counts_as_missing():
    built = table({"x": NUMBERS[:4], "y": ["a", None, "b", "a"]})
    assert refusal(TableError, built, targets=["y"]).startswith("E115")
    assert assign_roles(built, targets=["y"], drop_missing_target=True).rows == 3


def test_any_missing_target_of_several_leaves_the_row_out():
    built = gappy(z=[None, 1.0, 2.0, 3.0, 4.0, 5.0])
    left = assign_roles(built, targets=["y", "z"], drop_missing_target=True)
    assert left.values["z"].tolist() == [2, 4, 5]


def test_a_column_constant_in_the_rows_left_is_left_out():
    built = gappy(k=[1, 2, 1, 2, 1, 1])
    left = assign_roles(built, targets=["y"], drop_missing_target=True)
    assert [notice.code for notice in left.notices] == ["I213", "W116"]


def test_too_few_rows_with_a_target():
    built = table({"x": NUMBERS[:3], "y": [None, 1.0, None]})
    found = refusal(TableError, built, targets=["y"], drop_missing_target=True)
    assert found == "E210 1 row has a target. At least 2 are needed: check --target."


def test_labels_of_values():
    built = houses(on=[True] * ROWS)
    assert label_of(built.schema["on"], 1.0) == "yes"
    assert label_of(built.schema["colour"], 1) == "green"
    assert [label_of(built.schema["size"], value) for value in (3.0, 0.1, -2.5, 1e22)] == [
        "3", "0.1", "-2.5", "1e+22",
    ]  # fmt: skip


def test_input_keeps_an_identifier_beside_the_others():
    """W117 says "Use --input id to keep it": nobody means to lose the other columns."""
    columns = houses(id=[float(i) for i in range(ROWS)])
    assert "id" not in [c.name for c in assign_roles(columns, targets=["price"]).schema.inputs]
    kept = assign_roles(columns, targets=["price"], inputs=["id"])
    assert [c.name for c in kept.schema.inputs][-1] == "id"
    assert len(kept.schema.inputs) > 1
    only = assign_roles(columns, targets=["price"], inputs=["id", "size"])
    assert [c.name for c in only.schema.inputs] == ["size", "id"]


def test_large_numbers_that_only_look_equal_are_not_called_equal() -> None:
    import pyarrow as pa

    from vetro.tables.read import read_table

    big = pa.array([2**60 + n for n in range(60)], pa.int64())
    numbers = pa.array([float(n * n % 7) for n in range(60)])
    source = pa.table({"big": big, "x": numbers, "y": numbers})
    table = assign_roles(read_table(source), targets=["y"])
    assert [item.code for item in table.notices] == ["W119"]
    assert table.schema["big"].role == "ignored"
