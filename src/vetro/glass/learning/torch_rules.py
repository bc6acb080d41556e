"""A torch loss and optimizer as plain rules, in the native engine's reading."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

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
    """One rule for each parameter group, at its present learning rate."""
    kind = cast(OptimizerKind, described.kind)
    return tuple(
        UpdateRule(kind, float(group["lr"]), **vars(settings))
        for group, settings in zip(optimizer.param_groups, described.groups, strict=True)
    )


def as_torch(
    rules: tuple[UpdateRule, ...], optimizer: torch.optim.Optimizer
) -> tuple[UpdateRule, ...]:
    """The same in torch's arithmetic: if the learning rate or the betas are tensors, torch computes
    coefficients in their dtype."""
    return tuple(
        replace(
            rule,
            rate_unit=_unit(group["lr"]),
            beta_unit=max(map(_unit, group.get("betas", ())), default=rule.beta_unit),
        )
        for rule, group in zip(rules, optimizer.param_groups, strict=True)
    )


def _unit(number: Any) -> float:
    """The unit roundoff of torch's computation with this Python number or tensor."""
    import torch

    if not isinstance(number, torch.Tensor):
        return 2.0**-53
    floats = number.dtype if number.is_floating_point() else torch.get_default_dtype()
    return float(torch.finfo(floats).eps) / 2
