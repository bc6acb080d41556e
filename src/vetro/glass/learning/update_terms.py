"""The updates of SGD, Adam, AdamW and RMSprop, step by step, with numbers.

In float64, by torch's formulas and settings.  Not an optimizer: nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vetro.glass.figures import figure
from vetro.glass.learning.precision import Precision

Floats = NDArray[np.float64]
OptimizerKind = Literal["sgd", "adam", "adamw", "rmsprop"]
TITLES: dict[str, str] = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop"}


@dataclass(frozen=True)
class UpdateRule:
    """An optimizer of torch and its settings, by torch's names; rate: lr.

    rate_unit, beta_unit: the unit roundoff with which coefficients such as rate / (1 - beta1^t) are
    computed: double's, or the tensor's dtype's where lr or betas are tensors.
    """

    kind: OptimizerKind
    rate: float
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    maximize: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    amsgrad: bool = False
    alpha: float = 0.99
    centered: bool = False
    rate_unit: float = 2.0**-53
    beta_unit: float = 2.0**-53

    @property
    def title(self) -> str:
        """The optimizer with the settings that matter: AdamW(rate 0.01, weight decay 0.1)."""
        words = [f"rate {figure(self.rate)}"]
        words += [
            f"{name.replace('_', ' ')} {figure(getattr(self, name))}"
            for name in ("momentum", "dampening", "weight_decay")
            if getattr(self, name)
        ]
        flags = ("nesterov", "maximize", "amsgrad", "centered")
        words += [name for name in flags if getattr(self, name)]
        return f"{TITLES[self.kind]}({', '.join(words)})"


USUAL: tuple[UpdateRule, ...] = (
    UpdateRule("sgd", 1e-3),
    UpdateRule("adam", 1e-3),
    UpdateRule("adamw", 1e-3, weight_decay=1e-2),
    UpdateRule("rmsprop", 1e-2),
)
"""Every kind with torch's default settings."""


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
class Step:
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
    steps: tuple[Step, ...]

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
class Stepped:
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


@dataclass
class _Writing:
    """An update being written down."""

    given: dict[str, Floats]
    steps: list[Step] = field(default_factory=list)

    def step(self, name: str, formula: str, template: str, value: Floats) -> Floats:
        self.steps.append(Step(name, formula, template, value))
        return value


def update(rule: UpdateRule, w: Floats, g: Floats, state: UpdateState) -> Update:
    """The rule's update of parameters w with gradients g, each (n,), from a state."""
    writing = _Writing({"w": w, "g": g})
    if rule.maximize:
        g = writing.step("g", "-g", "-({g})", -g)
    if rule.weight_decay and rule.kind != "adamw":
        decay = figure(rule.weight_decay)
        formula = f"g + {decay} w"
        template = f"{{g}} + {decay} x {{w}}"
        g = writing.step("g", formula, template, g + rule.weight_decay * w)
    _WAYS[rule.kind](rule, writing, w, g, state)
    return Update(rule, writing.given, tuple(writing.steps))


def _sgd(rule: UpdateRule, writing: _Writing, w: Floats, g: Floats, state: UpdateState) -> None:
    rate, direction, name = figure(rule.rate), g, "g"
    if rule.momentum:
        writing.given["b"] = state.first
        m, share = figure(rule.momentum), 1.0 - rule.dampening
        first = state.step == 0
        later = rule.momentum * state.first + share * g
        formula = f"{m} b + {figure(share)} g, or g in the first step"
        template = f"{m} x {{b}} + {figure(share)} x {{g}}"
        if first.all():
            formula, template = "g, in the first step", "{g}"
        name = "b"
        direction = writing.step("b", formula, template, np.where(first, g, later))
        if rule.nesterov:
            name = "d"
            value = g + rule.momentum * direction
            direction = writing.step("d", f"g + {m} b", f"{{g}} + {m} x {{b}}", value)
    writing.step(
        "w'",
        f"w - {rate} {name}",
        f"{{w}} - {rate} x {{{name}}}",
        w - rule.rate * direction,
    )


def _adam(rule: UpdateRule, writing: _Writing, w: Floats, g: Floats, state: UpdateState) -> None:
    writing.given |= {"m": state.first, "v": state.second}
    one, two = figure(rule.beta1), figure(rule.beta2)
    rest, other = figure(1.0 - rule.beta1), figure(1.0 - rule.beta2)
    t = state.step + 1.0
    if rule.kind == "adamw" and rule.weight_decay:
        share = f"{figure(rule.rate)} x {figure(rule.weight_decay)}"
        w = writing.step(
            "w",
            f"w (1 - {share})",
            f"{{w}} x (1 - {share})",
            w * (1.0 - rule.rate * rule.weight_decay),
        )
    m = writing.step(
        "m", f"{one} m + {rest} g", f"{one} x {{m}} + {rest} x {{g}}",
        rule.beta1 * state.first + (1.0 - rule.beta1) * g,
    )  # fmt: skip
    v = writing.step(
        "v", f"{two} v + {other} g^2", f"{two} x {{v}} + {other} x ({{g}})^2",
        rule.beta2 * state.second + (1.0 - rule.beta2) * g * g,
    )  # fmt: skip
    writing.given["t"] = t
    name = "v"
    if rule.amsgrad:
        writing.given["most"] = state.third
        name = "most"
        v = writing.step("most", "max(most, v)", "max({most}, {v})", np.maximum(state.third, v))
    mean = writing.step(
        "M", f"m / (1 - {one}^t)", f"{{m}} / (1 - {one}^{{t}})", m / (1.0 - rule.beta1**t)
    )
    spread = writing.step(
        "V",
        f"{name} / (1 - {two}^t)",
        f"{{{name}}} / (1 - {two}^{{t}})",
        v / (1.0 - rule.beta2**t),
    )
    rate, eps = figure(rule.rate), figure(rule.eps)
    writing.step(
        "w'",
        f"w - {rate} M / (sqrt(V) + {eps})",
        f"{{w}} - {rate} x {{M}} / (sqrt({{V}}) + {eps})",
        w - rule.rate * _over(mean, np.sqrt(spread) + rule.eps),
    )


