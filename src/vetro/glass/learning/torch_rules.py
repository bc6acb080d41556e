"""A loss and an optimizer of torch as plain rules, as the native engine understood them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vetro.glass.learning.loss_terms import LossKind, LossRule
from vetro.glass.learning.update_terms import OptimizerKind, UpdateRule

if TYPE_CHECKING:
    import torch

    from vetro.engines.native_loss import NativeLoss
    from vetro.engines.native_optimizer import NativeOptimizer


def loss_rule(native: NativeLoss) -> LossRule:
    """The loss with all of its options."""
    return LossRule(
        cast(LossKind, native.kind),
        native.reduction,
        native.a,
        native.ignored,
        native.class_weights,
        native.positive_weights,
    )


def update_rules(
    optimizer: torch.optim.Optimizer, described: NativeOptimizer
) -> tuple[UpdateRule, ...]:
    """One for each parameter group, at its present learning rate."""
    kind = cast(OptimizerKind, described.kind)
    return tuple(
        UpdateRule(kind, float(group["lr"]), **settings)
        for group, settings in zip(optimizer.param_groups, described.groups, strict=True)
    )
