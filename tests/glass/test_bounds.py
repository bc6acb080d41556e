"""vetro.bounds for models of every kind of column, and for modules; what it refuses."""

from __future__ import annotations

import csv
import json
import signal
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import vetro
from vetro.errors import GlassError, VetroError, VetroWarning
from vetro.glass.bounds.activation_lines import lines, slopes
from vetro.glass.bounds.axes import space_of
from vetro.glass.bounds.bounds_text import _loose as loose_text
from vetro.glass.bounds.over import ranges_of
from vetro.glass.bounds.tangent_bounds import slopes_over
from vetro.glass.bounds.witness import Search
from vetro.glass.plain import activation, derivative
from vetro.glass.rows import Rows, answers, rows_of
from vetro.glass.subject import subject_of
from vetro.networks.activations.activation import STRAIGHT, Curve
from vetro.networks.activations.table import activation_of
from vetro.networks.lowered import Operation

FUNCTIONS: list[tuple[Any, tuple[float, ...]]] = [
    ("identity", ()),
    ("relu", ()),
    ("leaky_relu", (0.1,)),
    ("leaky_relu", (-0.5,)),
    ("leaky_relu", (2.0,)),
    ("elu", (1.0,)),
    ("elu", (1.7,)),
    ("elu", (-0.8,)),
    ("tanh", ()),
    ("sigmoid", ()),
    ("silu", ()),
    ("gelu", ()),
    ("gelu_tanh", ()),
    ("softplus", (1.0, 20.0)),
    ("softplus", (3.0, 0.5)),
    ("softplus", (-2.0, 20.0)),
]


@pytest.mark.parametrize(("function", "numbers"), FUNCTIONS)
def test_lines_enclose_the_function_and_its_slope(
    function: Any, numbers: tuple[float, ...]
) -> None:
    random = np.random.default_rng(0)
    operation = Operation("activation", (0,), 1, function=function, numbers=numbers)
    middle = random.normal(0, 3, (400, 1))
    half = np.abs(random.normal(0, 1, (400, 1))) * random.choice([0, 1e-6, 0.1, 1, 10], (400, 1))
    low, high = middle - half, middle + half
    found = lines(operation, low, high, "float64")
    share = np.concatenate([[0.0, 1.0], random.random(200)])
    z = np.clip(low + (high - low) * share, low, high)
    value = activation(operation, z)
    room = 1e-13 * (1 + np.abs(value))
    assert (found.lower_slope * z + found.lower <= value + room).all()
    assert (value - room <= found.upper_slope * z + found.upper).all()
    assert (found.least <= value + room).all() and (value - room <= found.most).all()
    least, most = slopes(operation, low, high)
    slope = derivative(operation, z)
    assert (least <= slope + 1e-13).all() and (slope - 1e-13 <= most).all()
    # and they are lines of this interval: where it is short they nearly touch
    short = (half < 0.2) & (half > 0)
    jump = 1.0 if numbers == (3.0, 0.5) else 0.0
    gap = (found.upper_slope - found.lower_slope) * middle + found.upper - found.lower
    assert (gap[short] < 0.3 + jump).all()


