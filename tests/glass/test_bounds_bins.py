"""Bounds, proofs and slopes of networks that read numbers in bins.

Beside sampling: fractions, in which every cell of bins is cut into the network's regions.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from glass.binned_cases import behind, block_of, encoder_of
from glass.bounds_cases import random_module
from glass.exact_regions import Affine, exact_range
from torch import nn

import vetro
from vetro.errors import VetroWarning
from vetro.glass import plain
from vetro.glass.bounds import relaxation
from vetro.glass.bounds.answer_forms import answers_over
from vetro.glass.bounds.axes import space_of
from vetro.glass.bounds.box import Boxes, Range, Space
from vetro.glass.bounds.departures import departures
from vetro.glass.bounds.over import ranges_of
from vetro.glass.bounds.tangent_bounds import slopes_over
from vetro.glass.bounds.witness import Search
from vetro.glass.rows import Rows, answers, part_inputs
from vetro.glass.subject import Part, Subject, subject_of
from vetro.tables.blocks import NumberBlock


def subject_in_bins(random: np.random.Generator) -> Subject:
    """A random module behind 1 to 3 columns, most of them in bins, some of which may be missing."""
    double = bool(random.random() < 0.4)
    while True:
        module = random_module(random, double=double)
        width = next(m for m in module.modules() if isinstance(m, nn.Linear)).in_features
        blocks: list[NumberBlock] = []
        left = width
        while left and len(blocks) < 3:
            bins = left - 1 if len(blocks) == 2 else int(random.integers(0, left))
            indicator = bins > 1 and random.random() < 0.3
            blocks.append(block_of(random, f"x{len(blocks)}", bins - indicator, bool(indicator)))
            left -= 1 + bins
        if not left and any(block.bins for block in blocks):
            break
    outputs = [m for m in module.modules() if isinstance(m, nn.Linear)][-1].out_features
    return behind(encoder_of(tuple(blocks), outputs), module)


def some_boxes(
    random: np.random.Generator, subject: Subject, count: int
) -> tuple[Space, Boxes, list[list[Range]]]:
    """Boxes from points to wide ones; half of their ends are borders."""
    encoder = subject.parts[0].encoder
    assert encoder is not None
    several = []
    for _ in range(count):
        ranges = []
        for block in encoder.inputs:
            assert isinstance(block, NumberBlock)
            middle = random.normal(0, 2)
            half = abs(random.normal()) * random.choice([0.0, 0.01, 0.3, 3.0])
            ends = [middle - half, middle + half]
            if block.borders and random.random() < 0.5:
                ends[int(random.integers(2))] = float(random.choice(block.borders))
            codes = (None, np.nan) if block.indicator else (None,)
            ranges.append(Range(min(ends), max(ends), codes))
        several.append(ranges)
    spaces = [space_of(subject, ranges) for ranges in several]
    # one space: its middles are where the numbers of raw columns are counted from
    space = spaces[0][0]
    return space, Boxes.joined([root for _, root in spaces]), several


def rows_in(
    random: np.random.Generator, subject: Subject, box: list[Range], count: int
) -> np.ndarray:
    """Random rows, ends, borders within, and missing values where they are allowed."""
    encoder = subject.parts[0].encoder
    assert encoder is not None
    columns = []
    for block, found in zip(encoder.inputs, box, strict=True):
        assert isinstance(block, NumberBlock)
        knots = [found.low, found.high, *(b for b in block.borders if found.low < b < found.high)]
        own = np.clip(random.uniform(found.low, found.high, count), found.low, found.high)
        own = np.where(random.random(count) < 0.4, random.choice(knots, count), own)
        if len(found.codes) > 1:
            own = np.where(random.random(count) < 0.2, np.nan, own)
        columns.append(own)
    return np.stack(columns, axis=1)


def violations(seed: int, networks: int, boxes: int, samples: int) -> tuple[int, float]:
    """How many answers lie outside their box's bounds, and the smallest distance to a bound as a
    share of the bound's width."""
    random = np.random.default_rng(seed)
    outside, nearest = 0, np.inf
    for _ in range(networks):
        subject = subject_in_bins(random)
        count = len(subject.answers)
        space, several, ranges = some_boxes(random, subject, boxes)
        least = answers_over(subject, space, several).least
        low, high = least[:, :count], -least[:, count:]
        for box in range(boxes):
            found = answers(subject, Rows(rows_in(random, subject, ranges[box], samples)))
            outside += int((found < low[box]).sum() + (found > high[box]).sum())
            spread = high[box] - low[box]
            if (several.high[box] > several.low[box]).all():
                nearest = min(nearest, float(((found.min(axis=0) - low[box]) / spread).min()))
    return outside, nearest


