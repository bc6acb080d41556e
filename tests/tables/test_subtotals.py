"""Subtotals among the rows are named; a text that only resembles one is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from told import told

from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table

REGIONS = "region,pieces,share\nRome,1,0.5\nPisa,2,0.7\nTotal Italy,3,\nBonn,4,0.2\nTrier,5,0.1\n"


def said(folder: Path, text: str, **options: object) -> list[str]:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    table = read_table(folder / "t.csv", ReadOptions(**options))  # type: ignore[arg-type]
    return [told(item) for item in table.notices]


def test_they_are_named_with_the_query_that_leaves_them_out(tmp_path: Path) -> None:
    text = REGIONS + "Total Germany,9,\nOslo,7,0.3\n"
    (found,) = said(tmp_path, text)
    assert found.startswith('W174 column "region": "Total Italy" (line 4) names a sum of other')
    assert "(2 rows)" in found
    query = "SELECT * FROM data WHERE coalesce(region, '') NOT IN ('Total Italy')"
    assert f'Use --query "{query}" to leave' in said(tmp_path, REGIONS)[0]
    assert said(tmp_path, REGIONS, query=query) == []


@pytest.mark.parametrize(
    "word", ["Subtotal", "SUMME", "Totale:", "Sub-total", "Rome total", "合計"]
)
def test_words(tmp_path: Path, word: str) -> None:
    text = REGIONS.replace("Total Italy", word)
    assert said(tmp_path, text)[0].startswith("W174")


@pytest.mark.parametrize(
    "text",
    [
        REGIONS.replace("Total Italy,3", "Total Italy,8"),
        REGIONS.replace("Total Italy", "Naples"),
        "eclipse,year\ntotal,1999\npartial,2000\nannular,2001\ntotal,2002\npartial,2003\npartial,4\n",
    ],
)
def test_what_is_none(tmp_path: Path, text: str) -> None:
    assert said(tmp_path, text) == []
