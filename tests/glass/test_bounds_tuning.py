"""Tuned slopes hold, and are worth it; rows are found where many columns must move together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from glass.bounds_cases import boxes_of, random_boxes, random_module
from glass.exact_regions import exact_range
from model.build import model_of, rows_of, write_csv
from torch import nn

import vetro
from vetro.glass import plain
from vetro.glass.bounds.answer_forms import answers_over
from vetro.glass.bounds.axes import space_of
from vetro.glass.bounds.box import Boxes, Range, halves
from vetro.glass.bounds.forms import Region
from vetro.glass.bounds.over import ranges_of
from vetro.glass.bounds.relaxation import enclose
from vetro.glass.bounds.tuning import tune
from vetro.glass.bounds.witness import Search
from vetro.glass.rows import Rows, answers, part_inputs
from vetro.glass.subject import Subject, subject_of


def never() -> bool:
    return False


def bent(random: np.random.Generator) -> nn.Module:
    """Two to four layers of relu or leaky_relu, some with a sum across."""
    torch.manual_seed(int(random.integers(1 << 31)))
    inputs, hidden = int(random.integers(2, 6)), int(random.integers(3, 10))
    activation: Any = (nn.ReLU, lambda: nn.LeakyReLU(0.2), lambda: nn.LeakyReLU(0.7))[
        int(random.integers(3))
    ]
    layers: list[nn.Module] = [nn.Linear(inputs, hidden), activation()]
    for _ in range(int(random.integers(1, 4))):
        layers += [nn.Linear(hidden, hidden), activation()]
    return nn.Sequential(*layers, nn.Linear(hidden, int(random.integers(1, 4))))


def outside(subject: Subject, space: Any, root: Boxes, seed: int) -> None:
    """Rows of the root against everything that tuning claims of it."""
    tuned = tune(subject, space, root, never)
    if tuned is None:
        return
    search = Search(subject, space, root, seed=seed)
    search.start()
    assert (tuned.least <= search.values).all()
    raw = np.concatenate([search.random(300), search.random(300, corners=True), search.rows])
    for part, known in zip(subject.parts, tuned.known, strict=True):
        values = plain.forward(part, part_inputs(part, Rows(raw)))
        for number, (low, high) in known.items():
            room = 1e-5 * (1 + np.abs(values[number]))  # plain.py is not the engine
            assert (low <= values[number] + room).all() and (values[number] - room <= high).all()
    # and against the boxes within, which use it
    random = np.random.default_rng(seed)
    boxes = root
    while len(boxes) < 16:
        axis = random.integers(0, len(space.axes), len(boxes))
        boxes = halves(space, boxes, axis)
    least = answers_over(subject, space, boxes, tuned=tuned).least
    for number in range(len(boxes)):
        inner = Search(subject, space, boxes.take(np.array([number])), seed=seed)
        inner.look(inner.random(40))
        inner.look(inner.random(40, corners=True))
        assert (least[number] <= inner.values).all()


@pytest.mark.parametrize("seed", range(8))
def test_nothing_lies_outside_what_is_tuned(seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(3):
        subject = subject_of(bent(random))
        (ranges,) = random_boxes(random, len(subject.inputs), 1)
        outside(subject, *boxes_of(subject, [ranges]), seed)
        other = subject_of(random_module(random))
        (ranges,) = random_boxes(random, len(other.inputs), 1)
        outside(other, *boxes_of(other, [ranges]), seed)


@pytest.mark.parametrize("target", ["pressure", "grade"])
def test_nothing_lies_outside_for_a_model(tmp_path: Any, target: str) -> None:
    path = write_csv(tmp_path / "mixed.csv", rows_of(240))
    model = model_of(path, target, activation="relu", members=2, hidden=(8, 8))
    subject = subject_of(model)
    outside(subject, *space_of(subject, ranges_of(subject, None)[0]), 0)


def test_tuned_bounds_enclose_the_exact_range_and_are_narrower() -> None:
    random = np.random.default_rng(5)
    gains = []
    for _ in range(6):
        torch.manual_seed(int(random.integers(1 << 31)))
        module = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(),
                               nn.Linear(6, 1))  # fmt: skip
        subject = subject_of(module)
        low, high = np.array([-2.0, -1.5]), np.array([1.5, 2.0])
        space, root = boxes_of(subject, [[Range(-2.0, 1.5), Range(-1.5, 2.0)]])
        exact = exact_range(subject.parts[0], low, high)
        tuned = tune(subject, space, root, never)
        assert tuned is not None
        assert tuned.least[0] <= exact.least[0] and exact.most[0] <= -tuned.least[1]
        untuned = answers_over(subject, space, root).least[0]
        gains.append(tuned.least.sum() / untuned.sum())
    assert np.mean(gains) < 0.9


def test_the_least_of_a_form_is_reached_where_it_is_said() -> None:
    random = np.random.default_rng(0)
    subject = subject_of(bent(random))
    space, several = boxes_of(subject, random_boxes(random, len(subject.inputs), 5))
    region = Region.of(space, several)
    part = subject.parts[0]
    found = enclose(part, 0, region)
    spec = random.normal(size=(1, 1, part.network.outputs))
    form = found.below(spec, len(part.network.operations))
    reached = form.reached(region)
    value = (form.of_variables[:, 0] * reached.numbers).sum(axis=1) + form.constant[:, 0]
    least = form.least(region)[:, 0]
    assert (least <= value).all()
    np.testing.assert_allclose(value, least, rtol=1e-9, atol=1e-9)


def test_many_columns_move_together() -> None:
    """The corner of sixty columns that a straight network answers lowest at: no random row comes
    near, and a change of one column after the other takes sixty."""
    torch.manual_seed(3)
    module = nn.Linear(60, 1).double()
    subject = subject_of(module)
    space, root = space_of(subject, [Range(-1.0, 2.0)] * 60)
    search = Search(subject, space, root)
    search.start()
    weight, bias = module.weight.detach().numpy()[0], float(module.bias.detach()[0])
    exact = bias + np.where(weight > 0, -weight, 2 * weight).sum()
    assert search.values[0] == pytest.approx(exact, rel=1e-9)


def test_levels_flags_and_gaps_move_together() -> None:
    """As many categories, flags and columns with gaps: what a straight model answers highest at."""
    random = np.random.default_rng(0)
    rows = 300
    data: dict[str, Any] = {f"n{k}": random.normal(size=rows) for k in range(8)}
    for k in range(4):
        data[f"n{k}"] = np.where(random.random(rows) < 0.1, np.nan, data[f"n{k}"])
    for k in range(12):
        data[f"c{k}"] = random.choice(["a", "b", "c", "d"], rows)
    data["flag"] = random.choice(["yes", "no"], rows)
    target = np.nansum([data[f"n{k}"] * (k - 3) for k in range(8)], axis=0)
    target += sum((data[f"c{k}"] == "b") * k for k in range(12)) + (data["flag"] == "yes")
    model = vetro.fit({**data, "y": target}, target="y", hidden=(), epochs=5, folds=2)
    subject = subject_of(model)
    space, root = space_of(subject, ranges_of(subject, None)[0])
    search = Search(subject, space, root)
    search.follow(search.random(1), np.array([1]))
    best = search.rows[1].copy()
    # no change of one column goes higher
    for place, axis in enumerate(space.axes):
        values = [code for code in axis.codes if code is not None]
        if axis.number >= 0:
            values += [root.low[0, axis.number], root.high[0, axis.number]]
        for value in values:
            tried = best.copy()
            tried[place] = value
            reached = float(answers(subject, Rows(tried[None]))[0, 0])
            assert reached <= -search.values[1] + 1e-6 * abs(search.values[1])