def test_nothing_lies_outside() -> None:
    outside, nearest = violations(seed=1, networks=25, boxes=8, samples=200)
    assert outside == 0
    assert nearest < 1e-3  # and some bounds are touched: they are not merely wide


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_nothing_lies_outside_ten_thousand_boxes(seed: int) -> None:
    outside, _ = violations(seed=100 + seed, networks=50, boxes=20, samples=1000)
    assert outside == 0


def test_the_knots_of_layers_are_those_of_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers that read features are multiplied out at the knots first: the forms are the same."""
    random = np.random.default_rng(5)
    compared = 0
    for _ in range(12):
        subject = subject_in_bins(random)
        subject = replace(subject, parts=tuple(part.in_reals for part in subject.parts))
        space, several, _ = some_boxes(random, subject, 6)
        if relaxation.features_reach(subject.parts[0]) is None:
            continue
        direct = answers_over(subject, space, several)
        slopes = slopes_over(subject, space, several, len(space.axes) - 1)
        with monkeypatch.context() as patch:
            patch.setattr(relaxation, "features_reach", lambda part: None)
            other = answers_over(subject, space, several)
            other_slopes = slopes_over(subject, space, several, len(space.axes) - 1)
        np.testing.assert_allclose(direct.least, other.least, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(slopes.low, other_slopes.low, rtol=1e-6, atol=1e-9)
        compared += 1
    assert compared > 5


# ---- in fractions ----------------------------------------------------------------------------


def two_columns(random: np.random.Generator) -> Subject:
    torch.manual_seed(int(random.integers(1 << 31)))
    bins = [int(random.integers(2, 5)) for _ in range(2)]
    width, hidden = 2 + sum(bins), int(random.integers(2, 6))
    layers: list[nn.Module] = [nn.Linear(width, hidden), nn.ReLU()]
    if random.random() < 0.6:
        layers += [nn.Linear(hidden, hidden), nn.ReLU()]
    module = nn.Sequential(*layers, nn.Linear(hidden, 1))
    blocks = tuple(block_of(random, f"x{k}", bins[k], False) for k in range(2))
    return behind(encoder_of(blocks, 1), module.double() if random.random() < 0.5 else module)


def features_in(part: Part, low: np.ndarray, high: np.ndarray) -> list[Affine]:
    """The features as affine functions of two numbers in a cell without borders, in fractions."""
    assert part.encoder is not None
    found: list[Affine] = []
    for place, block in enumerate(part.encoder.inputs):
        assert isinstance(block, NumberBlock)

        def affine(slope: Fraction, level: Fraction, place: int = place) -> Affine:
            zero = Fraction(0)
            return (slope, zero, level) if place == 0 else (zero, slope, level)

        scale = Fraction(block.scale)
        found.append(affine(scale, -scale * Fraction(block.mean)))
        for first, last in pairwise(block.borders):
            a, b = Fraction(first), Fraction(last)
            if high[place] <= first or low[place] >= last:
                found.append(affine(Fraction(0), Fraction(int(low[place] >= last))))
            else:
                found.append(affine(1 / (b - a), -a / (b - a)))
    return found


def cells(part: Part, low: np.ndarray, high: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The box, cut at every border."""
    assert part.encoder is not None
    pieces = []
    for place, block in enumerate(part.encoder.inputs):
        assert isinstance(block, NumberBlock)
        within = [b for b in block.borders if low[place] < b < high[place]]
        knots = [float(low[place]), *within, float(high[place])]
        pieces.append(list(pairwise(knots)))
    return [(np.array([a[0], b[0]]), np.array([a[1], b[1]])) for a in pieces[0] for b in pieces[1]]


