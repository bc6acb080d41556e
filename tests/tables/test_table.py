"""Rows keep their places and numbers in the source, whatever is taken from a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipes import PLAIN

from vetro.glass.rows import rows_of_table
from vetro.glass.subject import subject_of
from vetro.model.fit import fit_table
from vetro.model.request import FitRequest
from vetro.tables.chunks import read_chunks
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.table import Table


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """60 rows below two lines of title; x is the row's number, every third target is empty."""
    lines = [f"{n},{n % 7},{'' if n % 3 == 0 else 2 * n}" for n in range(1, 61)]
    path = tmp_path_factory.mktemp("rows") / "t.csv"
    path.write_text("\n".join(["Measured in May", "", "x,z,y", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def table(source) -> Table:
    return read_table(source)


@given(st.lists(st.integers(0, 59), min_size=3, max_size=20), st.data())
def test_taken_rows_are_those_of_the_source(table, rows, data) -> None:
    once = table.take(np.array(rows))
    again = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=5))
    twice = once.take(np.array(again))
    for taken in (table, once, twice):
        for row, name in enumerate(taken.numbered()):
            assert name == f"row {taken.values['x'][row]:.0f}"
            assert taken.place_of(row) == f"line {taken.values['x'][row] + 3:.0f}"


def test_chunks_know_their_rows(source) -> None:
    schema = read_table(source).schema
    chunks = list(read_chunks(source, ReadOptions(), schema, 7))
    names = [name for chunk in chunks for name in chunk.numbered()]
    assert names == [f"row {row}" for row in range(1, 61)]
    part = list(read_chunks(source, ReadOptions(), schema, 7, only=range(9, 12)))
    assert [name for chunk in part for name in chunk.numbered()] == ["row 10", "row 11", "row 12"]


def test_a_table_read_with_a_schema_is_whole(source) -> None:
    schema = read_table(source).schema
    assert read_table(source, ReadOptions(), schema).numbered()[-1] == "row 60"


def test_rows_without_a_target_do_not_move_the_others(source) -> None:
    """The report's W746 and W747 name rows by these places."""
    request = FitRequest(
        targets=("y",),
        drop_missing_target=True,
        recipe=replace(PLAIN, epochs=2, folds=2, hidden=(4,)),
    )
    seen = []
    model = fit_table(source, request, meanwhile=lambda model, table: seen.append(table))
    rows = rows_of_table(subject_of(model), seen[0], 10)
    x = [column.name for column in model.schema.inputs].index("x")
    assert len(seen[0].values["y"]) == 40
    assert rows.places == tuple(f"row {value:.0f}" for value in rows.raw[:, x])
