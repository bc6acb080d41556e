"""The update of an optimizer, step by step, with numbers and as text.

In float64, by torch's formulas and settings (networks/updates).  Not an optimizer: nothing is
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vetro.figures import figure
from vetro.glass.learning.steps import State
from vetro.networks.updates.rule import UpdateRule
from vetro.networks.updates.table import UPDATES, update_of

Floats = NDArray[np.float64]

USUAL: tuple[UpdateRule, ...] = tuple(update.usual for update in UPDATES.values())
"""Every optimizer with torch's default settings."""


def title(rule: UpdateRule) -> str:
    """The optimizer with the settings that matter: AdamW(rate 0.01, weight decay 0.1)."""
    words = [f"rate {figure(rule.rate)}"]
    words += [
        f"{name.replace('_', ' ')} {figure(getattr(rule, name))}"
        for name in ("momentum", "dampening", "weight_decay")
        if getattr(rule, name)
    ]
    flags = ("nesterov", "maximize", "amsgrad", "centered")
    words += [name for name in flags if getattr(rule, name)]
    return f"{update_of(rule).title}({', '.join(words)})"


@dataclass(frozen=True, eq=False)
class Update:
    """An optimizer's update of n parameters: its steps in order; the last is the new value w'.

    given: the numbers that it starts from.  steps: (name, text, value (n,)), see _Term.
    """

    rule: UpdateRule
    given: Mapping[str, Floats]
    steps: tuple[tuple[str, str, Floats], ...]

    @property
    def new(self) -> Floats:
        return self.steps[-1][-1]

    def lines(self, place: int) -> list[str]:
        """The steps of one parameter: "m = 0.9 m + 0.1 g = 0.9 x 0 + 0.1 x -0.03 = -0.003"."""
        known = {name: figure(float(value[place])) for name, value in self.given.items()}
        lines = []
        for name, text, values in self.steps:
            value = figure(float(values[place]), 7 if name == "w'" else 5)
            formula = text.translate(_IN_FORMULA).format_map({key: key for key in known})
            numbers = text.partition("|")[0].translate(_IN_NUMBERS).format_map(known)
            lines.append(f"{name} = {formula} = {numbers} = {value}")
            known[name] = value
        return lines


_IN_FORMULA = str.maketrans({"*": " ", "[": "", "]": "", "|": ""})
_IN_NUMBERS = str.maketrans({"*": " x ", "[": "(", "]": ")"})


@dataclass(frozen=True, eq=False)
class _Term:
    """Numbers (n,), and the text of how they are computed.

    In the text, {name} stands for a number, * multiplies, [] enclose what needs brackets where
    numbers stand for names, and what follows | belongs to the formula alone.
    """

    value: Floats
    text: str

    @staticmethod
    def of(name: str, value: Floats) -> _Term:
        return _Term(value, f"{{{name}}}")


class _Written:
    """The steps of optimizers in float64, written down."""

    def __init__(self, before: State, given: dict[str, Floats]) -> None:
        self.given = given
        self.steps: list[tuple[str, str, Floats]] = []
        self._before = before

    def held(self, vector: int, name: str) -> _Term:
        before = self._before
        held = (before.first, before.second, before.third)[vector]
        self.given[name] = held.astype(np.float64)
        return _Term.of(name, self.given[name])

    def named(self, name: str, value: _Term) -> _Term:
        self.steps.append((name, value.text, value.value))
        return _Term.of(name, value.value)

    def negative(self, x: _Term) -> _Term:
        return _Term(-x.value, f"-[{x.text}]")

    def plus(self, a: _Term, b: _Term) -> _Term:
        return _Term(a.value + b.value, f"{a.text} + {b.text}")

    def minus(self, a: _Term, b: _Term) -> _Term:
        return _Term(a.value - b.value, f"{a.text} - {b.text}")

    def scaled(self, factor: float, x: _Term) -> _Term:
        return _Term(factor * x.value, f"{figure(factor)}*{x.text}")

    def rest(self, share: float, x: _Term) -> _Term:
        return self.scaled(1.0 - share, x)

    def later(self, first: _Term, later: Callable[[], _Term]) -> _Term:
        begins, going = self._before.step == 0, later()
        value = np.where(begins, first.value, going.value)
        if begins.all():
            return _Term(value, f"{first.text}|, in the first step")
        return _Term(value, f"{going.text}|, or {first.text} in the first step")

    def shrunk(self, x: _Term, rate: float, decay: float) -> _Term:
        share = f"(1 - {figure(rate)} x {figure(decay)})"
        return _Term(x.value * (1.0 - rate * decay), f"{x.text}*{share}")

    def average(self, share: float, held: _Term, x: _Term) -> _Term:
        return self.plus(self.scaled(share, held), self.rest(share, x))

    def squares(self, share: float, held: _Term, x: _Term) -> _Term:
        square = self.rest(share, _Term(x.value, f"[{x.text}]^2"))
        square = _Term(square.value * x.value, square.text)
        return self.plus(self.scaled(share, held), square)

    def larger(self, a: _Term, b: _Term) -> _Term:
        return _Term(np.maximum(a.value, b.value), f"max({a.text}, {b.text})")

    def corrected(self, x: _Term, beta: float) -> _Term:
        self.given["t"] = t = self._before.step + 1.0
        return _Term(x.value / (1.0 - beta**t), f"{x.text} / (1 - {figure(beta)}^{{t}})")

    def less_square(self, x: _Term, mean: _Term) -> _Term:
        value = x.value - mean.value * mean.value
        return _Term(np.maximum(value, 0.0), f"{x.text} - [{mean.text}]^2")

    def root(self, x: _Term, eps: float) -> _Term:
        return _Term(np.sqrt(x.value) + eps, f"sqrt({x.text}) + {figure(eps)}")

    def over(self, above: _Term, below: _Term) -> _Term:
        # 0 / 0 (a gradient of 0 with eps 0) is NaN, as in torch
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.asarray(above.value / below.value)
        return _Term(value, f"{above.text} / ({below.text})")

    def step(self, rate: float, above: _Term, below: _Term) -> _Term:
        return self.scaled(rate, self.over(above, below))


def written(rule: UpdateRule, before: State, g: Floats) -> Update:
    """The rule's update of parameters with gradients g (n,), in float64."""
    w = before.parameters.astype(np.float64)
    of = _Written(before, {"w": w, "g": g})
    update_of(rule).step(rule, of, _Term.of("w", w), _Term.of("g", g))
    return Update(rule, of.given, tuple(of.steps))