def test_a_function_with_several_bends_needs_no_rule_of_its_own() -> None:
    """A hard tanh, which no network has today: -1, z, 1."""
    flat = [Curve(lambda a, z, e=end: a.constant(z, e), *[lambda a, z: a.constant(z, 0.0)] * 2)
            for end in (-1.0, 1.0)]  # fmt: skip
    known = replace(
        activation_of("relu"), curves=(flat[0], STRAIGHT, flat[1]), edges=(-1.0, 1.0), below=None,
        grows=False,
    )  # fmt: skip
    operation: Any = SimpleNamespace(activation=known)
    random = np.random.default_rng(1)
    ends = np.concatenate([random.normal(0, 2, (400, 2)), [[-1, 1], [-1, -1], [1, 3], [-5, 5]]])
    low, high = np.sort(ends, axis=1).T[..., None]
    found = lines(operation, low, high, "float64")
    z = low + (high - low) * np.linspace(0, 1, 300)
    value = np.clip(z, -1, 1)
    below, above = found.lower_slope * z + found.lower, found.upper_slope * z + found.upper
    assert (below <= value + 1e-12).all() and (value - 1e-12 <= above).all()
    # each line touches the function, and the range is the function's
    assert ((value - below).min(axis=1) < 0.05).all() and ((above - value).min(axis=1) < 0.05).all()
    np.testing.assert_allclose(found.least, np.clip(low, -1, 1), atol=1e-12)
    np.testing.assert_allclose(found.most, np.clip(high, -1, 1), atol=1e-12)
    least, most = slopes(operation, low, high)
    inside = (low < 1) & (high > -1)
    assert (most == np.where(inside | (low == high) & (np.abs(low) == 1), 1.0, 0.0)).all()
    assert (least == np.where((low >= -1) & (high <= 1) & ~(low == high), 1.0, 0.0)).all()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Numbers, a category, a flag and a date, some of them missing; two numbers and two labels."""
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("bounds") / "mixed.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["city", "age", "income", "owner", "day", "y", "z", "size", "large"])
        for _ in range(240):
            city = str(random.choice(["Rome", "Pisa", "Bari, sud"]))
            age, income = random.uniform(18, 70), random.normal(30, 10)
            owner = str(random.choice(["yes", "no"]))
            day = np.datetime64("2021-01-01") + int(random.integers(0, 900))
            y = 0.3 * income + 5 * (city == "Rome") + 0.05 * age * (owner == "yes")
            size = ["low", "mid", "high"][int(np.digitize(y, [9, 14]))]
            writer.writerow(
                [
                    city if random.random() > 0.1 else "",
                    f"{age:.1f}",
                    f"{income:.2f}" if random.random() > 0.2 else "",
                    owner,
                    str(day),
                    f"{y:.3f}",
                    f"{0.1 * age - y:.3f}",
                    size,
                    "yes" if y > 11 else "no",
                ]
            )
    return path


RECIPE: dict[str, Any] = {
    "numbers": "raw", "members": 1, "optimizer": "adamw", "learning_rate": 0.01, "patience": 75,
    "weight_decay": 0.1, "dropout": 0.0, "activation": "relu", "folds": 2, "hidden": (12, 12),
}  # fmt: skip
"""A fixed one: test_bounds_bins.py has numbers in bins."""


def fitted(table: Path, target: Any, drop: list[str], **recipe: Any) -> vetro.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VetroWarning)  # so few epochs are too few
        return vetro.fit(table, target=target, drop=drop, epochs=12, **(RECIPE | recipe))


@pytest.fixture(scope="module")
def numbers(table: Path) -> vetro.Model:
    return fitted(table, ["y", "z"], ["size", "large"])


@pytest.fixture(scope="module")
def classes(table: Path) -> vetro.Model:
    return fitted(table, "size", ["y", "z", "large"], activation="tanh")


@pytest.fixture(scope="module")
def binary(table: Path) -> vetro.Model:
    return fitted(table, "large", ["y", "z", "size"], loss="bce", activation="gelu")


def check(model: vetro.Model, over: dict[str, Any] | None = None, seconds: float = 0.3) -> Any:
    """The bounds, after random rows and corners of the box have been tried against them."""
    found = vetro.bounds(model, over, seconds=seconds)
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
        assert low <= item.lowest <= item.highest <= high
        assert item.plain[0] <= item.relaxed[0] <= low and high <= item.relaxed[1] <= item.plain[1]
    return found


@pytest.mark.parametrize("name", ["numbers", "classes", "binary"])
def test_the_whole_training_range(name: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(name)
    found = check(model)
    assert tuple(found) == subject_of(model).answers
    assert found.over["city"] == "Bari, sud, Pisa, Rome or missing"
    assert found.over["income"].endswith("or missing")
    if model.task == "classification":
        assert all(0 <= low <= high <= 1 for low, high in found.values())


@pytest.mark.parametrize(
    "over",
    [
        {"city": "Rome", "age": (30, 31), "income": (20, 22), "owner": "yes", "day": "2021-05-01"},
        {"city": ["Rome", "Pisa"], "income": None, "day": ("2022-01-01", "2022-01-04")},
        {"city": [None], "income": (10, 20), "age": 40.0, "owner": 0},
        {"day": ("2021-03-01", "2021-03-01"), "age": (18, 20)},
    ],
)
def test_smaller_boxes(numbers: vetro.Model, classes: vetro.Model, over: dict[str, Any]) -> None:
    check(numbers, over)
    check(classes, over, seconds=0.2)


def test_a_row_is_bounded_by_rounding_alone(numbers: vetro.Model) -> None:
    row = {"city": "Rome", "age": 30.0, "income": 25.0, "owner": "no", "day": "2021-05-01"}
    found = check(numbers, row)
    low, high = found["y"]
    assert 0 < high - low < 1e-3 * max(1.0, abs(low))
    predicted = float(numbers.predict({name: [value] for name, value in row.items()})["y"][0])
    assert low <= predicted <= high


def test_more_time_never_makes_it_wider(numbers: vetro.Model) -> None:
    quick = vetro.bounds(numbers, {"age": (20, 40)}, seconds=0)
    longer = vetro.bounds(numbers, {"age": (20, 40)}, tightness=2, seconds=10)
    assert longer.ranges["y"].width <= quick.ranges["y"].width
    assert not quick.tight and longer.boxes > quick.boxes


def test_a_straight_network_needs_no_cut() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    found = vetro.bounds(module, {"x0": (0, 99), "x1": (0, 99), "x2": (5, 5)})
    assert found.tight and found.boxes == 1
    for item in found.ranges.values():
        assert item.width == pytest.approx(item.highest - item.lowest, rel=1e-4)


def test_sharing_a_corner_pays() -> None:
    """Two members that lean against each other: the mean is constant, its bounds are tight."""
    module = nn.Linear(2, 1)
    subject = subject_of(module)
    part = subject.parts[0]
    parts = tuple(
        replace(part, parameters=np.array(p, np.float32)) for p in ([1, 2, 3], [-1, -2, 3])
    )
    from vetro.glass.bounds.answer_forms import answers_over

    both = replace(subject, parts=parts)
    space, root = space_of(both, ranges_of(both, [(-5, 5), (0, 9)])[0])
    least = answers_over(both, space, root).least[0]
    assert -least[1] - least[0] < 1e-4


def test_text_and_json(numbers: vetro.Model) -> None:
    found = vetro.bounds(numbers, {"city": "Rome"}, seconds=0.2)
    text = str(found)
    assert "y: certainly between" in text and "city    Rome" in text
    data = found.to_json()
    assert data["ranges"]["y"]["low"] == found["y"][0]
    assert data["over"]["city"] == ["Rome"]
    assert data["over"]["owner"] == ["no", "yes"]
    low, high, missing = data["over"]["income"]
    assert isinstance(low, float) and low < high and missing is None
    assert all(len(day) == 10 for day in data["over"]["day"])
    assert json.loads(json.dumps(data)) == data


def test_how_wide_it_is_and_what_would_help(numbers: vetro.Model) -> None:
    found = vetro.bounds(numbers, seconds=0.3)
    assert not found.tight
    assert found.narrowings and found.narrowings[0].gain >= found.narrowings[-1].gain > 0
    best = found.narrowings[0].column
    assert f": half the range of {best} alone would narrow it by " in str(found)
    assert list(found.to_json()["narrower_ranges_help"]) == [n.column for n in found.narrowings]
    item = found.ranges["y"]
    spread = item.highest - item.lowest

    def said(loose: float) -> str:
        return loose_text(replace(item, low=item.lowest - loose * spread, high=item.highest))

    assert said(0.03).endswith("is 3% wider than the range found")
    assert said(1.9).endswith("is 190% wider than the range found")
    assert said(2.5).endswith("is 3.5 times as wide as the range found")
    assert said(1233).endswith("is 1,234 times as wide as the range found")


@pytest.mark.parametrize(("late", "words"), [
    (0.004, "would hardly narrow the range: the second half of the time narrowed it by 0.4%"),
    (0.2, "narrows the range: the second half of the time narrowed it by 20%."),
    (float("nan"), "narrows the range."),
])  # fmt: skip
def test_more_time_is_not_promised_in_vain(numbers: vetro.Model, late: float, words: str) -> None:
    found = replace(vetro.bounds(numbers, seconds=0), late=late)
    assert f"More time (seconds) {words}" in str(found)


def test_time_says_whether_it_would_help() -> None:
    """Of a wide network the tuned range hardly moves; of a narrow one it does."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(40, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(),
                           nn.Linear(24, 1))  # fmt: skip
    found = vetro.bounds(module, [(-3, 3)] * 40, seconds=4)
    assert found.boxes > 128 and 0 <= found.late < 0.05
    few = vetro.bounds(module, [(-3, 3)] * 40, seconds=0)
    assert np.isnan(few.late)


