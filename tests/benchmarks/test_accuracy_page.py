"""The page of the accuracy bench: every figure in it follows from the results, losses included."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gmean, ttest_1samp

from benchmarks.accuracy import results
from benchmarks.accuracy.contestants import CONTESTANTS
from benchmarks.accuracy.figures import common, compared, standing
from benchmarks.accuracy.page import page
from benchmarks.accuracy.results import Results
from benchmarks.accuracy.tables import Table, declared, half_of

NAMES = ("vetro", "linear", "trees", "catboost")


def tables(count: int = 20) -> list[Table]:
    return [Table(f"p/t{number}", "y", classes=number % 3 == 0) for number in range(count)]


def answers(chosen: list[Table], seed: int = 0) -> dict[str, Results]:
    """Results of four contestants, drawn at random."""
    rng = np.random.default_rng(seed)
    return {
        name: {
            table.name: {
                "rows": [80, 20],
                "error": float(rng.uniform(1.0, 2.0)),
                **({"ece": float(rng.uniform())} if table.classes else {}),
                **({"coverage": float(rng.uniform())} if name == "vetro" else {}),
                "processor": float(rng.uniform(1, 9)),
                "versions": {name: "1.2"},
            }
            for table in chosen
        }
        for name in NAMES
    }


def test_standings_by_hand() -> None:
    chosen = tables()
    found = answers(chosen)
    it = standing("vetro", found, chosen)
    error = {name: np.array([one["error"] for one in found[name].values()]) for name in NAMES}
    times, classes = error["vetro"] / error["trees"], np.array([t.classes for t in chosen])
    assert it.regression == pytest.approx(gmean(times[~classes]))
    assert it.classes == pytest.approx(gmean(times[classes]))
    assert it.both == pytest.approx(gmean(times))
    logs = np.log(times)
    assert it.between == pytest.approx(np.exp(ttest_1samp(logs, 0).confidence_interval(0.95)))
    assert (it.worst, it.far) == (times.max(), (times > 1.15).sum())
    assert it.behind_linear == (error["vetro"] / error["linear"] > 1.03).sum()
    place = 1 + sum((error[name] < error["vetro"]).astype(int) for name in NAMES)
    assert it.rank == pytest.approx(np.mean(place))
    assert it.calibration == np.mean(
        [one["ece"] for one in found["vetro"].values() if "ece" in one]
    )
    assert it.coverage == pytest.approx(
        np.mean([one["coverage"] for one in found["vetro"].values()])
    )
    assert np.isnan(standing("linear", found, chosen).coverage)
    seconds = [one["processor"] for one in found["vetro"].values()]
    assert (it.processor, it.most_processor) == (np.median(seconds), max(seconds))


def test_means_are_over_tables_that_all_answered() -> None:
    chosen = tables()
    found = answers(chosen)
    found["catboost"]["p/t1"] = {"problem": "no memory"}
    assert compared(found, chosen) == list(NAMES)
    assert common(found, chosen) == [table for table in chosen if table.name != "p/t1"]
    for number in range(2, 7):
        del found["catboost"][f"p/t{number}"]
    assert compared(found, chosen) == ["vetro", "linear", "trees"]


def test_the_page_names_every_loss_and_every_gap() -> None:
    chosen = tables()
    found = answers(chosen)
    found["catboost"]["p/t1"] = {"problem": "no memory"}
    for number in (2, 5, 7, 8, 10, 11):
        del found["catboost"][f"p/t{number}"]
    text = page(found, chosen)
    behind = text.split("## Where others")[1].split("## ")[0]
    for table in chosen:
        better = {
            name: found["vetro"][table.name]["error"] / found[name][table.name]["error"]
            for name in NAMES[1:]
            if "error" in found[name].get(table.name, {})
        }
        line = next((one for one in behind.splitlines() if f"| {table.name} |" in one), "")
        assert {name for name in better if CONTESTANTS[name].label in line} == {
            name for name, times in better.items() if times > 1.03
        }
        if line:
            assert f"({max(better.values()):.2f})" in line and half_of(table.name) in line
    assert "- CatBoost: 6 of 20 tables are not measured yet." in text
    assert "- CatBoost on p/t1: no memory" in text
    shared = common({name: found[name] for name in ("catboost", "vetro", "trees")}, chosen)
    mean = gmean(
        [
            found["catboost"][table.name]["error"] / found["trees"][table.name]["error"]
            for table in shared
        ]
    )
    assert f"On {len(shared)} tables it has {mean:.3f} times" in text


def test_a_table_is_in_the_part_of_its_half_with_the_best_in_bold() -> None:
    chosen = tables()
    found = answers(chosen)
    parts = dict(zip(("tuning", "unseen"), page(found, chosen).split(" half: ")[-2:], strict=True))
    for table in chosen:
        row = re.search(rf"^\| {table.name}(, classes)? \|.*$", parts[table.half], re.M)
        assert row is not None and (row[1] is not None) == table.classes
        best = min(found[name][table.name]["error"] for name in NAMES)
        times = f"**{best / found['trees'][table.name]['error']:.3f}**"
        assert row[0].count("**") == 2 and times in row[0]


def test_the_document_is_what_the_results_say() -> None:
    found = {name: results.read(results.PUBLISHED / f"{name}.json") for name in CONTESTANTS}
    kept = {name: answers for name, answers in found.items() if answers}
    document = Path(__file__).parents[2] / "docs" / "accuracy.md"
    assert document.read_text() == page(kept, list(declared().values()))
