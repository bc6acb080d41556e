"""Columns of many texts: which become levels, and that the target has no part in it."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import told

import vetro
from vetro.errors import VetroWarning
from vetro.tables.frequent import COVERED, level_limit
from vetro.tables.level_blocks import RARE, UNSEEN

ROWS = 160


def towns(rows: int = ROWS, rare: int = 30) -> list[str]:
    """Forty towns of many rows, and some of one row each."""
    return [f"rare{n}" if n < rare else f"town{n % 15}" for n in range(rows)]


def table(texts: list[str], shift: float = 0.0) -> dict[str, list]:
    x = [n * 5 % 13 + n / 7 for n in range(len(texts))]
    y = [value * 2 + n % 15 + shift * (n % 3) for n, value in enumerate(x)]
    return {"town": texts, "x": x, "y": y}


def test_frequent_texts_are_levels_and_the_others_one() -> None:
    found = vetro.inspect(table(towns()), target="y")
    column = found.schema["town"]
    assert column.role == "input" and column.joined and column.distinct == 45
    assert column.levels == tuple(sorted(f"town{n}" for n in range(15)))
    values = found.values["town"]
    for text, code in zip(towns(), values.tolist(), strict=True):
        assert code == (UNSEEN if text.startswith("rare") else column.levels.index(text))
    assert [told(item) for item in found.notices if item.column == "town"] == [
        'I180 column "town" holds 45 different texts: the 15 most frequent, 81% of the rows, are '
        "levels, and the others are read as <other>. Use --category town to keep all, or "
        "--drop town."
    ]


def test_a_level_has_three_rows_or_more() -> None:
    texts = ["three"] * 3 + ["two"] * 2 + towns(ROWS - 5)
    column = vetro.inspect(table(texts), target="y").schema["town"]
    assert "three" in column.levels and "two" not in column.levels and column.joined


def test_all_texts_where_the_user_wants_them() -> None:
    found = vetro.inspect(table(towns()), target="y", category="town")
    assert len(found.schema["town"].levels) == 45 and not found.schema["town"].joined


@pytest.mark.parametrize("rare", [85, 120])
def test_a_column_of_rare_texts_is_left_out(rare: int) -> None:
    found = vetro.inspect(table(towns(rare=rare)), target="y")
    assert found.schema["town"].role == "ignored"
    assert [item.code for item in found.notices if item.column == "town"] == ["W123"]


def test_ranges_keep_all_their_levels() -> None:
    """Texts with an order teach each other, so there is no limit by rows."""
    texts = [f"{10 * (n % 40)}-{10 * (n % 40) + 9}" for n in range(ROWS)]
    column = vetro.inspect(table(texts), target="y").schema["town"]
    assert column.role == "input" and len(column.order) == 40 > level_limit(ROWS)


@given(st.lists(st.integers(0, 60), min_size=120, max_size=400), st.randoms())
def test_only_counts_of_texts_decide(numbers: list[int], random) -> None:
    """Against a count by hand; the targets and the order of the rows change nothing."""
    texts = [f"t{n if n < 25 else 100 + i}" for i, n in enumerate(numbers)]
    counts = Counter(texts)
    limit = level_limit(len(texts))
    frequent = sorted(counts, key=lambda text: (-counts[text], text))[:limit]
    expected = sorted(text for text in frequent if counts[text] >= RARE)
    column = vetro.inspect(table(texts), target="y").schema["town"]
    if len(counts) <= limit:
        assert column.levels == tuple(sorted(counts))
        return
    if sum(counts[text] for text in expected) < COVERED * len(texts):
        assert column.role == "ignored"
        return
    assert column.levels == tuple(expected)
    changed = vetro.inspect(table(texts, shift=random.random()), target="y")
    assert changed.schema["town"] == column
    shuffled = list(texts)
    random.shuffle(shuffled)
    assert vetro.inspect(table(shuffled), target="y").schema["town"].levels == column.levels


def test_a_model_reads_other_texts_as_training_read_rare_ones(tmp_path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VetroWarning)
        model = vetro.fit(table(towns()), target="y", hidden=(4,), epochs=3, folds=2, numbers="raw")
    model.save(tmp_path / "m.safetensors")
    model = vetro.load(tmp_path / "m.safetensors")
    assert model.encoder.inputs[0].other_trained
    rows = {"town": ["rare1", "nowhere", "town3"], "x": [1.0, 1.0, 1.0]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a text that is not frequent is nothing to warn of
        found = np.asarray(model.predict(rows)["y"])
        np.testing.assert_array_equal(found, model.predict(rows, unknown="refuse")["y"])
    assert found[0] == found[1] != found[2]
