"""Blocks of ordered texts: their columns against the definition, in fractions."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vetro.tables.blocks_json import block_from_json, to_json
from vetro.tables.level_blocks import MISSING, RARE, UNSEEN, OrderedBlock
from vetro.tables.schema import Column

LEVELS = ("b", "d", "a", "c", "e")
ORDER = ("e", "d", "c", "b", "a")


def column(missing: int = 0, order: tuple[str, ...] = ORDER) -> Column:
    levels = tuple(sorted(order, key=(*LEVELS, *map(str, range(9))).index))
    return Column("k", "category", levels=levels, order=order, missing=missing)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Column, np.ndarray, np.ndarray | None]:
    order = draw(st.permutations(LEVELS).map(lambda texts: tuple(texts[:4])))
    levels = tuple(draw(st.permutations(order)))
    missing = draw(st.booleans())
    codes = draw(st.lists(st.integers(MISSING, len(levels) - 1), min_size=1, max_size=25))
    whole = st.lists(st.integers(1, 9), min_size=len(codes), max_size=len(codes))
    weights = draw(st.none() | whole.map(lambda values: np.array(values, dtype=np.float64)))
    entry = Column("k", "category", levels=levels, order=order, missing=int(missing))
    return entry, np.array(codes, dtype=np.int32), weights


@given(cases())
def test_columns_are_those_of_the_definition(case) -> None:
    """Each number again, from the texts of the rows alone."""
    entry, codes, weights = case
    block = OrderedBlock.fit(entry, codes, weights)
    assert block.order == entry.order
    ranks = [entry.order.index(entry.levels[code]) for code in codes if code >= 0]
    counted = [Fraction(1) if weights is None else Fraction(weights[row])
               for row, code in enumerate(codes) if code >= 0]  # fmt: skip
    total = sum(counted, Fraction(0))
    if total:
        mean = sum(r * w for r, w in zip(ranks, counted, strict=True)) / total
        variance = sum((r - mean) ** 2 * w for r, w in zip(ranks, counted, strict=True)) / total
        scale = 1.0 / float(variance) ** 0.5 if variance else 1.0
        for level, score in zip(entry.levels, block.scores, strict=True):
            exact = float(entry.order.index(level) - mean) * scale
            assert score == pytest.approx(exact, rel=1e-6, abs=1e-6)
            assert score == float(np.float32(score))
        below = sum(
            (w for r, w in zip(ranks, counted, strict=True) if r < entry.order.index(block.median)),
            Fraction(0),
        )
        upto = sum(
            (
                w
                for r, w in zip(ranks, counted, strict=True)
                if r <= entry.order.index(block.median)
            ),
            Fraction(0),
        )
        assert below < total / 2 <= upto
    every = np.arange(UNSEEN, len(entry.levels))
    out = np.full((len(every), block.width), np.nan)
    block.write(out, every)
    names = block.names
    assert len(names) == block.width == out.shape[1]
    for code, row in zip(every.tolist(), out, strict=True):
        text = entry.levels[code] if code >= 0 else block.median
        rank = entry.order.index(text)
        assert row[0] == block.scores[entry.levels.index(text)]
        for number, level in enumerate(entry.order[1:], start=1):
            assert names[number] == f"k >= {level}"
            lower = sum(r < number for r in ranks)
            upper = sum(r >= number for r in ranks)
            if lower >= RARE and upper >= RARE:
                assert row[number] == (rank >= number)
        steps = row[1 : 1 + block.steps]
        assert (np.diff(steps) <= 0).all() and set(steps) <= {0.0, 1.0}
        if entry.missing:
            assert names[-1] == "k=<missing>"
            assert row[-1] == (code == MISSING and (codes == MISSING).any())
        np.testing.assert_array_equal(row, block.row(code))


def test_a_step_without_rows_on_one_side_is_constant() -> None:
    """One row of e (lowest) and two of a (highest): no step tells them from their neighbours."""
    codes = np.array([LEVELS.index(text) for text in "e" + "d" * 5 + "c" + "b" * 5 + "aa"])
    block = OrderedBlock.fit(column(), codes.astype(np.int32), None)
    assert (block.low, block.high) == ("d", "b")
    steps = {text: block.row(LEVELS.index(text))[1:].tolist() for text in ORDER}
    assert steps["e"] == steps["d"] == [1, 0, 0, 0]
    assert steps["c"] == [1, 1, 0, 0]  # one row, and many on both sides
    assert steps["b"] == steps["a"] == [1, 1, 1, 0]
    assert len({block.row(LEVELS.index(text))[0] for text in ORDER}) == 5


@pytest.mark.parametrize("codes", [[], [MISSING] * 4, [2] * 9, [0, 1]])
def test_too_few_rows_for_any_step(codes: list[int]) -> None:
    block = OrderedBlock.fit(column(missing=1), np.array(codes, dtype=np.int32), None)
    rows = np.array([block.row(code)[1 : 1 + block.steps] for code in range(len(LEVELS))])
    assert (rows == rows[0]).all()
    assert block.order == ORDER and np.isfinite(block.scores).all()


def test_written_for_any_type_of_codes_and_matrix() -> None:
    block = OrderedBlock.fit(column(missing=1), np.array([0, 1, 2, 3, 4, -1] * 3, np.int32), None)
    raw = np.array([0.0, 4.0, np.nan, -1.0, -2.0, 7.0, 1.5, np.inf])
    codes = np.array([0, 4, -1, -1, -2, -2, -2, -2])
    for dtype in (np.float32, np.float64):
        first, second = np.empty((2, len(raw), block.width), dtype)
        block.write(first, raw)
        block.write(second, codes)
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(second, np.array([block.row(code) for code in codes]))


def test_json_and_back() -> None:
    block = OrderedBlock.fit(column(missing=2), np.array([0, 1, 2, 3, 4, -1] * 3, np.int32), None)
    assert block_from_json(json.loads(json.dumps(to_json(block)))) == block


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"levels": ["b", "b", "a", "c", "e"]}, "are not two or more different texts"),
        ({"scores": [0.0, 1.0]}, "not one different number per level"),
        ({"scores": [0.0, 1.0, 1.0, 2.0, 3.0]}, "not one different number per level"),
        ({"scores": [0.0, 1.0, 2.0, 3.0, 0.1]}, "not a 32-bit number"),
        ({"scores": [0.0, 1.0, 2.0, 3.0, "x"]}, "not a number"),
        ({"median": "z"}, "median of 'k' is not one of its levels"),
        ({"low": "z"}, "low of 'k' is not one of its levels"),
        ({"low": "a", "high": "e"}, "low of 'k' is above high"),
        ({"missing": False, "missing_trained": True}, "cannot be trained"),
    ],
)
def test_json_of_an_edited_file(changed: dict[str, object], message: str) -> None:
    block = OrderedBlock.fit(column(missing=2), np.array([0, 1, 2, 3, 4, -1] * 3, np.int32), None)
    with pytest.raises((ValueError, TypeError), match=message):
        block_from_json(to_json(block) | changed)
