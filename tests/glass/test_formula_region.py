"""Region: what matters against linear programs, borders and distances against brute force."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from glass.formula_cases import some_row, straight_subject
from hypothesis import given, settings
from hypothesis import strategies as st
from model.build import model_of, rows_of, write_csv
from scipy.optimize import linprog
from torch import nn

from vetro.glass.exact import fraction
from vetro.glass.formula.affine_pieces import piece_at
from vetro.glass.formula.bins import Chart
from vetro.glass.formula.formula import formula
from vetro.glass.formula.formula_proof import samples
from vetro.glass.formula.redundancy import sort_out
from vetro.glass.formula.terms import feature_map, term_values
from vetro.glass.rows import rows_of as read_rows
from vetro.glass.subject import subject_of


def needed_by_programs(normals: np.ndarray, bounds: np.ndarray) -> set[int]:
    """Each inequality against all others, by HiGHS."""
    found = set()
    for number in range(len(normals)):
        loose = bounds.copy()
        loose[number] += 1
        answer = linprog(
            -normals[number], A_ub=normals, b_ub=loose, bounds=(None, None), method="highs"
        )
        assert answer.status == 0
        if -answer.fun > bounds[number] + 1e-7:
            found.add(number)
    return found


@pytest.mark.parametrize("seed", range(25))
def test_what_matters_is_what_linear_programs_say(seed: int) -> None:
    random = np.random.default_rng(seed)
    size, count = int(random.integers(1, 7)), int(random.integers(1, 60))
    normals = random.normal(size=(count, size))
    if seed % 3 == 0:  # fewer dimensions than columns
        normals[:, -1] = normals[:, 0]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    margins = random.exponential(size=count) + 1e-3
    sorting = sort_out(normals, margins)
    assert set(sorting.kept) == needed_by_programs(normals, margins)
    assert set(sorting.kept) | set(sorting.reasons) == set(range(count))


@pytest.mark.parametrize("seed", range(12))
def test_open_regions(seed: int) -> None:
    """All normals to one side: the region goes on for ever, and rays may meet what does not
    matter."""
    random = np.random.default_rng(seed)
    size, count = int(random.integers(1, 5)), int(random.integers(2, 30))
    normals = random.normal(size=(count, size))
    normals[:, 0] = np.abs(normals[:, 0]) + 0.5
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    margins = random.exponential(size=count) + 1e-3
    sorting = sort_out(normals, margins)
    assert set(sorting.kept) == needed_by_programs(normals, margins)
    assert all(set(of) <= set(sorting.kept) for of in sorting.reasons.values())


@pytest.mark.parametrize(("size", "count"), [(10, 200), (30, 160)])
def test_many_columns(size: int, count: int) -> None:
    """Where rays miss many of those that matter."""
    random = np.random.default_rng(size)
    normals = random.normal(size=(count, size)) * 10.0 ** random.uniform(-2, 1, size)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    margins = random.exponential(size=count) ** 2 + 1e-3
    sorting = sort_out(normals, margins)
    assert set(sorting.kept) == needed_by_programs(normals, margins)
    assert sorting.open == ()


def test_what_is_not_known_in_time_is_open() -> None:
    random = np.random.default_rng(0)
    normals = random.normal(size=(200, 12))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    margins = random.exponential(size=200) + 1e-3
    whole = sort_out(normals, margins)
    calls = iter(range(1000))
    for stops in (0, 30, 200):
        heard: list[tuple[int, int]] = []
        early = sort_out(
            normals,
            margins,
            lambda calls=calls, stops=stops: next(calls) % 1000 >= stops,
            lambda kept, left, heard=heard: heard.append((kept, left)),
        )
        calls = iter(range(1000))
        assert set(early.kept) <= set(whole.kept)
        assert set(early.reasons) <= set(whole.reasons)
        every = [*early.kept, *early.reasons, *early.open]
        assert sorted(every) == list(range(200))
        assert heard


def test_a_region_that_was_stopped_is_still_the_region() -> None:
    found = formula(network(3, 3, 12, 8, 1), [0.3, -0.2, 0.5])
    stopped = formula(network(3, 3, 12, 8, 1), [0.3, -0.2, 0.5])
    stopped.region.settle(stop=lambda: True)
    assert stopped.region.undecided > 0
    assert {i.where for i in found.region.inequalities} <= {
        i.where for i in stopped.region.inequalities
    }
    assert "was not decided" in stopped.text(borders=True)
    assert stopped.to_json(borders=True)["region"]["undecided"] == stopped.region.undecided


def test_doubles_count_once() -> None:
    normals = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    sorting = sort_out(normals, np.array([1.0, 1.0, 1.0, 2.0, 3.0]))
    assert len(sorting.kept) == 3
    assert {2, 3} <= set(sorting.kept)


def network(seed: int, *sizes: int, leaky: bool = False) -> nn.Module:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.LeakyReLU(0.1) if leaky else nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("seed", range(4))
def test_the_inequalities_that_matter_are_the_region(seed: int) -> None:
    """Points everywhere: all the inequalities kept hold exactly where every unit keeps its side."""
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 5))
    module = network(seed, size, 8, 6, 2, leaky=seed % 2 == 0)
    row = random.normal(size=size)
    found = formula(module, row)
    inequalities = found.region.inequalities
    assert 0 < len(inequalities) < len(found.region.bends)
    points = samples(found.region, 30, seed).T
    # from inside through every border, a little before and a little behind it
    tests = [*points]
    for inequality in inequalities:
        normal = np.array([float(c) for c in inequality.coefficients])
        for point in points[:3]:
            gap = float(inequality.bound) - normal @ point
            step = normal * gap / (normal @ normal)
            tests += [point + step * 0.999, point + step * 1.001]
    tests += list(row + random.normal(size=(20, size)) * 0.3)
    inside = found.holds(np.array(tests))
    assert inside[: len(points)].all()
    assert 0.2 < inside.mean() < 0.95
    for point, held in zip(tests, inside, strict=True):
        exact = [Fraction(x) for x in point]
        kept = all(
            sum(c * x for c, x in zip(i.coefficients, exact, strict=True)) <= i.bound
            for i in inequalities
        )
        assert kept == held
        # the same coefficients there; on the other side, another set of units
        there = formula(module, point)
        same = [b.on for b in there.region.bends] == [b.on for b in found.region.bends]
        assert same == held


def test_each_kept_inequality_is_a_border_of_its_own() -> None:
    """Without it, some point would pass that is outside."""
    found = formula(network(3, 3, 12, 8, 1), [0.3, -0.2, 0.5])
    region = found.region
    kept = region.inequalities
    normals = np.array([[float(c) for c in i.coefficients] for i in kept])
    bounds = np.array([float(i.bound) for i in kept])
    assert needed_by_programs(normals, bounds) == set(range(len(kept)))
    everything = {(b.operation.output, b.unit) for b in region.bends}
    assert len(everything) == len(region.bends) == 20


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_regions_are_convex_and_disjoint(seed: int) -> None:
    random = np.random.default_rng(seed)
    subject = straight_subject(random)
    row = some_row(random, len(subject.inputs))
    found = formula(subject, row)
    points = samples(found.region, 6, seed).T
    held = found.holds(points)
    for a, b in zip(points[held][:-1], points[held][1:], strict=True):
        # halves of float64 numbers may round: in fractions they do not
        middle = [(Fraction(x) + Fraction(y)) / 2 for x, y in zip(a, b, strict=True)]
        for bend in found.region.bends:
            z = sum(fraction(c) * x for c, x in zip(bend.row[:-1], middle, strict=True))
            z += fraction(bend.row[-1])
            assert z >= 0 if bend.on else z <= 0


@pytest.mark.parametrize("seed", range(10))
def test_distances_end_at_the_border(seed: int) -> None:
    random = np.random.default_rng(seed)
    module = network(seed, 3, 10, 6, 1)
    row = random.normal(size=3)
    found = formula(module, row)
    for place, name in enumerate(("x0", "x1", "x2")):
        for sign, way in zip((-1, 1), found.distance.columns[name], strict=True):
            near, far = row.copy(), row.copy()
            if np.isinf(way):
                near[place] += sign * 1e6
                assert found.contains(near)
                continue
            near[place] += sign * way * (1 - 1e-9)
            far[place] += sign * way * (1 + 1e-9)
            assert found.contains(near)
            assert not found.contains(far)
    overall = found.distance.overall
    ways = random.normal(size=(2000, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    assert found.holds(row + ways * overall * (1 - 1e-9)).all()
    # just beyond, the nearest border is passed in its own direction
    bend = min(found.region.bends, key=lambda b: abs(float(b.at)) / np.linalg.norm(
        [float(c) for c in b.row[:-1]]))  # fmt: skip
    normal = np.array([float(c) for c in bend.row[:-1]])
    normal *= (-1 if bend.on else 1) * overall / np.linalg.norm(normal)
    assert not found.contains(row + normal * (1 + 1e-9))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory):
    path = write_csv(tmp_path_factory.mktemp("region") / "mixed.csv", rows_of(240))
    model = model_of(path, "pressure", activation="relu", members=2)
    return model, read_rows(subject_of(model), path)


def test_a_date_goes_no_farther_than_it_says(mixed) -> None:
    model, rows = mixed
    day = subject_of(model).inputs.index("day")
    finite = 0
    for number in range(5):
        found = formula(model, rows.raw[number])
        raw = rows.raw[number]
        for sign, way in zip((-1, 1), found.distance.columns["day"], strict=True):
            assert way >= 0
            steps = np.linspace(0, way, 200)[:-1]
            moved = np.repeat(raw[None], len(steps), 0)
            moved[:, day] += sign * steps
            assert found.holds(moved).all()
            if way < 1000:
                finite += 1
                moved = np.repeat(raw[None], 50, 0)
                moved[:, day] += sign * (way + np.linspace(0, 0.05, 50))
                assert not found.holds(moved).all()
    assert finite


def test_number_columns_of_a_model_move_in_its_units(mixed) -> None:
    model, rows = mixed
    flow = subject_of(model).inputs.index("flow")
    found = formula(model, rows.raw[1])
    down, up = found.distance.columns["flow"]
    for sign, way in ((-1, down), (1, up)):
        raw = rows.raw[1].copy()
        raw[flow] += sign * way * (1 - 1e-9)
        assert found.contains(raw)
        raw = rows.raw[1].copy()
        raw[flow] += sign * way * (1 + 1e-9)
        assert not found.contains(raw)


def test_the_inequalities_of_a_model_hold_its_levels(mixed) -> None:
    model, rows = mixed
    found = formula(model, rows.raw[1])
    region = found.region
    points = samples(region, 40, 0)
    for inequality in region.inequalities:
        coefficients = np.array([float(c) for c in inequality.coefficients])
        assert (coefficients @ points <= float(inequality.bound) + 1e-6).all()
    assert len(region.inequalities) < len(region.bends)


def test_a_region_without_an_inside_keeps_all_and_is_proved_at_its_row() -> None:
    module = nn.Sequential(nn.Linear(2, 6, bias=False), nn.ReLU(), nn.Linear(6, 1))
    found = formula(module, [0.0, 0.0])
    assert len(found.region.on_border) == 6
    check = found.prove_equal(50)
    assert check
    assert "1 point" in check.detail
    for inequality in found.region.inequalities:
        assert inequality.bound == 0


def test_from_a_border_the_inside_is_found() -> None:
    module = network(0, 2, 8, 1)
    with torch.no_grad():
        module[0].weight[0] = torch.tensor([1.0, 1.0])
        module[0].bias[0] = -1.0
    found = formula(module, [0.5, 0.5])
    assert len(found.region.on_border) == 1
    assert any(i.where.startswith("h0") for i in found.region.inequalities)
    assert "50 points" in found.prove_equal(50).detail


def test_pieces_say_which_units_are_on() -> None:
    module = network(1, 2, 5, 1)
    subject = subject_of(module)
    found = formula(subject, [0.1, 0.2])
    part = subject.parts[0]
    at = term_values(found.terms, np.array([0.1, 0.2]))
    piece = piece_at(part, feature_map(subject, found.terms, Chart()), at, Chart())
    with torch.no_grad():
        z = module[0](torch.tensor([[0.1, 0.2]]))[0]
    assert [side for sides in piece.sides.values() for side in sides] == (z > 0).tolist()