def compare(seed: int, networks: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(networks):
        subject = two_columns(random)
        part = subject.parts[0]
        low = random.normal(-1, 1, 2)
        high = low + np.abs(random.normal(0, 3, 2)) + 1e-3
        exact = [
            exact_range(part, a, b, features_in(part, a, b)) for a, b in cells(part, low, high)
        ]
        least = min(found.least[0] for found in exact)
        most = max(found.most[0] for found in exact)
        over = {
            name: (float(a), float(b)) for name, a, b in zip(subject.inputs, low, high, strict=True)
        }
        found = vetro.bounds(subject, over, tightness=0.02, seconds=60)
        below, above = found["y0"]
        assert below <= least and most <= above
        room = 0.05 * float(most - least) + 1e-4 * max(abs(float(least)), abs(float(most)))
        assert least - below < room and above - most < room
        trends = vetro.monotonicity(subject, over, seconds=0.6)
        for place, column in enumerate(subject.inputs):
            trend = trends["y0", column]
            occurring = set().union(*(found.slopes[0][place] for found in exact))
            assert trend.slope[0] <= min(occurring) and max(occurring) <= trend.slope[1]
            if trend.direction in ("rises", "constant"):
                assert min(occurring) >= 0
            if trend.direction in ("falls", "constant"):
                assert max(occurring) <= 0
            if trend.direction == "neither":
                assert min(occurring) < 0 < max(occurring)


def test_a_few_networks_in_fractions() -> None:
    compare(seed=3, networks=5)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_networks_in_fractions(seed: int) -> None:
    compare(seed=10 + seed, networks=20)


def test_one_layer_needs_no_cut() -> None:
    """A form of the features is bounded exactly: a network without hidden layers in one box."""
    random = np.random.default_rng(0)
    for _ in range(10):
        torch.manual_seed(int(random.integers(1000)))
        blocks = tuple(block_of(random, f"x{k}", 6, False) for k in range(3))
        subject = behind(encoder_of(blocks, 1), nn.Linear(21, 1).double())
        over = dict.fromkeys(subject.inputs, (-2.5, 2.0))
        found = vetro.bounds(subject, over)
        item = found.ranges["y0"]
        assert found.boxes == 1
        assert item.width == pytest.approx(item.highest - item.lowest, rel=1e-9)
        assert item.width < item.plain[1] - item.plain[0]


# ---- lines -----------------------------------------------------------------------------------


def test_departures_from_a_line() -> None:
    """Of a line through the answers at two corners: no row departs further than the bounds."""
    random = np.random.default_rng(2)
    near = 0
    for _ in range(12):
        subject = two_columns(random)
        ranges = [Range(-1.5, 1.0), Range(-0.5, 2.5)]
        slopes, levels = random.normal(size=(1, 2)), random.normal(size=1)
        least, most = departures(subject, ranges, slopes, levels)
        raw = rows_in(random, subject, ranges, 4000)
        left = answers(subject, Rows(raw)) - levels - (raw - [-0.25, 1.0]) @ slopes.T
        room = 1e-12 * (1 + np.abs(left).max())
        assert least[0] <= left.min() + room and left.max() - room <= most[0]
        near += (most[0] - least[0]) < 1.25 * (left.max() - left.min())
    assert near >= 9


def test_a_line_is_subtracted_exactly() -> None:
    """The same line, once as a network and once as a line: nothing remains but rounding."""
    random = np.random.default_rng(4)
    blocks = tuple(block_of(random, f"x{k}", 5, False) for k in range(2))
    module = nn.Linear(12, 1).double()
    with torch.no_grad():
        module.weight.zero_()
        module.weight[0, [0, 6]] = torch.tensor([0.7, -1.3], dtype=torch.float64)
    subject = behind(encoder_of(blocks, 1), module)
    ranges = [Range(-1.5, 1.0), Range(-0.5, 2.5)]
    slopes = np.array([[0.7 * blocks[0].scale, -1.3 * blocks[1].scale]])
    levels = answers(subject, Rows(np.array([[-0.25, 1.0]])))[0]
    least, most = departures(subject, ranges, slopes, levels)
    assert -1e-12 < least[0] <= 0 <= most[0] < 1e-12


# ---- fitted models ---------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["regression", "classes", "binary"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vetro.Model:
    """Numbers in bins, one of which may be missing, beside a category, a flag and a date."""
    random = np.random.default_rng(0)
    path: Path = tmp_path_factory.mktemp("bins") / "mixed.csv"
    lines = ["city,age,income,owner,day,y,size,large"]
    for _ in range(240):
        city, owner = random.choice(["Rome", "Pisa", "Bari"]), random.choice(["yes", "no"])
        age, income = random.uniform(18, 70), random.normal(30, 10)
        day = np.datetime64("2021-01-01") + int(random.integers(0, 900))
        y = 0.3 * income + 5 * (city == "Rome") + 0.05 * age * (owner == "yes")
        size = ["low", "mid", "high"][int(np.digitize(y, [9, 14]))]
        given = f"{income:.2f}" if random.random() > 0.2 else ""
        large = "yes" if y > 11 else "no"
        lines.append(f"{city},{age:.1f},{given},{owner},{day},{y:.3f},{size},{large}")
    path.write_text("\n".join(lines))
    target = {"regression": "y", "classes": "size", "binary": "large"}[request.param]
    drop = [name for name in ("y", "size", "large") if name != target]
    activation = {"regression": "relu", "classes": "tanh", "binary": "gelu"}[request.param]
    recipe: dict[str, Any] = {"loss": "bce"} if request.param == "binary" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VetroWarning)  # so few epochs are too few
        return vetro.fit(
            path, target=target, drop=drop, epochs=12, folds=2, hidden=(12, 12),
            numbers="piecewise", bins=8, activation=activation, **recipe,
        )  # fmt: skip