def test_half_a_range_takes_off_what_is_said(numbers: vetro.Model) -> None:
    found = vetro.bounds(numbers, seconds=0)
    named = next(item for item in found.narrowings if item.column in ("age", "income"))
    low, high = found.box[named.column][:2]
    quarter = (high - low) / 4
    ends = [low + quarter, high - quarter, *found.box[named.column][2:]]
    half = vetro.bounds(numbers, {named.column: ends}, seconds=0)
    shares = [
        1 - np.subtract(*half.ranges[name].relaxed) / np.subtract(*found.ranges[name].relaxed)
        for name in found
    ]
    assert np.mean(shares) == pytest.approx(named.gain, abs=1e-6)


def test_ctrl_c_ends_with_what_is_certain(numbers: vetro.Model) -> None:
    def press(boxes: int, certain: Any) -> None:
        if boxes > 1:
            signal.raise_signal(signal.SIGINT)

    found = vetro.bounds(numbers, tightness=0, seconds=60, tell=press)
    assert found.interrupted and not found.tight and found.seconds < 30
    item = found.ranges["y"]
    assert item.plain[0] <= item.relaxed[0] <= item.low <= item.lowest
    assert f"Interrupted after {found.boxes} boxes" in str(found)
    assert found.to_json()["interrupted"]
    with pytest.raises(KeyboardInterrupt):
        vetro.bounds(
            numbers, tightness=0, seconds=60, tell=lambda boxes, certain: [press(2, 0), press(2, 0)]
        )
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("over", "code", "words"),
    [
        ({"cty": "Rome"}, "E114", 'Did you mean "city"?'),
        ({"city": "Rom"}, "E731", 'Did you mean "Rome"?'),
        ({"city": []}, "E731", "no level"),
        ({"age": (50, 20)}, "E731", "50 to 20 is empty"),
        ({"age": (float("nan"), 20)}, "E731", "not a finite number"),
        ({"age": (0, float("inf"))}, "E731", "not a finite number"),
        ({"age": "old"}, "E731", '"old" is not a number'),
        ({"age": np.array([[1, 2]])}, "E731", '"[1, 2]" is not a number'),
        ({"age": 10**400}, "E731", "is not a number"),
        ({"age": (1, 2, 3)}, "E731", "3 numbers"),
        ({"age": (1e38, 3e40)}, "E733", "float32"),
        ({"owner": "maybe"}, "E731", 'Use over={"owner": "no"} or over={"owner": "yes"}'),
        ({"day": "yesterday"}, "E731", "not a date"),
        (17, "E732", "not a box"),
    ],
)
def test_what_is_no_box(numbers: vetro.Model, over: Any, code: str, words: str) -> None:
    with warnings.catch_warnings(), pytest.raises(VetroError) as caught:
        warnings.simplefilter("ignore")
        vetro.bounds(numbers, over)
    assert caught.value.code == code and words in str(caught.value)


