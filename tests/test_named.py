"""Every name that a user gives is found like a table's own names: its twins mean it too."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

import vetro
from vetro.errors import VetroError
from vetro.named import known_name, named_value

ACCENT, RED = "citta\u0300", " red\u00a0"  # twins of "città" and "red"


@cache
def model(activation: Any = "relu") -> vetro.Model:
    rows = range(40)
    table = {
        "red": [i * 37 % 101 / 10 for i in rows],
        "città": [i * 53 % 89 for i in rows],
        "y è": [i * 41 % 97 for i in rows],
    }
    return vetro.fit(
        table, target="y e\u0300", hidden=(3,), epochs=2, folds=2, activation=activation
    )


ROW = {RED: 3.3, ACCENT: 20, "y è": 5}
TABLE = {name: [value] for name, value in ROW.items()}
GIVEN: dict[str, Callable[[], Any]] = {
    "over": lambda: vetro.bounds(model(), {RED: (1, 2), ACCENT: 5}, seconds=0),
    "claim": lambda: vetro.prove(model(), f" y  e\u0300 rises with {ACCENT}", seconds=0),
    "answer": lambda: vetro.prove(model(), " y  e\u0300 <= 1e9 ", seconds=0),
    "row": lambda: vetro.trace(model(), ROW),
    "within": lambda: vetro.formula(model("tanh"), ROW, within={RED: (3, 4)}),
    "targets": lambda: vetro.backprop(model(), ROW, y={"y e\u0300 ": 4}),
    "keep": lambda: model().predict(TABLE, keep=(RED, ACCENT)),
    "keep one": lambda: model().predict(TABLE, keep="red"),
    "gradient": lambda: vetro.backprop(model(), ROW).number(
        f"layer1.weight[h0 <- {ACCENT}]",
    ),
}


@pytest.mark.filterwarnings("ignore::vetro.errors.VetroWarning")
@pytest.mark.parametrize("way", GIVEN)
def test_a_twin_of_a_name_is_the_name(way: str) -> None:
    GIVEN[way]()


@pytest.mark.filterwarnings("ignore::vetro.errors.VetroWarning")
def test_a_kept_twin_cannot_take_the_name_of_an_answer() -> None:
    found = model().predict(TABLE, keep=("y è ", RED))
    assert list(found) == ["actual y è", "red", "y è"]


def test_a_name_that_is_no_twin_is_refused() -> None:
    with pytest.raises(VetroError, match="Did you mean") as caught:
        known_name("citta", ("città", "red"))
    assert caught.value.code == "E114"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a=1", ("a", "1")),
        ("a = 1", ("a", " 1")),
        ("a=b=1", ("a=b", "1")),
        ("a=c=1", ("a", "c=1")),
        (f"{ACCENT}==", ("città", "=")),
        ("a", None),
        ("b=1", None),
    ],
)
def test_a_name_with_its_value(text: str, found: tuple[str, str] | None) -> None:
    assert named_value(text, ("a", "a=b", "città")) == found
