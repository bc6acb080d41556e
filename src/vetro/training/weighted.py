"""Losses with a weight for each row.

A row of weight w counts as if it were w times in its batch.  The loss is the weighted sum of the
rows' losses; for reduction="mean" it is divided by the sum of the weights, as with scikit-learn's
sample_weight and with the class weights of nn.CrossEntropyLoss.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from vetro.errors import Setting, error, words
from vetro.networks.module_checks import module_hooks
from vetro.training import misuse
from vetro.training.loss_probe import Loss

WeightedLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


def weighted(loss: Loss) -> WeightedLoss:
    """loss(output, target, weights) of one of torch's own losses, weights (rows,).

    l: the losses of the rows' elements; w: their row's weight; c: the class weight of the target
    (1 without class weights).  "sum" is sum(w l); "mean" is sum(w l) / sum(w c) over the elements
    that count.  A batch whose weights sum to 0 has the loss 0.  E604 for another loss.
    """
    kind = misuse.kind_of_loss(loss)
    options = _options(loss)
    reduction = options.get("reduction", "mean")
    strange = isinstance(loss, nn.Module) and (module_hooks(loss) or "forward" in vars(loss))
    if not kind or strange or reduction not in ("mean", "sum"):
        name = getattr(loss, "__name__", type(loss).__name__)
        what = f'has reduction="{reduction}"' if kind else "is not one of torch's own"
        raise error(
            "E604",
            what=f"the loss {name} {what}, so it cannot take a weight per row",
            fix=words(
                "Use a loss such as nn.MSELoss() with {=sample_weight}, or weight the rows in a "
                "loss of your own, with the weights as a column of y."
            ),
        )
    each = _of_each(loss)
    classes = kind in misuse.OF_CLASSES

    def of_batch(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        losses = each(output, target)
        factors = weights.reshape(-1, *[1] * (losses.dim() - 1))
        total = (losses * factors).sum()
        if reduction == "sum":
            return total
        counting = factors.expand(losses.shape)
        if classes and not target.is_floating_point():
            counts = target != options.get("ignore_index", -100)
            if options.get("weight") is not None:
                counting = counting * options["weight"][target * counts]
            counting = counting * counts
        divisor = counting.sum()
        return total / torch.where(divisor == 0, 1, divisor)

    return of_batch


def check_weights(name: str, weights: Tensor, rows: int, dtype: torch.dtype) -> Tensor:
    """(rows,) weights of this dtype; E601 if one is below 0 or all are 0."""
    reason = ""
    if weights.shape not in ((rows,), (rows, 1)):
        reason = f"its shape is not ({rows},), one weight per row"
    elif weights.is_complex() or weights.requires_grad:
        reason = "weights must be plain numbers"
    elif not bool(torch.isfinite(weights).all()):
        row = int((~torch.isfinite(weights.reshape(-1))).nonzero()[0])
        reason = f"it holds {float(weights.reshape(-1)[row])} in row {row}"
    elif bool((weights < 0).any()):
        row = int((weights.reshape(-1) < 0).nonzero()[0])
        reason = f"it holds {float(weights.reshape(-1)[row]):g} in row {row}"
    elif not bool((weights > 0).any()):
        reason = "every weight is 0"
    if reason:
        raise error(
            "E601",
            argument=Setting(name),
            value=misuse.shape_text(weights.shape),
            reason=reason,
            fix="Give one number of at least 0 per row, of shape (rows,).",
        )
    return weights.reshape(-1).to(dtype)


def check_row_weights_of_loss(loss: Loss, y: Tensor, *, in_order: bool, validated: bool) -> None:
    """E315 if a loss has one weight for each row of x, and batches have other rows."""
    weight = _options(loss).get("weight")
    if misuse.kind_of_loss(loss) not in ("BCELoss", "BCEWithLogitsLoss"):
        return
    if not isinstance(weight, Tensor) or weight.dim() == 0 or weight.shape[0] == 1:
        return
    if weight.dim() == 1 and y.dim() == 2 and y.shape[1] == 1:
        raise misuse.refusal(
            f"the loss's weight has shape {misuse.shape_text(weight.shape)}, the target "
            f"{misuse.shape_text(y.shape)}: they would broadcast, every weight to every row",
            words("Use {=sample_weight} with the weight of each row, and the loss without weight"),
        )
    if weight.dim() < y.dim():
        return
    if in_order and not validated:
        return
    when = "with shuffle or batches" if not in_order else "with validation"
    raise misuse.refusal(
        f"the loss's weight has shape {misuse.shape_text(weight.shape)}, one for each row in "
        f"their order, and {when} other rows meet them",
        words("Use {=sample_weight} with the weight of each row, and the loss without weight"),
    )


def _options(loss: Any) -> dict[str, Any]:
    if isinstance(loss, functools.partial):
        return dict(loss.keywords)
    if isinstance(loss, nn.Module):
        return {**vars(loss), **loss._buffers}
    return {}


def _of_each(loss: Any) -> Loss:
    """The same loss, not reduced."""
    if isinstance(loss, nn.Module):
        loss = copy.copy(loss)
        loss.reduction = "none"
        return cast(Loss, loss)
    return functools.partial(loss, reduction="none")
