"""The facts that every optimizer states: torch's names, its state, and its steps.

Each optimizer has its own file.  Its steps are written once, for every kind of number (Steps):
float64, text, or exact numbers with bounds.  Nothing is updated here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from vetro.networks.updates.rule import UpdateKind, UpdateRule

Number = TypeVar("Number")


class Steps(Protocol[Number]):
    """The operations of a step on all parameters at once; coefficients are given as floats."""

    def held(self, vector: int, name: str) -> Number:
        """A vector of the state before the step, numbered as VECTORS."""

    def named(self, name: str, value: Number) -> Number:
        """The value, which has a name from now on."""

    def negative(self, x: Number) -> Number: ...

    def plus(self, a: Number, b: Number) -> Number: ...

    def minus(self, a: Number, b: Number) -> Number: ...

    def scaled(self, factor: float, x: Number) -> Number:
        """factor x."""

    def rest(self, share: float, x: Number) -> Number:
        """(1 - share) x."""

    def later(self, first: Number, later: Callable[[], Number]) -> Number:
        """`first` in the first step, else `later`."""

    def shrunk(self, x: Number, rate: float, decay: float) -> Number:
        """x (1 - rate decay)."""

    def average(self, share: float, held: Number, x: Number) -> Number:
        """share held + (1 - share) x."""

    def squares(self, share: float, held: Number, x: Number) -> Number:
        """share held + (1 - share) x^2."""

    def larger(self, a: Number, b: Number) -> Number: ...

    def corrected(self, x: Number, beta: float) -> Number:
        """x / (1 - beta^t), t the number of this step."""

    def less_square(self, x: Number, mean: Number) -> Number:
        """x - mean^2, which is not below 0."""

    def root(self, x: Number, eps: float) -> Number:
        """sqrt(x) + eps."""

    def over(self, above: Number, below: Number) -> Number: ...

    def step(self, rate: float, above: Number, below: Number) -> Number:
        """rate above / below."""


@dataclass(frozen=True, eq=False)
class After(Generic[Number]):
    """The parameters and the state after a step; None for vectors that the rule does not keep."""

    parameters: Number
    first: Number | None = None
    second: Number | None = None
    third: Number | None = None


class Update(ABC):
    """One optimizer.  kind: its name here and in the core.  torch_class: in torch.optim; title: in
    texts.  usual: torch's defaults.  options: the settings that torch takes and UpdateRule holds by
    the same name.  betas: whether torch takes betas.  fused: whether it takes fused=True.
    moving: the setting that goes to the core with each step's learning rate.  buffers: torch's
    names of VECTORS.  counts: whether torch's state counts the steps.
    """

    kind: ClassVar[UpdateKind]
    torch_class: ClassVar[str]
    title: ClassVar[str]
    usual: ClassVar[UpdateRule]
    options: ClassVar[tuple[str, ...]]
    betas: ClassVar[bool] = False
    fused: ClassVar[bool] = True
    moving: ClassVar[str] = "momentum"
    buffers: ClassVar[tuple[str, str, str]]
    counts: ClassVar[bool] = True

    @abstractmethod
    def wanted(self, rule: UpdateRule) -> tuple[str, ...]:
        """The buffers that torch keeps, in the order in which it makes them."""

    @abstractmethod
    def step(self, rule: UpdateRule, of: Steps[Number], w: Number, g: Number) -> After[Number]:
        """One step of parameters w with gradients g."""


def coupled(rule: UpdateRule, of: Steps[Number], w: Number, g: Number) -> Number:
    """The gradient that a step uses: of the loss to minimise, with that of the weight decay."""
    g = ascending(rule, of, g)
    if not rule.weight_decay:
        return g
    return of.named("g", of.plus(g, of.scaled(rule.weight_decay, w)))


def ascending(rule: UpdateRule, of: Steps[Number], g: Number) -> Number:
    """The gradient, turned around to maximise the loss."""
    return of.named("g", of.negative(g)) if rule.maximize else g
