"""vetro.prove and vetro.monotonicity: what is proved holds, what is refuted is shown by rows."""

from __future__ import annotations

import json
import signal
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import vetro
from vetro.errors import GlassError, VetroError, VetroWarning
from vetro.glass.bounds.claims import read_claim
from vetro.glass.rows import Rows, answers
from vetro.glass.subject import subject_of


def rising() -> nn.Module:
    """y0 rises with x0 and falls with x1, whatever the numbers; y1 does neither with x0."""
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    with torch.no_grad():
        module[0].weight.abs_()
        module[0].weight[:, 1].neg_()
        module[2].weight.abs_()
        module[0].weight[:2] = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        module[0].bias[:2] = torch.tensor([0.0, -0.3])
        module[2].weight[1] = 0
        module[2].weight[1, :2] = torch.tensor([1.0, -2.0])
    return module


BOX = {"x0": (-1, 1), "x1": (-1, 1)}


def value(module: nn.Module, row: dict[str, Any], answer: int = 0) -> float:
    raw = np.array([[row["x0"], row["x1"]]])
    return float(answers(subject_of(module), Rows(raw))[0, answer])


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("y0 rises with x0", "proved"),
        ("y0 falls with x1", "proved"),
        ("y0 decreases with x1", "proved"),
        ("y0 falls with x0", "refuted"),
        ("y0 increases with x1", "refuted"),
        ("y1 rises with x0", "refuted"),
        ("y0 >= -100", "proved"),
        ("-100 < y0 < 100", "proved"),
        ("100 ≥ y0", "proved"),
        ("y0 <= 0", "refuted"),
        ("y0 > 50", "refuted"),
    ],
)
def test_verdicts(claim: str, verdict: str) -> None:
    module = rising()
    found = vetro.prove(module, claim, BOX, seconds=5)
    assert found.verdict == verdict
    assert bool(found) == (verdict == "proved")
    if found.pair is not None:
        answer = int(claim[1])
        first, second = (
            value(module, found.pair.first, answer),
            value(module, found.pair.second, answer),
        )
        assert (first, second) == (found.pair.first_answer, found.pair.second_answer)
        assert (second < first) == ("rises" in claim or "increases" in claim)
    elif found.counterexample is not None:
        assert value(module, found.counterexample) == found.answer


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_end_that_is_reached_is_not_passed(sign: float) -> None:
    """relu comes to 0, so that it is at least 0 and not more than it."""
    module = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1, bias=False)).double()
    with torch.no_grad():
        module[0].weight.fill_(1.0)
        module[0].bias.fill_(0.0)
        module[2].weight.fill_(sign)
    strict, loose = ("y0 > 0", "y0 >= 0") if sign > 0 else ("y0 < 0", "y0 <= 0")
    over = {"x0": (-1, 1)}
    assert vetro.prove(module, strict, over, seconds=2).verdict == "refuted"
    assert vetro.prove(module, loose, over, seconds=2).verdict != "refuted"


def test_a_bound_just_inside_and_just_outside() -> None:
    module = rising()
    item = vetro.bounds(module, BOX, tightness=0.05).ranges["y0"]
    assert vetro.prove(module, f"y0 <= {item.high}", BOX).verdict == "proved"
    assert vetro.prove(module, f"y0 >= {item.low}", BOX).verdict == "proved"
    below = float(np.nextafter(item.highest, -np.inf))
    assert vetro.prove(module, f"y0 <= {below}", BOX).verdict == "refuted"
    assert vetro.prove(module, f"y0 < {item.highest}", BOX).verdict == "refuted"


def test_time_over_is_undecided() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
    item = vetro.bounds(module, BOX, tightness=0.2).ranges["y0"]
    assert item.high < item.relaxed[1]
    found = vetro.prove(module, f"y0 <= {item.high}", BOX, seconds=0)
    assert found.verdict == "undecided" and found.counterexample is None
    assert found.margin > 0 and "more time" in str(found)
    assert vetro.prove(module, f"y0 <= {item.high}", BOX, seconds=20)


def test_ctrl_c_ends_undecided() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 1))
    box = [(-3, 3)] * 6
    item = vetro.bounds(module, box, seconds=0.5).ranges["y0"]
    high = (item.highest + item.high) / 2
    press = [signal.SIGINT]

    def tell(*_: Any) -> None:
        while press:
            signal.raise_signal(press.pop())

    found = vetro.prove(module, f"y0 <= {high}", box, seconds=60, tell=tell)
    assert found.verdict == "undecided" and found.interrupted and found.seconds < 30
    assert "interrupted after" in str(found) and found.to_json()["interrupted"]
    press.append(signal.SIGINT)
    table = vetro.monotonicity(module, box, seconds=60, tell=tell)
    assert table.interrupted and list(table) == [("y0", "x0")]
    assert "the other columns were not reached" in str(table)


