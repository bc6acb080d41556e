"""Every loss by its name: to add one, write its file and add its name to rule.py."""

from __future__ import annotations

from importlib import import_module
from typing import get_args

from vetro.networks.losses.loss import Loss
from vetro.networks.losses.rule import LossKind, LossRule

LOSSES: dict[LossKind, Loss] = {
    name: import_module(f"{__package__}.{name}").LOSS for name in get_args(LossKind)
}


def loss_of(rule: LossRule) -> Loss:
    """What is true of a rule's loss."""
    return LOSSES[rule.kind]


def usual_loss(kind: LossKind) -> LossRule:
    """The loss with torch's own defaults."""
    return LossRule(kind, a=LOSSES[kind].default)
