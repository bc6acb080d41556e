"""An optimizer's settings for a group of parameters: the one record that all floors use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

UpdateKind = Literal["sgd", "adam", "adamw", "rmsprop"]
"""Each is the UPDATE of the file of that name."""

VECTORS = ("first_moment", "second_moment", "third")
"""The flat vectors of an optimizer's state, (parameter_count,), as the core names them."""


@dataclass(frozen=True)
class UpdateRule:
    """kind: the optimizer, as in the core.  rate: the learning rate.  The others have torch's names
    and defaults; beta1 and beta2 are its betas.  An optimizer leaves the settings that it does not
    have at their defaults.

    rate_unit, beta_unit: the unit roundoff with which coefficients such as rate / (1 - beta1^t) are
    computed: double's, or the tensor's dtype's where lr or betas are tensors.
    """

    kind: UpdateKind
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


@dataclass(frozen=True)
class Updates:
    """rules: of each group of parameters, of one kind.  ranges: (begin, end, group) of the
    parameters that learn in the flat vector; nothing changes elsewhere."""

    rules: tuple[UpdateRule, ...]
    ranges: tuple[tuple[int, int, int], ...]

    @property
    def kind(self) -> UpdateKind:
        return self.rules[0].kind
