"""The update of an optimizer, step by step, with numbers and as text.

In float64, by torch's formulas and settings (networks/updates).  Not an optimizer: nothing is
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vetro.figures import figure
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
class UpdateState:
    """The optimizer's state of each parameter, (n,) each, zero before its first step.

    first: momentum buffer, or Adam's m.  second: v of Adam, s of RMSprop.  third: amsgrad's
    largest v, or RMSprop's mean gradient.  step: steps taken; for SGD 1 where there is a buffer.
    """

    first: Floats
    second: Floats
    third: Floats
    step: Floats

    @staticmethod
    def none(count: int) -> UpdateState:
        """The state before the first step."""
        zero = np.zeros(count)
        return UpdateState(zero, zero, zero, zero)

    def at(self, place: Any) -> UpdateState:
        """The state of some of the parameters."""
        return UpdateState(
            self.first[place], self.second[place], self.third[place], self.step[place]
        )


@dataclass(frozen=True, eq=False)
class Line:
    """One line of an update: name = formula = formula with numbers = value (n,).

    template: the formula with {name} where a number goes.
    """

    name: str
    formula: str
    template: str
    value: Floats


@dataclass(frozen=True, eq=False)
class Update:
    """An optimizer's update of n parameters: its steps in order; the last is the new value w'."""

    rule: UpdateRule
    given: Mapping[str, Floats]
    steps: tuple[Line, ...]

    @property
    def new(self) -> Floats:
        return self.steps[-1].value

    def lines(self, place: int) -> list[str]:
        """The steps of one parameter: "m = 0.9 m + 0.1 g = 0.9 x 0 + 0.1 x -0.03 = -0.003"."""
        known = {name: figure(float(value[place])) for name, value in self.given.items()}
        lines = []
        for step in self.steps:
            value = figure(float(step.value[place]), 7 if step.name == "w'" else 5)
            numbers = step.template.format_map(known)
            lines.append(f"{step.name} = {step.formula} = {numbers} = {value}")
            known[step.name] = value
        return lines


@dataclass(frozen=True, eq=False)
class StepTaken:
    """A step that an optimizer took on copies.  new: the parameters after it; gradient: the one it
    used; (n,) each.

    rules: (begin, end, rule) of the flat vector, () if the optimizer's formula is not known;
    state: before the step.  name: the optimizer that took it.
    """

    name: str
    new: Floats
    gradient: Floats
    rules: tuple[tuple[int, int, UpdateRule], ...]
    state: UpdateState


@dataclass(frozen=True, eq=False)
class _Term:
    """Numbers (n,), and the formula that they have in the present step; template: the formula with
    {name} where a number goes."""

    value: Floats
    formula: str
    template: str

    @staticmethod
    def of(name: str, value: Floats) -> _Term:
        return _Term(value, name, f"{{{name}}}")

    def power(self, exponent: str) -> tuple[str, str]:
        """Formula and template, each with an exponent."""
        return f"{self.formula}^{exponent}", f"({self.template})^{exponent}"


class _Written:
    """The steps of optimizers in float64, written down."""

    def __init__(self, state: UpdateState, given: dict[str, Floats]) -> None:
        self.given = given
        self.steps: list[Line] = []
        self._state = state

    def held(self, vector: int, name: str) -> _Term:
        state = self._state
        self.given[name] = (state.first, state.second, state.third)[vector]
        return _Term.of(name, self.given[name])

    def named(self, name: str, value: _Term) -> _Term:
        self.steps.append(Line(name, value.formula, value.template, value.value))
        return _Term.of(name, value.value)

    def negative(self, x: _Term) -> _Term:
        return _Term(-x.value, f"-{x.formula}", f"-({x.template})")

    def plus(self, a: _Term, b: _Term) -> _Term:
        return _joined(a.value + b.value, a, "+", b)

    def minus(self, a: _Term, b: _Term) -> _Term:
        return _joined(a.value - b.value, a, "-", b)

    def scaled(self, factor: float, x: _Term) -> _Term:
        text = figure(factor)
        return _Term(factor * x.value, f"{text} {x.formula}", f"{text} x {x.template}")

    def rest(self, share: float, x: _Term) -> _Term:
        return self.scaled(1.0 - share, x)

    def later(self, first: _Term, later: Callable[[], _Term]) -> _Term:
        begins, going = self._state.step == 0, later()
        value = np.where(begins, first.value, going.value)
        if begins.all():
            return _Term(value, f"{first.formula}, in the first step", first.template)
        formula = f"{going.formula}, or {first.formula} in the first step"
        return _Term(value, formula, going.template)

    def shrunk(self, x: _Term, rate: float, decay: float) -> _Term:
        share = f"(1 - {figure(rate)} x {figure(decay)})"
        value = x.value * (1.0 - rate * decay)
        return _Term(value, f"{x.formula} {share}", f"{x.template} x {share}")

    def average(self, share: float, held: _Term, x: _Term) -> _Term:
        return self.plus(self.scaled(share, held), self.rest(share, x))

    def squares(self, share: float, held: _Term, x: _Term) -> _Term:
        square = self.rest(share, _Term(x.value, *x.power("2")))
        square = _Term(square.value * x.value, square.formula, square.template)
        return self.plus(self.scaled(share, held), square)

    def larger(self, a: _Term, b: _Term) -> _Term:
        formula, template = f"max({a.formula}, {b.formula})", f"max({a.template}, {b.template})"
        return _Term(np.maximum(a.value, b.value), formula, template)

    def corrected(self, x: _Term, beta: float) -> _Term:
        self.given["t"] = t = self._state.step + 1.0
        text = figure(beta)
        formula, template = f"{x.formula} / (1 - {text}^t)", f"{x.template} / (1 - {text}^{{t}})"
        return _Term(x.value / (1.0 - beta**t), formula, template)

    def less_square(self, x: _Term, mean: _Term) -> _Term:
        value = x.value - mean.value * mean.value
        return _joined(np.maximum(value, 0.0), x, "-", _Term(value, *mean.power("2")))

    def root(self, x: _Term, eps: float) -> _Term:
        root = _Term(np.sqrt(x.value), f"sqrt({x.formula})", f"sqrt({x.template})")
        return self.plus(root, _Term(np.asarray(eps), figure(eps), figure(eps)))

    def over(self, above: _Term, below: _Term) -> _Term:
        value = _quotient(above.value, below.value)
        formula, template = (
            f"{above.formula} / ({below.formula})",
            f"{above.template} / ({below.template})",
        )
        return _Term(value, formula, template)

    def step(self, rate: float, above: _Term, below: _Term) -> _Term:
        return self.scaled(rate, self.over(above, below))


def _joined(value: Floats, a: _Term, sign: str, b: _Term) -> _Term:
    formula, template = f"{a.formula} {sign} {b.formula}", f"{a.template} {sign} {b.template}"
    return _Term(value, formula, template)


def written(rule: UpdateRule, w: Floats, g: Floats, state: UpdateState) -> Update:
    """The rule's update of parameters w with gradients g, each (n,), from a state."""
    of = _Written(state, {"w": w, "g": g})
    update_of(rule).step(rule, of, _Term.of("w", w), _Term.of("g", g))
    return Update(rule, of.given, tuple(of.steps))


def _quotient(above: Floats, below: Floats) -> Floats:
    """above / below; 0 / 0 (a gradient of 0 with eps 0) is NaN, as in torch."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below)
