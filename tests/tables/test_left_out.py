"""Rows that are left out: a table with them is the table without them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tables.build import table
from told import told

from vetro.errors import TableError
from vetro.tables.left_out import weights_of, with_rows_that_count
from vetro.tables.roles import assign_roles

COLUMNS = {
    "size": [1.0, 2.5, 4.0, None, 3.0],
    "town": ["b", "d", None, "b", "d"],
    "wet": [True, False, True, True, False],
    "y": [1.0, 3.0, 2.0, 5.0, 4.0],
}
IDLE = {"size": 900.0, "town": "a", "wet": None, "y": None}


def weighted(columns, weights):
    """The columns with the target y and the weights w, before any row is left out."""
    built = table({**columns, "w": weights}, target="y")
    return built.with_schema(built.schema.replaced(replace(built.schema["w"], role="weight")))


def refusal(*arguments):
    with pytest.raises(TableError) as caught:
        with_rows_that_count(*arguments)
    return told(caught.value)


@pytest.mark.parametrize("place", range(6))
def test_a_row_of_weight_0_leaves_no_trace(place):
    """Levels, gaps, ranges and counts are those of the table that never had the row."""
    with_row = {name: [*v[:place], IDLE[name], *v[place:]] for name, v in COLUMNS.items()}
    weights = [2.0, 1.0, 1.0, 0.5, 1.0]
    plain = with_rows_that_count(weighted(COLUMNS, weights), False)
    left = with_rows_that_count(
        weighted(with_row, [*weights[:place], 0.0, *weights[place:]]), False
    )
    assert [told(item) for item in left.notices] == ["I214 1 row of weight 0 left out."]
    for column, found in zip(plain.schema, left.schema, strict=True):
        assert replace(found, example="") == replace(column, example="")
        np.testing.assert_array_equal(left.values[column.name], plain.values[column.name])
        assert left.values[column.name].dtype == plain.values[column.name].dtype
    whole = np.delete(np.arange(6), place)
    assert left.numbers.tolist() == whole.tolist()
    assert [left.place_of(row) for row in range(5)] == [f"row {row + 1}" for row in whole]


def test_levels_only_in_rows_without_a_target_are_not_seen():
    columns = {"town": ["a", "b", "c", "b"], "y": [None, 1.0, 2.0, 3.0]}
    left = with_rows_that_count(table(columns, target="y"), drop_missing_target=True)
    assert left.schema["town"].levels == ("b", "c")
    assert left.values["town"].tolist() == [0, 1, 0]
    assert [told(item) for item in left.notices] == ["I213 1 row without a target left out."]


def test_what_is_decided_of_inputs_is_decided_without_the_row():
    """An input that is constant but for a row of weight 0 is constant (W116)."""
    columns = {"a": [1.0, 1.0, 2.0], "b": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]}
    built = table({**columns, "w": [1.0, 1.0, 0.0]})
    for inputs in ((), ("a", "b")):
        found = assign_roles(built, targets=["y"], weight="w", inputs=inputs)
        assert [item.code for item in found.notices] == ["I214", "W116"]


def test_weights_that_are_none():
    rows = {"y": [1.0, 2.0, 3.0]}
    assert refusal(weighted(rows, [1.0, -2.5, 1.0]), False) == (
        'E212 weight column "w", row 2: -2.5 is negative. A weight must be 0 or more; '
        "rows of weight 0 are left out."
    )
    assert 'row 3: "" is missing' in refusal(weighted(rows, [1.0, 0.0, None]), False)
    assert refusal(weighted(rows, [0.0, 0.0, 0.0]), False).startswith("E212")
    assert refusal(weighted(rows, [0.0, 0.0, 1.0]), False) == (
        "E210 1 row has a target and a weight above 0. At least 2 are needed: check --target."
    )


def test_a_row_without_a_target_may_lack_its_weight():
    built = weighted({"y": [1.0, None, 3.0]}, [1.0, None, 2.0])
    assert with_rows_that_count(built, drop_missing_target=True).rows == 2
    assert refusal(built, False).startswith('E115 target "y" is empty in 1 row (first row 2)')


def test_weights_have_mean_one_over_the_rows_given():
    built = weighted({"y": [1.0, 2.0, 3.0]}, [1.0, 3.0, 8.0])
    assert weights_of(built).tolist() == [0.25, 0.75, 2.0]
    assert weights_of(built, np.array([1, 0])).tolist() == [1.5, 0.5]
    assert weights_of(built, np.array([True, True, False])).tolist() == [0.5, 1.5]
    assert built.values["w"].tolist() == [1.0, 3.0, 8.0]
    huge = weighted({"y": [1.0, 2.0, 3.0]}, [1e308, 1e308, 5e307])
    assert weights_of(huge).mean() == pytest.approx(1)
    assert weights_of(table({"y": [1.0, 2.0]}, target="y")) is None
