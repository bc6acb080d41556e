"""Every optimizer by its name: to add one, write its file and add its name to rule.py."""

from __future__ import annotations

from importlib import import_module
from typing import get_args

from vetro.networks.updates.rule import UpdateKind, UpdateRule
from vetro.networks.updates.update import Update

UPDATES: dict[UpdateKind, Update] = {
    name: import_module(f"{__package__}.{name}").UPDATE for name in get_args(UpdateKind)
}


def update_of(rule: UpdateRule) -> Update:
    """What is true of a rule's optimizer."""
    return UPDATES[rule.kind]


def moving(rule: UpdateRule) -> float:
    """The number that goes to the core with each step's learning rate: momentum or beta1."""
    return float(getattr(rule, update_of(rule).moving))