def _rmsprop(rule: UpdateRule, writing: _Writing, w: Floats, g: Floats, state: UpdateState) -> None:
    writing.given["s"] = state.second
    alpha, rest = figure(rule.alpha), figure(1.0 - rule.alpha)
    rate, eps = figure(rule.rate), figure(rule.eps)
    s = writing.step(
        "s", f"{alpha} s + {rest} g^2", f"{alpha} x {{s}} + {rest} x ({{g}})^2",
        rule.alpha * state.second + (1.0 - rule.alpha) * g * g,
    )  # fmt: skip
    root, shown, template = s, "sqrt(s)", "sqrt({s})"
    if rule.centered:
        writing.given["a"] = state.third
        a = writing.step(
            "a", f"{alpha} a + {rest} g", f"{alpha} x {{a}} + {rest} x {{g}}",
            rule.alpha * state.third + (1.0 - rule.alpha) * g,
        )  # fmt: skip
        root, shown, template = s - a * a, "sqrt(s - a^2)", "sqrt({s} - ({a})^2)"
    step = _over(g, np.sqrt(np.maximum(root, 0.0)) + rule.eps)
    if rule.momentum:
        writing.given["b"] = state.first
        m = figure(rule.momentum)
        step = writing.step(
            "b",
            f"{m} b + g / ({shown} + {eps})",
            f"{m} x {{b}} + {{g}} / ({template} + {eps})",
            rule.momentum * state.first + step,
        )
        writing.step("w'", f"w - {rate} b", f"{{w}} - {rate} x {{b}}", w - rule.rate * step)
        return
    writing.step(
        "w'",
        f"w - {rate} g / ({shown} + {eps})",
        f"{{w}} - {rate} x {{g}} / ({template} + {eps})",
        w - rule.rate * step,
    )


def _over(above: Floats, below: Floats) -> Floats:
    """above / below; 0 / 0 (a gradient of 0 with eps 0) is NaN, as in torch."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = above / below
    return found


_WAYS: dict[str, Callable[[UpdateRule, _Writing, Floats, Floats, UpdateState], None]] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adam,
    "rmsprop": _rmsprop,
}


def slack(
    rule: UpdateRule, w: Floats, made: Update, state: UpdateState, precision: Precision
) -> Floats:
    """How far a step in this precision may lie from `made`, (n,).

    It covers about twenty roundings, each of a number no larger than the parameter or its step.  It
    covers their effect on a denominator, which may underflow, and the cancellation where centered
    RMSprop subtracts nearly equal numbers.  Infinite where the denominator may be 0 or have no real
    root.
    """
    step = np.abs(made.new - w)
    found: Floats = precision.lost(24.0, np.abs(w) + np.abs(made.new) + step)
    value = {item.name: item.value for item in made.steps}
    g = np.abs(value.get("g", made.given["g"]))
    if rule.kind == "rmsprop":
        s, squared = value["s"], value["a"] ** 2 if rule.centered else 0.0 * value["s"]
        off = precision.lost(8.0, s + squared)
        below, least = _denominators(np.maximum(s - squared, 0.0), off, rule.eps)
        if rule.centered:
            least = np.where((s - squared < off) & (off > 0), 0.0, least)
        found = found + rule.rate * _fraction(g, precision.lost(2.0, g), below, least)
    if rule.kind in ("adam", "adamw"):
        # m may be the difference of nearly equal numbers
        sizes = np.abs(rule.beta1 * state.first) + np.abs((1 - rule.beta1) * g)
        t = state.step + 1.0
        correction = 1.0 - rule.beta1**t
        below, least = _denominators(value["V"], precision.lost(8.0, value["V"]), rule.eps)
        coarse = max(rule.rate_unit, rule.beta_unit)
        off = (precision.lost(8.0, sizes) + 8.0 * coarse * sizes) / correction
        found = found + rule.rate * _fraction(np.abs(value["M"]), off, below, least)
        if rule.kind == "adamw":
            found = found + 2.0 * coarse * (1.0 + rule.rate * rule.weight_decay) * np.abs(w)
    if rule.momentum:
        found = found + precision.lost(8.0, np.abs(rule.momentum * state.first) * rule.rate)
    return np.where(np.isfinite(found), found, np.inf)


def _denominators(square: Floats, off: Floats, eps: float) -> tuple[Floats, Floats]:
    """sqrt(square) + eps, and the least value that it may have if the square is off."""
    return np.sqrt(square) + eps, np.sqrt(np.maximum(square - off, 0.0)) + eps


def _fraction(above: Floats, off: Floats, below: Floats, least: Floats) -> Floats:
    """The most that above / below may be off, if above is off by `off` and below is at least
    `least`; 0 / 0 has no bound."""
    return _over(off, least) + _over(above, least) - _over(above, below)
