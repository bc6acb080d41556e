"""Slopes of a trace: against the model's answers in float64, moved by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from model.build import model_of, reference, rows_of, write_csv
from torch import nn

from vetro.glass.rows import rows_of as read_rows
from vetro.glass.subject import subject_of
from vetro.glass.trace.slopes import middle_of
from vetro.glass.trace.trace import trace
from vetro.report.look_inside import at_row


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("slopes") / "mixed.csv", rows_of(240))


@pytest.mark.parametrize("bins", [0, 8])
@pytest.mark.parametrize(
    ("targets", "loss"),
    [(("pressure", "noise"), "auto"), (("grade",), "auto"), (("sold",), "bce")],
)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_slopes_are_those_of_the_answers(table, activation, targets, loss, bins) -> None:
    model = model_of(table, *targets, activation=activation, loss=loss, bins=bins)
    raw = read_rows(subject_of(model), table).raw
    for row in raw[[0, int(np.flatnonzero(np.isnan(raw[:, 1]))[0])]]:
        found = trace(model, row)
        names = list(found.answers)
        told = [f"P({found.label})"] if found.label else names
        assert [slope.column.name for slope in found.slopes] == ["flow", "age", "wet"]
        for slope in found.slopes:
            place = found.subject.inputs.index(slope.column.name)
            assert [change.answer for change in slope.changes] == told
            for change in slope.changes:
                answer = names.index(change.answer)

                def at(value, place=place, row=row, answer=answer):
                    moved = row.copy()
                    moved[place] = value
                    return reference(model, moved[None])[0, answer]

                low, high = at(slope.low), at(slope.high)
                size = 1e-5 * max(1.0, abs(low), abs(high))
                np.testing.assert_allclose([change.at_low, change.at_high], [low, high], atol=size)
                average = (high - low) / (slope.high - slope.low)
                assert change.average == pytest.approx(average, abs=3 * size)
                here = row[place]
                if np.isnan(here) or slope.column.kind == "flag":
                    assert np.isnan(change.here)
                    continue
                step = 1e-6
                wanted = (at(here + step) - at(here - step)) / (2 * step)
                if at(here + step) - at(here) == pytest.approx(
                    at(here) - at(here - step), rel=1e-3
                ):
                    assert change.here == pytest.approx(wanted, rel=1e-3, abs=1e-6)


def test_the_range_is_the_middle_of_the_values(table) -> None:
    model = model_of(table, "pressure", bins=8)
    flow, city = model.schema["flow"], model.schema["city"]
    values = np.array(rows_of(240)["flow"])
    low, high = middle_of(flow, model.blocks[0])
    np.testing.assert_allclose(
        [low, high], values.mean() + 0.6745 * values.std() * np.array([-1, 1])
    )
    assert 0.4 < np.mean((values > low) & (values < high)) < 0.6
    assert middle_of(city, model.blocks[3]) is None
    assert middle_of(model.schema["wet"], model.blocks[4]) == (0.0, 1.0)


def test_outside_the_bins_only_the_scaled_number_is_left_of_the_slope(table) -> None:
    model = model_of(table, "pressure", activation="identity", members=1, bins=8)
    row = read_rows(subject_of(model), table).raw[0].copy()
    borders = model.blocks[0].borders
    slopes = []
    for value in (borders[0] - 1, borders[0], borders[-1], borders[-1] + 1):
        row[0] = value
        slopes.append(trace(model, row).slopes[0].changes[0].here)
    assert slopes[0] == pytest.approx(slopes[3])
    for value, slope in ((borders[0] + 0.01, slopes[1]), (borders[-1] - 0.01, slopes[2])):
        row[0] = value
        assert trace(model, row).slopes[0].changes[0].here == pytest.approx(slope)
        assert slope != pytest.approx(slopes[0])


def test_text_json_and_report_show_them(table) -> None:
    model = model_of(table, "pressure", "noise", activation="relu", bins=8)
    row = read_rows(subject_of(model), table).raw[0]
    found = trace(model, row)
    text = str(found)
    assert "slopes: how the answer changes with one column" in text
    heads = next(line for line in text.splitlines() if line.split()[:2] == ["column", "answer"])
    assert heads.split()[2:4] == ["from", "to"]
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    flow, _, wet = data["slopes"]
    assert flow["answers"]["noise"]["average"] == found.slopes[0].changes[1].average
    assert wet["answers"]["noise"]["at_row"] is None
    assert "How the answer changes with each column" in at_row(model, row, "the row")
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    plain = trace(module, torch.tensor([1.0, 2.0]))
    assert plain.slopes == ()
    assert "slopes" not in str(plain)