@pytest.mark.parametrize(
    "over",
    [
        None,
        {"city": "Rome", "age": (30, 40), "income": (20, 32), "owner": "yes", "day": "2021-05-01"},
        {"city": ["Rome", "Pisa"], "income": None, "day": ("2022-01-01", "2022-01-04")},
        {"city": "Rome", "age": 30.0, "income": 25.0, "owner": "no", "day": "2021-05-01"},
        {"age": (-50, 500), "income": (0, 200)},
    ],
)
def test_nothing_lies_outside_of_a_model(model: vetro.Model, over: dict[str, Any] | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VetroWarning)
        found = vetro.bounds(model, over, seconds=0.3)
    subject = subject_of(model)
    space, root = space_of(subject, ranges_of(subject, over)[0])
    search = Search(subject, space, root, seed=7)
    for corners in (False, True):
        search.look(search.random(3000, corners=corners))
    for number, name in enumerate(subject.answers):
        low, high = found[name]
        assert low <= search.values[number]
        assert -search.values[len(subject.answers) + number] <= high
        item = found.ranges[name]
        assert item.plain[0] <= item.relaxed[0] <= low and high <= item.relaxed[1] <= item.plain[1]


def test_trends_of_a_model(model: vetro.Model) -> None:
    over = {
        "city": "Rome",
        "age": (30, 60),
        "income": (20, 32),
        "owner": "yes",
        "day": "2021-05-01",
    }
    trends = vetro.monotonicity(model, over, seconds=1.5)
    subject = subject_of(model)
    space, root = space_of(subject, ranges_of(subject, over)[0])
    raw = Search(subject, space, root).random(50)
    for (answer, column), trend in trends.items():
        axis = space.axes[subject.inputs.index(column)]
        values = np.linspace(root.low[0, axis.number], root.high[0, axis.number], 200)
        tried = np.repeat(raw[:, None], len(values), axis=1)
        tried[:, :, subject.inputs.index(column)] = values
        place = list(subject.answers).index(answer.removeprefix("P(").removesuffix(")"))
        found = answers(subject, Rows(tried.reshape(-1, raw.shape[1])))[:, place]
        change = np.diff(found.reshape(len(raw), -1), axis=1) / np.diff(values)
        room = 1e-5 * (1 + np.abs(found).max()) / np.diff(values).min()
        assert trend.slope[0] <= change.min() + room and change.max() - room <= trend.slope[1]


# ---- slopes ----------------------------------------------------------------------------------


def steeper(seed: int, networks: int, boxes: int, samples: int) -> int:
    """How many differences between neighbouring rows, in float64, are outside of the slopes."""
    random = np.random.default_rng(seed)
    outside = 0
    for _ in range(networks):
        subject = subject_in_bins(random)
        part = subject.parts[0].in_reals
        if any(
            operation.bends and operation.activation.gap for operation in part.network.operations
        ):
            continue  # the function itself jumps
        double = replace(subject, parts=(part,))
        space, several, ranges = some_boxes(random, double, boxes)
        column = int(random.integers(len(subject.inputs)))
        found = slopes_over(double, space, several, column)
        for box in range(boxes):
            raw = rows_in(
                random, subject, [replace(r, codes=(None,)) for r in ranges[box]], samples
            )
            low, high = ranges[box][column].low, ranges[box][column].high
            if high - low < 1e-6:
                continue
            step = 1e-4 * (high - low)
            first, last = raw.copy(), raw.copy()
            first[:, column] = np.minimum(raw[:, column], high - step)
            last[:, column] = first[:, column] + step
            ends = [plain.forward(part, part_inputs(part, Rows(x)))[-1] for x in (first, last)]
            slope = (ends[1] - ends[0]) / (last - first)[:, [column]]
            room = 1e-11 * (1 + np.abs(ends[0])) / step + 1e-12 * np.abs(slope)
            outside += int((slope + room < found.low[box]).sum())
            outside += int((slope - room > found.high[box]).sum())
    return outside


def test_slopes_hold() -> None:
    assert steeper(0, networks=20, boxes=6, samples=100) == 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 5))
def test_slopes_hold_often(seed: int) -> None:
    assert steeper(seed, networks=100, boxes=10, samples=200) == 0
