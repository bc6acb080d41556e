"""From a recipe to an engine's plan: replaces every "auto" and every 0 by a definite value."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vetro.engines.engine import Matrix, Plan
from vetro.errors import Setting, error
from vetro.networks.losses.rule import LossKind
from vetro.networks.losses.table import LOSSES
from vetro.networks.network import Network
from vetro.training.recipe import Recipe

NUMBER_LOSSES = tuple(kind for kind, loss in LOSSES.items() if loss.target == "number")
CLASS_LOSSES = tuple(kind for kind in LOSSES if kind not in NUMBER_LOSSES)


def resolve_loss(recipe: Recipe, task: str, classes: int) -> LossKind:
    """The loss that "auto" stands for; E601 if the recipe's does not fit the task."""
    if recipe.loss == "auto":
        return "mse" if task == "regression" else "cross_entropy"
    if task == "regression":
        allowed, reason = NUMBER_LOSSES, "the target is a number"
    elif classes == 2 or recipe.loss not in CLASS_LOSSES:
        allowed, reason = CLASS_LOSSES[: 2 if classes == 2 else 1], "the target is a class"
    else:
        allowed, reason = ("cross_entropy",), f"the target has {classes} classes"
    if recipe.loss not in allowed:
        fix = f"Use one of: {', '.join(allowed)}."
        raise error("E601", argument=Setting("loss"), value=recipe.loss, reason=reason, fix=fix)
    return recipe.loss


def output_count(loss: LossKind, task: str, classes: int, targets: int) -> int:
    """Outputs of the network: one per target, one per class, or one logit for bce."""
    if task == "regression":
        return targets
    return 1 if LOSSES[loss].target == "share" else classes


def batch_size(recipe: Recipe, rows: int) -> int:
    """The recipe's batch size; if that is 0, a power of two near rows / 40, from 16 to 1024."""
    if recipe.batch_size:
        return min(recipe.batch_size, rows)
    suited = 2 ** round(math.log2(max(rows, 1) / 40)) if rows >= 1 else 1
    return int(min(max(16, min(suited, 1024)), rows))


def rate_factors(schedule: str, epochs: int) -> NDArray[np.float64]:
    """Factors (epochs,) of the learning rate, one per epoch; t = epoch / epochs, from 0.

    constant, plateau: 1.  cosine: (1 + cos(pi t)) / 2.  step: 1, halved after every quarter.
    exponential: 0.01^t.  one_cycle: from 0.1 up to 1 over the first three tenths, then by a cosine
    down to 0.001 (Smith 2018).
    """
    t = np.arange(epochs, dtype=np.float64) / max(epochs, 1)
    if schedule == "cosine":
        return 0.5 * (1 + np.cos(np.pi * t))
    if schedule == "step":
        return 0.5 ** np.floor(4 * t)
    if schedule == "exponential":
        return np.asarray(0.01**t)
    if schedule == "one_cycle":
        rise = 0.1 + 0.9 * t / 0.3
        fall = 0.001 + 0.999 * 0.5 * (1 + np.cos(np.pi * (t - 0.3) / 0.7))
        return np.where(t < 0.3, rise, fall)
    return np.ones(epochs)


def balanced_weights(
    classes: NDArray[np.int64], count: int, weights: NDArray[np.float64] | None = None
) -> Matrix:
    """(count,) weights rows / (count * rows of the class); 1 for a class without rows.

    weights: of the rows; a row of weight 2 counts as two rows.
    """
    rows = np.bincount(classes, weights=weights, minlength=count).astype(np.float64)
    there = rows > 0
    balanced = np.divide(rows.sum(), count * rows, out=np.ones(count), where=there)
    return np.asarray(balanced, dtype=np.float32)


def make_plan(
    recipe: Recipe,
    network: Network,
    loss: str,
    rows: int,
    seed: int,
    class_weights: Matrix | None,
    device: str,
    one_hot: tuple[tuple[int, int], ...] = (),
) -> Plan:
    """The plan of one member that trains on `rows` rows."""
    return Plan(
        network=network,
        loss=loss,
        optimizer=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        rate_factors=rate_factors(recipe.schedule, recipe.epochs),
        plateau=max(1, recipe.patience // 3) if recipe.schedule == "plateau" else 0,
        batch_size=batch_size(recipe, rows),
        epochs=recipe.epochs,
        patience=recipe.patience,
        clip_norm=recipe.clip_norm,
        seed=seed,
        class_weights=class_weights,
        device=device,
        one_hot=one_hot,
    )