def test_a_row_may_be_given_as_single_values(numbers: vetro.Model) -> None:
    row = {"city": "Rome", "age": 40.0, "income": 31.0, "owner": "yes", "day": "2021-03-14"}
    subject = subject_of(numbers)
    alone, listed = rows_of(subject, row), rows_of(subject, {k: [v] for k, v in row.items()})
    assert alone.raw.shape[0] == 1 and np.array_equal(alone.raw, listed.raw)


def test_a_range_of_dates_may_be_given_in_days(numbers: vetro.Model) -> None:
    subject = subject_of(numbers)
    place = subject.inputs.index("day")
    days = ranges_of(subject, {"day": (18700, 18800.5)})[0][place]
    assert (days.low, days.high) == (18700.0, 18800.5)
    dates = ranges_of(subject, {"day": ("2021-03-14", "2021-06-22")})[0][place]
    assert (dates.low, dates.high) == (18700.0, 18800.0)


@pytest.mark.parametrize("width", [1.0, 20.0, 200.0])
def test_slopes_by_a_column_hold_between_any_two_of_its_values(
    numbers: vetro.Model, width: float
) -> None:
    """By the mean value theorem: a date moves its days, its sines and its cosines."""
    subject, random = subject_of(numbers), np.random.default_rng(8)
    for column, start, room in (("day", 18700.0, 600.0), ("age", 20.0, 30.0)):
        place = subject.inputs.index(column)
        for _ in range(6):
            low = start + room * random.random()
            over = {"city": "Rome", "age": 40, "income": 31, "owner": "yes", "day": 18900}
            ranges, _ = ranges_of(subject, over | {column: (low, low + width)})
            space, box = space_of(subject, ranges)
            found = slopes_over(subject, space, box, place)
            fixed = Search(subject, space, box, seed=1).random(1)
            values = np.linspace(low, low + width, 9)
            raw = np.repeat(fixed, len(values), axis=0)
            raw[:, place] = values
            got = answers(subject, Rows(raw))
            mean = np.diff(got, axis=0) / np.diff(values)[:, None]
            noise = 1e-6 * np.abs(got).max() / np.diff(values).min()
            assert (found.low - noise <= mean).all() and (mean <= found.high + noise).all()
            if width == 1.0:
                assert (found.high - found.low < 0.5 + 6 * np.abs(mean).max()).all()