def test_ends_that_are_not_allowed_leave_nothing() -> None:
    subject = subject_of(rising())
    claim = read_claim(subject, "1 < y0 <= 2")
    assert claim.low == np.nextafter(1, 2) and claim.high == 2
    assert read_claim(subject, "1 <= y0 <= 1").low == 1
    with pytest.raises(GlassError, match="nothing lies between 1 and 1"):
        read_claim(subject, "1 < y0 < 1")


def test_json_is_strict() -> None:
    found = vetro.prove(rising(), "y0 <= 1000", BOX)
    assert found.certain[0] == -np.inf
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["certain"][0] is None


def test_the_table_of_directions() -> None:
    found = vetro.monotonicity(rising(), BOX)
    assert found["y0", "x0"].direction == "rises"
    assert found["y0", "x1"].direction == "falls"
    assert found["y1", "x0"].direction == "neither"
    pairs = found["y1", "x0"]
    assert pairs.up is not None and pairs.down is not None
    assert pairs.up.second_answer > pairs.up.first_answer
    assert pairs.down.second_answer < pairs.down.first_answer
    assert "neither rises nor falls" in str(found)
    assert found.to_json()["trends"][0]["answer"] == "y0"


def test_what_does_not_matter_is_constant() -> None:
    module = rising()
    with torch.no_grad():
        module[0].weight[:, 1] = 0
    found = vetro.monotonicity(module, BOX)
    assert found["y0", "x1"].direction == "constant"
    assert found["y0", "x1"].slope == (0.0, 0.0)


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("y0 is large", 'neither a comparison nor "rises" or "falls"'),
        ("y7 >= 0", 'no answer "y7"'),
        ("y0 rises with x9", 'no input "x9"'),
        ("y0 >= tall", '"tall" is not a number'),
        ("y0 >= 1 m", '"m" cannot be read'),
        ("2 <= y0 <= 1", "nothing lies between"),
        ("y0 >= nan", "not a number"),
        ("0 y0 1", "neither a comparison"),
        ("", "neither a comparison"),
    ],
)
def test_what_is_no_claim(claim: str, words: str) -> None:
    with pytest.raises(GlassError) as caught:
        vetro.prove(rising(), claim, BOX)
    assert caught.value.code == "E734"
    assert words in str(caught.value) and '"A rises with C"' in str(caught.value)


def test_a_column_that_cannot_move() -> None:
    with pytest.raises(VetroError) as caught:
        vetro.prove(rising(), "y0 rises with x0", {"x0": 1, "x1": (0, 1)})
    assert caught.value.code == "E731"


def test_names_that_hold_others() -> None:
    """flow and flow 2 are two targets: the longer name wins where it stands."""
    random = np.random.default_rng(0)
    x = random.random(60)
    data = {"x": x, "flow": x + 0.01 * random.random(60), "flow 2": 5 - x, "kind": ["a", "b"] * 30}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VetroWarning)
        model = vetro.fit(
            data, target=["flow", "flow 2"], epochs=30, folds=2, hidden=(4,), activation="tanh"
        )
    subject = subject_of(model)
    assert read_claim(subject, "flow 2 >= 0").answer == 1
    assert read_claim(subject, "0 <= flow <= 2").answer == 0
    assert read_claim(subject, "flow 2 falls with x").kind == "falls"
    assert vetro.prove(model, "-50 <= flow 2 <= 50").verdict == "proved"
    with pytest.raises(VetroError) as caught:
        vetro.prove(model, "flow rises with kind")
    assert caught.value.code == "E731"


def test_shares_of_classes() -> None:
    random = np.random.default_rng(0)
    x = random.random(90)
    labels = np.array(["dry", "mild", "wet"])[np.digitize(x, [0.3, 0.6])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VetroWarning)
        model = vetro.fit(
            {"x": x, "label": labels}, target="label", epochs=150, folds=2, hidden=(5,),
            activation="tanh", learning_rate=0.03, numbers="raw", members=1,
        )  # fmt: skip
    assert vetro.prove(model, "P(wet) rises with x", {"x": (0.4, 0.8)}).verdict == "proved"
    assert vetro.prove(model, "P(dry) falls with x", {"x": (0.2, 0.5)}).verdict == "proved"
    assert vetro.prove(model, "P(dry) <= 0.5", {"x": (0.5, 0.99)}).verdict == "proved"
    assert vetro.prove(model, "P(mild) rises with x").verdict == "refuted"
    with pytest.raises(GlassError, match=r"P\(wet\)"):
        vetro.prove(model, "wet >= 0")
