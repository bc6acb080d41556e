"""All optimizers by name."""

from __future__ import annotations

from vetro.networks.updates.adam import Adam, AdamW
from vetro.networks.updates.rmsprop import RMSprop
from vetro.networks.updates.rule import UpdateKind, UpdateRule
from vetro.networks.updates.sgd import SGD
from vetro.networks.updates.update import Update

UPDATES: dict[UpdateKind, Update] = {
    update.kind: update for update in (SGD(), Adam(), AdamW(), RMSprop())
}


def update_of(rule: UpdateRule) -> Update:
    """What is true of a rule's optimizer."""
    return UPDATES[rule.kind]


def moving(rule: UpdateRule) -> float:
    """The number that goes to the core with each step's learning rate: momentum or beta1."""
    return float(getattr(rule, update_of(rule).moving))