@pytest.mark.parametrize("value", ["a", None, float("nan"), -1, True, [1], 1j])
def test_what_is_no_time(value: Any) -> None:
    module, box = nn.Linear(1, 1), [(0, 1)]
    calls = [
        lambda: vetro.bounds(module, box, seconds=value),
        lambda: vetro.bounds(module, box, tightness=value),
        lambda: vetro.prove(module, "y0 >= 0", box, seconds=value),
        lambda: vetro.monotonicity(module, box, seconds=value),
    ]
    for call in calls:
        with pytest.raises(VetroError, match="it must be a number of at least 0") as caught:
            call()
        assert caught.value.code == "E601"


def test_arrays_and_tensors_are_ranges() -> None:
    module = nn.Linear(2, 1)
    wanted = dict(vetro.bounds(module, [(0, 1), (2, 3)]))
    for box in (np.array([[0, 1], [2, 3]]), torch.tensor([[0.0, 1.0], [2.0, 3.0]])):
        assert dict(vetro.bounds(module, box)) == wanted


def test_what_is_no_box_of_a_module() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    for over, words in (
        ({"x0": (0, 1)}, "no range is given for x1"),
        ([(0, 1)], "1 range is given, but the module has 2 inputs"),
        ([(0, 1)] * 3, "3 ranges are given, but the module has 2 inputs"),
        (None, "no range is given for x0"),
    ):
        for look in (vetro.bounds, vetro.monotonicity, partial(vetro.prove, claim="y0 <= 9")):
            with pytest.raises(GlassError) as caught:
                look(module, over=over)
            assert caught.value.code == "E732" and words in str(caught.value)


def test_extrapolation_is_told(numbers: vetro.Model) -> None:
    with pytest.warns(VetroWarning, match="W731.*beyond the training range"):
        vetro.bounds(numbers, {"age": (0, 40)}, seconds=0)
    with pytest.warns(VetroWarning, match="W732"):
        vetro.bounds(numbers, {"age": None}, seconds=0)
