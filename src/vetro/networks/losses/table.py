"""All losses by name."""

from __future__ import annotations

from vetro.networks.losses.bce import BinaryCrossEntropy
from vetro.networks.losses.bent import Huber, SmoothL1
from vetro.networks.losses.cross_entropy import CrossEntropy
from vetro.networks.losses.l1 import AbsoluteError
from vetro.networks.losses.loss import Loss
from vetro.networks.losses.mse import SquaredError
from vetro.networks.losses.rule import LossKind, LossRule

LOSSES: dict[LossKind, Loss] = {
    loss.kind: loss
    for loss in (
        SquaredError(), AbsoluteError(), SmoothL1(), Huber(), CrossEntropy(), BinaryCrossEntropy(),
    )
}  # fmt: skip


def loss_of(rule: LossRule) -> Loss:
    """What is true of a rule's loss."""
    return LOSSES[rule.kind]


def usual_loss(kind: LossKind) -> LossRule:
    """The loss with torch's own defaults."""
    return LossRule(kind, a=LOSSES[kind].default)
